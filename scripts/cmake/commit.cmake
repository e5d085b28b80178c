# Writes to OUT, as a C++ string, `, commit 1a2b3c4d5e6f` where ROOT is a git checkout, `, modified` added where tracked files
# differ from it; empty elsewhere. Leaves OUT untouched where it already says so, so that nothing is compiled anew.
set(TEXT "")
find_program(GIT git)
if(GIT AND EXISTS ${ROOT}/.git)
  execute_process(COMMAND ${GIT} -C ${ROOT} rev-parse --short=12 HEAD OUTPUT_VARIABLE COMMIT RESULT_VARIABLE FAILED
                  OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  if(NOT FAILED)
    set(TEXT ", commit ${COMMIT}")
    execute_process(COMMAND ${GIT} --no-optional-locks -C ${ROOT} status --porcelain --untracked-files=no OUTPUT_VARIABLE CHANGES ERROR_QUIET)
    if(CHANGES)
      string(APPEND TEXT ", modified")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUT} CONTENT "\"@TEXT@\"\n" @ONLY)

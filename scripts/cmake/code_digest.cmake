# Writes to OUT, as a C++ string, the first 16 digits of the SHA-256 of all sources below ROOT that results come from: every
# room's but those of the command line, the page and the benchmark.
file(GLOB_RECURSE SOURCES RELATIVE ${ROOT} ${ROOT}/src/*.cpp ${ROOT}/src/*.h ${ROOT}/data/*_counts.csv)
list(FILTER SOURCES EXCLUDE REGEX "src/(cli|report|bench)/")
list(SORT SOURCES)
set(ALL "")
foreach(SOURCE ${SOURCES})
  file(SHA256 ${ROOT}/${SOURCE} SUM)
  string(APPEND ALL "${SUM} ${SOURCE}\n")
endforeach()
string(SHA256 SUM "${ALL}")
string(SUBSTRING ${SUM} 0 16 SUM)
file(CONFIGURE OUTPUT ${OUT} CONTENT "\"@SUM@\"\n" @ONLY)

# find_package(Waiver): the target Waiver::waiver, with everything that it is linked with.
include(CMakeFindDependencyMacro)
enable_language(C)  # CMake finds HDF5 with a C compiler
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
find_dependency(OpenMP COMPONENTS CXX)
find_dependency(fmt)
find_dependency(nlohmann_json)
find_dependency(yaml-cpp)
find_dependency(ZLIB)
find_dependency(OpenSSL COMPONENTS Crypto)
find_dependency(HDF5 COMPONENTS C HL)
find_dependency(DNNL)
list(REMOVE_ITEM CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})
include(${CMAKE_CURRENT_LIST_DIR}/WaiverTargets.cmake)

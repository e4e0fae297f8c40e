# How every target of the project is declared.
#
#   pagoda_library(NAME SOURCES ... [DEPENDS public...] [PRIVATE_DEPENDS ...])   a folder of models/, as pagoda::NAME
#   pagoda_test(NAME SOURCES ... DEPENDS ... [PROPERTIES ...])                   a GoogleTest program, one ctest per case
#   pagoda_guide_fuzzers(TARGET)                                                 fuzzers see which of its code they reach
#   pagoda_compile_quickly(TARGET)                                               its code runs seldom: compile it fast
#   pagoda_fuzzer(NAME SOURCES ... DEPENDS ... CORPUS DIR [DICTIONARY FILE])     a libFuzzer program, run briefly by ctest
#   pagoda_require_all_listed(DIR)                                               a forgotten test source fails here
#   pagoda_install_package()                                                     find_package(pagoda) for others
#
# Headers are included as "pagoda/<folder>/<file>.h" in the build tree as well as in an installation: the build tree
# holds a link named pagoda to models/.
set(PAGODA_INCLUDE_ROOT ${PROJECT_BINARY_DIR}/include)
file(MAKE_DIRECTORY ${PAGODA_INCLUDE_ROOT})
file(CREATE_LINK ${PROJECT_SOURCE_DIR}/models ${PAGODA_INCLUDE_ROOT}/pagoda SYMBOLIC)

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without these it would not cache what uses precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()

# What only this build wants (warnings, sanitizers), kept out of what an installation exports.
add_library(pagoda_build_options INTERFACE)
target_compile_options(pagoda_build_options INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns of overlapping copies inside std::string's own operator+ (GCC bug 105329).
  target_compile_options(pagoda_build_options INTERFACE -Wno-restrict)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # What Clang means by these goes beyond GCC: signs of literals, and names inside lambdas.
  target_compile_options(pagoda_build_options INTERFACE -Wno-sign-conversion -Wno-shadow)
endif()
# The libraries are position-independent, so that they may go into a shared object; without this their own functions
# could not be inlined into each other (13 % more instructions in a run).
target_compile_options(pagoda_build_options INTERFACE -fno-semantic-interposition)
if(PAGODA_SANITIZE)
  target_compile_options(pagoda_build_options INTERFACE
    -fsanitize=${PAGODA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(pagoda_build_options INTERFACE -fsanitize=${PAGODA_SANITIZE})
  if("${PAGODA_SANITIZE}" MATCHES "undefined")
    # SystemC is a Debian library without type information for its virtual bases.
    target_compile_options(pagoda_build_options INTERFACE -fno-sanitize=vptr)
  endif()
endif()

# Fuzzers look for inputs that reach new code of these.
function(pagoda_guide_fuzzers target)
  if(PAGODA_FUZZERS)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

function(pagoda_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE_DEPENDS" ${ARGN})
  set(target pagoda_${name})
  add_library(${target} STATIC ${ARG_SOURCES})
  add_library(pagoda::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} POSITION_INDEPENDENT_CODE ON)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PAGODA_INCLUDE_ROOT}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(${target}
    PUBLIC ${ARG_DEPENDS}
    PRIVATE ${ARG_PRIVATE_DEPENDS} $<BUILD_INTERFACE:pagoda_build_options>)
  pagoda_guide_fuzzers(${target})
  install(TARGETS ${target} EXPORT pagodaTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR}/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/pagoda/${name}
          FILES_MATCHING PATTERN "*.h")
endfunction()

# Most of a build is spent optimising code that runs once: tests, the command line. Under sanitizers even more so.
function(pagoda_compile_quickly target)
  if(PAGODA_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  else()
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release,RelWithDebInfo>:-O1>)
  endif()
endfunction()

function(pagoda_program name)
  cmake_parse_arguments(ARG "" "OUTPUT_DIRECTORY" "SOURCES;DEPENDS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} pagoda_build_options)
  if(ARG_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${ARG_OUTPUT_DIRECTORY})
  endif()
endfunction()

function(pagoda_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PROPERTIES" ${ARGN})
  list(TRANSFORM ARG_SOURCES PREPEND ${CMAKE_CURRENT_SOURCE_DIR}/ OUTPUT_VARIABLE listed)
  set_property(GLOBAL APPEND PROPERTY PAGODA_TEST_SOURCES ${listed})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} pagoda_test_main pagoda_build_options)
  target_precompile_headers(${name} REUSE_FROM pagoda_test_main)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(${name} PRIVATE
    PAGODA_SOURCE_DIR="${PROJECT_SOURCE_DIR}" PAGODA_PROGRAM="${PROJECT_BINARY_DIR}/pagoda")
  pagoda_compile_quickly(${name})
  gtest_discover_tests(${name} TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT 300 ${ARG_PROPERTIES})
endfunction()

set(PAGODA_FUZZ_SECONDS 10 CACHE STRING "How long ctest runs each fuzzer")
function(pagoda_fuzzer name)
  cmake_parse_arguments(ARG "" "CORPUS;DICTIONARY" "SOURCES;DEPENDS" ${ARGN})
  set(dictionary)
  if(ARG_DICTIONARY)
    set(dictionary -dict=${CMAKE_CURRENT_SOURCE_DIR}/${ARG_DICTIONARY})
  endif()
  add_executable(${name} ${ARG_SOURCES} ${PROJECT_SOURCE_DIR}/tests/fuzz/sc_main.cc)
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers ${name})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} pagoda_build_options)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  # What a run finds goes to the first folder, so that the seeds stay as they are.
  file(MAKE_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/${name}-found)
  add_test(NAME ${name} COMMAND ${name} -max_total_time=${PAGODA_FUZZ_SECONDS} -timeout=10 -rss_limit_mb=2048
           -artifact_prefix=${CMAKE_CURRENT_BINARY_DIR}/${name}- ${dictionary}
           ${CMAKE_CURRENT_BINARY_DIR}/${name}-found ${CMAKE_CURRENT_SOURCE_DIR}/${ARG_CORPUS})
  set_tests_properties(${name} PROPERTIES LABELS fuzz)
endfunction()

function(pagoda_require_all_listed directory)
  file(GLOB_RECURSE found CONFIGURE_DEPENDS ${directory}/*.cc)
  get_property(listed GLOBAL PROPERTY PAGODA_TEST_SOURCES)
  foreach(source ${found})
    if(NOT source IN_LIST listed)
      message(FATAL_ERROR "${source} is listed by no test target: add it to a pagoda_test() in tests/")
    endif()
  endforeach()
endfunction()

function(pagoda_install_package)
  include(CMakePackageConfigHelpers)
  set(destination ${CMAKE_INSTALL_LIBDIR}/cmake/pagoda)
  install(EXPORT pagodaTargets NAMESPACE pagoda:: DESTINATION ${destination})
  configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/pagodaConfig.cmake.in
    ${PROJECT_BINARY_DIR}/pagodaConfig.cmake INSTALL_DESTINATION ${destination})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/pagodaConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/pagodaConfig.cmake ${PROJECT_BINARY_DIR}/pagodaConfigVersion.cmake
                ${PROJECT_SOURCE_DIR}/cmake/FindSystemC.cmake
          DESTINATION ${destination})
endfunction()

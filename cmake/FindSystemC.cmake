# Finds SystemC/TLM-2.0 and defines the target SystemC::systemc.
#
# An upstream installation with a package config (SystemCLanguage: SystemC 2.3.x or 3.x built with CMake) wins.
# Otherwise headers and library are looked for in the usual places and below $SYSTEMC_HOME (Debian: libsystemc-dev).
#
# Debian's library is built as C++17 and its ABI check names the standard, so a C++20 program must claim that value;
# it is set here, once, on the imported target.
find_package(SystemCLanguage CONFIG QUIET)
if(SystemCLanguage_FOUND)
  set(SystemC_FOUND TRUE)
  return()
endif()

find_path(SystemC_INCLUDE_DIR NAMES systemc HINTS ENV SYSTEMC_HOME PATH_SUFFIXES include)
find_library(SystemC_LIBRARY NAMES systemc HINTS ENV SYSTEMC_HOME PATH_SUFFIXES lib lib-linux64 lib64)
if(SystemC_INCLUDE_DIR)
  file(STRINGS ${SystemC_INCLUDE_DIR}/sysc/kernel/sc_ver.h _sc_version REGEX "#define +SC_VERSION_(MAJOR|MINOR|PATCH) ")
  string(REGEX REPLACE "[^0-9]*([0-9]+)[^0-9]+([0-9]+)[^0-9]+([0-9]+).*" "\\1.\\2.\\3" SystemC_VERSION "${_sc_version}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SystemC
  REQUIRED_VARS SystemC_LIBRARY SystemC_INCLUDE_DIR
  VERSION_VAR SystemC_VERSION
  REASON_FAILURE_MESSAGE "on Debian: apt install libsystemc-dev, elsewhere set SYSTEMC_HOME")

if(SystemC_FOUND AND NOT TARGET SystemC::systemc)
  find_package(Threads REQUIRED)
  add_library(SystemC::systemc UNKNOWN IMPORTED)
  set_target_properties(SystemC::systemc PROPERTIES
    IMPORTED_LOCATION "${SystemC_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${SystemC_INCLUDE_DIR}"
    INTERFACE_COMPILE_DEFINITIONS "SC_CPLUSPLUS=201703L;SC_INCLUDE_DYNAMIC_PROCESSES"
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
mark_as_advanced(SystemC_INCLUDE_DIR SystemC_LIBRARY)

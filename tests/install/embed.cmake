# Installs BUILD into a fresh folder, builds PROJECT against that with nothing else known of Pagoda, runs it, and
# compares what it prints with what its README says.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    list(JOIN ARGV " " line)
    message(FATAL_ERROR "${line}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK}/prefix ${WORK}/build)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)

set(flags "-Wall -Wextra -Werror")
if(SANITIZE)
  string(APPEND flags " -fsanitize=${SANITIZE}")
endif()
run(${CMAKE_COMMAND} -S ${PROJECT} -B ${WORK}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${WORK}/prefix
    -DCMAKE_BUILD_TYPE=${BUILD_TYPE} -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER}
    -DCMAKE_CXX_FLAGS=${flags})
run(${CMAKE_COMMAND} --build ${WORK}/build)
# The leak checker trips over SystemC's stacks.
run(${CMAKE_COMMAND} -E env SYSTEMC_DISABLE_COPYRIGHT_MESSAGE=1 ASAN_OPTIONS=detect_leaks=0 ${WORK}/build/embed)

file(READ ${PROJECT}/README.md readme)
string(REGEX MATCH "```text\n([^`]*)```" block "${readme}")
if(NOT output STREQUAL CMAKE_MATCH_1)
  message(FATAL_ERROR "printed:\n${output}\nits README.md says:\n${CMAKE_MATCH_1}")
endif()

# The installed program finds its platforms without the source tree.
run(${WORK}/prefix/bin/pagoda platforms --json)
if(NOT output MATCHES "${WORK}/prefix/share/pagoda/platforms/")
  message(FATAL_ERROR "the installed program lists\n${output}")
endif()

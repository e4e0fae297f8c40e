// The way of a file that the user names: compression and format are recognised.
#include <cstddef>
#include <cstdint>
#include <optional>

#include "fuzz/trace_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pagoda::fuzz::check_trace({reinterpret_cast<const char*>(data), size}, std::nullopt);
  return 0;
}

#include <cstddef>
#include <cstdint>

#include "fuzz/trace_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pagoda::fuzz::check_trace({reinterpret_cast<const char*>(data), size}, pagoda::TraceFormat::lackey);
  return 0;
}

// A file of conformance vectors is replayed or refused with a UserError, nothing else.
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/require.h"
#include "pagoda/iommu/conformance/replay_riscv_iommu.h"

namespace pagoda::fuzz {
namespace {

void check_vectors(const std::string& text) {
  std::istringstream input(text);
  std::uint64_t mismatches = 0;
  try {
    const ReplaySummary summary = replay_vectors(input, "input", all_vector_kinds(), [&](const std::string& line) {
      ++mismatches;
      require(line.starts_with("input:") && line.find('\n') == std::string::npos, "a mismatch is one line");
    });
    require(summary.failed == mismatches, "each request that fails is told");
    require(summary.passed + summary.failed > 0, "a file without a request is refused");
  } catch (const UserError& error) {
    const std::string_view message = error.what();
    require(message.starts_with("input:") && message.find('\n') == std::string_view::npos,
            "one line that names the file");
  }
}

}  // namespace
}  // namespace pagoda::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pagoda::fuzz::check_vectors(std::string(reinterpret_cast<const char*>(data), size));
  return 0;
}

// pagoda translate: replays a file of conformance vectors through the functional MMU and IOMMU, or the timed IOMMU.
#include <array>
#include <istream>
#include <streambuf>

#include <fmt/format.h>

#include "pagoda/iommu/conformance/replay_riscv_iommu.h"
#include "pagoda/iommu/conformance/timed_iommu.h"
#include "pagoda/workload/decompress.h"
#include "sc_main/commands.h"

namespace pagoda {
namespace {

/// A byte stream as the standard library reads it.
class ByteStreamBuffer final : public std::streambuf {
 public:
  explicit ByteStreamBuffer(ByteStream& bytes) : bytes_(bytes) {}

 private:
  int_type underflow() override {
    const std::size_t count = bytes_.read(buffer_);
    setg(buffer_.data(), buffer_.data(), buffer_.data() + count);
    return count == 0 ? traits_type::eof() : traits_type::to_int_type(buffer_[0]);
  }

  ByteStream& bytes_;
  std::array<char, 65536> buffer_{};
};

int translate(const std::string& file, bool timed) {
  const std::vector<VectorKind> timed_kinds{riscv_iommu_kind(make_timed_iommu)};
  DecompressedBytes bytes(std::make_unique<FileBytes>(file), file);
  ByteStreamBuffer buffer(bytes);
  std::istream input(&buffer);
  input.exceptions(std::ios::badbit);  // what the decompressor finds wrong is to reach the user
  const ReplaySummary done = replay_vectors(input, file, timed ? timed_kinds : all_vector_kinds(),
                                            [](const std::string& line) { fmt::print("{}\n", line); });
  for (const auto& [departure, count] : done.departures) {
    fmt::print("{} of the passed agree knowing that {} (the specification says otherwise)\n", count, departure);
  }
  fmt::print("{} passed, {} failed\n", done.passed, done.failed);
  return done.failed == 0 ? 0 : 1;
}

}  // namespace

void add_translate(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("translate", "Replay conformance vectors and print every disagreement");
  command->footer(
      "The kind of file is recognised by its first line (`riscv-mmu vectors v1`, `x86-64 vectors v1`, `riscv-iommu "
      "vectors v1`), compression by content.\n"
      "Exit status 0 only if every vector agrees.");
  auto file = std::make_shared<std::string>();
  command->add_option("file", *file, "The vectors")->required();
  auto timed = std::make_shared<bool>(false);
  command->add_flag(
      "--timed", *timed,
      "Put riscv-iommu vectors to the timed IOMMU, each twice, with its caches warm from vector to vector");
  command->callback([file, timed, &chosen] { chosen = [file, timed] { return translate(*file, *timed); }; });
}

}  // namespace pagoda

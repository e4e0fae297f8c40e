// pagoda translate: replays a file of conformance vectors through the functional MMU and IOMMU, the timed IOMMU or
// the walk array.
#include <array>
#include <istream>
#include <streambuf>

#include <fmt/format.h>

#include "pagoda/iommu/conformance/replay_riscv_iommu.h"
#include "pagoda/iommu/conformance/timed_iommu.h"
#include "pagoda/pim/conformance/array_under_test.h"
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

/// What the vectors are put to.
enum class UnderTest { functional, timed_iommu, walk_array };

std::vector<VectorKind> kinds_for(UnderTest what) {
  switch (what) {
    case UnderTest::timed_iommu: return {riscv_iommu_kind(make_timed_iommu)};
    case UnderTest::walk_array: return cpu_vector_kinds(make_array_under_test);
    case UnderTest::functional: break;
  }
  return {all_vector_kinds().begin(), all_vector_kinds().end()};
}

int translate(const std::string& file, UnderTest what) {
  DecompressedBytes bytes(std::make_unique<FileBytes>(file), file);
  ByteStreamBuffer buffer(bytes);
  std::istream input(&buffer);
  input.exceptions(std::ios::badbit);  // what the decompressor finds wrong is to reach the user
  const ReplaySummary done =
      replay_vectors(input, file, kinds_for(what), [](const std::string& line) { fmt::print("{}\n", line); });
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
  auto array = std::make_shared<bool>(false);
  command
      ->add_flag("--array", *array,
                 "Put riscv-mmu and x86-64 vectors to the timed page-table walker beside a DRAM's cell array")
      ->excludes("--timed");
  command->callback([file, timed, array, &chosen] {
    chosen = [file, timed, array] {
      return translate(*file, *timed ? UnderTest::timed_iommu : *array ? UnderTest::walk_array : UnderTest::functional);
    };
  });
}

}  // namespace pagoda

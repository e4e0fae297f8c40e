// The traces in traces/ are whole, worth simulating, and what traces/README.md says they are.
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/workload/trace_info.h"
#include "unit/workload/workload_test_util.h"

namespace pagoda::shipped_traces_test {

const std::string kFolder = std::string(PAGODA_SOURCE_DIR) + "/traces/";

std::vector<std::string> shipped() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".lackey.xz")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  return fmt::format("{:.2f} %", 100 * static_cast<double>(part) / static_cast<double>(whole));
}

/// The row of the table in traces/README.md, from the trace's name to the end.
std::string row(const std::string& name, const TraceInfo& info) {
  const auto mebibytes = [](std::uint64_t pages) { return static_cast<double>(pages) / 256; };
  const TraceSide& data = info.data;
  return fmt::format("| {} | {:.1f} | {:.2f} | {:.2f} | {:.2f} | {} | {:.1f} | {:.2f} | {} | {} |", name,
                     static_cast<double>(info.records) / 1e6, static_cast<double>(info.instructions) / 1e6,
                     static_cast<double>(info.by_kind[0] + info.by_kind[2]) / 1e6,
                     static_cast<double>(info.by_kind[1] + info.by_kind[2]) / 1e6, data.pages, mebibytes(data.pages),
                     mebibytes(info.code.pages), percent(data.page_accesses - data.tlb_hits[1], data.page_accesses),
                     percent(data.page_accesses - data.tlb_hits[3], data.page_accesses));
}

class ShippedTrace : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(All, ShippedTrace, ::testing::ValuesIn(shipped()),
                         [](const auto& instance) { return instance.param.substr(0, instance.param.find('.')); });

TEST_P(ShippedTrace, IsWhatTheReadmeSays) {
  const TraceInfo info = trace_info(kFolder + GetParam());
  EXPECT_EQ(info.format, TraceFormat::lackey);
  EXPECT_EQ(info.compression, Compression::xz);
  EXPECT_THAT(test::file_content(kFolder + "README.md"), ::testing::HasSubstr(row(GetParam(), info)));
  EXPECT_GE(info.records, 2'000'000U);
  EXPECT_GE(info.data.pages, 512U) << "far more than a first-level TLB holds";
  static_assert(kReuseEntries[1] == 64 && kReuseEntries[3] == 1024, "the columns of the table");
}

TEST(ShippedTraces, AreAtLeastSix) { EXPECT_GE(shipped().size(), 6U); }

}  // namespace pagoda::shipped_traces_test

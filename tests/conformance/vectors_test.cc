// Replays the shared vectors.
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include <boost/iostreams/copy.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/iommu/conformance/replay_riscv_iommu.h"

namespace pagoda::vectors_test {

std::string unpacked(const std::string& name) {
  std::ifstream file(std::string(PAGODA_SOURCE_DIR) + "/tests/conformance/" + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  boost::iostreams::filtering_istream input;
  input.push(boost::iostreams::lzma_decompressor());
  input.push(file);
  std::ostringstream text;
  boost::iostreams::copy(input, text);
  return text.str();
}

struct Replayed {
  ReplaySummary summary;
  std::map<int, std::string> differing;  // by line number
};

Replayed replay(const std::string& text) {
  std::istringstream input(text);
  Replayed result;
  result.summary = replay_vectors(input, "v", all_vector_kinds(),
                                  [&](const std::string& line) { result.differing[std::stoi(line.substr(2))] = line; });
  EXPECT_EQ(result.differing.size(), result.summary.failed);
  return result;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) lines.push_back(line);
  return lines;
}

TEST(Vectors, X86AllAgree) {
  const Replayed result = replay(unpacked("x86-64-1.txt.xz"));
  EXPECT_EQ(result.summary.passed, 9984U);
  EXPECT_EQ(result.summary.failed, 0U) << result.differing.begin()->second;
}

// Every vector agrees; README.md says what the two departures are and why the specification wins.
TEST(Vectors, RiscvAllAgree) {
  const Replayed result = replay(unpacked("riscv-mmu-1.txt.xz"));
  EXPECT_EQ(result.summary.passed, 20000U);
  EXPECT_EQ(result.summary.failed, 0U) << result.differing.begin()->second;
  EXPECT_THAT(
      result.summary.departures,
      testing::UnorderedElementsAre(testing::Pair("the reference ran without SUM and MXR", 1453U),
                                    testing::Pair("the reference counted an entry that is read again once", 641U)));
}

// Every vector agrees; README.md says what the departures are.
TEST(Vectors, IommuAllAgree) {
  const Replayed result = replay(unpacked("riscv-iommu-1.txt.xz"));
  EXPECT_EQ(result.summary.passed, 19465U);
  EXPECT_EQ(result.summary.failed, 0U) << result.differing.begin()->second;
  EXPECT_THAT(
      result.summary.departures,
      testing::UnorderedElementsAre(
          testing::Pair("the reference answers with a part of a page where MSIs are translated or the page is NAPOT",
                        495U),
          testing::Pair("the reference cuts addresses of MRIFs to 47 bits", 82U),
          testing::Pair("the reference adds the page offset to the address of a notice MSI", 6U)));
}

// SUM permits a supervisor's load from a user page. A vector may say so (the specification), or not (the reference's
// departure); without SUM in the request only the latter is right, and nothing else is accepted.
TEST(Vectors, TheSpecificationIsWhatIsCompared) {
  const std::string sv39 = "8000000000080000 0 0";
  const auto verdict = [&](const std::string& request) {
    return replay(
               "# riscv-mmu vectors v1\nS 0 rv64imafdch\nR 80000000 80000000\nM 80000000 20000401\nM 80001000 "
               "20000801\n"
               "M 80002000 200004df\n" +
               request)
        .summary;
  };
  const ReplaySummary permitted = verdict("Q 0 0 1 r 1 " + sv39 + " = 0 80001000 0 0 0 3 0\n");
  EXPECT_EQ(permitted.passed, 1U);
  EXPECT_TRUE(permitted.departures.empty());
  const ReplaySummary refused = verdict("Q 0 0 1 r 1 " + sv39 + " = 13 0 0 0 0 3 0\n");
  EXPECT_EQ(refused.passed, 1U);
  EXPECT_EQ(refused.departures.size(), 1U);
  EXPECT_EQ(verdict("Q 0 0 1 r 0 " + sv39 + " = 0 80001000 0 0 0 3 0\n").failed, 1U) << "no SUM";
  EXPECT_EQ(verdict("Q 0 0 1 r 1 " + sv39 + " = 0 80001008 0 0 0 3 0\n").failed, 1U) << "wrong address";
  EXPECT_EQ(verdict("Q 0 0 1 r 1 " + sv39 + " = 0 80001000 0 0 0 2 0\n").failed, 1U) << "one stage reads nothing twice";
}

// A replay that could not fail would prove nothing.
TEST(Vectors, CorruptedOnesAreReported) {
  const std::string text = unpacked("x86-64-1.txt.xz");
  std::vector<std::string> lines = lines_of(text);
  const auto successful = std::find_if(lines.begin(), lines.end(), [](const std::string& line) {
    return line.starts_with("Q ") && line.find(" = 0 0 ") != std::string::npos;
  });
  ASSERT_NE(successful, lines.end());
  const std::size_t pa = successful->find(" = 0 0 ") + 7;
  (*successful)[pa] = (*successful)[pa] == '1' ? '2' : '1';
  std::string corrupted;
  for (const std::string& line : lines) corrupted += line + "\n";
  const Replayed result = replay(corrupted);
  EXPECT_EQ(result.summary.passed, 9983U);
  ASSERT_EQ(result.differing.size(), 1U);
  EXPECT_EQ(result.differing.begin()->first, successful - lines.begin() + 1);
  EXPECT_THAT(result.differing.begin()->second, testing::HasSubstr(": pa expected 1"));
}

}  // namespace pagoda::vectors_test

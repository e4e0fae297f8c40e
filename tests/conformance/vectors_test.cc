// Replays the shared vectors. What does not agree must be one of the two known disagreements between the RISC-V
// reference and the specification that README.md describes.
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include <boost/iostreams/copy.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/paging/conformance/replay.h"

namespace pagoda {
namespace {

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
  result.summary = replay_vectors(input, "v", cpu_vector_kinds(),
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

constexpr std::uint64_t kSumAndMxr = 7;

// The flags of a request line, and the line with other flags.
std::uint64_t flags_of(const std::string& line, std::size_t* begin = nullptr, std::size_t* end = nullptr) {
  std::size_t at = 0;
  for (int field = 0; field < 5; ++field) at = line.find(' ', at) + 1;
  const std::size_t stop = line.find(' ', at);
  if (begin != nullptr) *begin = at;
  if (end != nullptr) *end = stop;
  return std::stoull(line.substr(at, stop - at), nullptr, 16);
}

std::string without_sum_and_mxr(const std::string& text) {
  std::string changed;
  for (std::string& line : lines_of(text)) {
    if (line.starts_with("Q ")) {
      std::size_t begin = 0;
      std::size_t end = 0;
      const std::uint64_t flags = flags_of(line, &begin, &end);
      line.replace(begin, end - begin, fmt::format("{:x}", flags & ~kSumAndMxr));
    }
    changed += line + "\n";
  }
  return changed;
}

// True for a mismatch in nothing but the number of reads.
bool only_count_differs(const std::string& line) {
  unsigned long expected = 0;
  unsigned long got = 0;
  int used = 0;
  const std::size_t at = line.find(": nrd expected ");
  return at != std::string::npos &&
         std::sscanf(line.c_str() + at, ": nrd expected %lu got %lu%n", &expected, &got, &used) == 2 &&
         at + static_cast<std::size_t>(used) == line.size();
}

bool two_stages(const std::string& line) { return line.at(line.find(' ', 2) + 1) == '1'; }

TEST(Vectors, X86AllAgree) {
  const Replayed result = replay(unpacked("x86-64-1.txt.xz"));
  EXPECT_EQ(result.summary.passed, 9984U);
  EXPECT_EQ(result.summary.failed, 0U) << result.differing.begin()->second;
}

TEST(Vectors, RiscvAgreesWhereTheReferenceFollowsTheSpecification) {
  const std::string text = unpacked("riscv-mmu-1.txt.xz");
  const std::vector<std::string> lines = lines_of(text);
  const Replayed as_they_are = replay(text);
  EXPECT_EQ(as_they_are.summary.passed, 17906U);
  EXPECT_EQ(as_they_are.summary.failed, 2094U);
  const Replayed cleared = replay(without_sum_and_mxr(text));
  EXPECT_EQ(cleared.summary.passed, 19359U);
  EXPECT_EQ(cleared.summary.failed, 641U);
  const auto request = [&](int number) { return lines.at(static_cast<std::size_t>(number) - 1); };
  for (const auto& [number, line] : cleared.differing) {
    EXPECT_TRUE(only_count_differs(line) && two_stages(request(number))) << line;
  }
  for (const auto& [number, line] : as_they_are.differing) {
    EXPECT_TRUE(only_count_differs(line) || (flags_of(request(number)) & kSumAndMxr) != 0) << line;
  }
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

}  // namespace
}  // namespace pagoda

// Expectations: struct input_instr of ChampSim's inc/trace_instruction.h, as laid out in champsim_reader.h.
#include "pagoda/workload/champsim_reader.h"

#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/workload/workload_test_util.h"

namespace pagoda::champsim_reader_test {

using test::read_all;
using test::read_error;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Instruction {
  std::uint64_t ip = 0x401000;
  std::uint8_t is_branch = 0;
  std::uint8_t branch_taken = 0;
  std::array<std::uint64_t, 2> destination_memory{};
  std::array<std::uint64_t, 4> source_memory{};
};

/// Byte by byte, little-endian, as the header says.
std::string record(const Instruction& instruction) {
  std::string bytes;
  const auto put = [&](std::uint64_t value) {
    for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xff);
  };
  put(instruction.ip);
  bytes += static_cast<char>(instruction.is_branch);
  bytes += static_cast<char>(instruction.branch_taken);
  bytes += "\x19\x00\x06\x1a\x05\x00";  // registers, which do not matter
  bytes.resize(16);
  for (const std::uint64_t address : instruction.destination_memory) put(address);
  for (const std::uint64_t address : instruction.source_memory) put(address);
  return bytes;
}

Access access(RecordKind kind, Addr address, Addr ip = 0x401000) {
  return {.address = address, .ip = ip, .size = 1, .kind = kind, .same_instruction = kind != RecordKind::fetch};
}

TEST(ChampsimReader, MakesAFetchThenLoadsThenStores) {
  const std::string bytes =
      record({.destination_memory = {0x7000, 0x7100}, .source_memory = {0x5000, 0, 0x5200, 0x5300}});
  ASSERT_EQ(bytes.size(), 64U);
  EXPECT_THAT(read_all(bytes), ElementsAre(access(RecordKind::fetch, 0x401000), access(RecordKind::load, 0x5000),
                                           access(RecordKind::load, 0x5200), access(RecordKind::load, 0x5300),
                                           access(RecordKind::store, 0x7000), access(RecordKind::store, 0x7100)));
}

TEST(ChampsimReader, MakesAModifyOfWhatIsLoadedAndStored) {
  EXPECT_THAT(read_all(record({.destination_memory = {0x7000, 0x5000}, .source_memory = {0x5000, 0x6000, 0, 0}})),
              ElementsAre(access(RecordKind::fetch, 0x401000), access(RecordKind::modify, 0x5000),
                          access(RecordKind::load, 0x6000), access(RecordKind::store, 0x7000)));
}

TEST(ChampsimReader, IgnoresBranches) {
  EXPECT_THAT(read_all(record({.is_branch = 1, .branch_taken = 1}) + record({.ip = 0x401010})),
              ElementsAre(access(RecordKind::fetch, 0x401000), access(RecordKind::fetch, 0x401010, 0x401010)));
}

TEST(ChampsimReader, GivesTheSameInBatchesOfAnySize) {
  std::string bytes;
  for (std::uint64_t i = 0; i < 100; ++i) {
    bytes += record({.ip = 0x401000 + 4 * i,
                     .destination_memory = {i % 2 * 0x7000, i % 3 * 0x8000},
                     .source_memory = {i % 5 * 0x1000, i % 7 * 0x2000, i % 11 * 0x3000, i % 13 * 0x4000}});
  }
  const std::vector<Access> all = read_all(bytes);
  for (const std::size_t batch : {1U, 2U, 3U, 6U, 7U, 8U, 13U}) {
    EXPECT_EQ(test::drain(*test::reader_of(bytes), batch), all) << batch;
  }
}

TEST(ChampsimReader, StartsAgainInTheMiddleOfAnInstruction) {
  const std::string bytes = record({.destination_memory = {0x7000, 0x7100}, .source_memory = {1, 2, 3, 4}});
  const auto reader = test::reader_of(bytes);
  std::array<Access, 3> batch{};
  ASSERT_EQ(reader->fill(batch), 3U);
  reader->rewind();
  EXPECT_EQ(test::drain(*reader), read_all(bytes));
}

TEST(ChampsimReader, RefusesAnIncompleteRecord) {
  const std::string bytes = record({}) + record({});
  EXPECT_THAT(read_error(bytes.substr(0, 100), TraceFormat::champsim),
              HasSubstr("trace: record 2: the trace ends inside it"));
  EXPECT_THAT(read_error(bytes.substr(0, 10), TraceFormat::champsim), HasSubstr("trace: record 1: "));
}

TEST(ChampsimReader, RefusesImpossibleFlagsWhereverTheyAre) {
  EXPECT_THAT(read_error(record({}) + record({.is_branch = 2}), TraceFormat::champsim), HasSubstr("trace: record 2: "));
  EXPECT_THAT(read_error(record({}) + record({.branch_taken = 9}), TraceFormat::champsim),
              HasSubstr("trace: record 2: "));
}

TEST(ChampsimReader, IsRecognisedOnlyByPlausibleRecords) {
  const auto recognised = [](const std::string& bytes) { return looks_like_champsim(bytes, true); };
  EXPECT_TRUE(recognised(record({})));
  EXPECT_TRUE(recognised(record({.ip = 0xffffffff81000000, .source_memory = {0x00ff'ffff'ffff'fff8, 0, 0, 0}})));
  EXPECT_FALSE(recognised(record({.ip = 0})));
  EXPECT_FALSE(recognised(record({.is_branch = 2})));
  EXPECT_FALSE(recognised(record({.ip = 0x0100'0000'0000'0000})));
  EXPECT_FALSE(recognised(record({.source_memory = {0, 0, 0, 0x8000'0000'0000'0000}})));
  EXPECT_FALSE(recognised(record({}) + "x"));
  EXPECT_TRUE(looks_like_champsim(record({}) + "x", false));
  EXPECT_FALSE(recognised(std::string(64, '\0')));
  EXPECT_FALSE(recognised(""));
}

}  // namespace pagoda::champsim_reader_test

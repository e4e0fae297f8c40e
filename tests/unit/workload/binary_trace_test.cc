// Expectations: the format as binary_format.h describes it; the golden file is put together here byte by byte, with a
// checksum of its own.
#include <array>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/workload/binary_reader.h"
#include "pagoda/workload/binary_writer.h"
#include "unit/workload/workload_test_util.h"

namespace pagoda::binary_trace_test {

using test::read_all;
using test::read_error;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kBinary = TraceFormat::binary;

std::string little_endian(std::uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xff);
  return text;
}

/// Fletcher's two sums with a modulus of 2^32 - 1, reduced at each step.
std::uint64_t fletcher(std::string bytes) {
  while (bytes.size() % 4 != 0) bytes += '\0';
  std::uint64_t a = 0;
  std::uint64_t b = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    std::uint64_t word = 0;
    for (std::size_t j = 0; j < 4; ++j) word |= std::uint64_t{static_cast<unsigned char>(bytes[i + j])} << (8 * j);
    a = (a + word) % 0xffffffff;
    b = (b + a) % 0xffffffff;
  }
  return b << 32 | a;
}

const std::string kHeader = std::string("\x89PGT\r\n\x1a\n", 8) + little_endian(1, 4) + little_endian(0, 4);

std::string block(std::uint32_t records, const std::string& payload) {
  const std::string counts = little_endian(records, 4) + little_endian(payload.size(), 4);
  return counts + little_endian(fletcher(counts + payload), 8) + payload;
}

std::string end_block(std::uint64_t records) { return block(0, little_endian(records, 8)); }

std::string bytes(std::initializer_list<int> values) {
  std::string text;
  for (const int value : values) text += static_cast<char>(value);
  return text;
}

// kind | 4 same | 8 extras | size code << 4
const std::string kGoldenPayload =
    bytes({0x33, 0x80, 0x02}) +                          // fetch of 3 bytes at 0 + 128 (zigzag 256)
    bytes({0x84, 0x20}) +                                // load of 8, same instruction, at 16; its ip is the fetch's
    bytes({0x84, 0x0f}) +                                // the same instruction loads at 16 - 8 (zigzag 15)
    bytes({0x53, 0x00}) +                                // fetch of 5 bytes right behind the first, at 131
    bytes({0x09, 0x03, 0xc8, 0x01, 0x05, 0x09, 0x02}) +  // store, extras gap and ip; size 200, gap 5, ip 131 - 5, at 1
    bytes({0xda, 0x04, 0x04}) +                          // modify of 16, depends on the last load, at 2; ip as before
    bytes({0xf8, 0x08, 0x7f, 0x06});                     // load of 64, depends on the 127th last, at 3

const std::vector<Access> kGoldenRecords = {
    {.address = 128, .ip = 128, .size = 3, .kind = RecordKind::fetch},
    {.address = 16, .ip = 128, .size = 8, .same_instruction = true},
    {.address = 8, .ip = 128, .size = 8, .same_instruction = true},
    {.address = 131, .ip = 131, .size = 5, .kind = RecordKind::fetch},
    {.address = 1, .ip = 126, .gap = 5, .size = 200, .kind = RecordKind::store},
    {.address = 2, .ip = 126, .size = 16, .kind = RecordKind::modify, .depends_on = 1},
    {.address = 3, .ip = 126, .size = 64, .depends_on = 127},
};

TEST(BinaryTrace, ReadsAFileWrittenByHand) {
  EXPECT_EQ(read_all(kHeader + block(7, kGoldenPayload) + end_block(7)), kGoldenRecords);
}

TEST(BinaryTrace, WritesThatFile) {
  EXPECT_EQ(test::written(kBinary, kGoldenRecords), kHeader + block(7, kGoldenPayload) + end_block(7));
}

TEST(BinaryTrace, StartsEachBlockWithNothingPredicted) {
  const std::string payload = bytes({0x10, 0x0a});
  EXPECT_THAT(read_all(kHeader + block(1, payload) + block(1, payload) + end_block(2)),
              ElementsAre(Access{.address = 5, .size = 1}, Access{.address = 5, .size = 1}));
}

TEST(BinaryTrace, RoundTripsEveryKindOfRecord) {
  for (const std::size_t count : {1U, 2U, 8191U, 8192U, 8193U, 50'000U}) {
    const std::vector<Access> records = test::random_records(count, static_cast<unsigned>(count));
    EXPECT_EQ(read_all(test::written(kBinary, records)), records) << count;
  }
}

TEST(BinaryTrace, RoundTripsTheLongestRecords) {
  // Every address and ip is far from its prediction, every gap is large and every size takes a varint.
  std::vector<Access> records;
  for (std::uint64_t i = 0; i < 2 * binary_format::kBlockRecords; ++i) {
    const Addr far = i % 2 == 0 ? 0x7fff'ffff'ffff'0000 - i : 0x8000'0000'0000'0000 + i;
    records.push_back({.address = far, .ip = ~far, .gap = 0xffff'ffff, .size = 4095, .depends_on = 100});
  }
  EXPECT_EQ(read_all(test::written(kBinary, records)), records);
}

TEST(BinaryTrace, GivesTheSameInBatchesOfAnySize) {
  const std::vector<Access> records = test::random_records(20'000, 1);
  const std::string file = test::written(kBinary, records);
  for (const std::size_t batch : {1U, 3U, 8192U, 8193U, 100'000U}) {
    EXPECT_EQ(test::drain(*test::reader_of(file), batch), records) << batch;
  }
}

TEST(BinaryTrace, StartsAgainAnywhere) {
  const std::vector<Access> records = test::random_records(20'000, 2);
  const std::string file = test::written(kBinary, records);
  const auto reader = test::reader_of(file);
  std::vector<Access> some(9'000);
  reader->fill(some);
  reader->rewind();
  EXPECT_EQ(test::drain(*reader), records);
  reader->rewind();
  EXPECT_EQ(test::drain(*reader), records);
}

TEST(BinaryTrace, NoticesWhereverItIsCutOff) {
  const std::string file = test::written(kBinary, test::random_records(100, 3));
  for (std::size_t length = 8; length < file.size(); ++length) {
    ASSERT_THAT(read_error(file.substr(0, length)), AllOf(StartsWith("trace: b"), HasSubstr("ends"))) << length;
  }
}

TEST(BinaryTrace, NoticesEveryFlippedBit) {
  const std::string file = test::written(kBinary, test::random_records(100, 4));
  for (std::size_t bit = 0; bit < file.size() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    ASSERT_NE(read_error(damaged, kBinary), "") << "bit " << bit;
  }
}

TEST(BinaryTrace, NoticesAMissingARepeatedAndASwappedBlock) {
  const std::string first = block(1, bytes({0x10, 0x0a}));
  const std::string second = block(2, bytes({0x10, 0x0a, 0x10, 0x00}));
  EXPECT_EQ(read_all(kHeader + first + second + end_block(3)).size(), 3U);
  EXPECT_THAT(read_error(kHeader + first + end_block(3)), HasSubstr("blocks are missing"));
  EXPECT_THAT(read_error(kHeader + first + first + second + end_block(3)), HasSubstr("counts other records"));
}

TEST(BinaryTrace, NoticesWhatGoesOnBehindItsEnd) {
  const std::string file = kHeader + block(7, kGoldenPayload) + end_block(7);
  EXPECT_THAT(read_error(file + "x"), HasSubstr("byte " + std::to_string(file.size()) + ": the trace goes on"));
  EXPECT_THAT(read_error(file + file), HasSubstr("goes on behind its end block"));
}

TEST(BinaryTrace, RefusesAnotherVersion) {
  EXPECT_THAT(read_error(kHeader.substr(0, 8) + little_endian(2, 4) + little_endian(0, 4)),
              HasSubstr("a binary trace of version 2"));
  EXPECT_THAT(read_error("\x89PNG\r\n\x1a\n", kBinary), HasSubstr("not the header of a binary trace"));
}

TEST(BinaryTrace, RefusesRecordsThatNoWriterMakesThoughTheChecksumHolds) {
  const std::string full_varint = bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01});
  const std::string too_long = bytes({0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02});
  for (const std::string& payload : {
           std::string(),                                            // nothing at all
           bytes({0x10}),                                            // no address
           bytes({0x10, 0x80}),                                      // a varint without an end
           bytes({0x10}) + too_long,                                 // more than 64 bits
           bytes({0x18}),                                            // no extras
           bytes({0x18, 0x10, 0x00}),                                // unknown extras
           bytes({0x18, 0x01, 0x00}),                                // no address behind the gap
           bytes({0x18, 0x01, 0x80, 0x80, 0x80, 0x80, 0x10, 0x00}),  // a gap of 2^32
           bytes({0x1c, 0x01, 0x01, 0x00}),                          // a gap inside an instruction
           bytes({0x18, 0x08}),                                      // no dependence
           bytes({0x18, 0x08, 0x80, 0x00}),                          // a dependence of 128
           bytes({0x1b, 0x02, 0x02, 0x00}),                          // a fetch with an ip
           bytes({0x17, 0x00}),                                      // a fetch that begins no instruction
           bytes({0x00, 0x00, 0x00}),                                // size 0
           bytes({0x00, 0x81, 0x20, 0x00}),                          // size 4097
           bytes({0x20, 0x01}),                                      // two bytes at the last address
           bytes({0x10, 0x00, 0x00}),                                // bytes left over
       }) {
    EXPECT_THAT(read_error(kHeader + block(1, payload) + end_block(1)), HasSubstr("trace: block 1 after record "))
        << ::testing::PrintToString(payload);
  }
  EXPECT_THAT(read_all(kHeader + block(1, bytes({0x10}) + full_varint) + end_block(1)),
              ElementsAre(Access{.address = 0x8000'0000'0000'0000, .size = 1}));
}

TEST(BinaryTrace, RefusesBlocksOfImpossibleSize) {
  EXPECT_THAT(read_error(kHeader + little_endian(8193, 4) + std::string(100, '\0')),
              HasSubstr("block header is damaged"));
  EXPECT_THAT(read_error(kHeader + little_endian(1, 4) + little_endian(1 << 30, 4) + std::string(100, '\0')),
              HasSubstr("block header is damaged"));
}

TEST(BinaryTrace, RefusesATraceWithoutARecord) {
  EXPECT_THAT(read_error(kHeader + end_block(0)), HasSubstr("holds no record"));
}

}  // namespace pagoda::binary_trace_test

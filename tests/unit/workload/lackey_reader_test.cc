// Expectations: the line formats of Valgrind's manual, section "Lackey", and trace_format.h.
#include "pagoda/workload/lackey_reader.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/workload/workload_test_util.h"

namespace pagoda::lackey_reader_test {

using test::read_all;
using test::read_error;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr auto kLackey = TraceFormat::lackey;

// What valgrind 3.19 prints, shortened.
constexpr char kCaptured[] =
    "==6250== Lackey, an example Valgrind tool\n"
    "==6250== Copyright (C) 2002-2017, and GNU GPL'd, by Nicholas Nethercote.\n"
    "==6250== Command: true\n"
    "==6250== \n"
    "I  0401ab70,3\n"
    "I  0401ab73,5\n"
    " S 1fff000718,8\n"
    "I  0401b771,7\n"
    " L 04035000,4\n"
    " M 1fff000710,16\n"
    "==6250== \n"
    "==6250== Exit code:       0\n";

TEST(LackeyReader, ReadsWhatLackeyPrints) {
  EXPECT_THAT(
      read_all(kCaptured),
      ElementsAre(
          Access{.address = 0x0401ab70, .ip = 0x0401ab70, .size = 3, .kind = RecordKind::fetch},
          Access{.address = 0x0401ab73, .ip = 0x0401ab73, .size = 5, .kind = RecordKind::fetch},
          Access{.address = 0x1fff000718,
                 .ip = 0x0401ab73,
                 .size = 8,
                 .kind = RecordKind::store,
                 .same_instruction = true},
          Access{.address = 0x0401b771, .ip = 0x0401b771, .size = 7, .kind = RecordKind::fetch},
          Access{
              .address = 0x04035000, .ip = 0x0401b771, .size = 4, .kind = RecordKind::load, .same_instruction = true},
          Access{.address = 0x1fff000710,
                 .ip = 0x0401b771,
                 .size = 16,
                 .kind = RecordKind::modify,
                 .same_instruction = true}));
}

TEST(LackeyReader, CountsTheInstructionsThatWereTraced) {
  std::uint64_t count = 0;
  for (const Access& access : read_all(kCaptured)) count += instructions(access);
  EXPECT_EQ(count, 3U);
}

TEST(LackeyReader, DataWithoutAFetchIsAnInstructionOfItsOwn) {
  EXPECT_THAT(
      read_all(" L 10,8\n S 20,1\n", kLackey),
      ElementsAre(Access{.address = 0x10, .size = 8}, Access{.address = 0x20, .size = 1, .kind = RecordKind::store}));
}

TEST(LackeyReader, TakesBothCasesOfHexadecimalAnyLineBreakAndNoneAtTheEnd) {
  EXPECT_THAT(read_all(" L DEADbeef,2\r\n L 1,4096", kLackey),
              ElementsAre(Access{.address = 0xdeadbeef, .size = 2}, Access{.address = 1, .size = 4096}));
}

TEST(LackeyReader, TakesTheLastByteOfTheAddressSpace) {
  EXPECT_THAT(read_all(" L ffffffffffffffff,1\n L fffffffffffffff8,8\n", kLackey),
              ElementsAre(Access{.address = ~0ULL, .size = 1}, Access{.address = ~7ULL, .size = 8}));
}

TEST(LackeyReader, SkipsWhatIsCertainlyValgrinds) {
  EXPECT_EQ(read_all("==1== a\n--12-- b\n**123** c\n==00:00:01:02.345 77== d\nSB 04001234\n\n L 1,1\n").size(), 1U);
}

TEST(LackeyReader, RefusesAnythingElseWithItsLine) {
  for (const std::string junk :
       {"hello",          "I 04001000,3", "I  04001000", "I  04001000,", "I  ,3",   "I  04001000,3x",
        "I  04001000,3 ", "L 10,1",       " X 10,1",     " l 10,1",      "== 12",   "==x== y",
        "==1= y",         "SB",           "SB xyz",      " L 0x10,1",    " L 10 1", "helloI  04001000,3",
        " L -1,1",        "   "}) {
    EXPECT_THAT(read_error(" L 1,1\n\n" + junk + "\n L 2,1\n", kLackey),
                AllOf(StartsWith("trace:3: "), HasSubstr("; allowed: ")))
        << junk;
  }
}

TEST(LackeyReader, SaysWhatIsWrongWithARecord) {
  EXPECT_THAT(read_error(" L 10000000000000000,1\n", kLackey), HasSubstr("wider than 64 bits"));
  EXPECT_THAT(read_error(" L 10,0\n", kLackey), HasSubstr("size is out of range"));
  EXPECT_THAT(read_error(" L 10,4097\n", kLackey), HasSubstr("size is out of range"));
  EXPECT_THAT(read_error(" L 10,99999999999999999999999\n", kLackey), HasSubstr("size is out of range"));
  EXPECT_THAT(read_error(" L ffffffffffffffff,2\n", kLackey), HasSubstr("beyond the last address"));
  EXPECT_THAT(read_error("a trace\n", kLackey), HasSubstr("not a lackey record: 'a trace'"));
}

TEST(LackeyReader, KeepsMessagesToOneReadableLine) {
  const std::string message = read_error(" L 1,1\n\x01\x02" + std::string(5000, 'x') + "\n", kLackey);
  EXPECT_THAT(message, HasSubstr("'??xxx"));
  EXPECT_LT(message.size(), 500U);
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(LackeyReader, ReadsLinesAcrossItsWindow) {
  // 14 bytes a line do not divide the window, so that lines lie across its end in every way.
  std::string text;
  constexpr std::uint64_t kLines = 200'000;
  static_assert(kLines * 14 > 8 * TraceInput::kWindowBytes);
  for (std::uint64_t i = 0; i < kLines; ++i) text += fmt::format(" L {:08x},8\n", i);
  const std::vector<Access> records = read_all(text);
  ASSERT_EQ(records.size(), kLines);
  for (std::uint64_t i = 0; i < kLines; ++i) ASSERT_EQ(records[i].address, i);
}

TEST(LackeyReader, RefusesALineLongerThanItsWindow) {
  const std::string line(TraceInput::kWindowBytes + 10, '1');
  EXPECT_THAT(read_error(" L " + line + ",1\n", kLackey), HasSubstr("trace:1: "));
}

TEST(LackeyReader, RefusesATraceWithoutARecord) {
  EXPECT_THAT(read_error("==1== Lackey\n\n"), HasSubstr("holds no record"));
}

TEST(LackeyReader, StartsAgain) {
  const auto reader = test::reader_of(kCaptured);
  const std::vector<Access> first = test::drain(*reader);
  EXPECT_EQ(reader->fill({}), 0U);
  reader->rewind();
  EXPECT_EQ(test::drain(*reader), first);
}

}  // namespace pagoda::lackey_reader_test

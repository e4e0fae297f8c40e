// Expectations: the format as text_reader.h describes it.
#include "pagoda/workload/text_reader.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/workload/workload_test_util.h"

namespace pagoda::text_reader_test {

using test::read_all;
using test::read_error;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::string kHeader = "# pagoda-trace 1\n";

TEST(TextReader, ReadsEveryField) {
  EXPECT_THAT(
      read_all(kHeader + "# gap kind address size\n"
                         "3 L 0x7f0010 8\n"
                         "\n"
                         "0 S 0x7F0018 4 same   # the same instruction stores\n"
                         "\t2\tL  4096 1 dep ip=0x401002\n"
                         "0 M 0x90a008 16 same dep=127\n"
                         "4294967295 I 0x401006 15\n"
                         "0 L 0x10 2 same\n"
                         "0 L 0x10 4096 ip=0"),
      ElementsAre(Access{.address = 0x7f0010, .gap = 3, .size = 8},
                  Access{.address = 0x7f0018, .size = 4, .kind = RecordKind::store, .same_instruction = true},
                  Access{.address = 4096, .ip = 0x401002, .gap = 2, .size = 1, .depends_on = 1},
                  Access{.address = 0x90a008,
                         .ip = 0x401002,
                         .size = 16,
                         .kind = RecordKind::modify,
                         .same_instruction = true,
                         .depends_on = 127},
                  Access{.address = 0x401006, .ip = 0x401006, .gap = 4294967295, .size = 15, .kind = RecordKind::fetch},
                  Access{.address = 0x10, .ip = 0x401006, .size = 2, .same_instruction = true},
                  Access{.address = 0x10, .size = 4096}));
}

TEST(TextReader, RefusesWhatIsNoRecordWithItsLine) {
  for (const std::string junk : {"L 0x10 8",
                                 "0 L 0x10",
                                 "0 L",
                                 "0",
                                 "-1 L 0x10 8",
                                 "4294967296 L 0x10 8",
                                 "0 X 0x10 8",
                                 "0 l 0x10 8",
                                 "0 LS 0x10 8",
                                 "0 L 0x 8",
                                 "0 L 10f 8",
                                 "0 L 0x10g 8",
                                 "0 L 0x10 0",
                                 "0 L 0x10 4097",
                                 "0 L 0x10 8 x",
                                 "0 L 0x10 8 dep=0",
                                 "0 L 0x10 8 dep=128",
                                 "0 L 0x10 8 dep=",
                                 "0 L 0x10 8 ip=",
                                 "0 L 0x10 8 ip=zz",
                                 "1 L 0x10 8 same",
                                 "0 I 0x10 8 same",
                                 "0 I 0x10 8 ip=0x11",
                                 "0 L 0x10000000000000000 8",
                                 "0 L 18446744073709551616 8",
                                 "0 L 0xffffffffffffffff 2",
                                 "0,L,0x10,8"}) {
    EXPECT_THAT(read_error(kHeader + "0 L 0x10 8\n" + junk + "\n"),
                AllOf(StartsWith("trace:3: "), HasSubstr("; allowed: ")))
        << junk;
  }
}

TEST(TextReader, SaysWhatIsWrong) {
  EXPECT_THAT(read_error(kHeader + "0 L 0x10000000000000000 8\n"),
              HasSubstr("wider than 64 bits: '0x10000000000000000'"));
  EXPECT_THAT(read_error(kHeader + "0 L 0x10 5000\n"), HasSubstr("not a size of 1 to 4096 bytes: '5000'"));
  EXPECT_THAT(read_error(kHeader + "0 Q 0x10 8\n"), HasSubstr("not a kind of access: 'Q'"));
}

TEST(TextReader, TakesTheEndOfTheAddressSpace) {
  EXPECT_THAT(read_all(kHeader + "0 L 18446744073709551615 1\n0 L 0xfffffffffffffff8 8\n"),
              ElementsAre(Access{.address = ~0ULL, .size = 1}, Access{.address = ~7ULL, .size = 8}));
}

TEST(TextReader, NeedsItsHeader) {
  EXPECT_THAT(read_error("0 L 0x10 8\n", TraceFormat::text),
              AllOf(StartsWith("trace:1: "), HasSubstr("`# pagoda-trace 1`")));
  EXPECT_THAT(read_error("# pagoda-trace 2\n0 L 0x10 8\n", TraceFormat::text), StartsWith("trace:1: "));
  EXPECT_THAT(read_error("# pagoda-trace 10\n0 L 0x10 8\n"), StartsWith("trace:1: "));
}

TEST(TextReader, RefusesATraceWithoutARecord) {
  EXPECT_THAT(read_error(kHeader), HasSubstr("holds no record"));
  EXPECT_THAT(read_error(kHeader + "# nothing\n\n"), HasSubstr("holds no record"));
}

TEST(TextReader, StartsAgain) {
  const std::string text = kHeader + "0 I 0x400 4\n0 L 0x10 8 same\n";
  const auto reader = test::reader_of(text);
  const std::vector<Access> first = test::drain(*reader, 1);
  reader->rewind();
  EXPECT_EQ(test::drain(*reader), first);
}

}  // namespace pagoda::text_reader_test

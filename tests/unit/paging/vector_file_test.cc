// The conformance reader: what it accepts, and that everything else is refused with file, line and what is allowed.
#include "pagoda/paging/conformance/vector_file.h"

#include <random>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/paging/conformance/replay.h"

namespace pagoda::vector_file_test {

using testing::HasSubstr;
using testing::StartsWith;

// Sv39, one leaf: 0x80000000 (a gigapage) user rwx; an execute-only page beside it.
constexpr const char* kGoodRiscv =
    "# riscv-mmu vectors v1\n"
    "S 0 rv64imafdch_zicsr_svadu\n"
    "R 1000 100000\n"
    "M 2000 200000df\n"
    "M 2008 1f\n"
    "Q 0 0 0 w 0 8000000000000002 0 1234 = 0 80001234 0 0 0 1 0\n"
    "Q 1 0 0 r 8 8000000000000002 0 40000010 = 0 10 0 0 0 1 1 2008 1f 5f\n"
    "Q 2 0 0 r 0 8000000000000002 0 80000010 = 13 0 80000010 0 0 1 0\n";

constexpr const char* kGoodX86 =
    "x86-64 vectors v1\n"
    "S 0 4\n"
    "M 1000 2023\n"
    "M 2000 3023\n"
    "M 3000 e3\n"
    "Q 0 1000 1 0 w 1234 = 0 0 1234 0\n"
    "Q 1 1000 1 3 w 1234 = 14 7 0 0\n"
    "Q 2 1000 1 3 w 800000000000 = 13 0 0 0\n";

struct Replayed {
  ReplaySummary summary;
  std::vector<std::string> lines;
};

Replayed replay(const std::string& text) {
  std::istringstream input(text);
  Replayed result;
  result.summary = replay_vectors(input, "file.txt", cpu_vector_kinds(),
                                  [&](const std::string& line) { result.lines.push_back(line); });
  return result;
}

std::string refusal(const std::string& text) {
  try {
    replay(text);
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

std::string with(std::string text, const std::string& old, const std::string& replacement) {
  const std::size_t at = text.find(old);
  EXPECT_NE(at, std::string::npos) << old;
  return text.replace(at, old.size(), replacement);
}

TEST(Replay, CountsWhatAgrees) {
  for (const char* text : {kGoodRiscv, kGoodX86}) {
    const Replayed result = replay(text);
    EXPECT_EQ(result.summary.passed, 3U);
    EXPECT_EQ(result.summary.failed, 0U) << result.lines[0];
  }
  // The last line may lack its newline.
  EXPECT_EQ(replay(std::string(kGoodX86).substr(0, std::string(kGoodX86).size() - 1)).summary.passed, 3U);
}

TEST(Replay, ReportsEachDifferingFieldInOneLine) {
  struct Case {
    const char* text;
    const char* old;
    const char* corrupted;
    const char* line;
  };
  for (const Case& test :
       {Case{kGoodRiscv, "= 0 80001234", "= 0 80001235", "file.txt:6: Q 0: pa expected 80001235 got 80001234"},
        Case{kGoodRiscv, "1 1 2008 1f 5f", "1 1 2008 1f 7f",
             "file.txt:7: Q 1: updates expected [2008 1f 7f] got [2008 1f 5f]"},
        Case{kGoodRiscv, "1 1 2008 1f 5f", "2 0",
             "file.txt:7: Q 1: nrd expected 2 got 1, updates expected [] got [2008 1f 5f]"},
        Case{kGoodRiscv, "= 13 0 80000010", "= 15 0 80000010", "file.txt:8: Q 2: cause expected 15 got 13"},
        Case{kGoodRiscv, "80000010 0 0 1 0", "80000010 1 3000 1 0",
             "file.txt:8: Q 2: tval2 expected 1 got 0, implicit expected 3000 got 0"},
        Case{kGoodX86, "= 14 7", "= 14 5", "file.txt:7: Q 1: errcode expected 5 got 7"},
        Case{kGoodX86, "= 13 0", "= 14 0", "file.txt:8: Q 2: vector expected 14 got 13"}}) {
    const Replayed result = replay(with(test.text, test.old, test.corrupted));
    EXPECT_EQ(result.summary.passed, 2U);
    EXPECT_EQ(result.summary.failed, 1U);
    ASSERT_EQ(result.lines.size(), 1U);
    EXPECT_EQ(result.lines[0], test.line);
  }
}

TEST(Replay, RequestsDoNotSeeEachOthersUpdates) {
  const std::string query = "Q 1 0 0 r 8 8000000000000002 0 40000010 = 0 10 0 0 0 1 1 2008 1f 5f\n";
  EXPECT_EQ(replay(with(kGoodRiscv, query, query + query + query)).summary.passed, 5U);
}

TEST(Replay, SectionsStartAnew) {
  const std::string second = "S 1 rv64imafdch\nR 1000 100000\nQ 9 0 0 r 0 8000000000000002 0 10 = 13 0 10 0 0 1 0\n";
  EXPECT_EQ(replay(kGoodRiscv + second).summary.passed, 4U);
}

TEST(Replay, DeniedMemoryFaults) {
  const std::string text = with(kGoodRiscv, "M 2008 1f\n", "M 2008 1f\nXR 2000\nXW 2008\nXP 2010\n");
  const Replayed result = replay(text);
  ASSERT_EQ(result.lines.size(), 3U);
  EXPECT_THAT(result.lines[0], HasSubstr("cause expected 0 got 7"));    // store access fault on the table read
  EXPECT_THAT(result.lines[1], HasSubstr("cause expected 0 got 5"));    // load access fault on the update
  EXPECT_THAT(result.lines[2], HasSubstr("cause expected 13 got 19"));  // hardware error
  // Outside RAM, whose last word is the last one wholly inside.
  EXPECT_THAT(replay(with(kGoodRiscv, "R 1000 100000", "R 1000 1008")).lines.size(), 2U);
  EXPECT_THAT(replay(with(kGoodRiscv, "R 1000 100000", "R 2008 100000")).lines.size(), 1U);
}

TEST(VectorFile, RefusesMalformedLinesWithPlaceAndRemedy) {
  struct Case {
    const char* old;
    const char* bad;
    const char* message;
  };
  for (const Case& test :
       {Case{"M 2008 1f", "M 2008 1g", "file.txt:5: value: `1g` is not a number; hexadecimal of up to 64 bits"},
        Case{"M 2008 1f", "M 2008 0x1f", "file.txt:5: value: `0x1f` is not a number"},
        Case{"M 2008 1f", "M 2008 -1", "file.txt:5: value: `-1` is not a number"},
        Case{"M 2008 1f", "M 2008 11112222333344445", "file.txt:5: value: `11112222333344445` is not a number"},
        Case{"M 2008 1f", "M 2008", "file.txt:5: the field value is missing"},
        Case{"M 2008 1f", "M 2008 ", "file.txt:5: the field value is missing"},
        Case{"M 2008 1f", "M 2008  1f", "file.txt:5: the field value is empty; fields are separated by exactly one"},
        Case{"M 2008 1f", "M 2008 1f 3", "file.txt:5: `3` is left over at the end"},
        Case{"M 2008 1f", "M 2008 1f ", "file.txt:5: `` is left over at the end"},
        Case{"M 2008 1f", "M 2009 1f", "file.txt:5: addr is not a word's; a multiple of 8"},
        Case{"M 2008 1f", "M 2008 1f\r", "file.txt:5: value: `1f?` is not a number"},
        Case{"M 2008 1f", "", "file.txt:5: the field tag is empty"},
        Case{"M 2008 1f", "Z 2008 1f", "file.txt:5: an unknown record; one of S, R, M, XR, XW, XP, Q"},
        Case{"S 0 rv64imafdch_zicsr_svadu", "S 0", "file.txt:2: the field isa is missing"},
        Case{"S 0 rv64imafdch_zicsr_svadu", "S 0 rv32i", "file.txt:2: isa is not a 64-bit one; rv64"},
        Case{"S 0 rv64imafdch_zicsr_svadu", "S f rv64i", "file.txt:2: n: `f` is not a number in range; decimal"},
        Case{"S 0 rv64imafdch_zicsr_svadu\n", "", "file.txt:2: a record before the first section"},
        Case{"R 1000 100000\n", "", "file.txt:5: Q before the section's RAM is known; a line `R ram_base ram_size`"},
        Case{"Q 0 0 0 w", "Q 0 2 0 w", "file.txt:6: virt: `2` is none of the choices; 0, 1"},
        Case{"Q 0 0 0 w", "Q 0 0 0 y", "file.txt:6: acc: `y` is none of the choices; r, w, x"},
        Case{"w 0 8000000000000002", "w 100 8000000000000002", "file.txt:6: flags has unknown bits; bits 7:0"},
        Case{"w 0 8000000000000002", "w 0 7000000000000002", "file.txt:6: satp has an unknown MODE; 0 (Bare), 8"},
        Case{"1234 = 0", "1234 : 0", "file.txt:6: `:` stands where = should"},
        Case{"= 0 80001234", "= 64 80001234", "file.txt:6: cause: `64` is not a number in range; decimal, 0 to 63"},
        Case{"1 1 2008 1f 5f", "1 2 2008 1f 5f", "file.txt:7: the field update's addr is missing"},
        Case{"1 1 2008 1f 5f", "1 101 2008 1f 5f", "file.txt:7: nup: `101` is not a number in range"},
        Case{"0 0 1 0\nQ 1", "0 0 1\nQ 1", "file.txt:6: the field nup is missing"}}) {
    EXPECT_THAT(refusal(with(kGoodRiscv, test.old, test.bad)), StartsWith(test.message));
  }
  EXPECT_THAT(refusal(with(kGoodRiscv, "imafdch", "imafdc") + "Q 3 1 0 r 0 0 0 0 = 0 0 0 0 0 0 0\n"),
              StartsWith("file.txt:9: virt is 1 but the section's isa lacks h"));
  EXPECT_THAT(refusal(with(kGoodX86, "S 0 4", "S 0 6")), StartsWith("file.txt:2: levels: `6` is none of the choices"));
  EXPECT_THAT(refusal(with(kGoodX86, "1000 1 3 w", "1000 1 4 w")), StartsWith("file.txt:7: cpl: `4`"));
}

TEST(VectorFile, RefusesWhatIsNoVectorFile) {
  EXPECT_THAT(refusal(""),
              StartsWith("file.txt: the file is empty; the first line is one of `# riscv-mmu vectors v1`"));
  EXPECT_THAT(refusal("# riscv-mmu vectors v2\n"), StartsWith("file.txt:1: this is no vector file of a known kind"));
  EXPECT_THAT(refusal(std::string("\x7f"
                                  "ELF\0\0",
                                  6)),
              StartsWith("file.txt:1: this is no vector file"));
  EXPECT_THAT(refusal("# riscv-mmu vectors v1\n"), StartsWith("file.txt:1: the file holds no request"));
  EXPECT_THAT(refusal(std::string(100000, 'Q')), StartsWith("file.txt:1: the line is too long"));
  EXPECT_THAT(refusal(std::string("# riscv-mmu vectors v1\nS 0 rv64\n") + std::string(5000, ' ')),
              StartsWith("file.txt:3: the line is too long"));
}

// A source that breaks in the middle, as a truncated compressed file does.
class BrokenBuffer : public std::stringbuf {
 public:
  explicit BrokenBuffer(const std::string& text) : std::stringbuf(text) {}

 protected:
  int_type underflow() override { throw std::runtime_error("truncated"); }
};

TEST(VectorFile, ReportsAFileThatCannotBeReadOn) {
  BrokenBuffer buffer(std::string(kGoodX86).substr(0, 40));
  std::istream input(&buffer);
  try {
    replay_vectors(input, "file.txt", cpu_vector_kinds(), [](const std::string&) {});
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("the file cannot be read further"));
  }
}

// Whatever the bytes are, the reader answers with a result or a UserError.
TEST(VectorFile, SurvivesRandomDamage) {
  std::mt19937_64 random(11);
  unsigned refused = 0;
  for (unsigned round = 0; round < 5000; ++round) {
    std::string text = random() % 2 == 0 ? kGoodRiscv : kGoodX86;
    for (unsigned edit = 0; edit <= random() % 4; ++edit) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0: text[at] = static_cast<char>(random()); break;
        case 1: text.erase(at, random() % 20); break;
        case 2: text.insert(at, text.substr(random() % text.size(), random() % 30)); break;
        default: text[at] = "0123456789abcdef \n="[random() % 19]; break;
      }
    }
    try {
      replay(text);
    } catch (const UserError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 1000U);
}

}  // namespace pagoda::vector_file_test

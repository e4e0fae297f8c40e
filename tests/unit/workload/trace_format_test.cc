#include "pagoda/workload/trace_format.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/workload/text_reader.h"
#include "unit/workload/workload_test_util.h"

namespace pagoda::trace_format_test {

using test::read_error;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string tiny(const std::string& extension) {
  return std::string(PAGODA_SOURCE_DIR) + "/tests/unit/workload/data/tiny.lackey" + extension;
}

/// One ChampSim instruction at 0x401000 that loads 0x5000.
std::string champsim_record() {
  std::string record(64, '\0');
  record[1] = '\x10';
  record[2] = '\x40';
  record[33] = '\x50';
  return record;
}

TEST(TraceFormat, IsRecognisedByContentInAnyCompression) {
  const std::vector<Access> records = {{.address = 0x5000, .size = 4}};
  const std::pair<TraceFormat, std::string> traces[] = {
      {TraceFormat::lackey, " L 5000,4\n"},
      {TraceFormat::champsim, champsim_record()},
      {TraceFormat::text, test::written(TraceFormat::text, records)},
      {TraceFormat::binary, test::written(TraceFormat::binary, records)},
  };
  for (const auto& [format, bytes] : traces) {
    for (const Compression compression :
         {Compression::none, Compression::gzip, Compression::bzip2, Compression::xz, Compression::zstd}) {
      const std::string file = test::compressed(compression, bytes);
      const auto reader = test::reader_of(file);
      EXPECT_EQ(reader->format(), format);
      EXPECT_EQ(reader->compression(), compression);
      EXPECT_EQ(test::drain(*reader).back().address, 0x5000U);
    }
  }
}

TEST(TraceFormat, SeesLackeyBehindOtherOutputAndThenNamesTheLine) {
  EXPECT_THAT(read_error("hello from the program\nI  04001000,3\n"),
              StartsWith("trace:1: not a lackey record: 'hello"));
  EXPECT_THAT(read_error("==12== Lackey\nhello\n"), StartsWith("trace:2: "));
}

TEST(TraceFormat, IsRefusedIfUnknown) {
  for (const std::string junk : {"hello\n",
                                 "\x7f"
                                 "ELF\x02\x01\x01",
                                 "{\"a\": 1}\n", "0 L 0x10 8\n", "I\n", "\n\n"}) {
    EXPECT_THAT(read_error(junk),
                AllOf(StartsWith("trace: not a trace in a known format; allowed: "), HasSubstr("lackey"),
                      HasSubstr("ChampSim"), HasSubstr("# pagoda-trace 1"), HasSubstr("zstd")))
        << junk;
  }
  std::mt19937_64 engine(1);
  for (int i = 0; i < 100; ++i) {
    std::string noise(64 * 1024, '\0');
    for (char& c : noise) c = static_cast<char>(engine());
    EXPECT_THAT(read_error(noise), StartsWith("trace: not a trace in a known format"));
  }
  EXPECT_THAT(read_error(std::string(4096, '\0')), StartsWith("trace: not a trace in a known format"));
}

TEST(TraceFormat, MustNotBeEmpty) {
  EXPECT_THAT(read_error(""), StartsWith("trace: the trace is empty; allowed: "));
  EXPECT_THAT(read_error("", TraceFormat::lackey), StartsWith("trace: the trace is empty"));
  EXPECT_THAT(read_error(test::compressed(Compression::xz, "")), StartsWith("trace: the trace is empty"));
}

TEST(TraceFormat, CanBeOverridden) {
  EXPECT_THAT(read_error(" L 5000,4\n", TraceFormat::text), StartsWith("trace:1: "));
  EXPECT_THAT(read_error(" L 5000,4\n", TraceFormat::champsim), StartsWith("trace: record 1: "));
  EXPECT_THAT(read_error(" L 5000,4\n", TraceFormat::binary), StartsWith("trace: byte 0: "));
  EXPECT_THAT(read_error(champsim_record(), TraceFormat::lackey), StartsWith("trace:1: "));
}

TEST(TraceFormat, HasAName) {
  for (const TraceFormat format :
       {TraceFormat::lackey, TraceFormat::champsim, TraceFormat::text, TraceFormat::binary}) {
    EXPECT_EQ(parse_trace_format(to_string(format)), format);
  }
  EXPECT_THAT(test::user_error([] { parse_trace_format("Lackey"); }),
              HasSubstr("allowed: lackey, champsim, text, binary"));
}

TEST(TraceFormat, OfAFileToBeWrittenIsSaidByItsName) {
  const auto expect = [](std::string_view path, std::optional<TraceFormat> format, Compression compression) {
    const TraceName name = parse_trace_name(path);
    EXPECT_EQ(name.format, format) << path;
    EXPECT_EQ(name.compression, compression) << path;
  };
  expect("a.pgt", TraceFormat::binary, Compression::none);
  expect("dir.txt/a.lackey.xz", TraceFormat::lackey, Compression::xz);
  expect("a.txt.gz", TraceFormat::text, Compression::gzip);
  expect("a.pgt.bz2", TraceFormat::binary, Compression::bzip2);
  expect("a.pgt.zst", TraceFormat::binary, Compression::zstd);
  expect("a.zst", std::nullopt, Compression::zstd);
  expect("a.pgt.xz.gz", std::nullopt, Compression::gzip);
  expect("lackey", std::nullopt, Compression::none);
  expect("", std::nullopt, Compression::none);
}

TEST(TraceReader, OpensFiles) {
  const std::vector<Access> records = test::drain(*open_trace(tiny("")));
  EXPECT_EQ(records.size(), 6U);
  for (const char* extension : {".gz", ".bz2", ".xz", ".zst"})
    EXPECT_EQ(test::drain(*open_trace(tiny(extension))), records);
}

TEST(TraceReader, SaysWhichFileIsDamaged) {
  const test::TestFolder folder;
  const std::string path = folder.file("cut.lackey.xz");
  const std::string whole = test::file_content(tiny(".xz"));
  test::write_file(path, std::string_view(whole).substr(0, whole.size() - 20));
  EXPECT_THAT(test::user_error([&] { test::drain(*open_trace(path)); }),
              AllOf(StartsWith(path + ": xz data are truncated or corrupt before byte "),
                    HasSubstr("allowed: an intact xz file")));
  EXPECT_THAT(test::user_error([&] { open_trace(folder.file("none")); }), HasSubstr("No such file"));
}

}  // namespace pagoda::trace_format_test

#include "pagoda/workload/trace_convert.h"

#include <csignal>
#include <filesystem>
#include <string>
#include <sys/resource.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/workload/workload_test_util.h"

namespace pagoda::trace_convert_test {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A program in lackey's format: everything that this format can hold.
std::string lackey_program(int instructions) {
  std::mt19937_64 engine(3);
  std::string text;
  for (int i = 0; i < instructions; ++i) {
    text += fmt::format("I  {:08x},{}\n", 0x4001000 + engine() % 0x10000, 1 + engine() % 15);
    for (std::uint64_t j = engine() % 3; j > 0; --j) {
      text += fmt::format(" {} {:08x},{}\n", "LSM"[engine() % 3], engine() >> engine() % 64, 1U << engine() % 6);
    }
  }
  return text;
}

TEST(ConvertTrace, KeepsEverythingThroughEveryFormatAndCompression) {
  const test::TestFolder folder;
  const std::string original = lackey_program(20'000);
  std::string last = folder.file("original");
  test::write_file(last, original);
  const std::vector<Access> records = test::drain(*open_trace(last));
  for (const char* name : {"a.pgt", "b.txt.gz", "c.lackey.bz2", "d.pgt.xz", "e.txt.zst", "f.txt", "g.pgt.zst",
                           "h.lackey.xz", "i.pgt.gz", "j.lackey"}) {
    const std::string next = folder.file(name);
    const WriteResult result = convert_trace(last, next);
    EXPECT_EQ(result.records, records.size()) << name;
    EXPECT_EQ(result.simplified, 0U) << name;
    EXPECT_EQ(test::drain(*open_trace(next)), records) << name;
    last = next;
  }
  EXPECT_TRUE(test::file_content(last) == original) << "the way back to lackey gives the very bytes";
}

TEST(ConvertTrace, KeepsEveryFieldInTextAndBinary) {
  const std::vector<Access> records = test::random_records(20'000, 5);
  EXPECT_EQ(test::read_all(test::written(TraceFormat::text, records)), records);
  EXPECT_EQ(test::read_all(test::written(TraceFormat::binary, records)), records);
}

TEST(ConvertTrace, SaysHowManyRecordsLackeyCannotHold) {
  const test::TestFolder folder;
  test::write_file(folder.file("in.txt"),
                   "# pagoda-trace 1\n"
                   "0 L 0x10 8\n"           // exact: as before any fetch
                   "3 L 0x10 8\n"           // the gap is lost
                   "0 L 0x10 8 dep\n"       // the dependence
                   "0 L 0x10 8 ip=0x400\n"  // the ip
                   "0 S 0x10 8 same\n"      // that it is the same instruction
                   "0 I 0x400 4\n"
                   "0 L 0x10 8 same\n"
                   "0 L 0x10 8\n"     // that it is another instruction
                   "1 I 0x404 4\n");  // the gap
  const WriteResult result = convert_trace(folder.file("in.txt"), folder.file("out.lackey"));
  EXPECT_EQ(result.records, 9U);
  EXPECT_EQ(result.simplified, 6U);
  EXPECT_EQ(
      test::file_content(folder.file("out.lackey")),
      " L 00000010,8\n L 00000010,8\n L 00000010,8\n L 00000010,8\n S 00000010,8\nI  00000400,4\n L 00000010,8\n L "
      "00000010,8\nI  00000404,4\n");
}

TEST(ConvertTrace, WritesTheTextFormatAsDocumented) {
  const std::vector<Access> records = {
      {.address = 0x401000, .ip = 0x401000, .gap = 3, .size = 4, .kind = RecordKind::fetch},
      {.address = 0x7f0010, .ip = 0x401000, .size = 8, .same_instruction = true},
      {.address = 0x7f0018,
       .ip = 0x401000,
       .size = 8,
       .kind = RecordKind::store,
       .same_instruction = true,
       .depends_on = 1},
      {.address = 0x7f0020, .ip = 0x401008, .gap = 1, .size = 16, .kind = RecordKind::modify, .depends_on = 2},
      {.address = 0x7f0028, .size = 8},
  };
  EXPECT_EQ(test::written(TraceFormat::text, records),
            "# pagoda-trace 1\n"
            "# gap kind address size\n"
            "3 I 0x401000 4\n"
            "0 L 0x7f0010 8 same\n"
            "0 S 0x7f0018 8 same dep\n"
            "1 M 0x7f0020 16 dep=2 ip=0x401008\n"
            "0 L 0x7f0028 8\n");
}

TEST(ConvertTrace, TakesTheFormatFromOptionsBeforeTheName) {
  const test::TestFolder folder;
  test::write_file(folder.file("in"), lackey_program(10));
  const WriteResult result = convert_trace(folder.file("in"), folder.file("out.txt"), TraceFormat::lackey,
                                           {.format = TraceFormat::binary, .compression = Compression::zstd});
  EXPECT_EQ(result.format, TraceFormat::binary);
  const auto reader = open_trace(folder.file("out.txt"));
  EXPECT_EQ(reader->format(), TraceFormat::binary);
  EXPECT_EQ(reader->compression(), Compression::zstd);
}

TEST(ConvertTrace, MayReplaceItsInput) {
  const test::TestFolder folder;
  const std::string path = folder.file("trace.pgt");
  test::write_file(path, lackey_program(1000));
  const std::vector<Access> records = test::drain(*open_trace(path));
  convert_trace(path, path);
  EXPECT_EQ(open_trace(path)->format(), TraceFormat::binary);
  EXPECT_EQ(test::drain(*open_trace(path)), records);
  EXPECT_EQ(folder.files(), 1U);
}

TEST(ConvertTrace, ReportsHowFarItIs) {
  const test::TestFolder folder;
  const std::string text = lackey_program(50'000);
  test::write_file(folder.file("in"), text);
  std::uint64_t last = 0;
  int calls = 0;
  convert_trace(folder.file("in"), folder.file("out.pgt"), {}, {}, [&](std::uint64_t bytes) {
    EXPECT_GE(bytes, last);
    last = bytes;
    ++calls;
  });
  EXPECT_EQ(last, text.size());
  EXPECT_GT(calls, 3);
}

TEST(ConvertTrace, RefusesANameThatDoesNotSayTheFormat) {
  const test::TestFolder folder;
  test::write_file(folder.file("in"), lackey_program(10));
  EXPECT_THAT(
      test::user_error([&] { convert_trace(folder.file("in"), folder.file("out.bin")); }),
      AllOf(StartsWith(folder.file("out.bin") + ": "), HasSubstr(".pgt"), HasSubstr(".lackey"), HasSubstr(".zst")));
  EXPECT_THAT(test::user_error(
                  [&] { convert_trace(folder.file("in"), folder.file("out"), {}, {.format = TraceFormat::champsim}); }),
              HasSubstr("allowed: lackey, text, binary"));
  EXPECT_EQ(folder.files(), 1U);
}

TEST(ConvertTrace, LeavesNothingIfTheInputIsDamaged) {
  const test::TestFolder folder;
  test::write_file(folder.file("in"), lackey_program(50'000) + "junk\n");
  test::write_file(folder.file("out.pgt"), "what was there before");
  EXPECT_THAT(test::user_error([&] { convert_trace(folder.file("in"), folder.file("out.pgt")); }), HasSubstr("'junk'"));
  EXPECT_EQ(test::file_content(folder.file("out.pgt")), "what was there before");
  EXPECT_EQ(folder.files(), 2U);
}

TEST(ConvertTrace, LeavesNothingIfTheDiskIsFull) {
  const test::TestFolder folder;
  test::write_file(folder.file("in"), lackey_program(200'000));
  test::write_file(folder.file("out.txt"), "what was there before");
  // A limit on the size of a file is as near to a full disk as a test may come.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const struct rlimit small { 1'000'000, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string message = test::user_error([&] { convert_trace(folder.file("in"), folder.file("out.txt")); });
  const std::string compressed = test::user_error(
      [&] { convert_trace(folder.file("in"), folder.file("out.txt"), {}, {.compression = Compression::gzip}); });
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_THAT(message,
              AllOf(StartsWith(folder.file("out.txt") + ": cannot write: File too large"), HasSubstr("; allowed: ")));
  EXPECT_THAT(compressed, HasSubstr("cannot write: File too large"));
  EXPECT_EQ(test::file_content(folder.file("out.txt")), "what was there before");
  EXPECT_EQ(folder.files(), 2U);
}

TEST(FileWriter, RefusesWhereItCannotWrite) {
  const test::TestFolder folder;
  test::write_file(folder.file("file"), "");
  const auto error = [](const std::string& path) { return test::user_error([&] { FileWriter writer(path); }); };
  EXPECT_THAT(error(folder.file("no/such/folder.pgt")), HasSubstr("cannot write: No such file or directory"));
  EXPECT_THAT(error(folder.file("file/under.pgt")), HasSubstr("cannot write: Not a directory"));
  EXPECT_THAT(error(folder.file("")), HasSubstr("not a regular file"));
  EXPECT_THAT(error("/dev/null"), HasSubstr("not a regular file"));
  EXPECT_EQ(folder.files(), 1U);
}

TEST(FileWriter, WritesThroughASymbolicLink) {
  const test::TestFolder folder;
  test::write_file(folder.file("target"), "old");
  std::filesystem::create_symlink(folder.file("target"), folder.file("link"));
  FileWriter writer(folder.file("link"));
  writer.write("new");
  EXPECT_EQ(test::file_content(folder.file("target")), "old");
  writer.finish();
  EXPECT_EQ(test::file_content(folder.file("target")), "new");
  EXPECT_TRUE(std::filesystem::is_symlink(folder.file("link")));
}

TEST(FileWriter, LeavesNothingUnlessFinished) {
  const test::TestFolder folder;
  {
    FileWriter writer(folder.file("out"));
    writer.write(std::string(1'000'000, 'x'));
  }
  EXPECT_EQ(folder.files(), 0U);
}

}  // namespace pagoda::trace_convert_test

// Expectations: what the tools gzip, bzip2, xz and zstd accept and refuse; data/ holds files that they made.
#include "pagoda/workload/decompress.h"

#include <memory>
#include <string>
#include <unistd.h>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "unit/workload/workload_test_util.h"

namespace pagoda::decompress_test {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Gives its bytes one or a few at a time, as a pipe may.
class Trickle final : public ByteStream {
 public:
  Trickle(std::string_view bytes, std::size_t step) : bytes_(bytes), step_(step) {}
  std::size_t read(std::span<char> out) override { return bytes_.read(out.first(std::min(out.size(), step_))); }
  void rewind() override { bytes_.rewind(); }

 private:
  MemoryBytes bytes_;
  std::size_t step_;
};

std::string drain(ByteStream& stream, std::size_t step = 5000) {
  std::string all;
  std::string buffer(step, '\0');
  while (const std::size_t count = stream.read(buffer)) all.append(buffer, 0, count);
  return all;
}

std::string decompressed(std::string_view bytes) {
  DecompressedBytes stream(std::make_unique<MemoryBytes>(bytes), "file");
  return drain(stream);
}

std::string damage(std::string_view bytes) {
  return test::user_error([&] { decompressed(bytes); });
}

std::string tiny() { return std::string(PAGODA_SOURCE_DIR) + "/tests/unit/workload/data/tiny.lackey"; }

std::string sample(std::size_t bytes) {
  std::string text;
  for (std::uint64_t i = 0; text.size() < bytes; ++i) text += fmt::format(" L {:x},8\n", i * i * 0x9e3779b9 % 0xffffff);
  text.resize(bytes);
  return text;
}

struct Tool {
  Compression compression;
  const char* extension;
};

class DecompressedBytesTest : public ::testing::TestWithParam<Tool> {
 protected:
  std::string compress(std::string_view bytes) const { return test::compressed(GetParam().compression, bytes); }
  std::string message() const {
    return std::string(to_string(GetParam().compression)) + " data are truncated or corrupt";
  }
};

INSTANTIATE_TEST_SUITE_P(All, DecompressedBytesTest,
                         ::testing::Values(Tool{Compression::gzip, ".gz"}, Tool{Compression::bzip2, ".bz2"},
                                           Tool{Compression::xz, ".xz"}, Tool{Compression::zstd, ".zst"}),
                         [](const auto& instance) { return std::string(to_string(instance.param.compression)); });

TEST_P(DecompressedBytesTest, ReadsWhatTheToolWrote) {
  const std::string path = tiny() + GetParam().extension;
  DecompressedBytes stream(std::make_unique<FileBytes>(path), path);
  EXPECT_EQ(stream.compression(), GetParam().compression);
  EXPECT_EQ(drain(stream), test::file_content(tiny()));
  EXPECT_EQ(stream.compressed_bytes(), test::file_content(path).size());
}

TEST_P(DecompressedBytesTest, GivesBackWhatWasCompressed) {
  for (const std::size_t size : {1U, 100U, 65'536U, 1'000'000U}) {
    const std::string text = sample(size);
    EXPECT_TRUE(decompressed(compress(text)) == text) << size;
  }
}

TEST_P(DecompressedBytesTest, ReadsInStepsOfAnySize) {
  const std::string text = sample(3000);
  const std::string file = compress(text);
  for (const std::size_t step : {1U, 2U, 7U}) {
    DecompressedBytes stream(std::make_unique<Trickle>(file, step), "file");
    EXPECT_EQ(drain(stream, step), text) << step;
  }
}

TEST_P(DecompressedBytesTest, GoesOnWithTheNextMember) {
  const std::string one = sample(1000);
  const std::string two = sample(200'000);
  EXPECT_TRUE(decompressed(compress(one) + compress(two) + compress("") + compress(one)) == one + two + one);
}

TEST_P(DecompressedBytesTest, NoticesWhereverItIsCutOff) {
  const std::string file = compress(sample(300));
  for (std::size_t length = 8; length < file.size(); ++length) {
    ASSERT_THAT(damage(std::string_view(file).substr(0, length)), AllOf(StartsWith("file: "), HasSubstr(message())))
        << length;
  }
}

TEST_P(DecompressedBytesTest, NoticesThatALongFileIsCutOff) {
  const std::string file = compress(sample(2'000'000));
  for (const std::size_t missing :
       {std::size_t{1}, std::size_t{4}, std::size_t{1000}, file.size() / 2, file.size() - 10}) {
    EXPECT_THAT(damage(std::string_view(file).substr(0, file.size() - missing)), HasSubstr(message())) << missing;
  }
}

TEST_P(DecompressedBytesTest, NoticesThatTheSecondMemberIsCutOff) {
  const std::string file = compress(sample(1000));
  for (std::size_t missing = 1; missing < file.size(); ++missing) {
    ASSERT_THAT(damage(file + file.substr(0, file.size() - missing)), HasSubstr(message())) << missing;
  }
}

TEST_P(DecompressedBytesTest, NeverGivesOtherBytesForAFlippedBit) {
  // As the tools write it, with a checksum. A few bits mean nothing (gzip's time stamp): then the content is the same.
  const std::string text = test::file_content(tiny());
  const std::string file = test::file_content(tiny() + GetParam().extension);
  constexpr std::size_t kLongestMagic = 6;
  for (std::size_t bit = 8 * kLongestMagic; bit < file.size() * 8; ++bit) {
    std::string damaged = file;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ 1 << bit % 8);
    std::string got;
    if (test::user_error([&] { got = decompressed(damaged); }).empty()) {
      ASSERT_EQ(got, text) << "bit " << bit;
    }
  }
}

TEST_P(DecompressedBytesTest, RefusesGarbageBehindTheEnd) {
  const std::string file = compress(sample(300));
  for (const std::string& garbage :
       {std::string("x"), std::string("more than a few bytes"), std::string(3, '\0'), std::string("\x1f\x8b")}) {
    EXPECT_THAT(damage(file + garbage), HasSubstr(message())) << ::testing::PrintToString(garbage);
  }
}

TEST_P(DecompressedBytesTest, StartsAgain) {
  const std::string text = sample(100'000);
  const std::string file = compress(text);
  DecompressedBytes stream(std::make_unique<MemoryBytes>(file), "file");
  std::string some(70'000, '\0');
  ASSERT_GT(stream.read(some), 0U);
  stream.rewind();
  EXPECT_EQ(stream.compressed_bytes(), 0U);
  EXPECT_TRUE(drain(stream) == text);
}

TEST(DecompressedBytes, TakesTheStreamPaddingOfXz) {
  // xz-file-format.txt, 2.2: any multiple of four zero bytes.
  const std::string file = test::compressed(Compression::xz, "text");
  EXPECT_EQ(decompressed(file + std::string(8, '\0')), "text");
}

TEST(DecompressedBytes, SkipsTheSkippableFramesOfZstd) {
  // RFC 8878, 3.1.2: magic 0x184D2A50 to 5F, size, content. pzstd begins its files with one.
  const std::string skippable = std::string("\x50\x2a\x4d\x18\x03\x00\x00\x00", 8) + "abc";
  const std::string file = test::compressed(Compression::zstd, "text");
  EXPECT_EQ(decompressed(skippable + file), "text");
  EXPECT_EQ(decompressed(file + skippable), "text");
  EXPECT_THAT(damage(file + skippable.substr(0, 9)), HasSubstr("truncated"));
}

TEST(DecompressedBytes, PassesOnWhatIsNotCompressed) {
  for (const std::string text : {"", "a", "BZ", "BZhello", "\x1f", "(\xb5/", "plain text of some length"}) {
    DecompressedBytes stream(std::make_unique<MemoryBytes>(text), "file");
    EXPECT_EQ(stream.compression(), Compression::none);
    EXPECT_EQ(drain(stream), text);
  }
}

TEST(FileBytes, RefusesWhatCannotBeRead) {
  EXPECT_THAT(test::user_error([] { FileBytes("/nonexistent/trace.pgt"); }),
              AllOf(StartsWith("/nonexistent/trace.pgt: cannot read the trace: No such file or directory; allowed: ")));
  EXPECT_THAT(test::user_error([] { FileBytes("/"); }), HasSubstr("Is a directory"));
}

TEST(FileBytes, CannotStartAgainOnAPipe) {
  // The read end of a pipe, by the name that Linux gives it.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  FileBytes pipe("/proc/self/fd/" + std::to_string(ends[0]));
  EXPECT_THAT(test::user_error([&] { pipe.rewind(); }), HasSubstr("not a pipe"));
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace pagoda::decompress_test

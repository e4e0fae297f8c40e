// Streams take a bounded amount of memory, however long they are. This program counts what is allocated, so it holds
// nothing but these tests.
#include <atomic>
#include <cstdlib>
#include <malloc.h>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/workload/pattern.h"
#include "pagoda/workload/trace_reuse.h"
#include "unit/workload/workload_test_util.h"

namespace {

std::atomic<std::size_t> live_bytes = 0;
std::atomic<std::size_t> most_bytes = 0;

void* counted(std::size_t size) {
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t live = live_bytes += ::malloc_usable_size(memory);
  if (live > most_bytes) most_bytes = live;
  return memory;
}

void uncounted(void* memory) {
  if (memory != nullptr) live_bytes -= ::malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* memory) noexcept { uncounted(memory); }
void operator delete[](void* memory) noexcept { uncounted(memory); }
void operator delete(void* memory, std::size_t) noexcept { uncounted(memory); }
void operator delete[](void* memory, std::size_t) noexcept { uncounted(memory); }

namespace pagoda {
namespace {

/// Text without end, made as it is read: `prefix`, then `line` again and again.
class EndlessText final : public ByteStream {
 public:
  EndlessText(std::string prefix, const std::string& line, std::uint64_t bytes)
      : text_(std::move(prefix)), line_(line), left_(bytes) {}

  std::size_t read(std::span<char> out) override {
    std::size_t count = 0;
    while (count < out.size() && left_ > 0) {
      if (at_ == text_.size()) {
        text_ = line_;
        at_ = 0;
      }
      out[count++] = text_[at_++];
      --left_;
    }
    return count;
  }
  void rewind() override {}

 private:
  std::string text_;
  std::string line_;
  std::size_t at_ = 0;
  std::uint64_t left_;
};

/// The most memory taken at once while `source` is read to its end, beyond what was taken before it was made.
template <class MakeSource>
std::size_t memory_taken(MakeSource make_source, std::uint64_t records) {
  const std::size_t before = live_bytes;
  most_bytes = before;
  const auto source = make_source();
  std::array<Access, 512> batch;
  std::uint64_t count = 0;
  while (const std::size_t got = source->fill(batch)) count += got;
  EXPECT_EQ(count, records);
  return most_bytes - before;
}

constexpr std::size_t kMebibyte = 1 << 20;

TEST(Streaming, ALongTextTakesNoMoreThanItsWindow) {
  constexpr std::uint64_t kRecords = 3'000'000;
  EXPECT_LT(
      memory_taken([] { return read_trace(std::make_unique<EndlessText>("", " L 1000,8\n", kRecords * 10), "trace"); },
                   kRecords),
      kMebibyte);
  EXPECT_LT(memory_taken(
                [] {
                  return read_trace(
                      std::make_unique<EndlessText>("# pagoda-trace 1\n", "1 L 0x100 8\n", 17 + kRecords * 12),
                      "trace");
                },
                kRecords),
            kMebibyte);
}

TEST(Streaming, ALongBinaryTraceTakesNoMoreThanItsWindow) {
  constexpr std::uint64_t kRecords = 5'000'000;
  const std::string file = test::written(TraceFormat::binary, std::vector<Access>(kRecords, Access{.address = 0x1000}));
  EXPECT_LT(memory_taken([&] { return test::reader_of(file); }, kRecords), kMebibyte);
}

TEST(Streaming, ACompressedTraceTakesNoMoreThanItsDecompressor) {
  // Made of 3 MB of text that compresses to little; what the C libraries keep for themselves is not counted.
  constexpr std::uint64_t kRecords = 300'000;
  std::string text;
  for (std::uint64_t i = 0; i < kRecords; ++i) text += " L 1000,8\n";
  for (const Compression compression : {Compression::gzip, Compression::bzip2, Compression::xz, Compression::zstd}) {
    const std::string file = test::compressed(compression, text);
    EXPECT_LT(memory_taken([&] { return test::reader_of(file); }, kRecords), kMebibyte) << to_string(compression);
  }
}

TEST(Streaming, APatternTakesNoMemoryForItsRegion) {
  for (const PatternKind kind :
       {PatternKind::sequential, PatternKind::random, PatternKind::zipf, PatternKind::chase, PatternKind::hot_cold}) {
    EXPECT_LT(memory_taken([&] { return make_pattern({.kind = kind, .count = 100'000, .size = Bytes{1ULL << 44}}); },
                           100'000),
              kMebibyte)
        << static_cast<int>(kind);
  }
}

TEST(Streaming, AScanTakesMemoryForThePagesOnly) {
  const std::size_t before = live_bytes;
  most_bytes = before;
  ReuseDistance reuse;
  TouchedPages touched;
  for (std::uint64_t i = 0; i < 5'000'000; ++i) {
    reuse.access(i * 7919 % 1000);
    touched.touch(i * 7919 % 1000 << kPageShift, 8);
  }
  EXPECT_LT(most_bytes - before, kMebibyte);
}

}  // namespace
}  // namespace pagoda

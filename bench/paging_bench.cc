// Nanoseconds for one page-table walk over flat memory with nothing cached: the cost of the walk itself.
#include <random>
#include <vector>

#include <benchmark/benchmark.h>

#include "pagoda/paging/page_table_editor.h"
#include "pagoda/paging/run_walk.h"

namespace pagoda {
namespace {

// Memory as an array of words, for the editor and the walk.
class FlatMemory : public ByteStore {
 public:
  explicit FlatMemory(std::uint64_t bytes) : words_(bytes / 8) {}
  std::uint64_t read(Addr address) override { return words_[address / 8]; }
  void write(Addr address, std::uint64_t value) override { words_[address / 8] = value; }

  EntryRead read(const Step& step) {
    ++reads;
    return {.value = words_[step.address / 8]};
  }
  EntryUpdate update(const Step& step) {
    std::uint64_t& word = words_[step.address / 8];
    if (word != step.expected) return {.success = false, .current = word};
    word = step.desired;
    return {};
  }
  std::uint64_t reads = 0;

 private:
  std::vector<std::uint64_t> words_;
};

constexpr std::uint64_t kMemory = 64U << 20;
constexpr Addr kBase = 0x12'3400'0000;
constexpr Addr kPages = 1024;

// Each stage maps the memory of tables and data to itself, with 4 KiB pages; stage 0 maps kPages pages at kBase.
std::vector<Stage> build(FlatMemory& memory, const std::vector<const char*>& formats) {
  BumpFrames frames(1U << 20, kMemory);
  constexpr Rights kAll = kPermissions | kFlags;
  std::vector<Stage> stages;
  for (std::size_t s = 0; s < formats.size(); ++s) {
    Stage stage{.format = find_page_format(formats[s])};
    stage.root = PageTableEditor::make_root(*stage.format, memory, frames).value();
    PageTableEditor editor(stage, memory, frames);
    const Addr pages = s == 0 ? kPages : kMemory >> kPageShift;
    for (Addr page = 0; page < pages; ++page) {
      const Addr output = page << kPageShift;
      const Addr input = s == 0 ? kBase + output : output;
      if (editor.map(input, {.output = output, .rights = kAll}) != EditStatus::ok) std::abort();
    }
    stages.push_back(stage);
  }
  return stages;
}

void walk(benchmark::State& state, const std::vector<const char*>& formats) {
  FlatMemory memory(kMemory);
  const std::vector<Stage> stages = build(memory, formats);
  std::mt19937_64 random(1);
  std::vector<Addr> addresses(4096);
  for (Addr& address : addresses) address = kBase + (random() % kPages << kPageShift | (random() & 0xff8));
  std::size_t next = 0;
  for (auto _ : state) {
    Walk one(stages, {.address = addresses[next++ % addresses.size()], .privilege = Privilege::user});
    if (!run_walk(one, memory)) state.SkipWithError("fault");
    benchmark::DoNotOptimize(one.translation().output);
  }
  state.SetItemsProcessed(state.iterations());
  state.counters["reads_per_walk"] = static_cast<double>(memory.reads) / static_cast<double>(state.iterations());
}

BENCHMARK_CAPTURE(walk, x86_64_4, {"x86-64-4"});
BENCHMARK_CAPTURE(walk, sv39, {"sv39"});
BENCHMARK_CAPTURE(walk, sv48, {"sv48"});
BENCHMARK_CAPTURE(walk, armv8_s1, {"armv8-s1"});
BENCHMARK_CAPTURE(walk, x86_64_4_over_ept_4, {"x86-64-4", "ept-4"});
BENCHMARK_CAPTURE(walk, sv39_over_sv39x4, {"sv39", "sv39x4"});
BENCHMARK_CAPTURE(walk, sv48_over_sv48x4, {"sv48", "sv48x4"});
BENCHMARK_CAPTURE(walk, three_stages, {"sv48", "sv48x4", "sv48x4"});

}  // namespace
}  // namespace pagoda

BENCHMARK_MAIN();

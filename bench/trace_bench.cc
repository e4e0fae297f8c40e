// Records per second of every way to get a stream of accesses: trace formats, compressions, patterns.
//
// The traces are written from a shipped capture when the program starts; reading is from the page cache. Medians:
//   trace_bench --benchmark_repetitions=5 --benchmark_report_aggregates_only=true
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <benchmark/benchmark.h>

#include "pagoda/workload/pattern.h"
#include "pagoda/workload/trace_convert.h"
#include "pagoda/workload/trace_info.h"
#include "pagoda/workload/trace_reader.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kRecords = 2'000'000;

/// What a core asks for at a time.
constexpr std::size_t kBatch = 512;

void drain(AccessSource& source, benchmark::State& state) {
  std::vector<Access> batch(kBatch);
  std::int64_t records = 0;
  while (const std::size_t count = source.fill(batch)) {
    benchmark::DoNotOptimize(batch.data());
    records += static_cast<std::int64_t>(count);
  }
  state.SetItemsProcessed(state.items_processed() + records);
}

void read_trace_file(benchmark::State& state, const std::string& path) {
  for (auto _ : state) drain(*open_trace(path), state);
}

void footprint(benchmark::State& state, const std::string& path) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(open_trace(path)->footprint());
    state.SetItemsProcessed(state.items_processed() + static_cast<std::int64_t>(kRecords));
  }
}

void info(benchmark::State& state, const std::string& path) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(trace_info(path));
    state.SetItemsProcessed(state.items_processed() + static_cast<std::int64_t>(kRecords));
  }
}

void fold(benchmark::State& state, const std::string& path) {
  for (auto _ : state) {
    FetchFolder folder(open_trace(path), FetchDetail::line);
    drain(folder, state);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kRecords));
}

void write(benchmark::State& state, const std::string& from, const std::string& to) {
  for (auto _ : state) convert_trace(from, to);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * kRecords));
}

void generate(benchmark::State& state, const PatternConfig& config) {
  const auto source = make_pattern(config);
  for (auto _ : state) {
    source->rewind();
    drain(*source, state);
  }
}

void register_traces(const std::string& folder) {
  LimitSource capture(open_trace(PAGODA_TRACES "/bfs.lackey.xz"), kRecords);
  const std::string binary = folder + "/trace.pgt";
  write_trace(capture, binary);
  for (const char* name : {"trace.pgt", "trace.pgt.zst", "trace.pgt.xz", "trace.txt", "trace.txt.zst", "trace.lackey",
                           "trace.lackey.gz", "trace.lackey.bz2", "trace.lackey.xz", "trace.lackey.zst"}) {
    const std::string path = folder + "/" + name;
    if (path != binary) convert_trace(binary, path);
    benchmark::RegisterBenchmark((std::string("read/") + name).c_str(), read_trace_file, path);
  }
  benchmark::RegisterBenchmark("fold_fetches/trace.pgt", fold, binary);
  benchmark::RegisterBenchmark("footprint/trace.pgt", footprint, binary);
  benchmark::RegisterBenchmark("info/trace.pgt", info, binary);
  for (const char* name : {"written.pgt", "written.txt", "written.lackey"}) {
    benchmark::RegisterBenchmark((std::string("write/") + name).c_str(), write, binary, folder + "/" + name);
  }
}

void register_patterns() {
  const Bytes size{4ULL << 30};
  const std::pair<const char*, PatternConfig> patterns[] = {
      {"sequential", {}},
      {"sequential_writes", {.write_ratio = 0.3}},
      {"strided", {.kind = PatternKind::strided, .size = size, .stride = Bytes{4096}}},
      {"random", {.kind = PatternKind::random, .size = size}},
      {"random_pages", {.kind = PatternKind::random, .size = size, .element = Bytes{4096}}},
      {"gups",
       {.kind = PatternKind::random, .size = size, .element = Bytes{8}, .write_ratio = 1, .read_modify_write = true}},
      {"zipf", {.kind = PatternKind::zipf, .size = size}},
      {"chase", {.kind = PatternKind::chase, .size = size}},
      {"chase_odd_size", {.kind = PatternKind::chase, .size = Bytes{size.count / 2 + 64}}},
      {"hot_cold", {.kind = PatternKind::hot_cold, .size = size}},
  };
  PatternConfig mix{.kind = PatternKind::mix};
  for (const auto& [name, config] : patterns) {
    benchmark::RegisterBenchmark((std::string("pattern/") + name).c_str(), generate, config);
    mix.parts.push_back(config);
  }
  mix.parts.resize(3);
  benchmark::RegisterBenchmark("pattern/mix_of_three", generate, mix);
}

}  // namespace
}  // namespace pagoda

/// SystemC's library wants one; nothing is simulated here.
extern "C" int sc_main(int /*argc*/, char** /*argv*/) { return 0; }

int main(int argc, char** argv) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("pagoda-trace-bench-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  pagoda::register_traces(folder.string());
  pagoda::register_patterns();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  std::filesystem::remove_all(folder);
  return 0;
}

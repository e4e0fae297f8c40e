// Host time per request of the DRAM timing core, by pattern and preset.
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "pagoda/memory/dram_timing.h"

namespace {

using pagoda::Addr;
using pagoda::DramTiming;
using pagoda::Ps;

enum class Pattern { stream, random };

struct Load {
  const char* preset;
  Pattern pattern;
  int window;   ///< requests in flight
  Ps disorder;  ///< arrivals come up to so much earlier than the latest one
  int write_percent;
};

/// Requests as a requester with a bounded window makes them: each is issued when the one `window` before it is done.
void run(benchmark::State& state, const Load& load) {
  const pagoda::DramConfig& config = pagoda::find_dram_preset(load.preset)->config;
  DramTiming dram(config);
  const Addr lines = pagoda::capacity_bytes(config.organisation) / 64;
  std::mt19937_64 random(1);
  // Drawn beforehand, so that the generator is not measured.
  constexpr std::size_t kDrawn = 1 << 16;
  std::vector<Addr> addresses;
  std::vector<Ps> early;
  std::vector<bool> writes;
  for (std::size_t i = 0; i < kDrawn; ++i) {
    addresses.push_back((load.pattern == Pattern::stream ? i : random() % lines) * 64);
    early.push_back(load.disorder == 0 ? 0 : random() % load.disorder);
    writes.push_back(random() % 100 < static_cast<unsigned>(load.write_percent));
  }
  std::vector<Ps> done(static_cast<std::size_t>(load.window));
  std::size_t n = 0;
  std::size_t oldest = 0;
  Ps now = load.disorder;
  Addr pass = 0;
  for (auto _ : state) {
    now = std::max(now, done[oldest]);
    const Addr address = load.pattern == Pattern::stream ? addresses[n] + pass : addresses[n];
    const auto response = dram.access(
        {.address = address, .bytes = 64, .write = writes[n], .arrival = now - early[n], .floor = now - load.disorder});
    done[oldest] = response.complete;
    benchmark::DoNotOptimize(response);
    if (++oldest == done.size()) oldest = 0;
    if (++n == kDrawn) {
      n = 0;
      pass += kDrawn * 64;
    }
  }
  const auto report = dram.report(now);
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["simulated_GB_per_s"] =
      static_cast<double>(report.bytes_read + report.bytes_written) / pagoda::to_ns(now);
  const auto columns = static_cast<double>(report.counters.read_bursts + report.counters.write_bursts);
  state.counters["row_hits"] = static_cast<double>(report.counters.row_hits) / columns;
}

constexpr Ps kMicrosecond = pagoda::kMicrosecond;

}  // namespace

BENCHMARK_CAPTURE(run, stream_ddr4, Load{"DDR4-3200", Pattern::stream, 48, 0, 0});
BENCHMARK_CAPTURE(run, stream_writes_ddr4, Load{"DDR4-3200", Pattern::stream, 48, 0, 100});
BENCHMARK_CAPTURE(run, random_ddr4, Load{"DDR4-3200", Pattern::random, 48, 0, 0});
BENCHMARK_CAPTURE(run, random_one_at_a_time_ddr4, Load{"DDR4-3200", Pattern::random, 1, 0, 0});
BENCHMARK_CAPTURE(run, random_30_percent_writes_ddr4, Load{"DDR4-3200", Pattern::random, 48, 0, 30});
BENCHMARK_CAPTURE(run, random_disorder_1us_ddr4, Load{"DDR4-3200", Pattern::random, 48, kMicrosecond, 0});
BENCHMARK_CAPTURE(run, random_disorder_10us_ddr4, Load{"DDR4-3200", Pattern::random, 48, 10 * kMicrosecond, 0});
BENCHMARK_CAPTURE(run, random_disorder_1us_writes_ddr4, Load{"DDR4-3200", Pattern::random, 48, kMicrosecond, 30});
BENCHMARK_CAPTURE(run, random_ddr4_2400, Load{"DDR4-2400", Pattern::random, 48, 0, 0});
BENCHMARK_CAPTURE(run, random_ddr5, Load{"DDR5-4800", Pattern::random, 48, 0, 0});
BENCHMARK_CAPTURE(run, random_lpddr5, Load{"LPDDR5-6400", Pattern::random, 48, 0, 0});
BENCHMARK_CAPTURE(run, random_hbm2e, Load{"HBM2E", Pattern::random, 48, 0, 0});
BENCHMARK_MAIN();

// Sustained rates of one channel, against peak, refresh and the row limits.
#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "unit/memory/dram_bench_config.h"

namespace pagoda::dram_bandwidth_test {

enum class Pattern { sequential, one_bank, many_banks };

struct Load {
  Pattern pattern;
  int write_percent = 0;
  std::size_t window = 64;  ///< requests in flight
};

DramConfig one_channel(std::string_view preset) {
  DramConfig config = find_dram_preset(preset)->config;
  config.organisation.channels = 1;
  return config;
}

/// Bytes per nanosecond of 64-byte requests from 20 to 220 us, each made when the one `window` before it is done.
double measured_rate(const DramConfig& config, const Load& load) {
  DramTiming dram(config);
  std::mt19937_64 random(1);
  std::vector<Ps> done(load.window);
  Ps now = 0;
  Ps begin = 0;
  std::uint64_t before = 0;
  std::uint64_t count = 0;
  for (; now < 220 * kMicrosecond; ++count) {
    Ps& slot = done[count % load.window];
    now = std::max(now, slot);
    if (now < 20 * kMicrosecond) {
      begin = now;
      before = count;
    }
    Addr address = count * 64;
    if (load.pattern != Pattern::sequential) {
      DramAddress where{};
      if (load.pattern == Pattern::many_banks) {
        where.bank_group = static_cast<std::uint32_t>(random() % config.organisation.bank_groups);
        where.bank = static_cast<std::uint32_t>(random() % config.organisation.banks);
      }
      where.row = static_cast<std::uint32_t>(count % config.organisation.rows);
      address = dram.address_map().encode(where);
    }
    const bool write = random() % 100 < static_cast<std::uint64_t>(load.write_percent);
    slot = dram.access({.address = address, .write = write, .arrival = now, .floor = now}).complete;
  }
  return static_cast<double>((count - 1 - before) * 64) / to_ns(now - begin);
}

/// What the data bus could carry in the time that a rank is not refreshing.
double peak_less_refresh(const DramConfig& config) {
  const DramTimings& t = config.timings;
  const double clock = to_ns(t.t_ck.ps);
  const double peak = config.organisation.bus_width / 8.0 * t.beats_per_clock / clock;
  return peak * (1 - static_cast<double>(t.t_rfc.at(t.t_ck.ps)) / static_cast<double>(t.t_refi.at(t.t_ck.ps)));
}

class DramBandwidth : public testing::TestWithParam<std::string_view> {
 protected:
  DramBandwidth() : config_(one_channel(GetParam())), usable_(peak_less_refresh(config_)) {}
  DramConfig config_;
  double usable_;
};

TEST_P(DramBandwidth, StreamOfReads) {
  const double rate = measured_rate(config_, {Pattern::sequential});
  EXPECT_GE(rate, 0.95 * usable_);
  EXPECT_LE(rate, usable_ * 1.05);  // two ranks refresh one at a time
}

TEST_P(DramBandwidth, StreamOfWrites) { EXPECT_GE(measured_rate(config_, {Pattern::sequential, 100}), 0.95 * usable_); }

TEST_P(DramBandwidth, MixedStreamPaysForTurnaround) {
  const double third = measured_rate(config_, {Pattern::sequential, 33});
  EXPECT_GE(third, 0.65 * usable_);
  EXPECT_LE(third, 0.97 * usable_);
}

TEST_P(DramBandwidth, RandomRowsOfOneBankAreLimitedByTheRowCycle) {
  const DramTimings& t = config_.timings;
  config_.timings.t_refi = Latency::cycles(0);
  const Ps row_cycle = static_cast<Ps>(round_up_to_clocks(t.t_rc, t.t_ck.ps)) * t.t_ck.ps;
  EXPECT_NEAR(measured_rate(config_, {Pattern::one_bank}), 64 / to_ns(row_cycle), 0.001);
}

std::vector<std::string_view> preset_names() {
  std::vector<std::string_view> names;
  for (const DramPreset& preset : dram_presets()) names.push_back(preset.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, DramBandwidth, testing::ValuesIn(preset_names()), [](const auto& preset) {
  std::string name(preset.param);
  std::erase(name, '-');
  return name;
});

TEST(DramRandom, ManyBanksAreLimitedByTheFourActivateWindow) {
  DramConfig config = one_channel("DDR4-3200");
  config.organisation.ranks = 1;
  config.timings.t_refi = Latency::cycles(0);
  // Four rows of one line each in tFAW, 34 clocks of 0.625 ns: 12.05 GB/s, of which random banks reach nearly all.
  const double limit = 4 * 64 / (34 * 0.625);
  const double rate = measured_rate(config, {Pattern::many_banks});
  EXPECT_LE(rate, limit);
  EXPECT_GE(rate, 0.85 * limit);
}

TEST(DramRandom, ManyBanksAreLimitedByTheActivateDistanceWhereThatIsLonger) {
  DramConfig config = one_channel("DDR4-3200");
  config.organisation.ranks = 1;
  config.timings.t_refi = Latency::cycles(0);
  config.timings.t_rrd_s = Latency::cycles(16);
  config.timings.t_rrd_l = Latency::cycles(16);
  const double limit = 64 / (16 * 0.625);
  const double rate = measured_rate(config, {Pattern::many_banks});
  EXPECT_LE(rate, limit);
  EXPECT_GE(rate, 0.9 * limit);
}

TEST(DramRandom, MoreChannelsCarryMore) {
  DramConfig config = find_dram_preset("DDR5-4800")->config;
  const double two = measured_rate(config, {Pattern::sequential, 0, 128});
  config.organisation.channels = 1;
  EXPECT_NEAR(two, 2 * measured_rate(config, {Pattern::sequential, 0, 64}), 0.05 * two);
}

}  // namespace pagoda::dram_bandwidth_test

// Whatever is requested, in whatever order: the resulting command schedule breaks no rule.
#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/memory/dram_timing.h"
#include "unit/memory/dram_rules.h"

namespace pagoda::dram_schedule_test {

using Kind = DramCommand::Kind;
using test::CommandRecorder;

struct Traffic {
  std::uint64_t seed = 1;
  int requests = 2000;
  int write_percent = 30;
  Ps disorder = 0;         ///< a request comes up to so much earlier than the latest arrival so far
  Ps spacing = 5'000;      ///< mean distance of arrivals
  std::uint64_t rows = 4;  ///< few rows: hits, conflicts and merged writes; more rows: mostly conflicts
  std::uint64_t bytes = 64;
};

struct Served {
  DramRequest request;
  DramResponse response;
};

std::vector<Served> run(DramTiming& dram, const Traffic& traffic) {
  std::mt19937_64 random(traffic.seed);
  const DramOrganisation& organisation = dram.config().organisation;
  std::vector<Served> served;
  Ps latest = traffic.disorder;
  for (int i = 0; i < traffic.requests; ++i) {
    latest += random() % (2 * traffic.spacing);
    if (random() % 500 == 0) latest += 2 * kMicrosecond;  // now and then, quiet
    const DramAddress where{static_cast<std::uint32_t>(random() % organisation.channels),
                            static_cast<std::uint32_t>(random() % organisation.ranks),
                            static_cast<std::uint32_t>(random() % organisation.bank_groups),
                            static_cast<std::uint32_t>(random() % organisation.banks),
                            static_cast<std::uint32_t>(random() % traffic.rows),
                            static_cast<std::uint32_t>(random() % 8)};
    const DramRequest request{.address = dram.address_map().encode(where),
                              .bytes = traffic.bytes,
                              .write = random() % 100 < static_cast<std::uint64_t>(traffic.write_percent),
                              .arrival = latest - (traffic.disorder == 0 ? 0 : random() % traffic.disorder),
                              .floor = latest - traffic.disorder};
    served.push_back({request, dram.access(request)});
  }
  dram.finish(latest + 100 * kMicrosecond);
  return served;
}

// Preset and page policy.
using Variant = std::tuple<std::string_view, DramPagePolicy>;

class DramSchedule : public testing::TestWithParam<Variant> {
 protected:
  DramSchedule() : config_(find_dram_preset(std::get<0>(GetParam()))->config) {
    config_.controller.page_policy = std::get<1>(GetParam());
    // As many channels as matter: they do not influence each other.
    config_.organisation.channels = 2;
  }

  /// All combinations of order and mix, each with its own seed.
  std::vector<Traffic> loads() const {
    std::vector<Traffic> all;
    for (const Ps disorder : {Ps{0}, 100 * kNanosecond, 3 * kMicrosecond}) {
      for (const int write_percent : {0, 30, 100}) {
        all.push_back({.seed = all.size() + 1, .write_percent = write_percent, .disorder = disorder});
      }
    }
    return all;
  }

  Ps clocks_of(const Latency& value) const {
    return static_cast<Ps>(round_up_to_clocks(value, config_.timings.t_ck.ps));
  }

  DramConfig config_;
};

std::string describe(const Traffic& load) {
  return "disorder " + std::to_string(load.disorder) + " ps, " + std::to_string(load.write_percent) + " % writes";
}

TEST_P(DramSchedule, BreaksNoRule) {
  for (Traffic load : loads()) {
    SCOPED_TRACE(describe(load));
    for (const int kind : {0, 1, 2, 3}) {
      load.rows = kind % 2 == 0 ? 4 : 1000;
      load.spacing = kind < 2 ? 3'000 : 30'000;
      config_.controller.page_timeout = {kind == 3 ? 200 * kNanosecond : 0};
      DramTiming dram(config_);
      CommandRecorder recorder;
      dram.observe(&recorder);
      run(dram, load);
      EXPECT_THAT(test::broken_rules(config_, recorder.commands()), testing::IsEmpty()) << "kind " << kind;
      const DramCounters counters = dram.report(0).counters;
      EXPECT_EQ(recorder.of_kind(Kind::read).size(), counters.read_bursts);
      EXPECT_EQ(recorder.of_kind(Kind::write).size(), counters.write_bursts);
      EXPECT_EQ(recorder.of_kind(Kind::activate).size(), counters.activates());
    }
  }
}

TEST_P(DramSchedule, AnswersEachReadWithItsOwnData) {
  const DramTimings& timings = config_.timings;
  const Ps data = config_.organisation.burst_length / timings.beats_per_clock * timings.t_ck.ps;
  for (Traffic load : loads()) {
    SCOPED_TRACE(describe(load));
    DramTiming dram(config_);
    CommandRecorder recorder;
    dram.observe(&recorder);
    load.bytes = burst_bytes(config_.organisation);
    const std::vector<Served> served = run(dram, load);
    std::set<std::pair<Ps, Addr>> reads;
    for (const DramCommand& command : recorder.of_kind(Kind::read)) {
      reads.emplace(command.time, dram.address_map().encode(command.where));
    }
    for (const Served& one : served) {
      EXPECT_EQ(one.response.queueing + one.response.service, one.response.complete - one.request.arrival);
      if (one.request.write || one.response.outcome == DramOutcome::queued) continue;
      const Ps first_beat = one.response.complete - config_.controller.backend_latency.ps - data;
      const Ps command = first_beat - clocks_of(timings.t_cl) * timings.t_ck.ps;
      EXPECT_TRUE(reads.contains({command, one.request.address}));
      EXPECT_GE(command, one.request.arrival + config_.controller.frontend_latency.ps);
    }
  }
}

/// The largest number of intervals that share a time.
int most_at_once(const std::vector<std::pair<Ps, Ps>>& intervals) {
  std::vector<std::pair<Ps, int>> changes;
  for (const auto& [begin, end] : intervals) {
    changes.emplace_back(begin, 1);
    changes.emplace_back(end, -1);
  }
  std::sort(changes.begin(), changes.end());
  int count = 0;
  int most = 0;
  for (const auto& [time, change] : changes) most = std::max(most, count += change);
  return most;
}

/// How many reads that opened their row were in the queue at once: a read is there at least from its ACT to its RD.
int most_reads(const std::vector<DramCommand>& commands) {
  std::vector<std::pair<Ps, Ps>> stays;
  for (std::size_t i = 1; i < commands.size(); ++i) {
    // The observer hears of the two one after the other.
    if (commands[i].kind == Kind::read && commands[i - 1].kind == Kind::activate) {
      stays.emplace_back(commands[i - 1].time, commands[i].time);
    }
  }
  return most_at_once(stays);
}

/// How many writes were in the queue at once: a write is there from when it was accepted to its WR.
int most_writes(const DramTiming& dram, const CommandRecorder& recorder, const std::vector<Served>& served) {
  // Writes to one address go out in the order they came.
  std::map<Addr, std::vector<Ps>> written;
  for (const DramCommand& command : recorder.of_kind(Kind::write)) {
    written[dram.address_map().encode(command.where)].push_back(command.time);
  }
  std::map<Addr, std::vector<Ps>> accepted;
  for (const Served& one : served) {
    if (one.request.write) accepted[one.request.address].push_back(one.response.complete);
  }
  std::vector<std::pair<Ps, Ps>> stays;
  for (auto& [address, times] : accepted) {
    std::sort(times.begin(), times.end());
    if (written[address].size() != times.size()) continue;  // some merged: which ones cannot be seen from outside
    for (std::size_t i = 0; i < times.size(); ++i) stays.emplace_back(times[i], written[address][i]);
  }
  return most_at_once(stays);
}

TEST_P(DramSchedule, KeepsItsQueuesBounded) {
  config_.organisation.channels = 1;
  config_.controller.read_queue = 6;
  config_.controller.write_queue = 8;
  config_.controller.write_high = 6;
  config_.controller.write_low = 2;
  for (Traffic load : loads()) {
    SCOPED_TRACE(describe(load));
    DramTiming dram(config_);
    CommandRecorder recorder;
    dram.observe(&recorder);
    load.rows = 1000;
    load.spacing = 2'000;
    load.bytes = burst_bytes(config_.organisation);
    const std::vector<Served> served = run(dram, load);
    const DramCounters counters = dram.report(0).counters;
    EXPECT_GT(load.write_percent < 100 ? counters.read_queue_waits : counters.write_queue_waits, 0);
    EXPECT_LE(most_reads(recorder.commands()), 6);
    // A write that comes late in call order may find the entries free that one promised before will take.
    if (load.disorder == 0) {
      EXPECT_LE(most_writes(dram, recorder, served), 8);
    }
  }
}

TEST_P(DramSchedule, IsDeterministic) {
  for (const Traffic& load : loads()) {
    DramTiming first(config_);
    DramTiming second(config_);
    const std::vector<Served> a = run(first, load);
    const std::vector<Served> b = run(second, load);
    for (std::size_t i = 0; i < a.size(); ++i) ASSERT_EQ(a[i].response.complete, b[i].response.complete);
    EXPECT_EQ(first.report(kMillisecond).energy.joules(), second.report(kMillisecond).energy.joules());
  }
}

/// Some organisation and timings that are valid, however odd.
DramConfig any_config(std::mt19937_64& random) {
  const auto among = [&random](std::uint64_t least, std::uint64_t most) {
    return least + random() % (most - least + 1);
  };
  const auto power = [&among](int most) { return std::uint32_t{1} << among(0, static_cast<std::uint64_t>(most)); };
  const auto clocks = [&among](std::uint64_t least, std::uint64_t most) { return Latency::cycles(among(least, most)); };
  DramConfig config;
  config.organisation.ranks = power(2);
  config.organisation.bank_groups = power(2);
  config.organisation.banks = power(2);
  config.organisation.bank_hash = random() % 2 == 0;
  const std::uint64_t slow = random() % 4 == 0 ? 150 : 30;  // gaps of several words, now and then
  config.timings = {.t_ck = {among(300, 2'000)},
                    .beats_per_clock = power(3),
                    .t_cl = clocks(1, slow),
                    .t_cwl = clocks(1, slow),
                    .t_rcd = clocks(1, 40),
                    .t_rcd_wr = clocks(1, 40),
                    .t_rp = clocks(1, 40),
                    .t_ras = clocks(1, 80),
                    .t_rc = clocks(1, 120),
                    .t_rrd_s = clocks(1, 12),
                    .t_rrd_l = clocks(1, 20),
                    .t_faw = clocks(0, 64),
                    .t_ccd_s = clocks(1, 8),
                    .t_ccd_l = clocks(1, 16),
                    .t_ccd_l_wr = clocks(1, 48),
                    .t_wr = clocks(0, slow),
                    .t_rtp = clocks(1, 20),
                    .t_wtr_s = clocks(0, 16),
                    .t_wtr_l = clocks(0, slow),
                    .t_rtw = clocks(0, 8),
                    .t_rtrs = clocks(0, 8),
                    .t_refi = clocks(1'000, 5'000),
                    .t_rfc = clocks(0, 500)};
  config.controller.read_queue = static_cast<std::uint32_t>(among(1, 70));
  config.controller.write_queue = static_cast<std::uint32_t>(among(1, 70));
  config.controller.write_high = static_cast<std::uint32_t>(among(1, config.controller.write_queue));
  config.controller.write_low = static_cast<std::uint32_t>(among(0, config.controller.write_high - 1));
  config.controller.page_policy = random() % 2 == 0 ? DramPagePolicy::open : DramPagePolicy::closed;
  config.controller.page_timeout = {random() % 2 * 100'000};
  return config;
}

TEST(DramAnyConfig, BreaksNoRule) {
  std::mt19937_64 random(1);
  for (std::uint64_t i = 1; i <= 150; ++i) {
    const DramConfig config = any_config(random);
    if (!find_problems(config).empty()) continue;
    DramTiming dram(config);
    CommandRecorder recorder;
    dram.observe(&recorder);
    run(dram, {.seed = i,
               .requests = 700,
               .write_percent = static_cast<int>(random() % 101),
               .disorder = random() % 2 * (random() % 2'000'000),
               .spacing = 1'000 + random() % 20'000,
               .rows = 1 + random() % 6});
    ASSERT_THAT(test::broken_rules(config, recorder.commands()), testing::IsEmpty()) << "configuration " << i;
  }
}

/// That the checker would see it: each parameter made longer after the fact must break something.
TEST(DramRules, NoticeEachParameter) {
  DramConfig config = find_dram_preset("DDR4-3200")->config;
  DramTiming dram(config);
  CommandRecorder recorder;
  dram.observe(&recorder);
  run(dram, {.seed = 5, .requests = 4000, .write_percent = 40, .spacing = 3'000, .rows = 2});
  EXPECT_THAT(test::broken_rules(config, recorder.commands()), testing::IsEmpty());
  using Field = Latency DramTimings::*;
  for (const Field field :
       {&DramTimings::t_cl, &DramTimings::t_rcd, &DramTimings::t_rcd_wr, &DramTimings::t_rp, &DramTimings::t_ras,
        &DramTimings::t_rc, &DramTimings::t_rrd_s, &DramTimings::t_rrd_l, &DramTimings::t_faw, &DramTimings::t_ccd_s,
        &DramTimings::t_ccd_l, &DramTimings::t_ccd_l_wr, &DramTimings::t_wr, &DramTimings::t_rtp, &DramTimings::t_wtr_s,
        &DramTimings::t_wtr_l, &DramTimings::t_rtw, &DramTimings::t_rtrs, &DramTimings::t_rfc}) {
    DramConfig slower = config;
    Latency& value = slower.timings.*field;
    value = value.in_cycles ? Latency::cycles(value.value + 1) : Latency::time(value.value + config.timings.t_ck.ps);
    EXPECT_THAT(test::broken_rules(slower, recorder.commands()), testing::Not(testing::IsEmpty()))
        << "parameter number " << (&value - &slower.timings.t_cl);
  }
}

std::vector<std::string_view> preset_names() {
  std::vector<std::string_view> names;
  for (const DramPreset& preset : dram_presets()) names.push_back(preset.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(All, DramSchedule,
                         testing::Combine(testing::ValuesIn(preset_names()),
                                          testing::Values(DramPagePolicy::open, DramPagePolicy::closed)),
                         [](const testing::TestParamInfo<Variant>& variant) {
                           std::string name(std::get<0>(variant.param));
                           std::erase(name, '-');
                           return name + (std::get<1>(variant.param) == DramPagePolicy::open ? "_open" : "_closed");
                         });

}  // namespace pagoda::dram_schedule_test

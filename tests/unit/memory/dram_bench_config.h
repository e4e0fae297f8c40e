// What the closed-form DRAM tests share: a preset as a single, quiet channel, and requests by DRAM address.
#pragma once

#include <string_view>

#include "pagoda/memory/dram_timing.h"
#include "unit/memory/dram_rules.h"

namespace pagoda::test {

/// One channel, no refresh: only what a test asks for happens.
inline DramConfig quiet(std::string_view preset) {
  DramConfig config = find_dram_preset(preset)->config;
  config.organisation.channels = 1;
  config.timings.t_refi = Latency::cycles(0);
  return config;
}

/// A DRAM with its command log, addressed by bank, row and column, in bursts.
struct DramBench {
  explicit DramBench(const DramConfig& config_in) : config(config_in), dram(config) { dram.observe(&log); }

  /// Clocks that a parameter stands for, in picoseconds.
  Ps time(const Latency& value) const {
    return static_cast<Ps>(round_up_to_clocks(value, config.timings.t_ck.ps)) * config.timings.t_ck.ps;
  }
  Ps clocks(std::uint64_t count) const { return count * config.timings.t_ck.ps; }
  Ps burst() const { return clocks(config.organisation.burst_length / config.timings.beats_per_clock); }
  /// An arrival from which the first command can be issued at exactly `count` clocks.
  Ps arrival_for(std::uint64_t count) const { return clocks(count) - config.controller.frontend_latency.ps; }

  DramResponse access(bool write, const DramAddress& where, Ps arrival, Ps floor = 0) {
    return dram.access({.address = dram.address_map().encode(where),
                        .bytes = burst_bytes(config.organisation),
                        .write = write,
                        .arrival = arrival,
                        .floor = floor});
  }
  DramResponse read(const DramAddress& where, Ps arrival) { return access(false, where, arrival); }
  DramResponse write(const DramAddress& where, Ps arrival) { return access(true, where, arrival); }

  /// When the last command of a kind was issued.
  Ps last(DramCommand::Kind kind) const { return log.of_kind(kind).back().time; }

  DramConfig config;
  DramTiming dram;
  CommandRecorder log;
};

}  // namespace pagoda::test

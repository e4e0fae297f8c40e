#include "pagoda/memory/dram_clocks.h"

namespace pagoda {

Clock round_up_to_clocks(const Latency& value, Ps period) {
  if (value.in_cycles) return static_cast<Clock>(value.value);
  return static_cast<Clock>((value.value * 1000 / period + 974) / 1000);
}

DramClocks::DramClocks(const DramTimings& timings, std::uint32_t burst_length) : period(timings.t_ck.ps) {
  const auto clocks = [this](const Latency& value) { return round_up_to_clocks(value, period); };
  // Exact for a period of 1 as well, where 2^64 has no room: edge_before() makes up for one too few.
  reciprocal = std::numeric_limits<std::uint64_t>::max() / period;
  burst = static_cast<Clock>(burst_length / timings.beats_per_clock);
  column_latency = {clocks(timings.t_cl), clocks(timings.t_cwl)};
  row_to_column = {clocks(timings.t_rcd), clocks(timings.t_rcd_wr)};
  wr = clocks(timings.t_wr);
  to_precharge = {clocks(timings.t_rtp), column_latency[kDramWrite] + burst + wr};
  rp = clocks(timings.t_rp);
  ras = clocks(timings.t_ras);
  rc = std::max(clocks(timings.t_rc), ras + rp);
  rrd_s = clocks(timings.t_rrd_s);
  rrd_l = std::max(clocks(timings.t_rrd_l), rrd_s);
  faw = clocks(timings.t_faw);
  // An interval is a longest one, so it is rounded down.
  refi = timings.t_refi.in_cycles ? static_cast<Clock>(timings.t_refi.value)
                                  : static_cast<Clock>(timings.t_refi.value / period);
  rfc = clocks(timings.t_rfc);

  const Clock ccd_s = std::max(clocks(timings.t_ccd_s), burst);
  const Clock ccd_l = std::max(clocks(timings.t_ccd_l), ccd_s);
  const Clock ccd_l_wr = std::max(clocks(timings.t_ccd_l_wr), ccd_s);
  const Clock wtr_s = clocks(timings.t_wtr_s);
  const Clock wtr_l = std::max(clocks(timings.t_wtr_l), wtr_s);
  const Clock rtw = clocks(timings.t_rtw);
  const Clock rtrs = clocks(timings.t_rtrs);
  const Clock lead = column_latency[kDramRead] - column_latency[kDramWrite];
  // At least one clock, so that two commands always have an order.
  const auto at_least_one = [](Clock distance) { return std::max<Clock>(distance, 1); };
  const Clock read_to_write = at_least_one(lead + burst + rtw);
  const Clock write_end = column_latency[kDramWrite] + burst;
  column_gap[static_cast<std::size_t>(DramReach::other_rank)] = {
      {{burst + rtrs, at_least_one(lead + burst + std::max(rtw, rtrs))},
       {at_least_one(burst + rtrs - lead), burst + rtrs}}};
  column_gap[static_cast<std::size_t>(DramReach::same_rank)] = {{{ccd_s, read_to_write}, {write_end + wtr_s, ccd_s}}};
  column_gap[static_cast<std::size_t>(DramReach::same_group)] = {
      {{ccd_l, read_to_write}, {write_end + wtr_l, ccd_l_wr}}};
  for (const std::size_t access : {kDramRead, kDramWrite}) {
    row_cycle[access] = std::max({rc, ras + rp, row_to_column[access] + to_precharge[access] + rp});
  }
}

Clock DramClocks::reach() const {
  Clock longest = std::max({rrd_s, rrd_l, faw});
  for (const auto& reach : column_gap) {
    for (const auto& first : reach) longest = std::max({longest, first[kDramRead], first[kDramWrite]});
  }
  return longest;
}

}  // namespace pagoda

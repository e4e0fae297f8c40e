#include "pagoda/memory/dram_config.h"

#include <array>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include "pagoda/memory/dram_address_map.h"
#include "pagoda/memory/dram_calendar.h"
#include "pagoda/memory/dram_clocks.h"

namespace pagoda {
namespace {

/// Collects problems; each check says what is allowed when it fails.
class Checker {
 public:
  void require(bool holds, std::string path, std::string problem, std::string allowed) {
    if (!holds) problems_.push_back({std::move(path), std::move(problem), std::move(allowed)});
  }

  void power_of_two(std::string path, std::uint32_t value, std::uint32_t least, std::uint32_t most) {
    require(std::has_single_bit(value) && value >= least && value <= most, std::move(path), fmt::format("is {}", value),
            fmt::format("a power of two from {} to {}", least, most));
  }

  std::vector<DramProblem> take() { return std::move(problems_); }
  bool clean() const { return problems_.empty(); }

 private:
  std::vector<DramProblem> problems_;
};

void check_organisation(const DramOrganisation& organisation, Checker& check) {
  check.power_of_two("organisation.channels", organisation.channels, 1, 256);
  check.power_of_two("organisation.ranks", organisation.ranks, 1, 16);
  check.power_of_two("organisation.bank_groups", organisation.bank_groups, 1, 16);
  check.power_of_two("organisation.banks", organisation.banks, 1, 64);
  check.power_of_two("organisation.rows", organisation.rows, 1, 1U << 30);
  check.power_of_two("organisation.columns", organisation.columns, 1, 1U << 16);
  check.power_of_two("organisation.burst_length", organisation.burst_length, 1, 64);
  check.power_of_two("organisation.bus_width", organisation.bus_width, 8, 1024);
  check.power_of_two("organisation.device_width", organisation.device_width, 4, 1024);
  if (!check.clean()) return;
  check.require(organisation.device_width <= organisation.bus_width, "organisation.device_width",
                fmt::format("is {}, wider than the bus", organisation.device_width),
                fmt::format("at most bus_width, {}", organisation.bus_width));
  check.require(organisation.burst_length <= organisation.columns, "organisation.burst_length",
                fmt::format("is {}, longer than a row", organisation.burst_length),
                fmt::format("at most columns, {}", organisation.columns));
  const std::array sizes{organisation.channels, organisation.ranks,   organisation.bank_groups,  organisation.banks,
                         organisation.rows,     organisation.columns, organisation.bus_width / 8};
  int address_bits = 0;
  for (const std::uint32_t size : sizes) address_bits += std::countr_zero(size);
  check.require(address_bits <= 56, "organisation.rows", fmt::format("makes {} address bits", address_bits),
                "a capacity of at most 65536 TiB");  // what RISC-V can address; others less
  if (!check.clean()) return;
  const std::uint64_t product = capacity_bytes(organisation);
  check.require(organisation.capacity.count == 0 || organisation.capacity.count == product, "organisation.capacity",
                fmt::format("is {}", to_string(organisation.capacity)),
                fmt::format("what channels, ranks, banks, rows and columns make: {}", to_string(Bytes{product})));
  if (const auto problem = DramAddressMap::mapping_problem(organisation)) {
    check.require(false, "organisation.mapping", *problem,
                  "each of channel, rank, bankgroup, bank, row, column with all its bits, as `row:bank:column*3`");
  }
}

void check_timings(const DramTimings& timings, std::uint32_t burst_length, Checker& check) {
  check.require(timings.t_ck.ps >= 1 && timings.t_ck.ps <= kMicrosecond, "timings.t_ck",
                fmt::format("is {}", to_string(timings.t_ck)), "1 ps to 1 us");
  check.power_of_two("timings.beats_per_clock", timings.beats_per_clock, 1, 64);
  if (!check.clean()) return;
  check.require(timings.beats_per_clock <= burst_length, "timings.beats_per_clock",
                fmt::format("is {}", timings.beats_per_clock),
                fmt::format("at most organisation.burst_length, {}", burst_length));
  const auto bounded = [&](const char* name, const Latency& value, Clock least, Clock most = 1000) {
    const bool countable = value.value <= static_cast<std::uint64_t>(most) * timings.t_ck.ps;
    const Clock clocks = countable ? round_up_to_clocks(value, timings.t_ck.ps) : most + 1;
    check.require(clocks >= least && clocks <= most, fmt::format("timings.{}", name),
                  fmt::format("is {}", to_string(value)), fmt::format("{} to {} clocks", least, most));
  };
  bounded("t_cl", timings.t_cl, 1);
  bounded("t_cwl", timings.t_cwl, 1);
  bounded("t_rcd", timings.t_rcd, 1);
  bounded("t_rcd_wr", timings.t_rcd_wr, 1);
  bounded("t_rp", timings.t_rp, 1);
  bounded("t_ras", timings.t_ras, 1);
  bounded("t_rc", timings.t_rc, 1);
  bounded("t_rrd_s", timings.t_rrd_s, 1);
  bounded("t_rrd_l", timings.t_rrd_l, 1);
  bounded("t_faw", timings.t_faw, 0, 64);
  bounded("t_ccd_s", timings.t_ccd_s, 1);
  bounded("t_ccd_l", timings.t_ccd_l, 1);
  bounded("t_ccd_l_wr", timings.t_ccd_l_wr, 1);
  bounded("t_wr", timings.t_wr, 0);
  bounded("t_rtp", timings.t_rtp, 1);
  bounded("t_wtr_s", timings.t_wtr_s, 0);
  bounded("t_wtr_l", timings.t_wtr_l, 0);
  bounded("t_rtw", timings.t_rtw, 0);
  bounded("t_rtrs", timings.t_rtrs, 0);
  bounded("t_refi", timings.t_refi, 0, 100'000'000);
  bounded("t_rfc", timings.t_rfc, 0, 10'000'000);
  if (!check.clean()) return;
  const DramClocks clocks(timings, burst_length);
  const Clock needed = clocks.rfc + std::max(clocks.row_cycle[0], clocks.row_cycle[1]);
  check.require(
      clocks.refi == 0 || clocks.refi >= needed, "timings.t_refi",
      fmt::format("is {}, which leaves no room for an access between two refreshes", to_string(timings.t_refi)),
      fmt::format("0 for no refresh, or at least {} clocks", needed));
}

void check_controller(const DramController& controller, Checker& check) {
  const auto queue = [&](const char* name, std::uint32_t size) {
    check.require(size >= 1 && size <= DramCalendar::kMostEntries, fmt::format("controller.{}", name),
                  fmt::format("is {}", size), fmt::format("1 to {} entries", DramCalendar::kMostEntries));
  };
  queue("read_queue", controller.read_queue);
  queue("write_queue", controller.write_queue);
  check.require(controller.write_high >= 1 && controller.write_high <= controller.write_queue, "controller.write_high",
                fmt::format("is {}", controller.write_high),
                fmt::format("1 to write_queue, {}", controller.write_queue));
  check.require(controller.write_low < controller.write_high, "controller.write_low",
                fmt::format("is {}", controller.write_low), fmt::format("below write_high, {}", controller.write_high));
}

}  // namespace

std::uint64_t burst_bytes(const DramOrganisation& organisation) {
  return std::uint64_t{organisation.bus_width} / 8 * organisation.burst_length;
}

std::uint64_t capacity_bytes(const DramOrganisation& organisation) {
  const std::uint64_t banks =
      std::uint64_t{organisation.channels} * organisation.ranks * organisation.bank_groups * organisation.banks;
  return banks * organisation.rows * organisation.columns * (organisation.bus_width / 8);
}

std::vector<DramProblem> find_problems(const DramConfig& config) {
  Checker organisation;
  check_organisation(config.organisation, organisation);
  Checker timings;
  check_timings(config.timings, config.organisation.burst_length, timings);
  Checker controller;
  check_controller(config.controller, controller);
  std::vector<DramProblem> problems = organisation.take();
  for (Checker* part : {&timings, &controller}) {
    for (DramProblem& problem : part->take()) problems.push_back(std::move(problem));
  }
  return problems;
}

}  // namespace pagoda

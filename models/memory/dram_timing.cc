#include "pagoda/memory/dram_timing.h"

#include <bit>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

/// How far behind the floor reservations are still possible: that far back, idle time can be used for queued
/// writes.
constexpr Clock kLookBack = 1024;

const DramConfig& checked(const DramConfig& config) {
  const std::vector<DramProblem> problems = find_problems(config);
  if (!problems.empty()) {
    throw UserError({}, problems.front().path, problems.front().problem, problems.front().allowed);
  }
  return config;
}

}  // namespace

/// Where a request stands while its bursts are served one after the other.
struct DramTiming::Progress {
  Ps arrival;
  Clock at;  ///< when its bursts reach the controllers
  bool first = true;
  DramResponse response{};
};

DramTiming::DramTiming(const DramConfig& config)
    : config_(checked(config)),
      clocks_(config.timings, config.organisation.burst_length),
      map_(config.organisation),
      operation_energy_(config, clocks_),
      bank_shift_(std::countr_zero(config.organisation.banks)),
      bank_group_shift_(std::countr_zero(config.organisation.bank_groups)) {
  for (std::uint32_t index = 0; index < config.organisation.channels; ++index) {
    channels_.emplace_back(config_, clocks_, index);
  }
}

void DramTiming::observe(DramObserver* observer) {
  for (DramChannel& channel : channels_) channel.observe(observer);
}

DramResponse DramTiming::access(const DramRequest& request) {
  if (request.floor != floor_) {
    floor_ = request.floor;
    floor_clock_ = static_cast<Clock>(floor_ / clocks_.period) - kLookBack;
  }
  Progress progress{.arrival = request.arrival,
                    .at = clocks_.edge_after(request.arrival + config_.controller.frontend_latency.ps)};
  const int shift = map_.burst_shift();
  const Addr first = request.address >> shift;
  const Addr last = (request.address + std::max<std::uint64_t>(request.bytes, 1) - 1) >> shift;
  for (Addr number = first; number <= last; ++number) {
    const DramAddress where = map_.decode(number << shift);
    DramChannel& channel = channels_[where.channel];
    if (floor_clock_ > 0) channel.forget_before(floor_clock_);
    const std::uint32_t group = (where.rank << bank_group_shift_) | where.bank_group;
    const DramBurst burst{number, (group << bank_shift_) | where.bank, where.row, where.column};
    if (request.write) {
      write_burst(channel, burst, progress);
    } else {
      read_burst(channel, burst, progress);
    }
  }
  DramResponse& response = progress.response;
  response.service = response.complete - request.arrival - response.queueing;
  if (request.write) {
    ++totals_.writes;
    totals_.bytes_written += request.bytes;
    totals_.write_queueing += response.queueing;
  } else {
    ++totals_.reads;
    totals_.bytes_read += request.bytes;
    totals_.read_queueing += response.queueing;
    totals_.read_service += response.service;
  }
  return response;
}

void DramTiming::read_burst(DramChannel& channel, const DramBurst& burst, Progress& progress) {
  const DramChannel::ReadResult result = channel.read(burst, progress.at);
  const Ps complete = clocks_.time_of(result.data_end) + config_.controller.backend_latency.ps;
  DramResponse& response = progress.response;
  response.complete = std::max(response.complete, complete);
  if (!progress.first) return;
  progress.first = false;
  response.outcome = result.outcome;
  const Ps alone = config_.controller.frontend_latency.ps + clocks_.time_of(result.unloaded) +
                   config_.controller.backend_latency.ps;
  response.queueing = complete - progress.arrival - alone;
}

void DramTiming::write_burst(DramChannel& channel, const DramBurst& burst, Progress& progress) {
  const DramChannel::WriteResult result = channel.write(burst, progress.at);
  DramResponse& response = progress.response;
  response.complete = std::max(response.complete, clocks_.time_of(result.accepted));
  response.outcome = result.outcome;
  response.queueing = response.complete - progress.arrival - config_.controller.frontend_latency.ps;
}

void DramTiming::finish(Ps end) {
  for (DramChannel& channel : channels_) channel.finish(static_cast<Clock>(end / clocks_.period));
}

DramReport DramTiming::report(Ps now) const {
  DramReport report = totals_;
  const auto clock = static_cast<Clock>(now / clocks_.period);
  Clock row_open = 0;
  for (const DramChannel& channel : channels_) {
    report.counters += channel.counters();
    report.refreshes += channel.refreshes(clock);
    row_open += channel.row_open(clock);
  }
  const std::uint64_t bursts = report.counters.read_bursts + report.counters.write_bursts;
  report.bus_busy = bursts * clocks_.time_of(clocks_.burst);
  const double ranks = config_.organisation.ranks * config_.organisation.channels;
  report.energy =
      dram_energy(operation_energy_, {.counters = report.counters,
                                      .refreshes = report.refreshes,
                                      .rank_seconds = ranks * to_seconds(now),
                                      .open_bank_seconds = to_seconds(clocks_.time_of(row_open))});
  return report;
}

std::vector<DramBankReport> DramTiming::report_banks() const {
  std::vector<DramBankReport> reports;
  for (std::uint32_t channel = 0; channel < channels_.size(); ++channel) {
    const std::vector<DramBank>& banks = channels_[channel].banks();
    for (std::uint32_t index = 0; index < banks.size(); ++index) {
      const std::uint32_t group = index >> bank_shift_;
      reports.push_back({.bank = {.channel = channel,
                                  .rank = group >> bank_group_shift_,
                                  .bank_group = group & (config_.organisation.bank_groups - 1),
                                  .bank = index & (config_.organisation.banks - 1),
                                  .row = 0,
                                  .column = 0},
                         .activates = banks[index].activates(),
                         .row_open = clocks_.time_of(banks[index].row_open()),
                         .busy = clocks_.time_of(banks[index].busy())});
    }
  }
  return reports;
}

}  // namespace pagoda

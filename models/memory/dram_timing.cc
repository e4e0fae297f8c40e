#include "pagoda/memory/dram_timing.h"

#include <algorithm>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

/// How far behind the floor reservations are still possible: that far back, idle time can be used for queued
/// writes.
constexpr Clock kLookBack = 512;

const DramConfig& checked(const DramConfig& config) {
  const std::vector<DramProblem> problems = find_problems(config);
  if (!problems.empty()) {
    throw UserError({}, problems.front().path, problems.front().problem, "allowed: " + problems.front().allowed);
  }
  return config;
}

}  // namespace

DramTiming::DramTiming(const DramConfig& config)
    : config_(checked(config)),
      clocks_(config.timings, config.organisation.burst_length),
      map_(std::make_unique<DramAddressMap>(config.organisation)),
      operation_energy_(config, clocks_),
      frontend_(config.controller.frontend_latency.ps),
      backend_(config.controller.backend_latency.ps),
      burst_shift_(map_->burst_shift()) {
  for (std::uint32_t index = 0; index < config.organisation.channels; ++index) {
    channels_.emplace_back(config_, clocks_, *map_, index);
  }
}

void DramTiming::observe(DramObserver* observer) {
  for (DramChannel& channel : channels_) channel.observe(observer);
}

void DramTiming::raise_floor(Ps floor) {
  const Clock clock = clocks_.edge_before(floor);
  next_floor_ = clocks_.time_of(clock + DramCalendar::kBlockClocks);
  if (clock < kLookBack) return;
  for (DramChannel& channel : channels_) channel.forget_before(clock - kLookBack);
}

[[gnu::always_inline]] inline DramChannel& DramTiming::route(Addr number, DramBurst& burst) {
  const DramAddressMap::Place place = map_->place(number << burst_shift_);
  burst = {number, place.bank, place.row};
  return channels_[place.channel];
}

Addr DramTiming::last_burst(const DramRequest& request) const {
  return (request.address + std::max<std::uint64_t>(request.bytes, 1) - 1) >> burst_shift_;
}

/// The bursts of a request after its first one; when the data of the last one ends.
Clock DramTiming::read_rest(Addr number, Addr last, Clock at) {
  Clock data_end = 0;
  while (number != last) {
    DramBurst burst;
    data_end = std::max(data_end, route(++number, burst).read(burst, at).data_end);
  }
  return data_end;
}

[[gnu::always_inline]] inline DramResponse DramTiming::read(const DramRequest& request, Clock at) {
  const Addr number = request.address >> burst_shift_;
  DramBurst burst;
  const DramChannel::ReadResult first = route(number, burst).read(burst, at);
  Clock data_end = first.data_end;
  const Addr last = last_burst(request);
  if (number != last) [[unlikely]]
    data_end = std::max(data_end, read_rest(number, last, at));
  DramResponse response;
  response.complete = clocks_.time_of(data_end) + backend_;
  response.queueing = clocks_.time_of(first.data_end - first.unloaded) - frontend_ - request.arrival;
  response.service = response.complete - request.arrival - response.queueing;
  response.outcome = first.outcome;
  ++totals_.reads;
  totals_.bytes_read += request.bytes;
  totals_.read_queueing += response.queueing;
  totals_.read_service += response.service;
  return response;
}

DramResponse DramTiming::write(const DramRequest& request, Clock at) {
  Addr number = request.address >> burst_shift_;
  DramBurst burst;
  Clock accepted = route(number, burst).write(burst, at);
  for (const Addr last = last_burst(request); number != last;) {
    accepted = std::max(accepted, route(++number, burst).write(burst, at));
  }
  DramResponse response;
  response.complete = clocks_.time_of(accepted);
  response.queueing = response.complete - request.arrival - frontend_;
  response.service = frontend_;
  response.outcome = DramOutcome::queued;
  ++totals_.writes;
  totals_.bytes_written += request.bytes;
  totals_.write_queueing += response.queueing;
  return response;
}

DramResponse DramTiming::access(const DramRequest& request) {
  if (request.floor >= next_floor_) raise_floor(request.floor);
  const Clock at = clocks_.edge_after(request.arrival + frontend_);
  return request.write ? write(request, at) : read(request, at);
}

DramTiming::InsideAccess DramTiming::access_inside(Addr address, bool write, Ps at, Ps floor) {
  if (floor >= next_floor_) raise_floor(floor);
  DramBurst burst;
  DramChannel& channel = route(address >> burst_shift_, burst);
  const Clock clock = clocks_.edge_after(at);
  if (write) {
    totals_.bytes_written += std::uint64_t{1} << burst_shift_;
    return {clocks_.time_of(channel.write(burst, clock)), DramOutcome::queued};
  }
  totals_.bytes_read += std::uint64_t{1} << burst_shift_;
  const DramChannel::ReadResult read = channel.read(burst, clock);
  return {clocks_.time_of(read.data_end), read.outcome};
}

DramUsedRow DramTiming::use_row(const DramRowUse& use) {
  if (use.floor >= next_floor_) raise_floor(use.floor);
  DramBurst burst;
  DramChannel& channel = route(use.address >> burst_shift_, burst);
  const Clock hold = clocks_.edge_after(use.hold);
  const DramScheduler::UsedRow row =
      channel.use_row(burst, clocks_.edge_after(use.arrival), {.hold = hold, .write = use.write});
  return {.begin = clocks_.time_of(row.begin),
          .done = clocks_.time_of(row.begin + hold),
          .bank_time = clocks_.time_of(row.bank_time),
          .outcome = row.outcome};
}

// A row must be opened, used, written back and closed between two refreshes.
Ps DramTiming::longest_hold() const {
  if (clocks_.refi == 0) return kSecond;
  const Clock rest = clocks_.rfc + clocks_.row_to_column[kDramRead] + clocks_.wr + 2 * clocks_.rp + clocks_.faw;
  return clocks_.time_of(std::max<Clock>(clocks_.refi - rest, 0));
}

Ps DramTiming::transfer(Addr near, Ps at) {
  DramBurst burst;
  DramChannel& channel = route(near >> burst_shift_, burst);
  return clocks_.time_of(channel.transfer(burst, clocks_.edge_after(at))) + backend_;
}

void DramTiming::finish(Ps end) {
  for (DramChannel& channel : channels_) channel.finish(clocks_.edge_before(end));
}

DramReport DramTiming::report(Ps now) const {
  DramReport report = totals_;
  const auto clock = clocks_.edge_before(now);
  Clock row_open = 0;
  for (const DramChannel& channel : channels_) {
    report.counters += channel.counters();
    report.refreshes += channel.scheduler().refreshes(clock);
    row_open += channel.scheduler().row_open(clock);
  }
  const std::uint64_t bursts = report.counters.bus_bursts();
  report.bus_busy = bursts * clocks_.time_of(clocks_.burst);
  const double ranks = config_.organisation.ranks * config_.organisation.channels;
  report.energy = dram_energy(operation_energy_, {.counters = report.counters,
                                                  .refreshes = report.refreshes,
                                                  .rank_seconds = ranks * to_seconds(now),
                                                  .open_bank_seconds = to_seconds(clocks_.time_of(row_open))});
  return report;
}

std::vector<DramBankReport> DramTiming::report_banks() const {
  std::vector<DramBankReport> reports;
  for (std::uint32_t channel = 0; channel < channels_.size(); ++channel) {
    const DramScheduler& scheduler = channels_[channel].scheduler();
    for (std::uint32_t index = 0; index < scheduler.bank_count(); ++index) {
      const DramBank& bank = scheduler.bank(index);
      DramAddress where = map_->bank_address(index);
      where.channel = channel;
      reports.push_back({.bank = where,
                         .activates = bank.activates(),
                         .row_open = clocks_.time_of(bank.row_open()),
                         .busy = clocks_.time_of(bank.busy())});
    }
  }
  return reports;
}

}  // namespace pagoda

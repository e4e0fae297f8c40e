#include "pagoda/memory/dram_channel.h"

#include <bit>

namespace pagoda {
namespace {

constexpr std::size_t lane_of(DramAccess access) { return static_cast<std::size_t>(access); }

}  // namespace

DramCounters& DramCounters::operator+=(const DramCounters& other) {
  read_bursts += other.read_bursts;
  write_bursts += other.write_bursts;
  forwarded_reads += other.forwarded_reads;
  merged_writes += other.merged_writes;
  row_hits += other.row_hits;
  row_closed += other.row_closed;
  row_conflicts += other.row_conflicts;
  activates += other.activates;
  write_drains += other.write_drains;
  read_queue_waits += other.read_queue_waits;
  write_queue_waits += other.write_queue_waits;
  return *this;
}

DramChannel::DramChannel(const DramConfig& config, const DramClocks& clocks, std::uint32_t index)
    : clocks_(clocks),
      controller_(config.controller),
      index_(index),
      ranks_(config.organisation.ranks),
      group_shift_(std::countr_zero(config.organisation.banks)),
      rank_shift_(group_shift_ + std::countr_zero(config.organisation.bank_groups)),
      group_lanes_(ranks_ * kRankLanes),
      read_queue_lane_(group_lanes_ + std::size_t{ranks_} * config.organisation.bank_groups * kGroupLanes),
      write_queue_lane_(read_queue_lane_ + 1),
      page_timeout_(config.controller.page_timeout.ps == 0
                        ? kNeverClock
                        : clocks.edge_after(config.controller.page_timeout.ps)),
      write_idle_(clocks.edge_after(config.controller.write_idle.ps)),
      calendar_(static_cast<int>(write_queue_lane_ + 1)),
      banks_(std::size_t{ranks_} << rank_shift_),
      reported_refreshes_(ranks_) {
  for (std::uint32_t rank = 0; rank < ranks_; ++rank) refresh_.emplace_back(clocks, rank, ranks_);
}

void DramChannel::forget_before(Clock floor) {
  calendar_.forget_before(floor);
  if (observer_ != nullptr) report_refreshes(floor);
}

// --- Requests
// -------------------------------------------------------------------------------------------------------

DramChannel::ReadResult DramChannel::read(const DramBurst& burst, Clock at) {
  at = std::max(at, calendar_.begin());
  if (!writes_.empty()) {
    drain_when_idle(at);
    if (writes_.holds(burst.number, at)) {
      ++counters_.forwarded_reads;
      return {at, 0, DramOutcome::queued};
    }
  }
  // A queue entry must be free from entering the queue until the RD is issued.
  Placement placement;
  Clock entry = at;
  while (true) {
    entry = calendar_.first_below(read_queue_lane_, entry, controller_.read_queue);
    placement = find(burst, DramAccess::read, entry);
    const Clock free =
        calendar_.after_full(read_queue_lane_, entry, placement.column + 1, controller_.read_queue);
    if (free == entry) break;
    entry = free;
  }
  if (entry != at) ++counters_.read_queue_waits;
  commit(burst, DramAccess::read, placement);
  calendar_.take(read_queue_lane_, entry, placement.column + 1);
  const Clock data = clocks_.column_latency[lane_of(DramAccess::read)] + clocks_.burst;
  Clock unloaded = data;
  if (placement.opens) unloaded += clocks_.row_to_column[lane_of(DramAccess::read)];
  if (placement.outcome == DramOutcome::conflict) unloaded += clocks_.rp;
  return {placement.column + data, unloaded, placement.outcome};
}

DramChannel::WriteResult DramChannel::write(const DramBurst& burst, Clock at) {
  at = std::max(at, calendar_.begin());
  if (!writes_.empty()) {
    drain_when_idle(at);
    if (writes_.holds(burst.number, at)) {
      ++counters_.merged_writes;
      return {at, DramOutcome::queued};
    }
  }
  // When those that wait now will leave is not known yet, so they count for ever.
  const auto entries = controller_.write_queue - static_cast<std::uint32_t>(writes_.size());
  Clock accepted = at;
  if (at < write_lane_end_) accepted = calendar_.after_full(write_queue_lane_, at, write_lane_end_, entries);
  if (accepted != at) ++counters_.write_queue_waits;
  writes_.push(burst, accepted);
  if (writes_.size() >= controller_.write_high) {
    ++counters_.write_drains;
    writes_.drain(controller_.write_low, [this, accepted](const DramWriteQueue::Entry& entry) {
      return drain_one(entry, accepted, kNeverClock);
    });
  }
  return {accepted, DramOutcome::queued};
}

/// Schedules a posted write at or after `from`, unless its WR would not come before `before`.
bool DramChannel::drain_one(const DramWriteQueue::Entry& entry, Clock from, Clock before) {
  const Placement placement =
      find(entry.burst, DramAccess::write, std::max({from, entry.entered, calendar_.begin()}));
  if (placement.column >= before) return false;
  commit(entry.burst, DramAccess::write, placement);
  calendar_.take(write_queue_lane_, entry.entered, placement.column + 1);
  write_lane_end_ = std::max(write_lane_end_, placement.column + 1);
  return true;
}

/// What a controller would have done with its queued writes while nothing arrived, seen at the next arrival.
void DramChannel::drain_when_idle(Clock now) {
  const Clock idle = std::max(data_until_, writes_.newest()) + write_idle_;
  if (idle >= now) return;
  ++counters_.write_drains;
  writes_.drain(
      0, [this, idle, now](const DramWriteQueue::Entry& entry) { return drain_one(entry, idle, now); });
}

void DramChannel::finish(Clock end) {
  writes_.drain(0, [this, from = data_until_](const DramWriteQueue::Entry& entry) {
    return drain_one(entry, from, kNeverClock);
  });
  for (std::uint32_t bank = 0; bank < banks_.size(); ++bank) {
    while (banks_[bank].size() > 1 || (!banks_[bank].empty() && precharge(banks_[bank], 0) <= end))
      retire_first(bank);
  }
  if (observer_ != nullptr) report_refreshes(end);
}

// --- Finding clocks
// -------------------------------------------------------------------------------------------------

/// When the page policy precharges a row if no other row is wanted.
Clock DramChannel::planned_precharge(const RowSession& session) const {
  if (controller_.page_policy == DramPagePolicy::closed) return session.earliest_precharge;
  return std::min(session.earliest_precharge + page_timeout_, session.latest_precharge);
}

/// The last clock at which a session's row can be precharged, for the sake of what comes after it.
Clock DramChannel::latest_precharge(const DramBank& bank, std::size_t index) const {
  const Clock refresh = bank[index].latest_precharge;
  return index + 1 < bank.size() ? std::min(refresh, bank[index + 1].activate - clocks_.rp) : refresh;
}

/// When it will be, as things stand.
Clock DramChannel::precharge(const DramBank& bank, std::size_t index) const {
  return std::min(planned_precharge(bank[index]), latest_precharge(bank, index));
}

Clock DramChannel::first_column(std::uint32_t bank, DramAccess access, Clock from) const {
  return calendar_.first_free(rank_lane(rank_of(bank), lane_of(access)),
                              group_lane(group_of(bank), lane_of(access)), from);
}

bool DramChannel::try_join(const DramBank& bank, std::size_t index, const DramBurst& burst, DramAccess access,
                           Clock from, Placement& placement) const {
  const RowSession& session = bank[index];
  if (session.row != burst.row) return false;
  const bool in_time = controller_.page_policy == DramPagePolicy::closed ? from <= session.last_column
                                                                         : from <= planned_precharge(session);
  if (!in_time) return false;
  const Clock deadline = latest_precharge(bank, index) - clocks_.to_precharge[lane_of(access)];
  const Clock earliest = std::max(from, session.activate + clocks_.row_to_column[lane_of(access)]);
  if (earliest > deadline) return false;
  const Clock column = first_column(burst.bank, access, earliest);
  if (column > deadline) return false;
  placement = {.session = index,
               .opens = false,
               .outcome = DramOutcome::hit,
               .activate = session.activate,
               .column = column,
               .earliest_precharge = column + clocks_.to_precharge[lane_of(access)],
               .latest_precharge = session.latest_precharge};
  return true;
}

/// Opens the row between the sessions `index - 1` and `index`, if it fits.
bool DramChannel::try_open(const DramBank& bank, std::size_t index, const DramBurst& burst, DramAccess access,
                           Clock from, Placement& placement) {
  const std::uint32_t rank = rank_of(burst.bank);
  const Clock row_cycle = clocks_.row_cycle(access);
  const Clock next = index < bank.size() ? bank[index].activate : kNeverClock;
  Clock activate = from;
  DramOutcome outcome = DramOutcome::closed;
  if (index > 0) {
    const RowSession& before = bank[index - 1];
    const Clock planned = planned_precharge(before);
    if (planned <= from) {
      activate = std::max(from, planned + clocks_.rp);
    } else {
      activate = std::max(from, before.earliest_precharge) + clocks_.rp;
      outcome = DramOutcome::conflict;
    }
    activate = std::max(activate, before.activate + clocks_.rc);
  }
  while (activate + row_cycle <= next) {
    const DramRefresh::Window window = refresh_[rank].window_at(activate);
    const Clock latest = std::min(next, window.end);
    activate =
        calendar_.first_free(rank_lane(rank, kActivateLane), group_lane(group_of(burst.bank), kActivateLane),
                             std::max(activate, window.begin));
    if (activate + row_cycle <= latest) {
      const Clock column =
          first_column(burst.bank, access, activate + clocks_.row_to_column[lane_of(access)]);
      const Clock precharge =
          std::max(activate + clocks_.ras, column + clocks_.to_precharge[lane_of(access)]);
      if (precharge + clocks_.rp <= latest) {
        placement = {.session = index,
                     .opens = true,
                     .outcome = outcome,
                     .activate = activate,
                     .column = column,
                     .earliest_precharge = precharge,
                     .latest_precharge = window.end - clocks_.rp};
        return true;
      }
    }
    if (latest == next) return false;
    activate = window.end;
  }
  return false;
}

/// The session in effect at `from`, the gap after it, the session after that, and so on: the first that will
/// do.
DramChannel::Placement DramChannel::find(const DramBurst& burst, DramAccess access, Clock from) {
  const DramBank& bank = banks_[burst.bank];
  std::size_t index = bank.begun_until(from);
  Placement placement;
  if (index > 0 && try_join(bank, index - 1, burst, access, from, placement)) return placement;
  while (!try_open(bank, index, burst, access, from, placement) &&
         !try_join(bank, index, burst, access, from, placement)) {
    ++index;
  }
  return placement;
}

// --- Reserving them
// -------------------------------------------------------------------------------------------------

void DramChannel::commit(const DramBurst& burst, DramAccess access, const Placement& placement) {
  calendar_.cover(std::max(placement.column + clocks_.longest_gap,
                           placement.activate + std::max(clocks_.rrd_l, clocks_.faw)));
  DramBank& bank = banks_[burst.bank];
  if (placement.opens) {
    bank.insert(placement.session, {.activate = placement.activate,
                                    .earliest_precharge = placement.earliest_precharge,
                                    .latest_precharge = placement.latest_precharge,
                                    .last_column = placement.column,
                                    .row = burst.row});
    reserve_activate(burst.bank, placement.activate);
    ++counters_.activates;
    ++(placement.outcome == DramOutcome::closed ? counters_.row_closed : counters_.row_conflicts);
    if (observer_ != nullptr) report(DramCommand::Kind::activate, placement.activate, burst);
    while (bank.size() > 1 && bank[1].activate <= calendar_.begin()) retire_first(burst.bank);
  } else {
    bank.join(placement.session, placement.column, placement.earliest_precharge);
    ++counters_.row_hits;
  }
  reserve_column(burst.bank, access, placement.column);
  data_until_ =
      std::max(data_until_, placement.column + clocks_.column_latency[lane_of(access)] + clocks_.burst);
  ++(access == DramAccess::read ? counters_.read_bursts : counters_.write_bursts);
  if (observer_ != nullptr) {
    report(access == DramAccess::read ? DramCommand::Kind::read : DramCommand::Kind::write, placement.column,
           burst);
  }
}

void DramChannel::reserve_activate(std::uint32_t bank, Clock clock) {
  const std::uint32_t rank = rank_of(bank);
  const std::size_t lane = rank_lane(rank, kActivateLane);
  const std::size_t marks = rank_lane(rank, kMarkLane);
  calendar_.set(lane, clock - clocks_.rrd_s + 1, clock + clocks_.rrd_s - 1);
  calendar_.set(group_lane(group_of(bank), kActivateLane), clock - clocks_.rrd_l + 1,
                clock + clocks_.rrd_l - 1);
  // Four ACT within tFAW forbid a fifth wherever it would be within tFAW of all four. The new ACT makes up to
  // four such groups with its three neighbours on either side.
  std::array<Clock, 3> before{};
  std::array<Clock, 3> after{};
  const std::size_t left = calendar_.marks_before(marks, clock, clocks_.faw - 1, before);
  const std::size_t right = calendar_.marks_after(marks, clock, clocks_.faw - 1, after);
  for (std::size_t of_left = 3 - std::min<std::size_t>(3, right); of_left <= left; ++of_left) {
    const Clock first = of_left == 0 ? clock : before[of_left - 1];
    const Clock last = of_left == 3 ? clock : after[2 - of_left];
    if (last - first < clocks_.faw) calendar_.set(lane, last - clocks_.faw + 1, first + clocks_.faw - 1);
  }
  calendar_.set(marks, clock, clock);
}

void DramChannel::reserve_column(std::uint32_t bank, DramAccess access, Clock clock) {
  const std::uint32_t rank = rank_of(bank);
  for (const DramAccess other : {DramAccess::read, DramAccess::write}) {
    const auto forbid = [&](DramReach reach, std::size_t lane) {
      calendar_.set(lane, clock - clocks_.gap(reach, other, access) + 1,
                    clock + clocks_.gap(reach, access, other) - 1);
    };
    for (std::uint32_t any = 0; any < ranks_; ++any) {
      forbid(any == rank ? DramReach::same_rank : DramReach::other_rank, rank_lane(any, lane_of(other)));
    }
    forbid(DramReach::same_group, group_lane(group_of(bank), lane_of(other)));
  }
}

// --- What becomes final
// ---------------------------------------------------------------------------------------------

void DramChannel::retire_first(std::uint32_t bank) {
  const Clock clock = precharge(banks_[bank], 0);
  if (observer_ != nullptr) {
    report(DramCommand::Kind::precharge, clock,
           {.number = 0, .bank = bank, .row = banks_[bank][0].row, .column = 0});
  }
  banks_[bank].retire_first(clock, clocks_.rp);
}

Clock DramChannel::row_open(Clock now) const {
  Clock open = 0;
  for (const DramBank& bank : banks_) {
    open += bank.row_open();
    for (std::size_t i = 0; i < bank.size(); ++i) {
      open += std::max<Clock>(std::min(now, precharge(bank, i)) - bank[i].activate, 0);
    }
  }
  return open;
}

std::uint64_t DramChannel::refreshes(Clock now) const {
  std::uint64_t count = 0;
  for (const DramRefresh& refresh : refresh_) count += refresh.count_until(now);
  return count;
}

void DramChannel::report(DramCommand::Kind kind, Clock clock, const DramBurst& burst) const {
  const std::uint32_t bank_mask = (1U << group_shift_) - 1;
  const std::uint32_t group_mask = (1U << (rank_shift_ - group_shift_)) - 1;
  observer_->on_command({.kind = kind,
                         .time = clocks_.time_of(clock),
                         .where = {.channel = index_,
                                   .rank = rank_of(burst.bank),
                                   .bank_group = group_of(burst.bank) & group_mask,
                                   .bank = burst.bank & bank_mask,
                                   .row = burst.row,
                                   .column = burst.column}});
}

void DramChannel::report_refreshes(Clock until) {
  for (std::uint32_t rank = 0; rank < ranks_; ++rank) {
    const std::uint64_t count = refresh_[rank].count_until(until);
    while (reported_refreshes_[rank] < count) {
      const Clock clock = refresh_[rank].at(reported_refreshes_[rank]++);
      report(DramCommand::Kind::refresh, clock,
             {.number = 0, .bank = rank << rank_shift_, .row = 0, .column = 0});
    }
  }
}

}  // namespace pagoda

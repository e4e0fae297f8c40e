#include "pagoda/memory/dram_channel.h"

#include <bit>

namespace pagoda {
namespace {

constexpr std::size_t kRead = static_cast<std::size_t>(DramAccess::read);

/// What an RD or a WR forbids to RD and WR of its rank, its bank group and the other ranks.
DramStencil<3, 2> column_stencil(const DramClocks& clocks, DramAccess access) {
  const auto range = [&](DramReach reach, DramAccess other) -> DramStencil<3, 2>::Range {
    return {clocks.gap(reach, other, access) - 1, clocks.gap(reach, access, other) - 1};
  };
  DramStencil<3, 2>::Ranges ranges{};
  for (std::size_t scope = 0; scope < 3; ++scope) {
    const std::array reaches{DramReach::same_rank, DramReach::same_group, DramReach::other_rank};
    ranges[scope] = {range(reaches[scope], DramAccess::read), range(reaches[scope], DramAccess::write)};
  }
  return DramStencil<3, 2>(ranges);
}

DramStencil<2, 1> activate_stencil(const DramClocks& clocks) {
  return DramStencil<2, 1>({{{{{clocks.rrd_s - 1, clocks.rrd_s - 1}}}, {{{clocks.rrd_l - 1, clocks.rrd_l - 1}}}}});
}

/// Clocks from when a row could be precharged to when the page policy does so. The closed policy waits for nothing.
Clock page_timeout(const DramController& controller, const DramClocks& clocks) {
  if (controller.page_policy == DramPagePolicy::closed) return 0;
  return controller.page_timeout.ps == 0 ? kNeverClock : clocks.edge_after(controller.page_timeout.ps);
}

}  // namespace

DramCounters& DramCounters::operator+=(const DramCounters& other) {
  read_bursts += other.read_bursts;
  write_bursts += other.write_bursts;
  forwarded_reads += other.forwarded_reads;
  merged_writes += other.merged_writes;
  row_hits += other.row_hits;
  row_closed += other.row_closed;
  row_conflicts += other.row_conflicts;
  write_drains += other.write_drains;
  read_queue_waits += other.read_queue_waits;
  write_queue_waits += other.write_queue_waits;
  return *this;
}

DramChannel::DramChannel(const DramConfig& config, const DramClocks& clocks, const DramAddressMap& map,
                         std::uint32_t index)
    : clocks_(clocks),
      map_(map),
      controller_(config.controller),
      index_(index),
      group_mask_(config.organisation.bank_groups - 1),
      rank_shift_(std::countr_zero(config.organisation.banks * config.organisation.bank_groups)),
      group_lanes_(config.organisation.ranks * kRankLanes),
      read_queue_lane_(group_lanes_ +
                       std::size_t{config.organisation.ranks} * config.organisation.bank_groups * kGroupLanes),
      write_queue_lane_(read_queue_lane_ + 1),
      page_timeout_(page_timeout(config.controller, clocks)),
      write_idle_(clocks.edge_after(config.controller.write_idle.ps)),
      calendar_(write_queue_lane_ + 1, clocks.reach()),
      activate_stencil_(activate_stencil(clocks)),
      column_stencils_{column_stencil(clocks, DramAccess::read), column_stencil(clocks, DramAccess::write)},
      banks_(std::size_t{config.organisation.ranks} << rank_shift_),
      last_reads_(config.controller.read_queue),
      writes_(banks_.size()),
      reported_refreshes_(config.organisation.ranks) {
  for (std::uint32_t rank = 0; rank < config.organisation.ranks; ++rank) {
    refresh_.emplace_back(clocks, rank, config.organisation.ranks);
  }
}

// --- Requests -------------------------------------------------------------------------------------------------------

DramChannel::ReadResult DramChannel::read(const DramBurst& burst, Clock at) {
  at = std::max(at, calendar_.begin());
  if (!writes_.empty()) {
    drain_when_idle(at);
    if (writes_.holds(burst.number, at)) {
      ++counters_.forwarded_reads;
      return {at, 0, DramOutcome::queued};
    }
  }
  const Search bank = search(burst, DramAccess::read);
  Placement placement;
  Clock entry = at;
  // If all reads but the last ones, one fewer than fit into the queue, have left it by now, it has an entry at any time
  // from now on.
  if (std::max(reads_before_, last_reads_[oldest_read_]) < at) {
    find(bank, at, placement);
  } else {
    entry = find_with_queue_entry(bank, at, placement);
  }
  commit(bank, burst, placement);
  reserve_read_queue(entry, placement.column);
  ++counters_.read_bursts;
  const Clock data = clocks_.column_latency[kRead] + clocks_.burst;
  Clock unloaded = data;
  if (placement.opens) unloaded += clocks_.row_to_column[kRead];
  if (placement.outcome == DramOutcome::conflict) unloaded += clocks_.rp;
  return {placement.column + data, static_cast<std::int32_t>(unloaded), placement.outcome};
}

/// A read needs an entry of the queue from when it enters until its RD. Returns when it enters.
Clock DramChannel::find_with_queue_entry(const Search& search, Clock at, Placement& placement) {
  Clock entry = at;
  while (true) {
    entry = calendar_.first_below(read_queue_lane_, entry, controller_.read_queue);
    find(search, entry, placement);
    const Clock free = calendar_.after_full(read_queue_lane_, entry, placement.column + 1, controller_.read_queue);
    if (free == entry) break;
    entry = free;
  }
  if (entry != at) ++counters_.read_queue_waits;
  return entry;
}

[[gnu::always_inline]] inline void DramChannel::reserve_read_queue(Clock entry, Clock column) {
  calendar_.take(read_queue_lane_, std::max(entry, calendar_.begin()), column + 1);
  Clock& oldest = last_reads_[oldest_read_];
  reads_before_ = std::max(reads_before_, oldest);
  oldest = column;
  if (++oldest_read_ == last_reads_.size()) oldest_read_ = 0;
}

Clock DramChannel::write(const DramBurst& burst, Clock at) {
  at = std::max(at, calendar_.begin());
  if (!writes_.empty()) {
    drain_when_idle(at);
    if (writes_.holds(burst.number, at)) {
      ++counters_.merged_writes;
      return at;
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
  return accepted;
}

/// Schedules a posted write at or after `from`, unless its WR would not come before `before`.
bool DramChannel::drain_one(const DramWriteQueue::Entry& entry, Clock from, Clock before) {
  const Search bank = search(entry.burst, DramAccess::write);
  Placement placement;
  find(bank, std::max({from, entry.entered, calendar_.begin()}), placement);
  if (placement.column >= before) return false;
  commit(bank, entry.burst, placement);
  calendar_.take(write_queue_lane_, std::max(entry.entered, calendar_.begin()), placement.column + 1);
  write_lane_end_ = std::max(write_lane_end_, placement.column + 1);
  ++counters_.write_bursts;
  return true;
}

/// What a controller would have done with its queued writes while nothing arrived, seen at the next arrival.
void DramChannel::drain_when_idle(Clock now) {
  const Clock idle = std::max(data_until_, writes_.newest()) + write_idle_;
  if (idle >= now) return;
  ++counters_.write_drains;
  writes_.drain(0, [this, idle, now](const DramWriteQueue::Entry& entry) { return drain_one(entry, idle, now); });
}

void DramChannel::finish(Clock end) {
  writes_.drain(0, [this, from = data_until_](const DramWriteQueue::Entry& entry) {
    return drain_one(entry, from, kNeverClock);
  });
  for (std::uint32_t index = 0; index < banks_.size(); ++index) {
    const DramBank& bank = banks_[index];
    while (bank.size() > 1 || (bank.size() == 1 && precharge(bank, 0) <= end)) retire_first(index);
  }
  if (observer_ != nullptr) report_refreshes(end);
}

// --- Finding clocks -------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline DramChannel::Search DramChannel::search(const DramBurst& burst, DramAccess access) const {
  const std::uint32_t rank = burst.bank >> rank_shift_;
  const std::size_t group = std::size_t{rank} * (group_mask_ + 1) + (burst.bank & group_mask_);
  return {.bank = &banks_[burst.bank],
          .row = burst.row,
          .rank = rank,
          .access = static_cast<std::size_t>(access),
          .rank_lane = rank * kRankLanes,
          .group_lane = group_lanes_ + group * kGroupLanes};
}

/// When the page policy precharges a row if no other row is wanted.
Clock DramChannel::planned_precharge(const RowSession& session) const {
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

[[gnu::always_inline]] inline bool DramChannel::try_join(const Search& search, std::size_t index, Clock from,
                                                         Placement& placement) const {
  const RowSession& session = (*search.bank)[index];
  if (session.row != search.row) return false;
  // The closed policy precharges with the last access unless another one is in the queue by then.
  const bool in_time = controller_.page_policy == DramPagePolicy::closed
                           ? from <= session.activate + session.last_column
                           : from <= planned_precharge(session);
  if (!in_time) return false;
  const Clock to_precharge = clocks_.to_precharge[search.access];
  const Clock deadline = latest_precharge(*search.bank, index) - to_precharge;
  const Clock earliest = std::max(from, session.activate + clocks_.row_to_column[search.access]);
  if (earliest > deadline) return false;
  const Clock column =
      calendar_.first_free(search.rank_lane + search.access, search.group_lane + search.access, earliest);
  if (column > deadline) return false;
  placement.session = index;
  placement.opens = false;
  placement.outcome = DramOutcome::hit;
  placement.activate = session.activate;
  placement.column = column;
  placement.earliest_precharge = column + to_precharge;
  return true;
}

/// Opens the row between the sessions `index - 1` and `index`, if it fits.
[[gnu::always_inline]] inline bool DramChannel::try_open(const Search& search, std::size_t index, Clock from,
                                                         Placement& placement) {
  const DramBank& bank = *search.bank;
  const Clock next = index < bank.size() ? bank[index].activate : kNeverClock;
  Clock activate = from;
  placement.outcome = DramOutcome::closed;
  if (index > 0) {
    const RowSession& before = bank[index - 1];
    const Clock planned = planned_precharge(before);
    if (planned <= from) {
      activate = std::max(from, planned + clocks_.rp);
    } else {
      activate = std::max(from, before.earliest_precharge) + clocks_.rp;
      placement.outcome = DramOutcome::conflict;
    }
    activate = std::max(activate, before.activate + clocks_.rc);
  }
  const Clock row_cycle = clocks_.row_cycle[search.access];
  while (activate + row_cycle <= next) {
    const DramRefresh::Window window = refresh_[search.rank].window_at(activate);
    const Clock latest = std::min(next, window.end);
    activate = calendar_.first_free(search.rank_lane + kActivateLane, search.group_lane + kActivateLane,
                                    std::max(activate, window.begin));
    if (activate + row_cycle <= latest) {
      const Clock column = calendar_.first_free(search.rank_lane + search.access, search.group_lane + search.access,
                                                activate + clocks_.row_to_column[search.access]);
      const Clock precharge = std::max(activate + clocks_.ras, column + clocks_.to_precharge[search.access]);
      if (precharge + clocks_.rp <= latest) {
        placement.session = index;
        placement.opens = true;
        placement.activate = activate;
        placement.column = column;
        placement.earliest_precharge = precharge;
        placement.latest_precharge = window.end - clocks_.rp;
        return true;
      }
    }
    if (latest == next) return false;
    activate = window.end;
  }
  return false;
}

/// The session in effect at `from`, the gap after it, the session after that, and so on: the first that will do.
void DramChannel::find(const Search& search, Clock from, Placement& placement) {
  std::size_t index = search.bank->begun_until(from);
  if (index > 0 && try_join(search, index - 1, from, placement)) return;
  while (!try_open(search, index, from, placement) && !try_join(search, index, from, placement)) ++index;
}

// --- Reserving them -------------------------------------------------------------------------------------------------

void DramChannel::commit(const Search& search, const DramBurst& burst, const Placement& placement) {
  calendar_.cover(placement.column);
  DramBank& bank = banks_[burst.bank];
  if (placement.opens) {
    bank.insert(placement.session, {.activate = placement.activate,
                                    .earliest_precharge = placement.earliest_precharge,
                                    .latest_precharge = placement.latest_precharge,
                                    .last_column = static_cast<std::int32_t>(placement.column - placement.activate),
                                    .row = burst.row});
    reserve_activate(search, placement.activate);
    ++(placement.outcome == DramOutcome::closed ? counters_.row_closed : counters_.row_conflicts);
    if (observer_ != nullptr) report(DramCommand::Kind::activate, placement.activate, burst);
    if (bank.full()) {
      while (bank.size() > 1 && bank[1].activate <= calendar_.begin()) retire_first(burst.bank);
    }
  } else {
    bank.join(placement.session, placement.column, placement.earliest_precharge);
    ++counters_.row_hits;
  }
  reserve_column(search, placement.column);
  data_until_ = std::max(data_until_, placement.column + clocks_.column_latency[search.access] + clocks_.burst);
  if (observer_ != nullptr) {
    report(search.access == kRead ? DramCommand::Kind::read : DramCommand::Kind::write, placement.column, burst);
  }
}

[[gnu::always_inline]] inline void DramChannel::reserve_activate(const Search& search, Clock clock) {
  const auto application = activate_stencil_.at(calendar_, clock);
  application.set(kInRank, search.rank_lane + kActivateLane);
  application.set(kInGroup, search.group_lane + kActivateLane);
  if (clocks_.faw > 4 * clocks_.rrd_s) forbid_fifth_activate(search.rank_lane, clock);
}

/// Four ACT within tFAW forbid a fifth wherever it would be within tFAW of all four. A new ACT makes up to four such
/// groups with its three neighbours on either side.
[[gnu::always_inline]] inline void DramChannel::forbid_fifth_activate(std::size_t rank_lane, Clock clock) {
  auto [before, after] = calendar_.marks_around(rank_lane + kMarkLane, clock);
  calendar_.mark(rank_lane + kMarkLane, clock);
  if ((before | after) == 0) return;
  // From the third ACT before the new one to the third after it. Those that are not there count as 64 clocks away,
  // where they are in no group: tFAW is at most that.
  std::array<Clock, 7> acts{};
  acts[3] = clock;
  for (std::size_t i = 1; i <= 3; ++i) {
    const int back = std::countl_zero(before | 1);
    const int ahead = std::countr_zero(after | std::uint64_t{1} << 63);
    acts[3 - i] = clock - 1 - back;
    acts[3 + i] = clock + 1 + ahead;
    before &= ~(std::uint64_t{1} << 63 >> back);
    after &= after - 1;
  }
  // The groups share an ACT, so what they forbid joins to one range.
  Clock first = kNeverClock;
  Clock last = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const bool tight = acts[i + 3] - acts[i] < clocks_.faw;
    first = tight ? std::min(first, acts[i + 3] - clocks_.faw + 1) : first;
    last = tight ? acts[i] + clocks_.faw - 1 : last;
  }
  if (first <= last) calendar_.set(rank_lane + kActivateLane, first, last);
}

[[gnu::always_inline]] inline void DramChannel::reserve_column(const Search& search, Clock clock) {
  const auto application = column_stencils_[search.access].at(calendar_, clock);
  application.set(kInRank, search.rank_lane);
  application.set(kInGroup, search.group_lane);
  for (std::size_t other = search.rank_lane + kRankLanes; other < group_lanes_; other += kRankLanes) {
    application.set(kInOtherRank, other);
  }
  for (std::size_t other = search.rank_lane; other != 0;) application.set(kInOtherRank, other -= kRankLanes);
}

// --- What becomes final ---------------------------------------------------------------------------------------------

void DramChannel::retire_first(std::uint32_t bank) {
  const Clock clock = precharge(banks_[bank], 0);
  if (observer_ != nullptr) report_precharge(clock, bank, banks_[bank][0].row);
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
  observer_->on_command(
      {.kind = kind, .time = clocks_.time_of(clock), .where = map_.decode(burst.number << map_.burst_shift())});
}

void DramChannel::report_precharge(Clock clock, std::uint32_t bank, std::uint32_t row) const {
  DramAddress where = map_.bank_address(bank);
  where.channel = index_;
  where.row = row;
  observer_->on_command({.kind = DramCommand::Kind::precharge, .time = clocks_.time_of(clock), .where = where});
}

void DramChannel::report_refreshes(Clock until) {
  for (std::uint32_t rank = 0; rank < refresh_.size(); ++rank) {
    const std::uint64_t count = refresh_[rank].count_until(until);
    while (reported_refreshes_[rank] < count) {
      DramAddress where{};
      where.channel = index_;
      where.rank = rank;
      const Clock clock = refresh_[rank].at(reported_refreshes_[rank]++);
      observer_->on_command({.kind = DramCommand::Kind::refresh, .time = clocks_.time_of(clock), .where = where});
    }
  }
}

}  // namespace pagoda

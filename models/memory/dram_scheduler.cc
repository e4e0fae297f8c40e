#include "pagoda/memory/dram_scheduler.h"

#include <algorithm>
#include <array>
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

/// The least distance from the PRE of a row to its next RD or WR with another row of the bank in between.
Clock room_for_row(const DramClocks& clocks) {
  // Their two ACT are found before either is reserved, so they must not be able to break a rule between them.
  if (clocks.rc < std::max(clocks.faw, clocks.rrd_l)) return kNeverClock;
  return clocks.rp + clocks.rc + std::max(clocks.row_to_column[0], clocks.row_to_column[1]);
}

}  // namespace

DramScheduler::DramScheduler(const DramConfig& config, const DramClocks& clocks, const DramAddressMap& map,
                             std::uint32_t channel)
    : clocks_(clocks),
      map_(map),
      channel_(channel),
      group_mask_(config.organisation.bank_groups - 1),
      rank_shift_(std::countr_zero(config.organisation.banks * config.organisation.bank_groups)),
      group_lanes_(config.organisation.ranks * kRankLanes),
      closed_policy_(config.controller.page_policy == DramPagePolicy::closed),
      page_timeout_(page_timeout(config.controller, clocks)),
      room_for_row_(room_for_row(clocks)),
      calendar_(group_lanes_ + std::size_t{config.organisation.ranks} * config.organisation.bank_groups * kGroupLanes,
                clocks.reach()),
      activate_stencil_(activate_stencil(clocks)),
      column_stencils_{column_stencil(clocks, DramAccess::read), column_stencil(clocks, DramAccess::write)},
      banks_(std::size_t{config.organisation.ranks} << rank_shift_),
      reported_refreshes_(config.organisation.ranks) {
  for (std::uint32_t rank = 0; rank < config.organisation.ranks; ++rank) {
    refresh_.emplace_back(clocks, rank, config.organisation.ranks);
  }
}

// --- Finding clocks -------------------------------------------------------------------------------------------------

/// When the page policy precharges a row if no other row is wanted.
Clock DramScheduler::planned_precharge(const RowSession& session) const {
  return std::min(session.earliest_precharge + page_timeout_, session.latest_precharge);
}

/// The last clock at which a session's row can be precharged, for the sake of what comes after it.
Clock DramScheduler::latest_precharge(const DramBank& bank, std::size_t index) const {
  while (bank.continued(index)) ++index;
  const Clock refresh = bank[index].latest_precharge;
  return index + 1 < bank.size() ? std::min(refresh, bank[index + 1].activate - clocks_.rp) : refresh;
}

/// When a session ends, as things stand.
Clock DramScheduler::end_of(const DramBank& bank, std::size_t index) const {
  if (bank.continued(index)) return bank[index + 1].begin;
  return std::min(planned_precharge(bank[index]), latest_precharge(bank, index));
}

[[gnu::always_inline]] inline bool DramScheduler::try_join(const Search& search, std::size_t index, Clock from,
                                                           Placement& placement) const {
  const DramBank& bank = *search.bank;
  const RowSession& session = bank[index];
  if (session.row != search.row) return false;
  // The closed policy precharges with the last access unless another one is in the queue by then.
  const Clock open_until = closed_policy_ ? session.last_column : planned_precharge(session);
  if (from > open_until && !bank.continued(index)) return false;
  const Clock to_precharge = clocks_.to_precharge[search.access];
  const Clock deadline = latest_precharge(bank, index) - to_precharge;
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
  placement.latest_precharge = session.latest_precharge;
  return true;
}

/// Finds the ACT with which the session `index`, that now continues another one, could follow a row that is precharged
/// at `after - tRP` at the earliest.
bool DramScheduler::try_reopen(const Search& search, std::size_t index, Clock after, Placement& placement) const {
  const DramBank& bank = *search.bank;
  const RowSession& session = bank[index];
  const Clock activate =
      calendar_.first_free(search.rank_lane + kActivateLane, search.group_lane + kActivateLane, after);
  if (activate + std::max(clocks_.row_to_column[0], clocks_.row_to_column[1]) > session.begin) return false;
  // The row must stay open for tRAS, and the bank must be ready for what follows.
  if (std::max(session.earliest_precharge, activate + clocks_.ras) > latest_precharge(bank, index)) return false;
  std::size_t next = index + 1;
  while (next < bank.size() && bank[next].continues) ++next;
  if (next < bank.size() && activate + clocks_.rc > bank[next].activate) return false;
  placement.reopen = activate;
  return true;
}

/// Opens the row between the sessions `index - 1` and `index`, if it fits.
[[gnu::always_inline]] inline bool DramScheduler::try_open(const Search& search, std::size_t index, Clock from,
                                                           Placement& placement) {
  const DramBank& bank = *search.bank;
  const bool splits = index > 0 && bank.continued(index - 1);
  const Clock next = index < bank.size() ? bank[index].begin : kNeverClock;
  Clock activate = from;
  placement.outcome = DramOutcome::closed;
  if (index > 0) {
    const RowSession& before = bank[index - 1];
    const Clock planned = planned_precharge(before);
    if (planned <= from && !splits) {
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
      placement.reopen = 0;
      const Clock following = std::max(precharge + clocks_.rp, activate + clocks_.rc);
      if (following <= latest && (!splits || try_reopen(search, index, following, placement))) {
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
void DramScheduler::find(const Search& search, Clock from, Placement& placement) {
  std::size_t index = search.bank->begun_until(from);
  if (index > 0 && try_join(search, index - 1, from, placement)) return;
  while (!try_open(search, index, from, placement) && !try_join(search, index, from, placement)) ++index;
}

// --- Reserving them -------------------------------------------------------------------------------------------------

void DramScheduler::commit(const Search& search, const DramBurst& burst, const Placement& placement) {
  calendar_.cover(std::max(placement.column, placement.opens ? placement.reopen : 0));
  DramBank& bank = banks_[burst.bank];
  if (placement.opens) {
    open(bank, search, burst, placement);
  } else {
    join(bank, placement);
  }
  if (bank.full()) {
    while (bank.size() > 1 && bank[1].begin <= calendar_.begin()) retire_first(burst.bank);
  }
  reserve_column(search, placement.column);
  data_until_ = std::max(data_until_, placement.column + clocks_.column_latency[search.access] + clocks_.burst);
  if (observer_ != nullptr) {
    report(search.access == kRead ? DramCommand::Kind::read : DramCommand::Kind::write, placement.column, burst);
  }
}

void DramScheduler::open(DramBank& bank, const Search& search, const DramBurst& burst, const Placement& placement) {
  if (placement.reopen != 0) {
    RowSession& after = bank.at(placement.session);
    after.continues = false;
    after.begin = placement.reopen;
    after.earliest_precharge = std::max(after.earliest_precharge, placement.reopen + clocks_.ras);
    for (std::size_t i = placement.session; i < bank.size() && (i == placement.session || bank[i].continues); ++i) {
      bank.at(i).activate = placement.reopen;
      bank.at(i).earliest_precharge = std::max(bank[i].earliest_precharge, after.earliest_precharge);
    }
    reserve_activate(search, placement.reopen);
    bank.count_activate();
    ++rows_.reopens;
    if (observer_ != nullptr) report_bank(DramCommand::Kind::activate, placement.reopen, burst.bank, after.row);
  }
  bank.insert(placement.session, {.begin = placement.activate,
                                  .activate = placement.activate,
                                  .earliest_precharge = placement.earliest_precharge,
                                  .latest_precharge = placement.latest_precharge,
                                  .last_column = placement.column,
                                  .row = search.row,
                                  .continues = false});
  reserve_activate(search, placement.activate);
  bank.count_activate();
  ++(placement.outcome == DramOutcome::closed ? rows_.closed : rows_.conflicts);
  if (observer_ != nullptr) report(DramCommand::Kind::activate, placement.activate, burst);
}

/// Adds a RD or WR to a row that is open. If it lies so far from the others that another row has room in between, it
/// becomes a session of its own.
void DramScheduler::join(DramBank& bank, const Placement& placement) {
  ++rows_.hits;
  const Clock column = placement.column;
  std::size_t index = placement.session;
  while (bank.continued(index) && bank[index + 1].begin <= column) ++index;
  RowSession& session = bank.at(index);
  if (column < session.earliest_precharge + room_for_row_) {
    session.last_column = std::max(session.last_column, column);
    session.earliest_precharge = std::max(session.earliest_precharge, placement.earliest_precharge);
  } else if (bank.continued(index) && bank[index + 1].begin < placement.earliest_precharge + room_for_row_) {
    RowSession& next = bank.at(++index);
    next.begin = column;
    next.earliest_precharge = std::max(next.earliest_precharge, placement.earliest_precharge);
  } else {
    RowSession own = session;
    own.begin = column;
    own.earliest_precharge = placement.earliest_precharge;
    own.last_column = column;
    own.continues = true;
    bank.insert(++index, own);
  }
  // The row is precharged after all of its accesses, whatever session they are in.
  for (; bank.continued(index); ++index) {
    if (bank[index + 1].earliest_precharge >= bank[index].earliest_precharge) break;
    bank.at(index + 1).earliest_precharge = bank[index].earliest_precharge;
  }
}

[[gnu::always_inline]] inline void DramScheduler::reserve_activate(const Search& search, Clock clock) {
  const auto application = activate_stencil_.at(calendar_, clock);
  application.set(kInRank, search.rank_lane + kActivateLane);
  application.set(kInGroup, search.group_lane + kActivateLane);
  if (clocks_.faw > 4 * clocks_.rrd_s) forbid_fifth_activate(search.rank_lane, clock);
}

/// Four ACT within tFAW forbid a fifth wherever it would be within tFAW of all four. A new ACT makes up to four such
/// groups with its three neighbours on either side.
[[gnu::always_inline]] inline void DramScheduler::forbid_fifth_activate(std::size_t rank_lane, Clock clock) {
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

[[gnu::always_inline]] inline void DramScheduler::reserve_column(const Search& search, Clock clock) {
  const auto application = column_stencils_[search.access].at(calendar_, clock);
  application.set(kInRank, search.rank_lane);
  application.set(kInGroup, search.group_lane);
  for (std::size_t other = search.rank_lane + kRankLanes; other < group_lanes_; other += kRankLanes) {
    application.set(kInOtherRank, other);
  }
  for (std::size_t other = search.rank_lane; other != 0;) application.set(kInOtherRank, other -= kRankLanes);
}

// --- What becomes final ---------------------------------------------------------------------------------------------

void DramScheduler::finish(Clock end) {
  for (std::uint32_t index = 0; index < banks_.size(); ++index) {
    const DramBank& bank = banks_[index];
    while (bank.size() > 1 || (bank.size() == 1 && end_of(bank, 0) <= end)) retire_first(index);
  }
  if (observer_ != nullptr) report_refreshes(end);
}

void DramScheduler::retire_first(std::uint32_t index) {
  DramBank& bank = banks_[index];
  const Clock end = end_of(bank, 0);
  if (observer_ != nullptr && !bank.continued(0)) {
    report_bank(DramCommand::Kind::precharge, end, index, bank[0].row);
  }
  bank.retire_first(end, clocks_.rp);
}

Clock DramScheduler::row_open(Clock now) const {
  Clock open = 0;
  for (const DramBank& bank : banks_) {
    open += bank.row_open();
    for (std::size_t i = 0; i < bank.size(); ++i) {
      open += std::max<Clock>(std::min(now, end_of(bank, i)) - bank[i].begin, 0);
    }
  }
  return open;
}

std::uint64_t DramScheduler::refreshes(Clock now) const {
  std::uint64_t count = 0;
  for (const DramRefresh& refresh : refresh_) count += refresh.count_until(now);
  return count;
}

void DramScheduler::report(DramCommand::Kind kind, Clock clock, const DramBurst& burst) const {
  observer_->on_command(
      {.kind = kind, .time = clocks_.time_of(clock), .where = map_.decode(burst.number << map_.burst_shift())});
}

void DramScheduler::report_bank(DramCommand::Kind kind, Clock clock, std::uint32_t bank, std::uint32_t row) const {
  DramAddress where = map_.bank_address(bank);
  where.channel = channel_;
  where.row = row;
  observer_->on_command({.kind = kind, .time = clocks_.time_of(clock), .where = where});
}

void DramScheduler::report_refreshes(Clock until) {
  for (std::uint32_t rank = 0; rank < refresh_.size(); ++rank) {
    const std::uint64_t count = refresh_[rank].count_until(until);
    while (reported_refreshes_[rank] < count) {
      DramAddress where{};
      where.channel = channel_;
      where.rank = rank;
      const Clock clock = refresh_[rank].at(reported_refreshes_[rank]++);
      observer_->on_command({.kind = DramCommand::Kind::refresh, .time = clocks_.time_of(clock), .where = where});
    }
  }
}

}  // namespace pagoda

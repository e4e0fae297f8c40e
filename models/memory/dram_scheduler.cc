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

DramScheduler::Spacing DramScheduler::spacing(const DramClocks& clocks, DramAccess access) {
  const auto index = static_cast<std::size_t>(access);
  return {.row_to_column = clocks.row_to_column[index],
          .to_precharge = clocks.to_precharge[index],
          .row_cycle = clocks.row_cycle[index],
          .data_end = clocks.column_latency[index] + clocks.burst};
}

DramScheduler::DramScheduler(const DramConfig& config, const DramClocks& clocks, const DramAddressMap& map,
                             std::uint32_t channel)
    : clocks_(clocks),
      spacing_{spacing(clocks, DramAccess::read), spacing(clocks, DramAccess::write)},
      map_(map),
      channel_(channel),
      group_lanes_(config.organisation.ranks * kRankLanes),
      closed_policy_(config.controller.page_policy == DramPagePolicy::closed),
      page_timeout_(page_timeout(config.controller, clocks)),
      room_for_row_(room_for_row(clocks)),
      forbids_fifth_activate_(clocks.faw > 4 * clocks.rrd_s),
      near_marks_(clocks.faw <= DramCalendar::kNearMarks),
      near_before_(forbids_fifth_activate_ ? ~std::uint64_t{0} << (65 - clocks.faw) : 0),
      near_after_(forbids_fifth_activate_ ? ~std::uint64_t{0} >> (65 - clocks.faw) : 0),
      calendar_(group_lanes_ + std::size_t{config.organisation.ranks} * config.organisation.bank_groups * kGroupLanes,
                clocks.reach()),
      activate_stencil_(activate_stencil(clocks)),
      column_stencils_{column_stencil(clocks, DramAccess::read), column_stencil(clocks, DramAccess::write)},
      banks_(std::size_t{config.organisation.ranks} * config.organisation.bank_groups * config.organisation.banks),
      reported_refreshes_(config.organisation.ranks) {
  for (std::uint32_t rank = 0; rank < config.organisation.ranks; ++rank) {
    refresh_.emplace_back(clocks, rank, config.organisation.ranks);
  }
  for (std::uint32_t index = 0; index < banks_.size(); ++index) {
    const DramAddress where = map.bank_address(index);
    const std::size_t group = std::size_t{where.rank} * config.organisation.bank_groups + where.bank_group;
    banks_[index].rank_lane = static_cast<std::uint32_t>(where.rank * kRankLanes);
    banks_[index].group_lane = static_cast<std::uint32_t>(group_lanes_ + group * kGroupLanes);
  }
}

// --- Finding clocks -------------------------------------------------------------------------------------------------

/// When the page policy precharges a row if no other row is wanted.
inline Clock DramScheduler::planned_precharge(const RowSession& session) const {
  return std::min(session.earliest_precharge + page_timeout_, session.latest_precharge);
}

/// The last clock at which a session's row can be precharged, for the sake of what comes after it.
inline Clock DramScheduler::latest_precharge(const DramBank& bank, const RowSession* session) const {
  while (bank.continued(session)) ++session;
  const Clock refresh = session->latest_precharge;
  return session + 1 != bank.end() ? std::min(refresh, session[1].activate - clocks_.rp) : refresh;
}

/// When a session ends, as things stand.
inline Clock DramScheduler::end_of(const DramBank& bank, const RowSession* session) const {
  if (bank.continued(session)) return session[1].begin;
  return std::min(planned_precharge(*session), latest_precharge(bank, session));
}

inline Clock DramScheduler::first_activate(DramCalendar::Lane rank_lane, DramCalendar::Lane group_lane,
                                           Clock from) const {
  return calendar_.first_free(calendar_.next(rank_lane, kActivateLane), calendar_.next(group_lane, kActivateLane),
                              from);
}

inline Clock DramScheduler::first_column(const Search& search, Clock from) const {
  return calendar_.first_free(calendar_.next(search.rank_lane, search.access),
                              calendar_.next(search.group_lane, search.access), from);
}

[[gnu::always_inline]] inline bool DramScheduler::try_join(const Search& search, RowSession* session, Clock from,
                                                           Placement& placement) const {
  if (session->row != search.row) return false;
  const DramBank& bank = search.bank->rows;
  // The closed policy precharges with the last access unless another one is in the queue by then.
  const Clock open_until = closed_policy_ ? session->last_column : planned_precharge(*session);
  if (from > open_until && !bank.continued(session)) return false;
  const Spacing& spacing = spacing_[search.access];
  const Clock deadline = latest_precharge(bank, session) - spacing.to_precharge;
  const Clock earliest = std::max(from, session->activate + spacing.row_to_column);
  if (earliest > deadline) return false;
  const Clock column = first_column(search, earliest);
  if (column > deadline) return false;
  placement = {.session = session,
               .opens = false,
               .outcome = DramOutcome::hit,
               .activate = session->activate,
               .column = column,
               .earliest_precharge = column + spacing.to_precharge,
               .latest_precharge = session->latest_precharge,
               .reopen = 0};
  return true;
}

/// Finds the ACT with which a session that now continues another one could follow a row that is precharged at
/// `after - tRP` at the earliest; 0 if there is none.
Clock DramScheduler::find_reopening(const Bank& bank, const RowSession* session, Clock after) const {
  const Clock activate = first_activate(calendar_.lane(bank.rank_lane), calendar_.lane(bank.group_lane), after);
  if (activate + std::max(clocks_.row_to_column[0], clocks_.row_to_column[1]) > session->begin) return 0;
  // The row must stay open for tRAS, and the bank must be ready for what follows.
  const Clock until = latest_precharge(bank.rows, session);
  if (std::max(session->earliest_precharge, activate + clocks_.ras) > until) return 0;
  const RowSession* next = session + 1;
  while (next != bank.rows.end() && next->continues) ++next;
  if (next != bank.rows.end() && activate + clocks_.rc > next->activate) return 0;
  return activate;
}

/// Opens the row before the session `next`, if it fits.
[[gnu::always_inline]] inline bool DramScheduler::try_open(const Search& search, RowSession* next, Clock from,
                                                           Placement& placement) {
  const DramBank& bank = search.bank->rows;
  const Spacing& spacing = spacing_[search.access];
  const bool is_first = next == bank.begin();
  Clock until = kNeverClock;
  bool splits = false;
  if (next != bank.end()) {
    until = next->begin;
    if (from + spacing.row_cycle > until) return false;
    splits = !is_first && next->continues;
  }
  Clock activate = from;
  DramOutcome outcome = DramOutcome::closed;
  if (!is_first) {
    const RowSession& before = next[-1];
    const Clock planned = planned_precharge(before);
    if (planned <= from && !splits) {
      activate = std::max(from, planned + clocks_.rp);
    } else {
      activate = std::max(from, before.earliest_precharge) + clocks_.rp;
      outcome = DramOutcome::conflict;
    }
    activate = std::max(activate, before.activate + clocks_.rc);
  }
  while (activate + spacing.row_cycle <= until) {
    const DramRefresh::Window& window = refresh_[search.rank].window_at(activate);
    const Clock latest = std::min(until, window.end);
    activate = first_activate(search.rank_lane, search.group_lane, std::max(activate, window.begin));
    if (activate + spacing.row_cycle <= latest) {
      const Clock column = first_column(search, activate + spacing.row_to_column);
      const Clock precharge = std::max(activate + clocks_.ras, column + spacing.to_precharge);
      const Clock following = std::max(precharge + clocks_.rp, activate + clocks_.rc);
      bool fits = following <= latest;
      Clock reopen = 0;
      if (fits && splits) [[unlikely]] {
        reopen = find_reopening(*search.bank, next, following);
        fits = reopen != 0;
      }
      if (fits) {
        placement = {.session = next,
                     .opens = true,
                     .outcome = outcome,
                     .activate = activate,
                     .column = column,
                     .earliest_precharge = precharge,
                     .latest_precharge = window.end - clocks_.rp,
                     .reopen = reopen};
        return true;
      }
    }
    if (latest == until) return false;
    activate = window.end;
  }
  return false;
}

/// The session in effect at `from`, the gap after it, the session after that, and so on: the first that will do.
[[gnu::always_inline]] inline DramScheduler::Placement DramScheduler::find_clocks(const Search& search, Clock from) {
  Placement placement;
  DramBank& bank = search.bank->rows;
  RowSession* next = bank.after(from);
  if (next != bank.begin() && try_join(search, next - 1, from, placement)) return placement;
  while (!try_open(search, next, from, placement) && !try_join(search, next, from, placement)) ++next;
  return placement;
}

DramScheduler::Placement DramScheduler::find(const Search& search, Clock from) { return find_clocks(search, from); }

// --- Reserving them -------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline void DramScheduler::reserve(Search search, const DramBurst& burst,
                                                          const Placement& placement) {
  const auto access = static_cast<DramAccess>(search.access);
  if (!calendar_.cover(placement.column)) [[unlikely]]
    search = this->search(burst, access);
  DramBank& bank = search.bank->rows;
  if (placement.opens) {
    if (placement.reopen != 0) [[unlikely]] {
      reopen(*search.bank, placement.session, placement.reopen);
      search = this->search(burst, access);
    }
    open(search, burst, placement);
    if (bank.full()) retire(*search.bank);
  } else {
    join(bank, placement);
    if (bank.full()) retire(*search.bank);
  }
  reserve_column(search, placement.column);
  data_until_ = std::max(data_until_, placement.column + spacing_[search.access].data_end);
  if (observer_ != nullptr) [[unlikely]] {
    report(access == DramAccess::read ? DramCommand::Kind::read : DramCommand::Kind::write, placement.column, burst);
  }
}

void DramScheduler::commit(const Search& search, const DramBurst& burst, const Placement& placement) {
  reserve(search, burst, placement);
}

DramScheduler::Placed DramScheduler::place_read(const DramBurst& burst, Clock from) {
  const Search search = this->search(burst, DramAccess::read);
  const Placement placement = find_clocks(search, from);
  reserve(search, burst, placement);
  return {placement.column, placement.outcome};
}

/// Gives a session that continues another an ACT of its own.
void DramScheduler::reopen(Bank& bank, RowSession* session, Clock activate) {
  static_cast<void>(calendar_.cover(activate));
  session->continues = false;
  session->begin = activate;
  session->earliest_precharge = std::max(session->earliest_precharge, activate + clocks_.ras);
  for (RowSession* i = session; i == session || (i != bank.rows.end() && i->continues); ++i) {
    i->activate = activate;
    i->earliest_precharge = std::max(i->earliest_precharge, session->earliest_precharge);
  }
  reserve_activate(calendar_.lane(bank.rank_lane), calendar_.lane(bank.group_lane), activate);
  bank.rows.count_activate();
  ++rows_.reopens;
  if (observer_ != nullptr) {
    const auto index = static_cast<std::uint32_t>(&bank - banks_.data());
    report_bank(DramCommand::Kind::activate, activate, index, session->row);
  }
}

[[gnu::always_inline]] inline void DramScheduler::open(const Search& search, const DramBurst& burst,
                                                       const Placement& placement) {
  DramBank& bank = search.bank->rows;
  bank.insert(placement.session, {.begin = placement.activate,
                                  .activate = placement.activate,
                                  .earliest_precharge = placement.earliest_precharge,
                                  .latest_precharge = placement.latest_precharge,
                                  .last_column = placement.column,
                                  .row = search.row,
                                  .continues = false});
  reserve_activate(search.rank_lane, search.group_lane, placement.activate);
  bank.count_activate();
  ++(placement.outcome == DramOutcome::closed ? rows_.closed : rows_.conflicts);
  if (observer_ != nullptr) [[unlikely]]
    report(DramCommand::Kind::activate, placement.activate, burst);
}

/// Adds a RD or WR to a row that is open.
[[gnu::always_inline]] inline void DramScheduler::join(DramBank& bank, const Placement& placement) {
  ++rows_.hits;
  RowSession& session = *placement.session;
  if (bank.continued(&session) || placement.column >= session.earliest_precharge + room_for_row_) [[unlikely]] {
    join_apart(bank, &session, placement.column, placement.earliest_precharge);
  } else {
    session.last_column = std::max(session.last_column, placement.column);
    session.earliest_precharge = std::max(session.earliest_precharge, placement.earliest_precharge);
  }
}

/// If it lies so far from the others that another row has room in between, it becomes a session of its own.
void DramScheduler::join_apart(DramBank& bank, RowSession* session, Clock column, Clock earliest_precharge) {
  while (bank.continued(session) && session[1].begin <= column) ++session;
  if (column < session->earliest_precharge + room_for_row_) {
    session->last_column = std::max(session->last_column, column);
    session->earliest_precharge = std::max(session->earliest_precharge, earliest_precharge);
  } else if (bank.continued(session) && session[1].begin < earliest_precharge + room_for_row_) {
    ++session;
    session->begin = column;
    session->earliest_precharge = std::max(session->earliest_precharge, earliest_precharge);
  } else {
    RowSession own = *session;
    own.begin = column;
    own.earliest_precharge = earliest_precharge;
    own.last_column = column;
    own.continues = true;
    session = bank.insert(session + 1, own);
  }
  // The row is precharged after all of its accesses, whatever session they are in.
  for (; bank.continued(session); ++session) {
    if (session[1].earliest_precharge >= session->earliest_precharge) break;
    session[1].earliest_precharge = session->earliest_precharge;
  }
}

[[gnu::always_inline]] inline void DramScheduler::reserve_activate(DramCalendar::Lane rank_lane,
                                                                   DramCalendar::Lane group_lane, Clock clock) {
  activate_stencil_.apply(calendar_, clock, [&](auto&& set) {
    set(kInRank, calendar_.next(rank_lane, kActivateLane));
    set(kInGroup, calendar_.next(group_lane, kActivateLane));
  });
  if (forbids_fifth_activate_) forbid_fifth_activate(rank_lane, clock);
}

/// Four ACT within tFAW forbid a fifth wherever it would be within tFAW of all four. A new ACT makes up to four such
/// groups with its three neighbours on either side.
[[gnu::always_inline]] inline void DramScheduler::forbid_fifth_activate(DramCalendar::Lane rank_lane, Clock clock) {
  const DramCalendar::Lane lane = calendar_.next(rank_lane, kMarkLane);
  const DramCalendar::Marks marks =
      near_marks_ ? calendar_.marks_near(lane, clock) : calendar_.marks_around(lane, clock);
  calendar_.mark(lane, clock);
  // Only those within tFAW of the new one can be in a group with it.
  const std::uint64_t before = marks.before & near_before_;
  const std::uint64_t after = marks.after & near_after_;
  const auto without_first = [](std::uint64_t bits) { return bits & (bits - 1); };
  const std::uint64_t two_before = without_first(before);
  if ((two_before | without_first(after)) == 0) return;  // three at most
  if (after == 0) {
    const std::uint64_t three_before = without_first(two_before);
    if (three_before == 0) return;
    if (without_first(three_before) == 0) {
      const Clock first = clock - 64 + std::countr_zero(before);
      calendar_.set(calendar_.next(rank_lane, kActivateLane), clock - clocks_.faw + 1, first + clocks_.faw - 1);
      return;
    }
  }
  forbid_around(rank_lane, clock, before, after);
}

void DramScheduler::forbid_around(DramCalendar::Lane rank_lane, Clock clock, std::uint64_t before,
                                  std::uint64_t after) {
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
  if (first <= last) calendar_.set(calendar_.next(rank_lane, kActivateLane), first, last);
}

[[gnu::always_inline]] inline void DramScheduler::reserve_column(const Search& search, Clock clock) {
  column_stencils_[search.access].apply(calendar_, clock, [&](auto&& set) {
    set(kInRank, search.rank_lane);
    set(kInGroup, search.group_lane);
    if (group_lanes_ == 2 * kRankLanes) {
      set(kInOtherRank, calendar_.lane(kRankLanes) - search.rank_lane);
      return;
    }
    for (std::size_t rank = 0; rank < group_lanes_; rank += kRankLanes) {
      const DramCalendar::Lane other = calendar_.lane(rank);
      if (other != search.rank_lane) set(kInOtherRank, other);
    }
  });
}

// --- What becomes final ---------------------------------------------------------------------------------------------

/// Settles the sessions that nothing can change any more.
void DramScheduler::retire(Bank& bank) {
  while (bank.rows.size() > 1 && bank.rows.begin()[1].begin <= calendar_.begin()) retire_first(bank);
}

inline void DramScheduler::retire_first(Bank& bank) {
  const RowSession* session = bank.rows.begin();
  const bool continued = bank.rows.continued(session);
  const Clock end = end_of(bank.rows, session);
  if (observer_ != nullptr && !continued) [[unlikely]] {
    const auto index = static_cast<std::uint32_t>(&bank - banks_.data());
    report_bank(DramCommand::Kind::precharge, end, index, session->row);
  }
  bank.rows.retire_first(end, clocks_.rp);
}

void DramScheduler::finish(Clock end) {
  for (Bank& bank : banks_) {
    const DramBank& rows = bank.rows;
    while (rows.size() > 1 || (rows.size() == 1 && end_of(rows, rows.begin()) <= end)) retire_first(bank);
  }
  if (observer_ != nullptr) report_refreshes(end);
}

Clock DramScheduler::row_open(Clock now) const {
  Clock open = 0;
  for (const auto& [rows, rank_lane, group_lane] : banks_) {
    open += rows.row_open();
    for (const RowSession& session : rows) {
      open += std::max<Clock>(std::min(now, end_of(rows, &session)) - session.begin, 0);
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

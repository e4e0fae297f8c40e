// The short way of DramScheduler for a read that comes after all else in its bank, and what it shares with the long
// way. It places what find() and commit() would place, or nothing: then those two are asked. Inlined where reads
// arrive, which are most of what a DRAM is asked for.
#pragma once

#include <algorithm>
#include <bit>

#include "pagoda/memory/dram_scheduler.h"

namespace pagoda {

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

inline Clock DramScheduler::first_activate(const Search& search, Clock from) const {
  return calendar_.first_free(calendar_.next(search.rank_lane, kActivateLane),
                              calendar_.next(search.group_lane, kActivateLane), from);
}

inline Clock DramScheduler::first_column(const Search& search, Clock from) const {
  if (search.access == kUse) return from;
  return calendar_.first_free(calendar_.next(search.rank_lane, search.access),
                              calendar_.next(search.group_lane, search.access), from);
}

[[gnu::always_inline]] inline void DramScheduler::reserve_activate(const Search& search, Clock clock) {
  const auto reservation = activate_stencil_.reserve(calendar_, clock);
  reservation.forbid(kInRank, calendar_.next(search.rank_lane, kActivateLane));
  reservation.forbid(kInGroup, calendar_.next(search.group_lane, kActivateLane));
  if (forbids_fifth_activate_) forbid_fifth_activate(search.rank_lane, clock);
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

/// Reserves a RD or WR.
[[gnu::always_inline]] inline void DramScheduler::reserve_column(const Search& search, Clock clock) {
  const auto reservation = column_stencils_[search.access].reserve(calendar_, clock);
  reservation.forbid(kInRank, search.rank_lane);
  reservation.forbid(kInGroup, search.group_lane);
  if (group_lanes_ == 2 * kRankLanes) {
    reservation.forbid(kInOtherRank, calendar_.lane(kRankLanes) - search.rank_lane);
  } else {
    for (std::size_t rank = 0; rank < group_lanes_; rank += kRankLanes) {
      const DramCalendar::Lane other = calendar_.lane(rank);
      if (other != search.rank_lane) reservation.forbid(kInOtherRank, other);
    }
  }
  data_until_ = std::max(data_until_, clock + spacing_[search.access].data_end);
}

/// Whether find() would decline all that is before the last session of the bank, so that the read joins that one or
/// opens its row after it.
inline bool DramScheduler::is_after_all(const DramBank& bank, std::uint32_t row, Clock from) const {
  if (bank.begin() == bank.end()) return false;
  const RowSession* last = bank.end() - 1;
  if (last->begin <= from) return true;
  if (from + spacing_[kRead].row_cycle <= last->begin) return false;
  return last == bank.begin() || (last[-1].begin <= from && last[-1].row != row);
}

/// Joins the last session of its bank. Returns the RD, or 0 if that takes the long way.
[[gnu::always_inline]] inline Clock DramScheduler::place_hit(const DramBurst& burst, Clock from) {
  Search search = this->search(burst, DramAccess::read);
  DramBank& bank = search.bank->rows;
  RowSession& last = bank.end()[-1];
  if (from > (closed_policy_ ? last.last_column : planned_precharge(last))) return 0;
  const Clock column = first_column(search, std::max(from, last.activate + spacing_[kRead].row_to_column));
  const Clock precharge = column + spacing_[kRead].to_precharge;
  if (precharge > last.latest_precharge || column >= last.earliest_precharge + room_for_row_) return 0;
  if (!calendar_.cover(column)) [[unlikely]]
    search = this->search(burst, DramAccess::read);
  last.last_column = std::max(last.last_column, column);
  last.earliest_precharge = std::max(last.earliest_precharge, precharge);
  ++rows_.hits;
  if (bank.full()) retire(*search.bank);
  reserve_column(search, column);
  return column;
}

/// Opens the row after the last session of its bank. Returns the RD, or 0 if that takes the long way.
[[gnu::noinline]] inline DramScheduler::Placed DramScheduler::place_miss(const DramBurst& burst, Clock from) {
  Search search = this->search(burst, DramAccess::read);
  DramBank& bank = search.bank->rows;
  const RowSession& last = bank.end()[-1];
  const Clock planned = planned_precharge(last);
  const bool closed = planned <= from;
  Clock activate = closed ? std::max(from, planned + clocks_.rp) : std::max(from, last.earliest_precharge) + clocks_.rp;
  activate = std::max(activate, last.activate + clocks_.rc);
  const DramRefresh::Window& window = refresh_[search.rank].window_at(activate);
  activate = first_activate(search, std::max(activate, window.begin));
  if (activate + spacing_[kRead].row_cycle > window.end) return {0, DramOutcome::hit};
  const Clock column = first_column(search, activate + spacing_[kRead].row_to_column);
  const Clock precharge = std::max(activate + clocks_.ras, column + spacing_[kRead].to_precharge);
  const Clock latest_precharge = window.end - clocks_.rp;
  if (precharge > latest_precharge || activate + clocks_.rc > window.end) return {0, DramOutcome::hit};
  if (!calendar_.cover(column)) [[unlikely]]
    search = this->search(burst, DramAccess::read);
  bank.insert(bank.end(), {.begin = activate,
                           .activate = activate,
                           .earliest_precharge = precharge,
                           .latest_precharge = latest_precharge,
                           .last_column = column,
                           .row = search.row,
                           .continues = false});
  bank.count_activate();
  ++(closed ? rows_.closed : rows_.conflicts);
  reserve_activate(search, activate);
  if (observer_ != nullptr) [[unlikely]]
    report(DramCommand::Kind::activate, activate, burst);
  if (bank.full()) retire(*search.bank);
  reserve_column(search, column);
  return {column, closed ? DramOutcome::closed : DramOutcome::conflict};
}

[[gnu::always_inline]] inline DramScheduler::Placed DramScheduler::place_read(const DramBurst& burst, Clock from) {
  const DramBank& bank = banks_[burst.bank].rows;
  if (!is_after_all(bank, burst.row, from)) [[unlikely]]
    return place_read_anywhere(burst, from);
  const bool hits = bank.end()[-1].row == burst.row;
  const Placed placed = hits ? Placed{place_hit(burst, from), DramOutcome::hit} : place_miss(burst, from);
  if (placed.column == 0) [[unlikely]]
    return place_read_anywhere(burst, from);
  if (observer_ != nullptr) [[unlikely]]
    report(DramCommand::Kind::read, placed.column, burst);
  return placed;
}

}  // namespace pagoda

#include "pagoda/memory/dram_scheduler.h"

#include <algorithm>
#include <array>
#include <bit>

#include "pagoda/memory/dram_place_read.h"

namespace pagoda {
namespace {

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
      spacing_{spacing(clocks, DramAccess::read), spacing(clocks, DramAccess::write), {}},
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

// --- Reserving them -------------------------------------------------------------------------------------------------

void DramScheduler::commit(Search search, const DramBurst& burst, const Placement& placement) {
  const std::size_t access = search.access;
  // Both may move the lanes.
  bool stays = calendar_.cover(placement.column);
  if (placement.reopen != 0) {
    stays = calendar_.cover(placement.reopen) && stays;
    if (!stays) search = this->search(burst, access);
    reopen(search, burst, placement);
  } else if (!stays) {
    search = this->search(burst, access);
  }
  if (placement.opens) {
    open(search, burst, placement);
  } else {
    join(search.bank->rows, placement);
  }
  if (search.bank->rows.full()) retire(*search.bank);
  if (access != kUse) reserve_column(search, placement.column);
  if (observer_ == nullptr) return;
  constexpr std::array kKinds{DramCommand::Kind::read, DramCommand::Kind::write, DramCommand::Kind::use};
  report(kKinds[access], placement.column, burst);
}

DramScheduler::UsedRow DramScheduler::place_use(const DramBurst& burst, Clock from, const RowUse& use) {
  const Clock to_precharge = use.hold + (use.write ? clocks_.wr : 0);
  const Clock to_column = clocks_.row_to_column[kRead];
  spacing_[kUse] = {.row_to_column = to_column,
                    .to_precharge = to_precharge,
                    .row_cycle = std::max(clocks_.rc, to_column + to_precharge + clocks_.rp),
                    .data_end = use.hold};
  const Search search = this->search(burst, kUse);
  const Placement placement = find(search, std::max(from, begin()));
  const Clock busy_from = placement.opens ? placement.activate - clocks_.rp
                                          : std::max(placement.session->earliest_precharge, placement.column);
  const Clock bank_time = std::max<Clock>(placement.earliest_precharge - busy_from, 0);
  commit(search, burst, placement);
  return {placement.column, bank_time, placement.outcome};
}

Clock DramScheduler::place_transfer(const DramBurst& burst, Clock from) {
  Search search = this->search(burst, DramAccess::read);
  const Clock column = first_column(search, std::max(from, begin()));
  if (!calendar_.cover(column)) search = this->search(burst, DramAccess::read);
  reserve_column(search, column);
  if (observer_ != nullptr) report(DramCommand::Kind::transfer, column, burst);
  return column;
}

DramScheduler::Placed DramScheduler::place_read_anywhere(const DramBurst& burst, Clock from) {
  const Search search = this->search(burst, DramAccess::read);
  const Placement placement = find(search, from);
  commit(search, burst, placement);
  return {placement.column, placement.outcome};
}

/// Gives the session that a new one goes before, and that continues another, an ACT of its own.
void DramScheduler::reopen(const Search& search, const DramBurst& burst, const Placement& placement) {
  DramBank& bank = search.bank->rows;
  RowSession& after = *placement.session;
  after.continues = false;
  after.begin = placement.reopen;
  after.earliest_precharge = std::max(after.earliest_precharge, placement.reopen + clocks_.ras);
  for (RowSession* i = &after; i == &after || (i != bank.end() && i->continues); ++i) {
    i->activate = placement.reopen;
    i->earliest_precharge = std::max(i->earliest_precharge, after.earliest_precharge);
  }
  reserve_activate(search, placement.reopen);
  bank.count_activate();
  ++rows_.reopens;
  if (observer_ != nullptr) report_bank(DramCommand::Kind::activate, placement.reopen, burst.bank, after.row);
}

void DramScheduler::open(const Search& search, const DramBurst& burst, const Placement& placement) {
  DramBank& bank = search.bank->rows;
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
  RowSession* session = placement.session;
  while (bank.continued(session) && session[1].begin <= column) ++session;
  if (column < session->earliest_precharge + room_for_row_) {
    session->last_column = std::max(session->last_column, column);
    session->earliest_precharge = std::max(session->earliest_precharge, placement.earliest_precharge);
  } else if (bank.continued(session) && session[1].begin < placement.earliest_precharge + room_for_row_) {
    ++session;
    session->begin = column;
    session->earliest_precharge = std::max(session->earliest_precharge, placement.earliest_precharge);
  } else {
    RowSession own = *session;
    own.begin = column;
    own.earliest_precharge = placement.earliest_precharge;
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

// --- What becomes final ---------------------------------------------------------------------------------------------

/// Settles the sessions that nothing can change any more.
void DramScheduler::retire(Bank& bank) {
  while (bank.rows.size() > 1 && bank.rows.begin()[1].begin <= calendar_.begin()) {
    const RowSession* first = bank.rows.begin();
    const RowSession& next = first[1];
    // end_of(), knowing that there is a next one.
    retire_first(bank, next.continues ? next.begin : std::min(planned_precharge(*first), next.activate - clocks_.rp));
  }
}

inline void DramScheduler::retire_first(Bank& bank, Clock end) {
  const RowSession* session = bank.rows.begin();
  if (observer_ != nullptr && !bank.rows.continued(session)) [[unlikely]] {
    const auto index = static_cast<std::uint32_t>(&bank - banks_.data());
    report_bank(DramCommand::Kind::precharge, end, index, session->row);
  }
  bank.rows.retire_first(end, clocks_.rp);
}

void DramScheduler::finish(Clock end) {
  for (Bank& bank : banks_) {
    const DramBank& rows = bank.rows;
    while (rows.begin() != rows.end()) {
      const Clock session_end = end_of(rows, rows.begin());
      if (rows.size() == 1 && session_end > end) break;
      retire_first(bank, session_end);
    }
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

// How the scheduler finds the clocks of a burst among those of others that were placed before it.
#include <algorithm>

#include "pagoda/memory/dram_place_read.h"
#include "pagoda/memory/dram_scheduler.h"

namespace pagoda {

bool DramScheduler::try_join(const Search& search, RowSession* session, Clock from, Placement& placement) const {
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
Clock DramScheduler::find_reopening(const Search& search, const RowSession* session, Clock after) const {
  const DramBank& bank = search.bank->rows;
  const Clock activate = first_activate(search, after);
  if (activate + std::max(clocks_.row_to_column[0], clocks_.row_to_column[1]) > session->begin) return 0;
  // The row must stay open for tRAS, and the bank must be ready for what follows.
  const Clock until = latest_precharge(bank, session);
  if (std::max(session->earliest_precharge, activate + clocks_.ras) > until) return 0;
  const RowSession* next = session + 1;
  while (next != bank.end() && next->continues) ++next;
  if (next != bank.end() && activate + clocks_.rc > next->activate) return 0;
  return activate;
}

/// Opens the row before the session `next`, if it fits.
bool DramScheduler::try_open(const Search& search, RowSession* next, Clock from, Placement& placement) {
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
    activate = first_activate(search, std::max(activate, window.begin));
    if (activate + spacing.row_cycle <= latest) {
      const Clock column = first_column(search, activate + spacing.row_to_column);
      const Clock precharge = std::max(activate + clocks_.ras, column + spacing.to_precharge);
      const Clock following = std::max(precharge + clocks_.rp, activate + clocks_.rc);
      bool fits = following <= latest;
      Clock reopen = 0;
      if (fits && splits) [[unlikely]] {
        reopen = find_reopening(search, next, following);
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
DramScheduler::Placement DramScheduler::find(const Search& search, Clock from) {
  Placement placement;
  DramBank& bank = search.bank->rows;
  RowSession* next = bank.after(from);
  if (next != bank.begin() && try_join(search, next - 1, from, placement)) return placement;
  while (!try_open(search, next, from, placement) && !try_join(search, next, from, placement)) ++next;
  return placement;
}

}  // namespace pagoda

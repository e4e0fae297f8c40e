#include "pagoda/base/timeline.h"

namespace pagoda {

Ps Timeline::reserve_before_horizon(Ps floor, Ps earliest, Ps duration) {
  forget(floor);
  const Gap gap = find(earliest, duration);
  insert(gap.before, gap.start, gap.start + duration);
  return gap.start;
}

void Timeline::occupy(Ps floor, Ps start, Ps end) {
  if (start >= end) return;
  if (start >= horizon_) {
    append(floor, start, end);
    return;
  }
  forget(floor);
  const Gap gap = find(start, 1);
  const Ps limit = gap.before < busy_.size() ? busy_[gap.before].start : kNever;
  insert(gap.before, gap.start, std::max(gap.start, std::min(end, limit)));
}

bool Timeline::busy_at(Ps time) const {
  if (time >= horizon_) return false;
  for (std::size_t i = busy_.size(); i > head_; --i) {
    if (busy_[i - 1].start <= time) return time < busy_[i - 1].end;
  }
  return false;
}

Timeline::Gap Timeline::find(Ps earliest, Ps duration) const {
  std::size_t next = busy_.size();
  while (next > head_ && busy_[next - 1].end > earliest) --next;
  Ps start = earliest;
  for (; next < busy_.size(); ++next) {
    if (start + duration <= busy_[next].start) break;
    start = busy_[next].end;
  }
  return {start, next};
}

void Timeline::insert(std::size_t before, Ps start, Ps end) {
  if (start == end) return;
  const auto at = busy_.begin() + static_cast<std::ptrdiff_t>(before);
  const bool joins_left = before > head_ && busy_[before - 1].end == start;
  const bool joins_right = before < busy_.size() && at->start == end;
  if (joins_left && joins_right) {
    busy_[before - 1].end = at->end;
    busy_.erase(at);
  } else if (joins_left) {
    busy_[before - 1].end = end;
  } else if (joins_right) {
    at->start = start;
  } else {
    busy_.insert(at, Interval{start, end});
  }
  horizon_ = std::max(horizon_, end);
}

std::size_t Servers::busy_at(Ps time) const {
  return static_cast<std::size_t>(
      std::count_if(lines_.begin(), lines_.end(), [time](const Timeline& line) { return line.busy_at(time); }));
}

Servers::Slot Servers::earliest_server(Ps earliest, Ps duration) {
  const Ps asked = earliest;
  earliest = no_room_.skip(earliest, duration);
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].horizon() <= earliest) return {i, earliest};
  }
  Slot best{0, kNever};
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    const Ps start = lines_[i].first_free(earliest, duration);
    if (start < best.start) best = {i, start};
    if (start == earliest) break;
  }
  if (best.start > asked) no_room_.remember(asked, duration, best.start);
  return best;
}

}  // namespace pagoda

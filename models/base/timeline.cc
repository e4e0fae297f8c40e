#include "pagoda/base/timeline.h"

namespace pagoda {

void Timeline::occupy_gap(Ps floor, Ps start, Ps end) {
  if (start >= end) return;
  forget(floor);
  const Gap gap = find(start, 1);
  const Ps limit = gap.before < busy_.size() ? busy_[gap.before].start : kNever;
  insert(gap.before, gap.start, std::max(gap.start, std::min(end, limit)));
}

void Timeline::forget(Ps floor) {
  while (head_ < busy_.size() && busy_[head_].end <= floor) ++head_;
  if (head_ == busy_.size()) {
    busy_.clear();
    head_ = 0;
  } else if (head_ >= 64 && head_ * 2 >= busy_.size()) {
    busy_.erase(busy_.begin(), busy_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

// Before more host memory is taken: perhaps the past can be forgotten.
void Timeline::make_room(Ps floor) {
  forget(floor);
  busy_.erase(busy_.begin(), busy_.begin() + static_cast<std::ptrdiff_t>(head_));
  head_ = 0;
  if (busy_.size() * 2 > busy_.capacity()) busy_.reserve(std::max<std::size_t>(16, 2 * busy_.capacity()));
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
  horizon_ = busy_.back().end;
  last_start_ = busy_.back().start;
}

std::size_t Servers::busy_at(Ps time) const {
  return static_cast<std::size_t>(
      std::count_if(lines_.begin(), lines_.end(), [time](const Timeline& line) { return line.busy_at(time); }));
}

Servers::Slot Servers::earliest_server(Ps earliest, Ps duration) {
  const Ps asked = earliest;
  earliest = no_room_.skip(earliest, duration);
  Slot best{lines_.data(), kNever};
  for (Timeline& line : lines_) {
    const Ps start = line.first_free(earliest, duration);
    if (start == earliest) return {&line, start};
    if (start < best.start) best = {&line, start};
  }
  no_room_.remember(asked, duration, best.start);
  return best;
}

}  // namespace pagoda

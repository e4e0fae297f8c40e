#include "pagoda/workload/core_timing.h"

#include <bit>

namespace pagoda {

CoreTiming::CoreTiming(const CoreConfig& config, Ps period)
    : width_(config.issue_width),
      window_(config.window),
      period_(period),
      in_window_(std::bit_ceil(std::size_t{config.window} + 1)),
      load_queue_(config.outstanding_loads),
      store_buffer_(config.store_buffer) {}

void CoreTiming::wait_until(Ps time, Ps& stall) {
  if (time <= entered_) return;
  stall += time - entered_;
  entered_ = time;
  entered_this_cycle_ = 1;
}

// Instruction n enters with the n-th slot after those taken; a cycle has `width` of them.
void CoreTiming::take_slots(std::uint64_t count) {
  if (count == 0) return;
  instructions_ += count;
  const std::uint64_t slots = entered_this_cycle_ + count - 1;
  if (slots >= width_) {
    entered_ += slots / width_ * period_;
    entered_this_cycle_ = static_cast<std::uint32_t>(slots % width_) + 1;
  } else {
    entered_this_cycle_ = static_cast<std::uint32_t>(slots) + 1;
  }
}

void CoreTiming::enter(std::uint64_t count) {
  const std::uint64_t last = instructions_ + count;
  const std::size_t mask = in_window_.size() - 1;
  while (oldest_ != newest_ && in_window_[oldest_ & mask].instruction + window_ <= last) {
    const Retirement leaving = in_window_[oldest_++ & mask];
    if (leaving.time <= entered_) continue;
    // The first instruction that its place is for waits; those behind follow at the width.
    take_slots(leaving.instruction + window_ - instructions_);
    wait_until(leaving.time, stalls_.window);
  }
  take_slots(last - instructions_);
}

void CoreTiming::stall_fetch_until(Ps time) {
  if (time <= entered_) return;
  wait_until(time, stalls_.fetch);
  entered_this_cycle_ = 0;  // whoever enters next is the first
}

void CoreTiming::stall_until(Ps time) {
  if (time <= entered_) return;
  entered_ = time;
  entered_this_cycle_ = 0;
  retired_ = std::max(retired_, time);
}

Ps CoreTiming::ready_value(unsigned depends_on) const {
  if (depends_on == 0 || depends_on > loads_) return 0;
  return load_values_[(loads_ - depends_on) % load_values_.size()];
}

Ps CoreTiming::load_issue(unsigned depends_on) {
  wait_until(load_queue_.oldest(), stalls_.load_queue);
  return std::max(entered_, ready_value(depends_on));
}

void CoreTiming::load_done(Ps done) {
  load_values_[loads_ % load_values_.size()] = done;
  ++loads_;
  retire(done);
  load_queue_.push(retired_);
}

Ps CoreTiming::store_issue(unsigned depends_on) {
  wait_until(store_buffer_.oldest(), stalls_.store_buffer);
  retire(std::max(entered_, ready_value(depends_on)));
  last_store_issue_ = std::max(last_store_issue_, retired_);
  return last_store_issue_;
}

void CoreTiming::store_done(Ps done) {
  last_store_done_ = std::max(last_store_done_, done);
  store_buffer_.push(last_store_done_);
}

void CoreTiming::retire(Ps complete) {
  retired_ = std::max(retired_, complete);
  const std::size_t mask = in_window_.size() - 1;
  if (oldest_ != newest_ && in_window_[(newest_ - 1) & mask].instruction == instructions_) {
    in_window_[(newest_ - 1) & mask].time = retired_;
  } else {
    in_window_[newest_++ & mask] = {instructions_, retired_};
  }
}

}  // namespace pagoda

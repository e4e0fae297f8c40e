#include "pagoda/workload/core_timing.h"

#include <bit>

namespace pagoda {

CoreTiming::CoreTiming(const CoreConfig& config, Ps period)
    : width_(config.issue_width),
      window_(config.window),
      period_(period),
      in_window_(std::bit_ceil(std::size_t{config.window} + 2), {kNobody, 0}),
      window_mask_(in_window_.size() - 1),
      store_buffer_(config.store_buffer),
      load_queue_(config.outstanding_loads),
      loads_done_(std::bit_ceil(std::size_t{std::max(load_queue_, kMaxDependence + 1)}), {0, 0}),
      loads_mask_(loads_done_.size() - 1) {}

// The first instruction that its place is for waits; those behind follow at the width.
void CoreTiming::wait_for(const Retirement& leaving) {
  take_slots(leaving.instruction + window_ - instructions_);
  wait_until(leaving.time, stalls_.window);
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

}  // namespace pagoda

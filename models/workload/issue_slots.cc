#include "pagoda/workload/issue_slots.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace pagoda {
namespace {

// Slots are shared out in whole picoseconds; what is left then is rounding.
constexpr double kRounding = 1e-6;

}  // namespace

IssueSlots::IssueSlots(const SmtConfig& config, std::uint32_t width, Ps period)
    : config_(config),
      width_(width),
      period_(period),
      slots_per_ps_(static_cast<double>(width) / static_cast<double>(period)),
      threads_(config.threads, {.priority = config.normal}),
      rates_(config.threads) {}

// Whether nobody else can want a slot before then.
bool IssueSlots::alone_until(unsigned thread, Ps until) const {
  for (unsigned other = 0; other < threads_.size(); ++other) {
    const Thread& t = threads_[other];
    if (other == thread || t.state == State::away) continue;
    const bool waits = t.state == State::quiet || t.state == State::satisfied;
    if (!waits || t.from < until) return false;
  }
  return true;
}

// As a core without siblings does it: see CoreTiming.
void IssueSlots::grant_alone(Thread& thread, std::uint64_t slots) {
  count(thread.use, static_cast<double>(slots));
  slots = slots + thread.place.used - 1;
  thread.place.entered += slots / width_ * period_;
  thread.place.used = static_cast<std::uint32_t>(slots % width_) + 1;
  thread.state = State::satisfied;
  thread.from = thread.place.entered;
}

void IssueSlots::want(unsigned thread, Place place, std::uint64_t slots, Use use) {
  Thread& t = threads_[thread];
  const bool occupied = t.state == State::occupying;
  const Ps start = place.entered + slot_time(place.used);
  t.place = place;
  t.use = use;
  t.from = start;
  t.left = static_cast<double>(slots);
  const Ps end = start + slot_time(slots) + period_;
  const bool alone = start >= settled_ ? alone_until(thread, end) : !occupied && end <= settled_;
  if (alone) {
    grant_alone(t, slots);
    satisfied_ = thread;
    return;
  }
  t.state = State::wanting;
  if (start < settled_) want_earlier(thread, occupied ? rates_[thread] : slots_per_ps_, !occupied);
}

// What it gets in time that is settled, at that rate; and whether it was not given to it before.
void IssueSlots::want_earlier(unsigned thread, double rate, bool more) {
  Thread& t = threads_[thread];
  const double got = std::min(static_cast<double>(settled_ - t.from) * rate, t.left);
  if (more) count(t.use, got);
  t.left -= got;
  if (t.left > kRounding) {
    t.from = settled_;
    return;
  }
  const Ps end = t.from + static_cast<Ps>(std::ceil(got / rate));
  t.place = {std::max(end - std::min(end, slot_time(1)), t.place.entered), 1};
  t.state = State::satisfied;
  t.from = end;
  satisfied_ = thread;
}

void IssueSlots::occupy(unsigned thread, Use use, Ps at) {
  settle_to(at);
  threads_[thread].state = State::occupying;
  threads_[thread].use = use;
  threads_[thread].from = std::max(at, settled_);
}

void IssueSlots::wants_nothing(unsigned thread, Ps until) {
  threads_[thread].state = State::quiet;
  threads_[thread].from = until;
}

void IssueSlots::leave(unsigned thread, Ps at) {
  settle_to(at);
  threads_[thread].state = State::away;
}

void IssueSlots::set_priority(unsigned thread, unsigned level, Ps at) {
  settle_to(at);
  threads_[thread].priority = level;
}

// Everything up to kernel time is known: each thread that has not said more stands there or later.
void IssueSlots::settle_to(Ps at) {
  for (Ps before = kNever; settled_ < at && !satisfied_ && before != settled_;) {
    before = settled_;
    satisfied_ = step(at);
  }
}

std::optional<unsigned> IssueSlots::settle() {
  if (!satisfied_) {
    const bool any = std::any_of(threads_.begin(), threads_.end(),
                                 [](const Thread& thread) { return thread.state == State::wanting; });
    for (Ps before = kNever; any && !satisfied_ && before != settled_;) {
      before = settled_;
      satisfied_ = step(kNever);
    }
  }
  return std::exchange(satisfied_, std::nullopt);
}

// What each active thread gets.
void IssueSlots::share() {
  unsigned highest = 0;
  unsigned lowest_level = 0;  // threads at level 1
  for (const Thread& thread : threads_) {
    if (!active(thread)) continue;
    highest = std::max(highest, thread.priority);
    if (thread.priority == kLowestPriority) ++lowest_level;
  }
  const bool apart = highest > kLowestPriority;  // level 1 takes what the others leave
  double sum = 0;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    const Thread& thread = threads_[i];
    rates_[i] = 0;
    if (!active(thread) || (apart && thread.priority == kLowestPriority)) continue;
    rates_[i] = 1 / (std::pow(config_.slot_base, highest - thread.priority + 1) - 1);
    if (thread.priority == highest) rates_[i] = 1;
    sum += rates_[i];
  }
  const double least = apart ? 1.0 / config_.least_share : 0;
  const double rest = 1 - least * lowest_level;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    if (!active(threads_[i])) continue;
    const bool left_over = apart && threads_[i].priority == kLowestPriority;
    rates_[i] = slots_per_ps_ * (left_over ? least : rates_[i] / sum * rest);
  }
}

// Goes on to the next time at which shares change, at most to `limit` or to where a thread has to say what it wants; the
// thread that has then got what it wanted, if one has.
std::optional<unsigned> IssueSlots::step(Ps limit) {
  Ps until = limit;
  for (const Thread& thread : threads_) {
    if (thread.state == State::quiet || thread.state == State::satisfied) until = std::min(until, thread.from);
    if ((thread.state == State::wanting || thread.state == State::occupying) && thread.from > settled_) {
      until = std::min(until, thread.from);
    }
  }
  if (until <= settled_) return std::nullopt;
  share();
  std::optional<unsigned> first;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    if (threads_[i].state != State::wanting || !active(threads_[i])) continue;
    const Ps end = settled_ + static_cast<Ps>(std::ceil(std::max(threads_[i].left / rates_[i] - kRounding, 1.0)));
    if (end > until || (first && end == until)) continue;
    until = end;
    first = i;
  }
  if (until == kNever) return std::nullopt;
  pass(until);
  if (!first) return std::nullopt;
  Thread& thread = threads_[*first];
  count(thread.use, thread.left);  // what rounding has left
  thread.left = 0;
  thread.state = State::satisfied;
  thread.place = {std::max(until - slot_time(1), thread.place.entered), 1};
  thread.from = until;
  return first;
}

// All active threads get their shares until then.
void IssueSlots::pass(Ps until) {
  const Ps time = until - settled_;
  bool waits = false;
  double programs = 0;
  for (unsigned i = 0; i < threads_.size(); ++i) {
    Thread& thread = threads_[i];
    if (!active(thread)) continue;
    const double got = rates_[i] * static_cast<double>(time);
    const double used = thread.state == State::wanting ? std::min(got, thread.left) : got;
    if (thread.state == State::wanting) thread.left -= used;
    count(thread.use, used);
    if (thread.use == Use::program) {
      programs += used;
    } else {
      waits = true;
    }
    if (thread.use == Use::poll) polling_time_ += time;
  }
  if (waits) {
    beside_time_ += time;
    beside_slots_ += programs;
  }
  settled_ = until;
}

void IssueSlots::visit_stats(StatVisitor& v) {
  if (v.clears()) {
    slots_ = {};
    beside_slots_ = 0;
  }
  v.value("program_slots", slots(Use::program), "", "issue slots that programs got");
  v.value("software_slots", slots(Use::software), "", "issue slots that system software got");
  v.value("polling_slots", slots(Use::poll), "", "issue slots that polling threads got");
  v.counter("polling_time", polling_time_, kTimeInNs, "time that threads polled, summed");
  v.counter("paging_time", beside_time_, kTimeInNs, "time in which at least one thread was in system software");
  v.value("sibling_ipc", beside_time_ == 0 ? 0 : beside_slots_ / beside_cycles(), "",
          "instructions per cycle of programs while at least one thread was in system software");
}

}  // namespace pagoda

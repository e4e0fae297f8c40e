#include "pagoda/workload/smt_core.h"

#include <algorithm>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {

SmtCore::SmtCore(const sc_core::sc_module_name& name, const SmtConfig& config, const CoreConfig& core, Ps period,
                 unsigned first)
    : Module(name),
      config_(validated(config, this->name())),
      first_(first),
      slots_(config, core.issue_width, period),
      seats_(config.threads) {
  for (unsigned i = 0; i < config.software_threads(); ++i) threads_.push_back(std::make_unique<SmtThread>(*this, i));
}

SmtCore::~SmtCore() = default;

CoreConfig SmtCore::part_of(CoreConfig core, const SmtConfig& config) {
  for (std::uint32_t* entries : {&core.window, &core.outstanding_loads, &core.store_buffer}) {
    *entries = std::max(*entries / config.threads, 1u);
  }
  return core;
}

// Whoever has got what it wanted by what has just become known goes on.
void SmtCore::share_out() {
  while (const std::optional<unsigned> seat = slots_.settle()) {
    SmtThread& thread = *seats_[*seat].holder;
    thread.granted_ = true;
    thread.turn_.notify();
  }
}

void SmtCore::now_doing(unsigned seat, Doing what) {
  seats_[seat].doing_probe.set(kernel_now(), static_cast<std::uint64_t>(what));
}

void SmtCore::set_priority(unsigned seat, unsigned level) {
  slots_.set_priority(seat, level, kernel_now());
  seats_[seat].priority_probe.set(kernel_now(), level);
  share_out();
}

void SmtCore::hand_over(Seat& seat, SmtThread& thread) {
  const auto number = static_cast<unsigned>(&seat - seats_.data());
  seat.holder = &thread;
  thread.seat_ = static_cast<int>(number);
  idle_ += kernel_now() - seat.idle_since;
  set_priority(number, config_.normal);
}

// Waits for a hardware thread, and for the switch to it.
void SmtCore::acquire(SmtThread& thread) {
  const Ps since = kernel_now();
  const auto free = std::find_if(seats_.begin(), seats_.end(), [](const Seat& seat) { return seat.holder == nullptr; });
  if (free != seats_.end()) {
    hand_over(*free, thread);
  } else {
    ready_.push_back(&thread);
    ready_probe_.set(since, ready_.size());
    while (!thread.dispatched()) wait(thread.seated_);
  }
  waited_ += kernel_now() - since;
  Seat& seat = seats_[thread.seat()];
  if (seat.used && config_.context_switch.ps > 0) {
    ++context_switches_;
    slots_.occupy(thread.seat(), IssueSlots::Use::software, kernel_now());
    now_doing(thread.seat(), Doing::software);
    share_out();
    wait(to_sc_time(config_.context_switch.ps));
  }
  seat.used = true;
}

void SmtCore::release(SmtThread& thread) {
  Seat& seat = seats_[thread.seat()];
  slots_.leave(thread.seat(), kernel_now());
  now_doing(thread.seat(), Doing::nothing);
  seat.holder = nullptr;
  seat.idle_since = kernel_now();
  thread.seat_ = -1;
  if (!ready_.empty()) {
    SmtThread& next = *ready_.front();
    ready_.pop_front();
    ready_probe_.set(kernel_now(), ready_.size());
    hand_over(seat, next);
    next.seated_.notify(sc_core::SC_ZERO_TIME);
  }
  share_out();
}

// --- a software thread ---

// All that begin now are known before the first goes on.
void SmtThread::begin() {
  core_.acquire(*this);
  core_.now_doing(seat(), SmtCore::Doing::program);
  quiet(kernel_now());
  sc_core::wait(sc_core::SC_ZERO_TIME);
}

void SmtThread::end() { core_.release(*this); }

void SmtThread::quiet(Ps until) {
  core_.slots_.wants_nothing(seat(), until);
  core_.share_out();
}

IssueSlots::Place SmtThread::granted(IssueSlots::Place place, std::uint64_t count, IssueSlots::Use use) {
  granted_ = false;
  core_.slots_.want(seat(), place, count, use);
  core_.share_out();
  while (!granted_) sc_core::wait(turn_);
  return core_.slots_.place(seat());
}

void SmtThread::take(std::uint64_t count, Ps& entered, std::uint32_t& used) {
  const IssueSlots::Place place = granted({entered, used}, count, IssueSlots::Use::program);
  entered = place.entered;
  used = place.used;
}

void SmtThread::software_begins() {
  core_.slots_.occupy(seat(), IssueSlots::Use::software, kernel_now());
  core_.now_doing(seat(), SmtCore::Doing::software);
  core_.share_out();
}

void SmtThread::software_ends() {
  if (priority_lowered()) {
    throw InvariantError(
        fmt::format("{}: software thread {} goes on with its priority lowered", core_.name(), number_));
  }
  core_.now_doing(seat(), SmtCore::Doing::program);
  quiet(kernel_now());
}

unsigned SmtThread::hardware_thread() const { return core_.first_ + seat(); }

void SmtThread::work(Ps duration) {
  if (duration > 0) sc_core::wait(to_sc_time(duration));
}

void SmtThread::poll(const sc_core::sc_event& until) {
  spin();
  sc_core::wait(until);
  look_once_more();
}

void SmtThread::poll_until(Ps until) {
  spin();
  if (until > kernel_now()) sc_core::wait(delay_until(until));
  look_once_more();
}

void SmtThread::spin() {
  core_.slots_.occupy(seat(), IssueSlots::Use::poll, kernel_now());
  core_.now_doing(seat(), SmtCore::Doing::polling);
  core_.share_out();
}

// The loop that sees it begins when it can be seen.
void SmtThread::look_once_more() {
  const IssueSlots::Place place = granted({kernel_now(), 0}, core_.config_.poll_loop, IssueSlots::Use::poll);
  if (place.entered > kernel_now()) sc_core::wait(delay_until(place.entered));
  software_begins();
}

void SmtThread::sleep(const sc_core::sc_event& until) {
  ++core_.sleeps_;
  core_.release(*this);
  sc_core::wait(until);
  core_.acquire(*this);
  software_begins();
}

void SmtThread::lower_priority() { core_.set_priority(seat(), core_.config_.low); }

void SmtThread::restore_priority() { core_.set_priority(seat(), core_.config_.normal); }

bool SmtThread::priority_lowered() const { return core_.slots_.priority(seat()) != core_.config_.normal; }

// --- what is told of it ---

void SmtCore::visit_stats(StatVisitor& v) {
  slots_.visit_stats(v);
  v.counter("context_switches", context_switches_, kCount, "software threads that hardware threads were switched to");
  v.counter("sleeps", sleeps_, kCount, "times a software thread gave its hardware thread away");
  v.counter("ready_time", waited_, kTimeInNs, "time that software threads waited for a hardware thread, summed");
  v.counter("idle_time", idle_, kTimeInNs, "time that hardware threads had no software thread, summed");
}

void SmtCore::visit_probes(ProbeVisitor& v) {
  for (std::size_t i = 0; i < seats_.size(); ++i) {
    v.enter(fmt::format("thread{}", i).c_str());
    v.probe("state", seats_[i].doing_probe, 2, "0 idle, 1 program, 2 system software, 3 polling");
    v.probe("priority", seats_[i].priority_probe, 3, "level");
    v.leave();
  }
  v.probe("ready", ready_probe_, 8, "software threads that wait for a hardware thread");
}

}  // namespace pagoda

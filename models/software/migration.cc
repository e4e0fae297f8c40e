#include "pagoda/software/migration.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/software/software_time.h"

namespace pagoda {
namespace {

double per_second(double amount, Ps time) { return time == 0 ? 0 : amount / to_seconds(time); }

}  // namespace

Migration::Migration(const sc_core::sc_module_name& name, const MigrationConfig& config, GuestMemory& guest,
                     MigratedGuest& host, NetworkLink& link, PhysicalMemory& bytes, FaultHandler& os)
    : Module(name),
      config_(validated(config, this->name())),
      guest_(guest),
      host_(host),
      link_(link),
      port_(bytes),
      post_copy_(os, guest, link, port_, {.page_bytes = kPageBytes + config.page_header.count, .fault = kMicrosecond}),
      window_(config.window) {
  SC_HAS_PROCESS(Migration);
  SC_THREAD(execute);
}

void Migration::end_of_elaboration() {
  if (memory.size() > 0) port_.bind(*memory.operator->());
}

void Migration::execute() {
  failure_.guard([this] {
    run();
    finished_ = kernel_now();
    if (finish_callback_) finish_callback_();
  });
}

void Migration::wait_until(Ps time) {
  const Ps now = kernel_now();
  if (time > now) spend(time - now);
}

void Migration::run() {
  const Ps warm = config_.start.ps / 4 * 3;
  wait_until(warm);
  const double warmed_up = host_.progress();
  wait_until(config_.start.ps);
  before_rate_ = per_second(host_.progress() - warmed_up, config_.start.ps - warm);
  for (std::uint32_t i = 0; i < config_.attempts; ++i) {
    if (i > 0) spend(config_.retry.ps);
    cancel_at_ = i == 0 && config_.cancel_after ? kernel_now() + config_.cancel_after->ps : kNever;
    ++attempts_;
    outcome_ = attempt();
    if (outcome_ == Outcome::done) return;
    give_up();
  }
  // The process has stayed, and goes on.
  const double progress = host_.progress();
  spend(config_.start.ps);
  after_rate_ = per_second(host_.progress() - progress, config_.start.ps);
}

Migration::Outcome Migration::attempt() {
  begin_ = kernel_now();
  there_ = std::make_unique<ReceivedMemory>(guest_.pages().count(), config_.memory.count / kPageBytes);
  guest_.witness().forget_copies();
  std::fill(window_.begin(), window_.end(), begin_);
  next_send_ = last_arrival_ = begin_;
  measured_ = link_.bytes_per_second();
  last_dirty_ = ~std::uint64_t{0};
  without_progress_ = 0;
  rounds_.clear();
  host_.monitoring_begins();  // which clears statistics
  progress_at_begin_ = host_.progress();
  PageSet dirty = guest_.backed();
  backed_ = dirty.count();
  const bool copies_before = config_.mode == MigrationMode::pre_copy || config_.mode == MigrationMode::hybrid;
  if (copies_before) {
    monitoring_ = true;
    moment_ = guest_.witness().now();
    for (DirtySource* source : sources_) source->begin();
    dirty |= guest_.backed();  // what has been touched since
    return pre_copy(dirty);
  }
  return config_.mode == MigrationMode::stop_and_copy ? stop_and_copy(dirty) : finish_by_post_copy(dirty);
}

Migration::Outcome Migration::pre_copy(PageSet& dirty) {
  const bool hybrid = config_.mode == MigrationMode::hybrid;
  for (std::uint32_t round = 1;; ++round) {
    const Ps start = kernel_now();
    round_probe_.set(start, round);
    dirty_probe_.set(start, dirty.count());
    const std::uint64_t before = sent_bytes_, pages_before = pages_;
    const Outcome sent = send_pages(dirty, true);
    if (sent != Outcome::none) return sent;
    const Ps took = kernel_now() - start;
    if (took > 0 && sent_bytes_ > before) measured_ = per_second(static_cast<double>(sent_bytes_ - before), took);
    dirty = PageSet(guest_.pages().count());
    collect(dirty);
    rounds_.push_back({.pages = pages_ - pages_before,
                       .bytes = sent_bytes_ - before,
                       .dirty_after = dirty.count(),
                       .duration = took});
    if (hybrid && round == config_.hybrid_rounds) return finish_by_post_copy(dirty);
    if (fits_downtime(dirty)) return hybrid ? finish_by_post_copy(dirty) : stop_and_copy(dirty);
    if (!no_progress(dirty.count()) && round < config_.rounds) continue;
    switch (config_.no_convergence) {
      case NoConvergence::stop_and_copy: return stop_and_copy(dirty);
      case NoConvergence::post_copy: return finish_by_post_copy(dirty);
      case NoConvergence::cancel: return Outcome::not_converged;
    }
  }
}

bool Migration::fits_downtime(const PageSet& dirty) const {
  const double bytes = static_cast<double>(dirty.count() * (kPageBytes + config_.page_header.count));
  return bytes <= measured_ * to_seconds(config_.downtime.ps);
}

bool Migration::no_progress(std::uint64_t dirty) {
  const bool less = static_cast<double>(dirty) <= static_cast<double>(last_dirty_) * (1 - config_.progress);
  without_progress_ = less ? 0 : without_progress_ + 1;
  last_dirty_ = dirty;
  return without_progress_ >= config_.patience;
}

// What the sources say, and how right those of devices are; and what has been touched for the first time, which whoever
// maps it knows.
void Migration::collect(PageSet& dirty) {
  PageSet devices(guest_.pages().count()), processors(guest_.pages().count());
  const std::uint64_t since = std::exchange(moment_, guest_.witness().now());
  for (DirtySource* source : sources_) source->collect(source->of_devices() ? devices : processors);
  for (std::uint64_t page = devices.next(0); page < devices.range(); page = devices.next(page + 1)) {
    const std::optional<Addr> frame = guest_.frame_of(page);
    ++device_dirty_;
    if (!frame || !guest_.witness().written_by_device_since(*frame, since)) ++device_false_;
  }
  processor_dirty_ += processors.count();
  const PageSet backed = guest_.backed();
  for (std::uint64_t page = backed.next(0); page < backed.range(); page = backed.next(page + 1)) {
    if (!there_->has(page)) dirty.insert(page);
  }
  dirty |= devices;
  dirty |= processors;
}

Migration::Outcome Migration::send_pages(const PageSet& pages, bool limited) {
  for (std::uint64_t page = pages.next(0); page < pages.range(); page = pages.next(page + 1)) {
    if (due_to_cancel()) return Outcome::cancelled;
    const std::optional<Addr> frame = guest_.frame_of(page);
    if (!frame) continue;
    const Outcome outcome = send_page(page, *frame, limited);
    if (outcome != Outcome::none) return outcome;
  }
  wait_until(std::max(*std::max_element(window_.begin(), window_.end()), limited ? next_send_ : 0));
  return Outcome::none;
}

// In its turn: when a place in the window is free, and the bandwidth allows it.
Migration::Outcome Migration::send_page(std::uint64_t page, Addr frame, bool limited) {
  Ps& place = window_[window_next_];
  window_next_ = window_next_ + 1 == window_.size() ? 0 : window_next_ + 1;
  Ps start = std::max(place, kernel_now());
  if (limited) start = std::max(start, next_send_);
  wait_until(start);
  const Ps read = port_.access(frame, kPageBytes, AccessKind::read, start);
  guest_.witness().copied(frame);
  const bool zero = config_.zero_pages && guest_.is_zero(frame);
  const std::uint64_t message = config_.page_header.count + (zero ? 1 : kPageBytes);
  if (zero) ++zero_pages_;
  const bool stored = there_->store(page, ReceivedMemory::ConstPageBytes(guest_.bytes_of(frame), kPageBytes));
  const NetworkLink::Delivery delivery = link_.send(message, read);
  ++pages_;
  sent_bytes_ += message;
  place = delivery.sent;
  window_probe_.during(start, delivery.sent);
  if (config_.bandwidth.bytes_per_second > 0) {
    next_send_ = start + static_cast<Ps>(static_cast<double>(message) / config_.bandwidth.bytes_per_second * 1e12);
  }
  last_arrival_ = std::max(last_arrival_, delivery.arrived);
  if (!delivery.ok) {
    wait_until(delivery.arrived);
    return Outcome::link_failed;
  }
  if (stored) return Outcome::none;
  wait_until(link_.reply(config_.page_header.count, delivery.arrived).arrived);  // the other machine says so
  return Outcome::no_memory;
}

// Of processors and devices, and the acknowledgement that all has arrived.
bool Migration::send_state() {
  const NetworkLink::Delivery there = link_.send(config_.state.count + 1, kernel_now());
  sent_bytes_ += config_.state.count + 1;
  const Ps arrived = std::max(there.arrived, last_arrival_);
  wait_until(arrived);
  if (!there.ok) return false;
  const NetworkLink::Delivery answer = link_.reply(1, arrived);
  wait_until(answer.arrived);
  return answer.ok;
}

// The process stands still; `dirty` is what is left to send.
void Migration::stop(PageSet& dirty) {
  paused_at_ = kernel_now();
  during_ = host_.progress() - progress_at_begin_;
  running_ = paused_at_ - begin_;
  paused_ = true;
  paused_probe_.set(paused_at_, 1);
  host_.pause();
  if (monitoring_) {
    collect(dirty);
    for (DirtySource* source : sources_) source->end();
    monitoring_ = false;
  } else {
    dirty |= guest_.backed();
  }
  final_pages_ = dirty.count();
  dirty_probe_.set(kernel_now(), dirty.count());
}

Migration::Outcome Migration::stop_and_copy(PageSet& dirty) {
  stop(dirty);
  const Outcome sent = send_pages(dirty, false);
  if (sent != Outcome::none) return sent;
  if (!send_state()) return Outcome::link_failed;
  spend(config_.resume.ps);
  end_ = kernel_now();
  downtime_ = end_ - paused_at_;
  device_downtime_ = end_ - host_.devices_gone_since().value_or(paused_at_);
  paused_probe_.set(end_, 0);
  verify();
  return Outcome::done;
}

Migration::Outcome Migration::finish_by_post_copy(PageSet& dirty) {
  stop(dirty);
  if (backed_ > there_->capacity()) return Outcome::no_memory;  // later it would be too late
  if (!send_state()) return Outcome::link_failed;
  spend(config_.resume.ps);
  post_copy_.begin(dirty, *there_, host_.stage());
  host_.forget_translations();
  downtime_ = kernel_now() - paused_at_;
  paused_probe_.set(kernel_now(), 0);
  const double progress = host_.progress();
  const Ps resumed = kernel_now();
  host_.resume_processors();
  const Outcome pushed = push_pages();
  if (pushed != Outcome::none) return pushed;
  end_ = kernel_now();
  post_running_ = end_ - resumed;
  post_copy_.end();
  post_during_ = host_.progress() - progress;
  device_downtime_ = end_ - host_.devices_gone_since().value_or(paused_at_);
  host_.pause();
  verify();
  return Outcome::done;
}

// In turn, between those that programs ask for. A link that is down is waited for: there is no way back.
Migration::Outcome Migration::push_pages() {
  std::fill(window_.begin(), window_.end(), kernel_now());
  while (!post_copy_.complete()) {
    Ps& place = window_[window_next_];
    window_next_ = window_next_ + 1 == window_.size() ? 0 : window_next_ + 1;
    wait_until(place);
    const std::optional<Ps> next = post_copy_.settle(kernel_now());
    const std::optional<PostCopy::Pushed> pushed = post_copy_.push(kernel_now());
    dirty_probe_.set(kernel_now(), post_copy_.complete() ? 0 : 1);
    if (!pushed) {
      if (next) wait_until(*next);
      continue;
    }
    place = pushed->sent;
    if (pushed->ok) continue;
    wait_until(pushed->sent);
    const std::optional<Ps> again = link_.up_again(kernel_now());
    if (!again) throw UserError("the link to the other machine failed for good after the process had moved there");
    wait_until(*again);
  }
  pages_ += post_copy_.pages_sent();
  sent_bytes_ += post_copy_.pages_sent() * (kPageBytes + config_.page_header.count);
  return Outcome::none;
}

// The process stays, and is no longer watched.
void Migration::give_up() {
  if (monitoring_) {
    for (DirtySource* source : sources_) source->end();
    monitoring_ = false;
  }
  guest_.stay();
  there_.reset();
  if (paused_) {
    host_.resume_processors();
    downtime_ += kernel_now() - paused_at_;
    paused_probe_.set(kernel_now(), 0);
    paused_ = false;
  }
  host_.resume_devices();  // some may have been taken away before
  end_ = kernel_now();
}

void Migration::verify() {
  PageSet pages = guest_.backed();
  for (std::uint64_t page = pages.next(0); page < pages.range(); page = pages.next(page + 1)) {
    const Addr frame = *guest_.frame_of(page);
    if (!there_->has(page)) {
      throw InvariantError(fmt::format("page {} of the process was never copied to the other machine", page));
    }
    if (guest_.witness().stale(frame)) {
      throw InvariantError(fmt::format("page {} was written after its last copy", page));
    }
    const GuestMemory::Page expected = guest_.expected(page);
    if (!there_->equals(page, expected)) {
      throw InvariantError(fmt::format("page {} is not what it has to be on the other machine", page));
    }
    ++verified_;
  }
}

double Migration::part_done() const {
  if (outcome_ == Outcome::done) return 1;
  return backed_ == 0 ? 0 : std::min(0.99, static_cast<double>(pages_) / static_cast<double>(2 * backed_));
}

void Migration::visit_stats(StatVisitor& v) {
  const double all = static_cast<double>(backed_ * kPageBytes);
  const double rate = per_second(during_, running_);
  v.value("outcome", static_cast<double>(outcome_), "",
          "1 done, 2 link failed, 3 no memory, 4 cancelled, 5 not converged");
  v.value("attempts", static_cast<double>(attempts_), "", "how often it was tried");
  v.value("total_time", to_ns(end_ - begin_), "ns", "of the last attempt, from its beginning to its end");
  v.value("downtime", to_ns(downtime_), "ns", "during which the process stood still");
  v.value("device_downtime", to_ns(device_downtime_), "ns", "during which its devices did");
  v.value("rounds", static_cast<double>(rounds_.size()), "", "while it ran");
  v.counter("pages_sent", pages_, kCount, "pages sent, again and again");
  v.counter("zero_pages", zero_pages_, kCount, "of these, pages of zeros");
  v.counter("bytes_sent", sent_bytes_, kSizeInBytes, "with headers");
  v.value("memory", all, "B", "that the process has touched");
  v.value("sent_ratio", all == 0 ? 0.0 : static_cast<double>(sent_bytes_) / all, "", "sent per memory");
  v.counter("final_pages", final_pages_, kCount, "pages left when the process was stopped");
  v.counter("verified_pages", verified_, kCount, "pages compared in the end");
  v.counter("device_dirty", device_dirty_, kCount, "pages that devices were said to have written, all rounds");
  v.counter("device_false", device_false_, kCount, "of these, pages that they had not");
  v.value("false_dirty_ratio", ratio(device_false_, device_dirty_), "", "of these");
  v.counter("processor_dirty", processor_dirty_, kCount, "pages that processors were said to have written");
  v.counter("host_bytes_read", port_.bytes_read(), kSizeInBytes, "of memory, by migration");
  v.counter("host_bytes_written", port_.bytes_written(), kSizeInBytes, "of memory, by migration");
  v.value("guest_slowdown", before_rate_ == 0 || running_ == 0 ? 0.0 : 1 - rate / before_rate_, "",
          "instructions lost while it ran, of the rate before");
  v.value("post_copy_slowdown",
          before_rate_ == 0 || post_running_ == 0 ? 0.0 : 1 - per_second(post_during_, post_running_) / before_rate_,
          "", "the same after it had moved");
  v.value("rate_before", before_rate_, "1/s", "instructions per second before it");
  v.value("rate_after_failure", after_rate_, "1/s", "instructions per second where the process stayed");
  for (std::size_t i = 0; i < rounds_.size(); ++i) {
    const Round& round = rounds_[i];
    v.enter(fmt::format("round{:02}", i + 1).c_str());
    v.value("pages", static_cast<double>(round.pages), "", "pages sent");
    v.value("bytes", static_cast<double>(round.bytes), "B", "sent");
    v.value("time", to_ns(round.duration), "ns", "of sending");
    v.value("dirty_after", static_cast<double>(round.dirty_after), "", "pages that were dirty then");
    v.leave();
  }
  v.enter("post_copy");
  post_copy_.visit_stats(v);
  v.leave();
  host_.visit_stats(v, finished_ - begin_);
}

void Migration::visit_probes(ProbeVisitor& v) {
  v.probe("round", round_probe_, 16, "round under way");
  v.probe("dirty", dirty_probe_, 32, "pages to send in this round");
  v.probe("paused", paused_probe_, 2, "the process stands still");
  v.probe("window", window_probe_, 17, "pages read and sent");
  v.enter("post_copy");
  post_copy_.visit_probes(v);
  v.leave();
}

}  // namespace pagoda

#include "pagoda/software/pager.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/software/pager_parts.h"

namespace pagoda {
namespace {

// A fault evicts at most so many pages at once, and gets no frame if so many could not be written meanwhile.
constexpr unsigned kMaxEvictions = 16;

Ps zeroing_time(Bandwidth rate) {
  return static_cast<Ps>(static_cast<double>(kPageBytes) / rate.bytes_per_second * 1e12);
}

}  // namespace

Pager::Pager(const sc_core::sc_module_name& name, const PagerConfig& config, Os& os, PhysicalMemory& memory,
             std::uint64_t seed)
    : Module(name),
      config_(validated(config, this->name())),
      os_(os),
      memory_(memory),
      victims_(config.eviction, seed) {
  SC_HAS_PROCESS(Pager);
  SC_THREAD(run_agenda);
}

Pager::~Pager() = default;

void Pager::set_volume(VolumeSpace& volume, const std::vector<PageMover*>& ways, const Access& access) {
  volume_ = &volume;
  window_ = access.window;
  const bool own = access.exclusive && ways.size() >= access.threads;
  for (PageMover* mover : ways) ways_.push_back(std::make_unique<Way>(*mover, access.exclusive, own));
}

Pager::Page* Pager::find(PageId page) {
  const auto it = pages_.find(page.key());
  return it == pages_.end() ? nullptr : it->second.get();
}

Pager::Page& Pager::make(PageId page) {
  std::unique_ptr<Page>& place = pages_[page.key()];
  if (!place) place = std::make_unique<Page>(Page{.id = page});
  return *place;
}

std::optional<Pager::Placed> Pager::place(PageId page, bool copy) {
  Placed placed;
  if (free_.size() > config_.reserve) {
    placed.frame = free_.back();
    free_.pop_back();
  }
  if (!placed.frame || copy) placed.slot = volume_->allocate();
  if (!placed.frame && !placed.slot) return std::nullopt;
  Page& made = make(page);
  made.frame = placed.frame.value_or(0);
  made.slot = placed.slot;
  return placed;
}

void Pager::begin_with(PageId id, const Placed& placed, std::span<const unsigned char> contents) {
  Page& page = make(id);
  const std::uint64_t hash = hash_of(contents);
  if (placed.slot) ledger_.stored(id, *placed.slot, hash);
  if (!placed.frame) {
    page.state = Page::State::away;
    return;
  }
  if (placed.slot) {
    ledger_.arriving(id, *placed.frame, 0);
    ledger_.arrived(id, hash, 0);
  } else {
    ledger_.created(id, *placed.frame, 0);
  }
  page.copied = placed.slot.has_value();
  map(page, false);
}

bool Pager::pin(PageId id) {
  Page* const page = find(id);
  if (page == nullptr || page->state != Page::State::resident) return false;
  ++page->pins;
  return true;
}

void Pager::unpin(PageId id) { --make(id).pins; }

// --- a fault ---

FaultHandler::Outcome Pager::handle_fault(Processor& processor, const Fault& fault, Ps at) {
  const bool missing = fault.stage == 0 && fault.cause == FaultCause::not_present;
  if (!missing || processor.control() == nullptr) return os_.handle_fault(processor, fault, at);
  faults_probe_.count(at);
  const PageId id{static_cast<std::uint32_t>(os_.process_on(processor)), fault.virtual_address & ~low_mask(kPageShift)};
  Page& page = make(id);
  FaultTime time{.mark = at};
  const bool there = bring(page, processor, time);
  time.pass(FaultPart::software);
  const Ps now = kernel_now();
  if (std::accumulate(time.parts.begin(), time.parts.end(), Ps{0}) != now - at) {
    throw InvariantError(fmt::format("{}: the parts of a fault's time do not add up to its {} ps", name(), now - at));
  }
  latency_.record(now - at);
  for (std::size_t i = 0; i < kFaultParts; ++i) parts_[i] += time.parts[i];
  if (!there) ++ended_;
  return {.resolved = true, .resume = now, .ends = !there};
}

// False: it cannot be had.
bool Pager::bring(Page& page, Processor& processor, FaultTime& time) {
  ThreadControl& thread = *processor.control();
  thread.work(config_.fault.ps);
  time.pass(FaultPart::software);
  for (bool waited = false;; waited = true) {
    switch (page.state) {
      case Page::State::resident: ++(waited ? joined_ : spurious_); return true;
      case Page::State::nowhere: return bring_new(page, processor, time);
      case Page::State::away: return bring_from_volume(page, processor, time);
      case Page::State::leaving: page.wanted = true; [[fallthrough]];
      case Page::State::arriving: {
        wait_on(thread, page.transfer->changed);
        time.pass(FaultPart::other);
      }
    }
  }
}

// The first touch of a page: it is zero.
bool Pager::bring_new(Page& page, Processor& processor, FaultTime& time) {
  ThreadControl& thread = *processor.control();
  page.state = Page::State::arriving;
  Way& way = acquire_for(page, thread, time);
  Transfer& waiting = *page.transfer;
  for (Transfer* out : make_room(way, processor, time)) let_go(*out);
  const std::optional<Addr> frame = take_frame(way, processor, time);
  release(way);
  if (!frame) {
    page.state = Page::State::nowhere;
  } else {
    thread.work(zeroing_time(config_.zeroing));
    time.pass(FaultPart::software);
    std::ranges::fill(bytes_of(*frame), static_cast<unsigned char>(0));
    ledger_.created(page.id, *frame, kernel_now());
    page.frame = *frame;
    page.copied = false;
    come(page);
    ++new_pages_;
  }
  waiting.changed.notify(sc_core::SC_ZERO_TIME);
  give_back(waiting);
  return frame.has_value();
}

bool Pager::bring_from_volume(Page& page, Processor& processor, FaultTime& time) {
  ThreadControl& thread = *processor.control();
  page.state = Page::State::arriving;
  Way& way = acquire_for(page, thread, time);
  Transfer& in = *page.transfer;
  std::vector<Transfer*> outs = make_room(way, processor, time);
  if (!config_.overlap) {
    for (Transfer* out : outs) wait_until_ended(thread, *out);
    time.pass(FaultPart::page_out);
  }
  const std::optional<Addr> frame = take_frame(way, processor, time);
  if (frame) {
    page.frame = *frame;
    in.move.address = *frame + window_;
    ledger_.arriving(page.id, *frame, kernel_now());
    const Ps until = order(in);
    read_ahead(page, way, thread);
    if (until > kernel_now()) thread.work(until - kernel_now());
    wait_until_ended(thread, in);
    if (config_.wait_for_out) {
      for (Transfer* out : outs) wait_until_ended(thread, *out);
    }
    account(in, outs, time);
  } else {
    page.state = Page::State::away;
  }
  const bool there = frame && in.ok;
  if (there) come(page);
  for (Transfer* out : outs) let_go(*out);
  release(way);
  in.changed.notify(sc_core::SC_ZERO_TIME);  // for who waits for the page
  give_back(in);
  return there;
}

// What has passed since both pages were ordered.
void Pager::account(const Transfer& in, const std::vector<Transfer*>& outs, FaultTime& time) const {
  const Ps waited = kernel_now() - time.mark;
  Ps last = in.result.done;
  for (const Transfer* out : outs) {
    if (config_.wait_for_out) last = std::max(last, out->result.done);
  }
  const MoveTime& move = in.result.time;
  const Ps notice = kernel_now() - last;
  const Ps beyond = last - in.result.done;
  time.add(FaultPart::driver, move.software);
  time.add(FaultPart::queue, move.queue);
  time.add(FaultPart::translation, move.translation);
  time.add(FaultPart::link, move.link);
  time.add(FaultPart::memory, move.memory);
  time.add(FaultPart::media, move.media);
  time.add(FaultPart::page_out, beyond);
  time.add(FaultPart::notice, notice);
  time.add(FaultPart::retry, waited - notice - beyond - move.total());
  time.mark = kernel_now();
}

// Evicts as many pages as the reserve lacks for one more page to come, beside those that other threads bring. Those on
// their way out. Follow with take_frame().
std::vector<Pager::Transfer*> Pager::make_room(Way& way, Processor& processor, FaultTime& time) {
  std::vector<Transfer*> outs;
  ++wanting_;
  for (unsigned i = 0; i < kMaxEvictions && free_.size() + leaving_ < config_.reserve + wanting_; ++i) {
    const Evicted evicted = evict(way, processor, time);
    if (evicted.out != nullptr) outs.push_back(evicted.out);
    if (!evicted.any) break;
  }
  return outs;
}

// Waits for one if it must, and evicts more if those that left came back. Nothing: no page can go.
std::optional<Addr> Pager::take_frame(Way& way, Processor& processor, FaultTime& time) {
  const std::uint64_t failed_before = failed_outs_;
  while (free_.empty()) {
    const Evicted evicted = leaving_ < wanting_ ? evict(way, processor, time) : Evicted{};
    if (evicted.out != nullptr) let_go(*evicted.out);
    if (evicted.any || !free_.empty()) continue;
    if (leaving_ + coming_ == 0 || failed_outs_ - failed_before >= kMaxEvictions) {
      ++no_frame_;
      --wanting_;
      return std::nullopt;
    }
    wait_on(*processor.control(), frame_freed_);
    time.pass(FaultPart::frame);
  }
  --wanting_;
  return pop_frame();
}

// One page leaves, with a transfer if it must be written.
Pager::Evicted Pager::evict(Way& way, Processor& processor, FaultTime& time) {
  const auto page_of = [this](std::uint64_t key) -> Page& { return *pages_.find(key)->second; };
  const VictimList::Choice choice = victims_.choose([&](std::uint64_t key) { return page_of(key).pins == 0; },
                                                    [&](std::uint64_t key) {
                                                      const PageId id = page_of(key).id;
                                                      return os_.space(id.process).take_accessed(id.address);
                                                    });
  looks_ += choice.looked_at;
  ThreadControl& thread = *processor.control();
  if (!choice.page) {
    ++no_victim_;
    return {};
  }
  Page& page = page_of(*choice.page);
  victims_.remove(page.place);
  const std::optional<Os::Detached> gone = os_.detach(page.id.process, page.id.address, processor, kernel_now());
  if (!gone) throw InvariantError(fmt::format("{}: page {:#x} is in memory and not mapped", name(), page.id.address));
  Transfer& out = begin(MoveDirection::out, page, page.frame, way);
  page.state = Page::State::leaving;
  page.wanted = false;
  page.dirty = has(gone->page.rights, Rights::dirty);
  ++leaving_;
  ledger_.unmapped(page.id, hash_of(bytes_of(page.frame)), kernel_now());
  thread.work(gone->done - kernel_now());
  time.pass(FaultPart::shootdown);
  thread.work(config_.victim.ps + choice.looked_at * config_.look.ps);
  time.pass(FaultPart::software);
  if (page.copied && !page.dirty) {
    ++clean_;
    out_ended(out, true);
    give_back(out);
    return {.any = true};
  }
  const std::optional<std::uint64_t> slot = slot_for(page);
  if (!slot) {
    ++volume_full_;
    out_ended(out, false);
    give_back(out);
    return {};
  }
  page.slot = out.move.page = *slot;
  const Ps until = order(out);
  if (until > kernel_now()) thread.work(until - kernel_now());
  time.pass(FaultPart::software);
  return {&out, true};
}

// A page of the volume that is free, or that holds the copy of a page which is in memory.
std::optional<std::uint64_t> Pager::slot_for(Page& page) {
  if (page.slot) return page.slot;
  if (const std::optional<std::uint64_t> slot = volume_->allocate()) return slot;
  for (const auto& [key, other] : pages_) {
    if (other->state != Page::State::resident || !other->slot) continue;
    const std::uint64_t slot = *std::exchange(other->slot, std::nullopt);
    other->copied = false;
    ledger_.forgot_copy(other->id, kernel_now());
    ++copies_given_up_;
    return slot;
  }
  return std::nullopt;
}

void Pager::read_ahead(const Page& page, Way& way, ThreadControl& thread) {
  Ps work = 0;
  for (std::uint32_t i = 1; i <= config_.read_ahead && free_.size() > config_.reserve / 2; ++i) {
    Page* const next = find({page.id.process, page.id.address + i * kPageBytes});
    if (next == nullptr || next->state != Page::State::away) continue;
    next->state = Page::State::arriving;
    next->frame = pop_frame();
    Transfer& in = begin(MoveDirection::in, *next, next->frame, way);
    in.ahead = in.on_its_own = true;
    ledger_.arriving(next->id, next->frame, kernel_now());
    order(in);
    ++ahead_;
    work += config_.ahead.ps;
  }
  thread.work(work);
}

void Pager::wait_until_ended(ThreadControl& thread, Transfer& transfer) {
  while (!transfer.finished) wait_on(thread, transfer.changed);
}

void Pager::wait_on(ThreadControl& thread, const sc_core::sc_event& event) {
  if (config_.wait == PagingWait::sleep) {
    thread.sleep(event);
    return;
  }
  const LoweredPriority low(config_.wait == PagingWait::poll_low ? &thread : nullptr);
  thread.poll(event);
}

// The way to the volume of the thread that brings the page; who touches the page meanwhile waits for its transfer.
Pager::Way& Pager::acquire_for(Page& page, ThreadControl& thread, FaultTime& time) {
  Way& way = *ways_[thread.hardware_thread() % ways_.size()];
  begin(MoveDirection::in, page, 0, way);
  if (!way.exclusive) return way;
  const unsigned owner = way.owner.value_or(thread.hardware_thread());
  if (way.own && (way.held || owner != thread.hardware_thread())) {
    throw InvariantError(
        fmt::format("{}: the context of hardware thread {} is used by {}", name(), owner, thread.hardware_thread()));
  }
  way.owner = owner;
  while (way.held) wait_on(thread, way.freed);
  way.held = true;
  time.pass(FaultPart::context);
  return way;
}

void Pager::release(Way& way) {
  if (!way.exclusive) return;
  way.held = false;
  way.freed.notify(sc_core::SC_ZERO_TIME);
}

}  // namespace pagoda

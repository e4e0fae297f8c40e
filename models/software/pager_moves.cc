// Transfers of a pager, from the order to what ends with them; its books, statistics and probes.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/software/pager_parts.h"

namespace pagoda {
namespace {

constexpr std::array<const char*, kFaultParts> kPartNames{"software", "shootdown", "context", "frame",       "other",
                                                          "page_out", "driver",    "queue",   "translation", "link",
                                                          "memory",   "media",     "retry",   "notice"};

}  // namespace

Pager::Transfer& Pager::begin(MoveDirection direction, Page& page, Addr frame, Way& way) {
  if (spare_transfers_.empty()) {
    all_transfers_.push_back(std::make_unique<Transfer>(*this));
    spare_transfers_.push_back(all_transfers_.back().get());
  }
  Transfer& transfer = *spare_transfers_.back();
  spare_transfers_.pop_back();
  transfer.page = &page;
  transfer.way = &way;
  transfer.move = {
      .direction = direction, .address = frame + window_, .page = page.slot.value_or(0), .tag = page.id.key()};
  transfer.result = {};
  transfer.attempts = 0;
  transfer.submitted = transfer.finished = transfer.ok = transfer.on_its_own = transfer.ahead = false;
  page.transfer = &transfer;
  ++moving_;
  return transfer;
}

// When the thread that orders it has done its part.
Ps Pager::order(Transfer& transfer) {
  const Ps now = kernel_now();
  transfer.submitted = false;
  const bool out = transfer.move.direction == MoveDirection::out;
  const PageMover::Submission submission = transfer.way->mover.submit(transfer.move, now, transfer);
  if (!submission.accepted) {  // no room in the queue
    if (submission.until == kNever) {
      refused_.push_back(&transfer);
    } else {
      agenda_.add(std::max(submission.until, now + 1), transfer);
      agenda_event_.notify(sc_core::SC_ZERO_TIME);
    }
    return now;
  }
  if (transfer.attempts++ == 0) ++(out ? outs_ : ins_);
  return submission.until;
}

void Pager::run_agenda() {
  failure_.guard([this] {
    for (;;) {
      if (agenda_.empty()) {
        wait(agenda_event_);
      } else if (agenda_.next() > kernel_now()) {
        wait(delay_until(agenda_.next()), agenda_event_);
      } else {
        agenda_.run_next(kernel_now());
      }
    }
  });
}

void Pager::ended(Transfer& transfer) {
  if (!refused_.empty()) {  // there may be room now
    Transfer& first = *refused_.front();
    refused_.pop_front();
    order(first);
  }
  const MoveResult& result = transfer.result;
  const bool out = transfer.move.direction == MoveDirection::out;
  (out ? out_probe_ : in_probe_).during(result.submitted, result.done);
  const bool passing = result.status == MoveStatus::media_error || result.status == MoveStatus::timed_out;
  if (passing && transfer.attempts <= config_.retries) {
    ++retries_;
    order(transfer);
    return;
  }
  if (out) {
    if (result.status == MoveStatus::volume_full) ++volume_full_;
    if (!result.ok()) ++failed_outs_;
    out_ended(transfer, result.ok());
  } else {
    if (!result.ok()) ++failed_ins_;
    in_ended(transfer, result.ok());
  }
  if (transfer.on_its_own) give_back(transfer);
}

// `ok`: the volume has its contents.
void Pager::out_ended(Transfer& out, bool ok) {
  Page& page = *out.page;
  const Ps now = kernel_now();
  --leaving_;
  out.finished = true;
  out.ok = ok;
  if (ok && !page.wanted) {
    if (out.attempts == 0) {
      ledger_.dropped(page.id, now);
    } else {
      ledger_.left(page.id, *page.slot, now);
    }
    page.state = Page::State::away;
    free_frame(page.frame);
  } else {
    // What a write that failed has left on the volume is nobody's to rely upon.
    ledger_.stayed(page.id, ok ? page.slot : std::nullopt, now);
    if (!ok) ledger_.forgot_copy(page.id, now);
    if (ok) ++rescued_;
    page.copied = ok;
    map(page, !ok);
    frame_freed_.notify(sc_core::SC_ZERO_TIME);  // none is: who waits has to look again
  }
  out.changed.notify(sc_core::SC_ZERO_TIME);
}

void Pager::in_ended(Transfer& in, bool ok) {
  Page& page = *in.page;
  const Ps now = kernel_now();
  in.finished = true;
  in.ok = ok;
  if (ok) {
    ledger_.arrived(page.id, hash_of(bytes_of(page.frame)), now);
    page.copied = true;
    if (in.ahead) come(page);
  } else {
    ledger_.not_arrived(page.id, now);
    page.state = Page::State::away;
    --coming_;
    free_frame(page.frame);
  }
  in.changed.notify(sc_core::SC_ZERO_TIME);
}

// Nobody waits for it any more.
void Pager::let_go(Transfer& transfer) {
  if (transfer.finished) {
    give_back(transfer);
  } else {
    transfer.on_its_own = true;
  }
}

void Pager::give_back(Transfer& transfer) {
  --moving_;
  spare_transfers_.push_back(&transfer);
}

void Pager::map(Page& page, bool dirty) {
  if (!os_.space(page.id.process).attach(page.id.address, page.frame, dirty)) {
    throw UserError(fmt::format("{}: there is no memory for the tables of page {:#x}", name(), page.id.address));
  }
  page.state = Page::State::resident;
  page.place = victims_.add(page.id.key());
}

// A page is in its frame.
void Pager::come(Page& page) {
  map(page, false);
  --coming_;
  frame_freed_.notify(sc_core::SC_ZERO_TIME);  // it may be: there is a page more that can go
}

Addr Pager::pop_frame() {
  const Addr frame = free_.back();
  free_.pop_back();
  ++coming_;
  free_probe_.set(kernel_now(), free_.size());
  return frame;
}

void Pager::free_frame(Addr frame) {
  free_.push_back(frame);
  free_probe_.set(kernel_now(), free_.size());
  frame_freed_.notify(sc_core::SC_ZERO_TIME);
}

// --- the books ---

void Pager::verify(const std::function<void(std::uint64_t, std::span<unsigned char>)>& read) {
  const auto fail = [this](PageId page, const char* problem) {
    throw InvariantError(fmt::format("{}: page {:#x} of process {} {}", name(), page.address, page.process, problem));
  };
  std::array<unsigned char, kPageBytes> bytes{};
  ledger_.each([&](PageId id, PageLedger::Place place, const std::optional<Addr>& frame,
                   const std::optional<std::uint64_t>& slot, std::uint64_t hash) {
    const std::optional<MappedPage> mapped = os_.space(id.process).editor().find(id.address);
    switch (place) {
      case PageLedger::Place::memory:
        if (!mapped || mapped->output != *frame) fail(id, "is in memory, and its tables say otherwise");
        break;
      case PageLedger::Place::volume:
        if (mapped) fail(id, "is on the volume, and mapped");
        read(*slot, bytes);
        if (hash_of(bytes) != hash) fail(id, "is on the volume with other contents than it left memory with");
        break;
      default: fail(id, "is on its way, and nobody moves it");
    }
  });
}

void Pager::visit_stats(StatVisitor& v) {
  if (v.clears()) measured_from_ = kernel_now();
  v.distribution("fault_latency", latency_, kTimeInNs, "of faults, from entry to return");
  v.enter("fault_time");
  for (std::size_t i = 0; i < kFaultParts; ++i) {
    v.counter(kPartNames[i], parts_[i], kTimeInNs, "part of the summed fault latency");
  }
  v.leave();
  const double seconds = to_seconds(kernel_now() - measured_from_);
  v.value("fault_rate", seconds == 0 ? 0 : static_cast<double>(latency_.count()) / seconds, "/s", "faults per second");
  v.counter("page_ins", ins_, kCount, "pages ordered from the volume");
  v.counter("page_outs", outs_, kCount, "pages ordered to the volume");
  v.counter("clean_victims", clean_, kCount, "pages that left without being written: the volume had them");
  v.counter("new_pages", new_pages_, kCount, "pages touched for the first time");
  v.counter("joined", joined_, kCount, "faults that waited for what another thread had ordered");
  v.counter("spurious", spurious_, kCount, "faults whose page was there when they were handled");
  v.counter("rescued", rescued_, kCount, "pages touched on their way out, which stayed");
  v.counter("read_ahead", ahead_, kCount, "pages ordered ahead of their use");
  v.counter("looks", looks_, kCount, "pages looked at to find victims");
  v.counter("retries", retries_, kCount, "moves that failed and were tried again");
  v.counter("failed_outs", failed_outs_, kCount, "pages that could not be written, and stayed");
  v.counter("failed_ins", failed_ins_, kCount, "pages that could not be read, and stayed where they were");
  v.counter("volume_full", volume_full_, kCount, "pages that found no room on the volume");
  v.counter("copies_given_up", copies_given_up_, kCount, "copies of pages in memory that made room on the volume");
  v.counter("no_victim", no_victim_, kCount, "times no page could be evicted");
  v.counter("no_frame", no_frame_, kCount, "faults that could not get a frame");
  v.counter("programs_ended", ended_, kCount, "programs that were ended because a page could not be had");
  v.value("checks", static_cast<double>(ledger_.checks()), "", "steps of pages that were checked");
}

void Pager::visit_probes(ProbeVisitor& v) {
  v.probe("faults", faults_probe_, 32, "faults so far");
  v.probe("moving_out", out_probe_, 12, "pages on their way to the volume");
  v.probe("moving_in", in_probe_, 12, "pages on their way from the volume");
  v.probe("free_frames", free_probe_, 24, "frames that are free");
}

}  // namespace pagoda

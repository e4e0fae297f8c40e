#include "pagoda/software/post_copy.h"

#include <algorithm>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kRequestBytes = 16;  // a page's number and a header: a round figure

}  // namespace

void PostCopy::begin(const PageSet& missing, ReceivedMemory& there, unsigned stage) {
  there_ = &there;
  stage_ = stage;
  missing_ = missing;
  next_ = 0;
  for (std::uint64_t page = missing.next(0); page < missing.range(); page = missing.next(page + 1)) take_out(page);
  guest_.move_to(there);
  guest_.space().let_be_absent(this);
  missing_probe_.set(kernel_now(), missing_.count());
}

void PostCopy::take_out(std::uint64_t page) {
  const Addr address = guest_.pages().address_of(page);
  PageTableEditor& editor = guest_.space().editor();
  std::optional<MappedPage> mapped = editor.find(address);
  while (mapped && mapped->page_shift > kPageShift) {
    if (!guest_.space().split(address)) throw UserError("there is no memory left to split a page that migrates");
    mapped = editor.find(address);
  }
  if (!mapped || editor.unmap(mapped->input, mapped->page_shift) != EditStatus::ok) return;
  unmapped_[page] = *mapped;
}

void PostCopy::put_back(std::uint64_t page) {
  const auto found = unmapped_.find(page);
  if (found == unmapped_.end()) return;
  const MappedPage& mapped = found->second;
  const EditStatus status = guest_.space().editor().map(mapped.input, {.output = mapped.output,
                                                                       .page_shift = mapped.page_shift,
                                                                       .rights = mapped.rights,
                                                                       .memory_type = mapped.memory_type});
  if (status != EditStatus::ok) throw std::logic_error("a page that has been received cannot be mapped");
  unmapped_.erase(found);
}

// A page is read and sent; when it arrives, or nothing if the link does not bring it.
std::optional<Ps> PostCopy::transfer(std::uint64_t page, Ps at, Ps& sent) {
  const auto found = unmapped_.find(page);
  if (found == unmapped_.end()) {  // it was never backed: nothing to send
    missing_.erase(page);
    sent = at;
    return at;
  }
  const Addr frame = found->second.output;
  const Ps read = memory_.access(frame, kPageBytes, AccessKind::read, at);
  const NetworkLink::Delivery delivery = link_.send(costs_.page_bytes, read);
  sent = delivery.sent;
  if (!delivery.ok) {
    sent = delivery.arrived;
    return std::nullopt;
  }
  if (!there_->store(page, ReceivedMemory::ConstPageBytes(guest_.bytes_of(frame), kPageBytes))) {
    throw UserError("the other machine has no memory left for a process that has moved already");
  }
  guest_.witness().copied(frame);
  ++sent_;
  missing_.erase(page);
  missing_probe_.set(at, missing_.count());
  arriving_[page] = delivery.arrived;
  arrivals_.emplace(delivery.arrived, page);
  return delivery.arrived;
}

// The page that is missing in the tables that migration takes pages out of.
std::optional<std::uint64_t> PostCopy::page_of(const Fault& fault) const {
  if (fault.cause != FaultCause::not_present || fault.stage != stage_) return std::nullopt;
  return guest_.pages().number_of(stage_ == 0 ? fault.virtual_address : fault.stage_address);
}

FaultHandler::Outcome PostCopy::handle_fault(Processor& processor, const Fault& fault, Ps at) {
  if (there_ == nullptr) return os_.handle_fault(processor, fault, at);
  settle(kernel_now());
  const std::optional<std::uint64_t> page = page_of(fault);
  if (!page) return ask_os(processor, fault, at);
  if (const auto coming = arriving_.find(*page); coming != arriving_.end()) {
    fault_time_.record(std::max(at, coming->second) - at);
    return {.resolved = true, .resume = std::max(at, coming->second) + costs_.fault, .sleeps = true};
  }
  if (missing_.contains(*page)) return {.resolved = true, .resume = fetch(*page, at), .sleeps = true};
  if (guest_.frame_of(*page)) return {.resolved = true, .resume = at + costs_.fault};
  return ask_os(processor, fault, at);
}

// Asks for a page that is missing, again and again if the link is down; when it arrives.
Ps PostCopy::fetch(std::uint64_t page, Ps at) {
  ++faults_;
  Ps asked = at + costs_.fault;
  while (true) {
    const NetworkLink::Delivery request = link_.reply(kRequestBytes, asked);
    Ps sent = 0;
    const std::optional<Ps> arrives = request.ok ? transfer(page, request.arrived, sent) : std::nullopt;
    if (arrives) {
      fault_time_.record(*arrives - at);
      return *arrives;
    }
    ++retries_;
    const std::optional<Ps> again = link_.up_again(request.arrived);
    if (!again) throw UserError("the link to the other machine failed for good after the process had moved there");
    asked = std::max({*again, request.arrived, sent});
  }
}

// The handler may run in the machine that moves, and then needs pages itself.
FaultHandler::Outcome PostCopy::ask_os(Processor& processor, const Fault& fault, Ps at) {
  software_waits_until_ = at;
  Outcome outcome = os_.handle_fault(processor, fault, at);
  if (software_waits_until_ == at) return outcome;
  outcome.resume += software_waits_until_ - at;
  outcome.sleeps = true;
  return outcome;
}

std::optional<MappedPage> PostCopy::reach(Addr input) {
  const std::optional<std::uint64_t> page = guest_.pages().number_of(input);
  const auto absent = page ? unmapped_.find(*page) : unmapped_.end();
  if (absent == unmapped_.end()) return std::nullopt;
  const Ps at = std::max(software_waits_until_, kernel_now());
  const auto coming = arriving_.find(*page);
  ++software_faults_;
  software_waits_until_ = coming != arriving_.end() ? std::max(at, coming->second) : fetch(*page, at);
  return absent->second;
}

// Nobody had touched it before the move: it is there at once.
void PostCopy::mapped(const MappedPage& page) {
  for (Addr address = page.input; address - page.input <= low_mask(page.page_shift); address += kPageBytes) {
    const std::optional<std::uint64_t> number = guest_.pages().number_of(address);
    if (!number || there_->has(*number)) continue;
    const Addr frame = *guest_.frame_of(*number);
    if (!there_->store(*number, ReceivedMemory::ConstPageBytes(guest_.bytes_of(frame), kPageBytes))) {
      throw UserError("the other machine has no memory left for a process that has moved already");
    }
    guest_.witness().copied(frame);
  }
}

std::optional<PostCopy::Pushed> PostCopy::push(Ps at) {
  next_ = missing_.next(next_);
  if (next_ >= missing_.range()) {
    if (missing_.empty()) return std::nullopt;
    next_ = missing_.next(0);
  }
  Ps sent = 0;
  const std::uint64_t page = next_++;
  ++pushed_;
  const bool ok = transfer(page, at, sent).has_value();
  if (!ok) next_ = page;
  return Pushed{sent, ok};
}

std::optional<Ps> PostCopy::settle(Ps now) {
  while (!arrivals_.empty() && arrivals_.begin()->first <= now) {
    const std::uint64_t page = arrivals_.begin()->second;
    arrivals_.erase(arrivals_.begin());
    arriving_.erase(page);
    put_back(page);
  }
  return arrivals_.empty() ? std::nullopt : std::optional(arrivals_.begin()->first);
}

void PostCopy::visit_stats(StatVisitor& v) {
  v.counter("faults", faults_, kCount, "faults on pages that had not been sent");
  v.counter("software_waits", software_faults_, kCount, "pages that a guest's kernel waited for to reach its tables");
  v.counter("pushed", pushed_, kCount, "pages sent in turn");
  v.counter("retries", retries_, kCount, "requests repeated because the link was down");
  v.distribution("fault_time", fault_time_, kTimeInNs, "what a program waited for a page");
}

}  // namespace pagoda

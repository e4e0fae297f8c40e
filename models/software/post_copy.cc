#include "pagoda/software/post_copy.h"

#include <algorithm>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kRequestBytes = 16;  // a page's number and a header: a round figure

}  // namespace

void PostCopy::begin(const PageSet& missing, ReceivedMemory& there) {
  there_ = &there;
  missing_ = missing;
  next_ = 0;
  for (std::uint64_t page = missing.next(0); page < missing.range(); page = missing.next(page + 1)) take_out(page);
  guest_.move_to(there);
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

FaultHandler::Outcome PostCopy::handle_fault(Processor& processor, const Fault& fault, Ps at) {
  const std::optional<std::uint64_t> page = fault.stage == 0 && fault.cause == FaultCause::not_present
                                                ? guest_.pages().number_of(fault.virtual_address)
                                                : std::nullopt;
  if (there_ == nullptr || !page) return os_.handle_fault(processor, fault, at);
  settle(kernel_now());
  if (const auto coming = arriving_.find(*page); coming != arriving_.end()) {
    fault_time_.record(std::max(at, coming->second) - at);
    return {.resolved = true, .resume = std::max(at, coming->second) + costs_.fault, .sleeps = true};
  }
  if (!missing_.contains(*page)) {
    if (guest_.space().editor().find(fault.virtual_address)) return {.resolved = true, .resume = at + costs_.fault};
    return first_touch(processor, fault, *page, at);
  }
  ++faults_;
  Ps asked = at + costs_.fault;
  while (true) {
    const NetworkLink::Delivery request = link_.reply(kRequestBytes, asked);
    Ps sent = 0;
    const std::optional<Ps> arrives = request.ok ? transfer(*page, request.arrived, sent) : std::nullopt;
    if (arrives) {
      fault_time_.record(*arrives - at);
      return {.resolved = true, .resume = *arrives, .sleeps = true};
    }
    ++retries_;
    const std::optional<Ps> again = link_.up_again(request.arrived);
    if (!again) throw UserError("the link to the other machine failed for good after the process had moved there");
    asked = std::max({*again, request.arrived, sent});
  }
}

// A page that the process had not touched before it moved.
FaultHandler::Outcome PostCopy::first_touch(Processor& processor, const Fault& fault, std::uint64_t page, Ps at) {
  const Outcome outcome = os_.handle_fault(processor, fault, at);
  const std::optional<Addr> frame = guest_.frame_of(page);
  if (outcome.resolved && frame && !there_->has(page)) {
    if (!there_->store(page, ReceivedMemory::ConstPageBytes(guest_.bytes_of(*frame), kPageBytes))) {
      throw UserError("the other machine has no memory left for a process that has moved already");
    }
    guest_.witness().copied(*frame);
  }
  return outcome;
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
  v.counter("pushed", pushed_, kCount, "pages sent in turn");
  v.counter("retries", retries_, kCount, "requests repeated because the link was down");
  v.distribution("fault_time", fault_time_, kTimeInNs, "what a program waited for a page");
}

}  // namespace pagoda

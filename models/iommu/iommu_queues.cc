#include "pagoda/iommu/iommu_queues.h"

#include <algorithm>

namespace pagoda {

IommuQueue::IommuQueue(const Shape& shape, unsigned physical_bits, IommuInterrupts& interrupts)
    : kind_(shape.kind),
      cause_(shape.cause),
      entry_shift_(shape.entry_shift),
      all_flags_(shape.flags),
      head_is_softwares_(shape.head_is_softwares),
      base_mask_(low_mask(physical_bits - kPageShift) << 10 | 0x1f),
      interrupts_(interrupts) {}

std::uint32_t IommuQueue::csr() const {
  return (enabled_ ? kEnable : 0) | (interrupts_enabled_ ? kInterruptEnable : 0) | flags_ | (on_ ? kOn : 0) |
         (busy_ ? kBusy : 0);
}

void IommuQueue::write_base(std::uint64_t value) {
  if (on_ || busy_) return;
  base_ = value & base_mask_;
  head_ &= index_mask();
  tail_ &= index_mask();
}

bool IommuQueue::write_csr(std::uint32_t value) {
  if (busy_) return false;
  const bool enable = (value & kEnable) != 0;
  const bool switched = enable != enabled_;
  interrupts_enabled_ = (value & kInterruptEnable) != 0;
  flags_ &= ~value;
  enabled_ = enable;
  busy_ = switched;
  if (switched && enable) {
    iommu_index() = 0;
    flags_ = 0;
  }
  update_condition();
  return switched;
}

void IommuQueue::switch_done() {
  on_ = enabled_;
  busy_ = false;
}

void IommuQueue::set(std::uint32_t flag) {
  flags_ |= flag & all_flags_;
  update_condition();
}

void IommuQueue::drop(std::uint32_t flag) {
  flags_ &= ~flag;
  update_condition();
}

Addr IommuQueue::address(std::uint32_t index) const {
  const Addr page = (base_ >> 10) << kPageShift;
  // Of a queue within a page, the alignment is the page's anyway.
  return (page & ~low_mask(log2_entries() + entry_shift_)) + (Addr{index} << entry_shift_);
}

CommandQueue::CommandQueue(unsigned physical_bits, IommuInterrupts& interrupts)
    : IommuQueue({.kind = IommuQueueKind::commands,
                  .cause = IommuInterrupt::command_queue,
                  .entry_shift = 4,
                  .flags = kMemoryFault | kTimedOut | kIllegal | kFenceInterrupt,
                  .head_is_softwares = false},
                 physical_bits, interrupts) {}

std::optional<Addr> CommandQueue::next() const {
  if (!works() || has(kMemoryFault | kTimedOut | kIllegal) || head() == tail()) return {};
  return address(head());
}

void CommandQueue::advance() {
  if (next()) iommu_index() = after(head());
}

void CommandQueue::signal_fence() {
  if (interrupts().wired()) set(kFenceInterrupt);
}

RecordQueue::Slot RecordQueue::claim() {
  if (!works()) return {.drop = Drop::off};
  if (has(kMemoryFault)) return {.drop = Drop::memory_fault};
  if (!has(kOverflow) && after(tail()) == head()) set(kOverflow);
  if (has(kOverflow)) return {.drop = Drop::overflow};
  claimed_ = true;
  return {.address = address(tail())};
}

void RecordQueue::written() {
  if (!claimed_) return;
  claimed_ = false;
  iommu_index() = after(tail());
  // Whoever sends the interrupt may report the next record.
  if (interrupts_enabled()) interrupts().raise(cause());
}

void RecordQueue::refused() {
  if (!claimed_) return;
  claimed_ = false;
  set(kMemoryFault);
}

FaultQueue::FaultQueue(unsigned physical_bits, IommuInterrupts& interrupts)
    : RecordQueue({.kind = IommuQueueKind::faults,
                   .cause = IommuInterrupt::fault_queue,
                   .entry_shift = 5,
                   .flags = kMemoryFault | kOverflow,
                   .head_is_softwares = true},
                  physical_bits, interrupts) {}

PageRequestQueue::PageRequestQueue(unsigned physical_bits, IommuInterrupts& interrupts)
    : RecordQueue({.kind = IommuQueueKind::page_requests,
                   .cause = IommuInterrupt::page_request_queue,
                   .entry_shift = 4,
                   .flags = kMemoryFault | kOverflow,
                   .head_is_softwares = true},
                  physical_bits, interrupts) {}

PageResponse response_to(RecordQueue::Drop drop) {
  return drop == RecordQueue::Drop::overflow ? PageResponse::success : PageResponse::failure;
}

PageResponse response_to(IommuCause cause) {
  return cause == IommuCause::type_disallowed ? PageResponse::invalid_request : PageResponse::failure;
}

std::optional<PageRequestAnswer> automatic_answer(const PageRequestRecord& request, PageResponse response,
                                                  bool pasid_in_responses) {
  if (!request.last || request.stop_marker()) return {};
  return PageRequestAnswer{
      .response = response,
      .with_process = request.has_process && (response == PageResponse::failure || pasid_in_responses)};
}

}  // namespace pagoda

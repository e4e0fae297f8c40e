#include "pagoda/iommu/iommu_counters.h"

#include <bit>

#include "pagoda/paging/page_format.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kOverflow = std::uint64_t{1} << 63;

/// iohpmevt.
struct Selector {
  std::uint64_t value;

  unsigned event() const { return static_cast<unsigned>(value & low_mask(15)); }
  bool partial() const { return bit(15); }  // DMASK
  std::uint32_t process() const { return static_cast<std::uint32_t>(value >> 16 & low_mask(20)); }
  std::uint32_t device() const { return static_cast<std::uint32_t>(value >> 36 & low_mask(24)); }
  bool by_process() const { return bit(60); }
  bool by_device() const { return bit(61); }
  bool by_context() const { return bit(62); }  // IDT: GSCID and PSCID instead of device and process

  bool matches(const IommuEventSource& source) const {
    if (by_process() && (by_context() ? source.pscid : source.process_id) != process()) return false;
    if (!by_device()) return true;
    const std::optional<std::uint32_t> id = by_context() ? source.gscid : source.device_id;
    // Partial: all but the trailing ones and the lowest zero.
    const std::uint32_t compared = partial() ? ~(device() ^ (device() + 1)) : ~0u;
    return id && ((*id ^ device()) & compared) == 0;
  }

 private:
  bool bit(unsigned index) const { return (value >> index & 1) != 0; }
};

bool has_context_filter(unsigned event) {
  switch (static_cast<IommuEvent>(event)) {
    case IommuEvent::tlb_miss:
    case IommuEvent::first_stage_walk:
    case IommuEvent::second_stage_walk: return true;
    default: return false;
  }
}

}  // namespace

void IommuCounters::count(IommuEvent event, const IommuEventSource& source) {
  for (std::uint32_t rest = counting_[static_cast<std::size_t>(event)]; rest != 0; rest &= rest - 1) {
    const auto index = static_cast<std::size_t>(std::countr_zero(rest));
    if (!Selector{selector_[index]}.matches(source) || ++counter_[index] != 0) continue;
    const bool told = (selector_[index] & kOverflow) != 0;
    selector_[index] |= kOverflow;
    if (!told) interrupts_.raise(IommuInterrupt::performance_monitor);
  }
}

void IommuCounters::advance_to(std::uint64_t cycle) {
  if (cycle <= now_) return;
  const std::uint64_t passed = cycle - now_;
  now_ = cycle;
  if (!counts_cycles()) return;
  const std::uint64_t before = cycles_ & ~kOverflow;
  const bool told = (cycles_ & kOverflow) != 0;
  // The counter has 63 bits.
  const bool overflows = passed > ~kOverflow - before;
  cycles_ = ((before + passed) & ~kOverflow) | (told || overflows ? kOverflow : 0);
  if (overflows && !told) interrupts_.raise(IommuInterrupt::performance_monitor);
}

std::optional<std::uint64_t> IommuCounters::cycles_to_overflow() const {
  if (!counts_cycles() || (cycles_ & kOverflow) != 0) return {};
  return kOverflow - cycles_;
}

std::uint32_t IommuCounters::overflows() const {
  std::uint32_t bits = (cycles_ & kOverflow) != 0 ? 1 : 0;
  for (unsigned index = 1; index <= counters_; ++index) {
    if ((selector_[index] & kOverflow) != 0) bits |= 1u << index;
  }
  return bits;
}

void IommuCounters::set_inhibited(std::uint32_t value) {
  inhibit_ = counters_ > 0 ? value & static_cast<std::uint32_t>(low_mask(counters_ + 1)) : 0;
  select();
}

void IommuCounters::set_counter(unsigned index, std::uint64_t value) {
  if (index <= counters_) counter_[index] = value;
}

void IommuCounters::set_selector(unsigned index, std::uint64_t value) {
  if (index > counters_) return;
  if (Selector{value}.event() >= kEvents) value &= ~low_mask(15);
  selector_[index] = value;
  select();
}

void IommuCounters::select() {
  counting_ = {};
  counts_ = false;
  for (unsigned index = 1; index <= counters_; ++index) {
    const Selector selector{selector_[index]};
    const unsigned event = selector.event();
    const bool countable = event != 0 && (!selector.by_context() || has_context_filter(event));
    if (!countable || (inhibit_ >> index & 1) != 0) continue;
    counting_[event] |= 1u << index;
    counts_ = true;
  }
}

}  // namespace pagoda

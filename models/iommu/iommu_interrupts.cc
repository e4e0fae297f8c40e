#include "pagoda/iommu/iommu_interrupts.h"

#include <bit>

#include "pagoda/paging/page_format.h"

namespace pagoda {
namespace {

constexpr std::uint32_t bit(IommuInterrupt cause) { return 1u << static_cast<unsigned>(cause); }
constexpr std::uint32_t kCauses = (1u << kIommuInterrupts) - 1;

}  // namespace

IommuInterrupts::IommuInterrupts(unsigned vector_bits, unsigned physical_bits, bool wired, IommuInterruptSink& sink)
    : vector_mask_((1u << vector_bits) - 1),
      address_mask_(low_mask(physical_bits) & ~Addr{3}),
      wired_(wired),
      sink_(sink) {}

void IommuInterrupts::raise(IommuInterrupt cause) {
  if ((pending_ & bit(cause)) != 0) return;
  pending_ |= bit(cause);
  if (wired_) {
    update_wires();
  } else {
    send(vector(static_cast<unsigned>(cause)));
  }
}

void IommuInterrupts::set_condition(IommuInterrupt cause, bool holds) {
  if (holds) {
    conditions_ |= bit(cause);
    raise(cause);
  } else {
    conditions_ &= ~bit(cause);
  }
}

void IommuInterrupts::clear(std::uint32_t ones) {
  const std::uint32_t again = pending_ & ones & conditions_;
  if (wired_) {
    pending_ &= ~ones | again;  // a wire whose condition holds does not fall
    update_wires();
    return;
  }
  pending_ &= ~ones;
  for (unsigned cause = 0; cause < kIommuInterrupts; ++cause) {
    if ((again >> cause & 1) != 0) raise(static_cast<IommuInterrupt>(cause));
  }
}

void IommuInterrupts::set_wired(bool wired) {
  if (wired == wired_) return;
  wired_ = wired;
  for (Entry& entry : entries_) entry.waiting = false;
  update_wires();
}

void IommuInterrupts::set_vectors(std::uint64_t icvec) {
  vectors_ = icvec & vector_mask_ * std::uint64_t{0x1111};
  if (wired_) update_wires();
}

std::uint64_t IommuInterrupts::table_word(unsigned index) const {
  const Entry& entry = entries_[index / 2];
  return index % 2 == 0 ? entry.address : std::uint64_t{entry.masked} << 32 | entry.data;
}

void IommuInterrupts::set_table_word(unsigned index, std::uint64_t value) {
  const unsigned vector = index / 2;
  if (vector > vector_mask_) return;
  Entry& entry = entries_[vector];
  if (index % 2 == 0) {
    entry.address = value & address_mask_;
    return;
  }
  entry.data = static_cast<std::uint32_t>(value);
  entry.masked = (value >> 32 & 1) != 0;
  if (entry.waiting && !entry.masked) send(vector);
}

void IommuInterrupts::send(unsigned vector) {
  Entry& entry = entries_[vector];
  entry.waiting = entry.masked;
  if (!entry.masked) sink_.interrupt({.vector = vector, .address = entry.address, .data = entry.data});
}

void IommuInterrupts::update_wires() {
  std::uint32_t levels = 0;
  for (std::uint32_t rest = wired_ ? pending_ & kCauses : 0; rest != 0; rest &= rest - 1) {
    levels |= 1u << vector(static_cast<unsigned>(std::countr_zero(rest)));
  }
  std::uint32_t changed = levels ^ levels_;
  levels_ = levels;
  for (; changed != 0; changed &= changed - 1) {
    const auto wire = static_cast<unsigned>(std::countr_zero(changed));
    sink_.interrupt({.wired = true, .level = (levels >> wire & 1) != 0, .vector = wire});
  }
}

}  // namespace pagoda

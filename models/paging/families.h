// Internal to paging: the functions that each family of formats defines; page_entry.cc selects by Family.
#pragma once

#include "pagoda/paging/page_entry.h"

namespace pagoda {

namespace x86 {
Entry decode(const PageFormat& format, const StageControls& controls, unsigned level, std::uint64_t value);
FaultCause check(const X86Controls& controls, Rights granted, const StageAccess& access);
std::uint64_t with_flags(std::uint64_t value, Rights flags);
std::uint64_t encode_table(Addr table);
std::optional<std::uint64_t> encode_leaf(const StageControls& controls, unsigned level, const LeafSpec& leaf);
}  // namespace x86

namespace ept {
Entry decode(const PageFormat& format, const StageControls& controls, unsigned level, std::uint64_t value);
FaultCause check(const EptControls& controls, Rights granted, const StageAccess& access);
std::uint64_t with_flags(std::uint64_t value, Rights flags);
std::uint64_t encode_table(Addr table);
std::optional<std::uint64_t> encode_leaf(const EptControls& controls, unsigned level, const LeafSpec& leaf);
MemoryType combine(MemoryType earlier, MemoryType own, std::uint64_t leaf);
}  // namespace ept

namespace riscv {
Entry decode(const PageFormat& format, const RiscvControls& controls, unsigned level, std::uint64_t value);
FaultCause check(const PageFormat& format, const RiscvControls& controls, Rights granted, const StageAccess& access);
std::uint64_t with_flags(std::uint64_t value, Rights flags);
std::uint64_t encode_table(Addr table);
std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const RiscvControls& controls, const LeafSpec& leaf);
}  // namespace riscv

namespace armv8 {
Entry decode(const PageFormat& format, const StageControls& controls, unsigned level, std::uint64_t value);
FaultCause check_stage1(const ArmControls& controls, Rights granted, const StageAccess& access);
FaultCause check_stage2(Rights granted, const StageAccess& access);
std::uint64_t with_flags(const PageFormat& format, std::uint64_t value, Rights flags);
std::uint64_t encode_table(Addr table);
std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const ArmControls& controls, unsigned level,
                                         const LeafSpec& leaf);
MemoryType combine(const ArmControls& controls, MemoryType earlier, MemoryType own, std::uint64_t leaf);
}  // namespace armv8

constexpr bool bit(std::uint64_t value, unsigned position) { return (value >> position & 1U) != 0; }
constexpr std::uint64_t bit_if(bool condition, unsigned position) { return condition ? 1ULL << position : 0; }
/// Address bits of an entry beyond the physical address width.
constexpr std::uint64_t beyond(const StageControls& controls, const PageFormat& format) {
  return format.address_mask & ~low_mask(controls.physical_bits);
}

}  // namespace pagoda

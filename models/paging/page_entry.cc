#include "pagoda/paging/page_entry.h"

#include "pagoda/paging/entry_rules.h"

namespace pagoda {

Entry decode(const PageFormat& format, const StageControls& controls, unsigned level, std::uint64_t value) {
  return rules::decode(format, controls, level, value);
}

FaultCause check(const PageFormat& format, const StageControls& controls, Rights granted, const StageAccess& access) {
  return rules::check(format, controls, granted, access);
}

bool hardware_sets(const PageFormat& format, const StageControls& controls, Rights missing) {
  return rules::hardware_sets(format, controls, missing);
}

std::uint64_t with_flags(const PageFormat& format, std::uint64_t value, Rights flags) {
  return rules::with_flags(format, value, flags);
}

MemoryType combine_memory_types(const PageFormat& later, const StageControls& controls, MemoryType earlier,
                                MemoryType own, std::uint64_t leaf) {
  switch (later.family) {
    case Family::ept: return ept::combine(earlier, own, leaf);
    // The first stage's PBMT overrides the second's, which overrides the platform's (Svpbmt).
    case Family::riscv:
    case Family::riscv_guest: return earlier == MemoryType::platform ? own : earlier;
    case Family::armv8_stage2: return armv8::combine(controls.arm, earlier, own, leaf);
    case Family::armv8_stage1:
    case Family::x86: return stricter(earlier, own);
  }
  return own;
}

std::uint64_t encode_table(const PageFormat& format, Addr table) {
  switch (format.family) {
    case Family::x86: return x86::encode_table(table);
    case Family::ept: return ept::encode_table(table);
    case Family::riscv:
    case Family::riscv_guest: return riscv::encode_table(table);
    case Family::armv8_stage1:
    case Family::armv8_stage2: return armv8::encode_table(table);
  }
  return 0;
}

std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const StageControls& controls, unsigned level,
                                         const LeafSpec& leaf) {
  // RISC-V frames are as wide as the field; elsewhere the processor's address width limits them.
  const std::uint64_t addressable = format.address_shift > 0 ? format.address_mask << format.address_shift
                                                             : format.address_mask & ~beyond(controls, format);
  const bool aligned = (leaf.address & low_mask(PageFormat::shift(level))) == 0;
  if (!leaf_level(format, controls, level) || !aligned || (leaf.address & ~addressable) != 0) return {};
  if (leaf.group && !group_allowed(format, controls, level)) return {};
  if ((leaf.extra & ~extra_bits(format, controls)) != 0) return {};
  switch (format.family) {
    case Family::x86: return x86::encode_leaf(controls, level, leaf);
    case Family::ept: return ept::encode_leaf(controls.ept, level, leaf);
    case Family::riscv:
    case Family::riscv_guest: return riscv::encode_leaf(format, controls.riscv, leaf);
    case Family::armv8_stage1:
    case Family::armv8_stage2: return armv8::encode_leaf(format, controls.arm, level, leaf);
  }
  return {};
}

LeafSpec leaf_spec(const PageFormat& format, const StageControls& controls, unsigned level, Addr input,
                   const Entry& entry, std::uint64_t value) {
  const Addr within_group = input & low_mask(entry.page_shift) & ~low_mask(PageFormat::shift(level));
  return {.address = entry.address + within_group,
          .rights = entry.rights,
          .memory_type = entry.memory_type,
          .group = entry.page_shift > PageFormat::shift(level),
          .extra = value & extra_bits(format, controls)};
}

std::uint64_t software_bits(const PageFormat& format, const StageControls& controls) {
  const bool riscv = format.family == Family::riscv || format.family == Family::riscv_guest;
  return format.software_mask | (riscv && controls.riscv.svrsw60t59b ? bit_range(60, 59) : 0);
}

std::uint64_t extra_bits(const PageFormat& format, const StageControls& controls) {
  return software_bits(format, controls) | format.attribute_mask;
}

bool group_allowed(const PageFormat& format, const StageControls& controls, unsigned level) {
  switch (format.family) {
    case Family::riscv:
    case Family::riscv_guest: return controls.riscv.svnapot && level == 0;
    case Family::armv8_stage1:
    case Family::armv8_stage2: return format.leaf_allowed(level) && format.index_bits(level) >= kGroupShift;
    case Family::x86:
    case Family::ept: return false;
  }
  return false;
}

bool leaf_level(const PageFormat& format, const StageControls& controls, unsigned level) {
  if (level >= format.levels || !format.leaf_allowed(level)) return false;
  if (format.family == Family::x86 && level == 2) return controls.x86.gigabyte_pages;
  if (format.family == Family::ept && level == 2) return controls.ept.gigabyte_pages;
  return true;
}

}  // namespace pagoda

// Internal to paging: the rules of VMSAv8-64 entries. What a walk needs for every entry is inline.
// Arm ARM (DDI 0487) chapter D8: D8.3 translation table descriptor formats, D8.4 memory access control, D8.5 hardware
// updates to the translation tables, D8.6 memory region attributes. 4 KiB granule without 52-bit addresses.
#pragma once

#include <array>

#include "pagoda/paging/family_common.h"

namespace pagoda::armv8 {

inline constexpr unsigned kValid = 0, kTableOrPage = 1, kAttributes = 2, kAccessibleByEl0 = 6, kReadOnly = 7,
                          kS2Read = 6, kS2Write = 7, kShareable = 8, kAccessFlag = 10, kNotGlobal = 11,
                          kDirtyModifier = 51, kContiguous = 52, kPxn = 53, kUxn = 54, kS2Xn = 53, kPxnTable = 59,
                          kUxnTable = 60, kApTable = 61;

// MAIR_ELx attribute byte; the inner nibble counts (memory_type.h).
inline MemoryType mair_type(std::uint64_t mair, unsigned index) {
  const auto attribute = static_cast<unsigned>(mair >> (8 * index) & 0xffU);
  if (attribute >> 4 == 0) {
    constexpr std::array kDevice{MemoryType::device_ngnrne, MemoryType::device_ngnre, MemoryType::device_ngre,
                                 MemoryType::device_gre};
    return kDevice[attribute >> 2 & 3U];
  }
  if ((attribute & 0xfU) == 4) return MemoryType::non_cacheable;
  return (attribute & 4U) != 0 ? MemoryType::write_back : MemoryType::write_through;
}

// Stage 2 MemAttr[3:0] with HCR_EL2.FWB = 0: [3:2] outer (0 is Device), [1:0] inner or the device type.
inline MemoryType stage2_type(unsigned attribute) {
  if (attribute >> 2 == 0) {
    constexpr std::array kDevice{MemoryType::device_ngnrne, MemoryType::device_ngnre, MemoryType::device_ngre,
                                 MemoryType::device_gre};
    return kDevice[attribute & 3U];
  }
  constexpr std::array kNormal{MemoryType::non_cacheable, MemoryType::non_cacheable, MemoryType::write_through,
                               MemoryType::write_back};
  return kNormal[attribute & 3U];
}

constexpr unsigned memory_attribute(std::uint64_t leaf) { return static_cast<unsigned>(leaf >> kAttributes & 0xfU); }

inline Rights table_rights(const PageFormat& format, const ArmControls& controls, std::uint64_t value) {
  const Rights all = kPermissions | kFlags;
  if (format.family == Family::armv8_stage2 || controls.hpd) return all;
  return all &
         ~(when(bit(value, kApTable), Rights::user) | when(bit(value, kApTable + 1), Rights::write) |
           when(bit(value, kUxnTable), Rights::execute) | when(bit(value, kPxnTable), Rights::execute_supervisor));
}

// DBM turns a read-only leaf into one that is writable but clean, if hardware manages the dirty state.
inline Rights write_rights(const ArmControls& controls, std::uint64_t value, bool writable) {
  const bool clean = controls.hd && bit(value, kDirtyModifier);
  return when(writable || clean, Rights::write) | when(writable, Rights::dirty);
}

inline Rights stage1_rights(const ArmControls& controls, std::uint64_t value) {
  return Rights::read | write_rights(controls, value, !bit(value, kReadOnly)) |
         when(bit(value, kAccessibleByEl0), Rights::user) | when(!bit(value, kUxn), Rights::execute) |
         when(!bit(value, kPxn), Rights::execute_supervisor) | when(!bit(value, kNotGlobal), Rights::global) |
         when(bit(value, kAccessFlag), Rights::accessed);
}

// XN[1:0] with FEAT_XNX: 0 both may execute, 1 only EL0, 2 neither, 3 only EL1.
inline Rights stage2_rights(const ArmControls& controls, std::uint64_t value) {
  const auto xn = static_cast<unsigned>(value >> kS2Xn & 3U);
  return Rights::user | when(bit(value, kS2Read), Rights::read) | write_rights(controls, value, bit(value, kS2Write)) |
         when(xn <= 1, Rights::execute) | when(xn == 0 || xn == 3, Rights::execute_supervisor) |
         when(bit(value, kAccessFlag), Rights::accessed);
}

inline Entry decode(const PageFormat& format, const StageControls& controls, unsigned level, std::uint64_t value) {
  Entry entry;
  const bool table_or_page = bit(value, kTableOrPage);
  const bool leaf = level == 0 ? table_or_page : !table_or_page;
  // Blocks above 1 GiB and the other encoding of the last level are treated as invalid (D8.3.1).
  if (!bit(value, kValid) || (level == 0 && !leaf) || (leaf && !format.leaf_allowed(level))) {
    entry.cause = FaultCause::not_present;
    return entry;
  }
  if ((value & beyond(controls, format)) != 0) {
    entry.cause = FaultCause::address_size;
    return entry;
  }
  entry.address = value & format.address_mask;
  if (!leaf) {
    entry.kind = EntryKind::table;
    entry.rights = table_rights(format, controls.arm, value);
    return entry;
  }
  entry.kind = EntryKind::leaf;
  // A group whose entries do not agree is a programming error (D8.7.1); it translates as its aligned range.
  entry.page_shift = static_cast<std::uint8_t>(PageFormat::shift(level) + (bit(value, kContiguous) ? kGroupShift : 0));
  entry.address &= ~low_mask(entry.page_shift);
  if (format.family == Family::armv8_stage1) {
    entry.rights = stage1_rights(controls.arm, value);
    entry.memory_type = mair_type(controls.arm.mair, memory_attribute(value) & 7U);
  } else {
    entry.rights = stage2_rights(controls.arm, value);
    entry.memory_type = stage2_type(memory_attribute(value));
  }
  return entry;
}

inline FaultCause check_stage1(const ArmControls& controls, Rights granted, const StageAccess& access) {
  const bool el0_data = has(granted, Rights::user);
  const bool writable = has(granted, Rights::write);
  bool allowed = false;
  if (access.privilege == Privilege::user) {
    switch (access.kind) {
      case AccessKind::read: allowed = el0_data; break;
      case AccessKind::write: allowed = el0_data && writable; break;
      case AccessKind::fetch: allowed = has(granted, Rights::execute) && !(controls.wxn && el0_data && writable); break;
    }
  } else if (access.kind == AccessKind::fetch) {
    // What EL0 may write is never executable at EL1 (D8.4.1).
    allowed = has(granted, Rights::execute_supervisor) && !(el0_data && writable) && !(controls.wxn && writable);
  } else {
    const bool fenced = controls.pan && (el0_data || (controls.epan && has(granted, Rights::execute)));
    allowed = !fenced && (access.kind == AccessKind::read || writable);
  }
  return allowed ? FaultCause::none : FaultCause::permission;
}

inline FaultCause check_stage2(Rights granted, const StageAccess& access) {
  Rights wanted = Rights::read;
  if (access.kind == AccessKind::write) wanted = Rights::write;
  if (access.kind == AccessKind::fetch) {
    wanted = access.privilege == Privilege::user ? Rights::execute : Rights::execute_supervisor;
  }
  return has(granted, wanted) ? FaultCause::none : FaultCause::permission;
}

inline std::uint64_t with_flags(const PageFormat& format, std::uint64_t value, Rights flags) {
  value |= bit_if(has(flags, Rights::accessed), kAccessFlag);
  if (!has(flags, Rights::dirty)) return value;
  // Dirty is "not read-only" in stage 1 and "writable" in stage 2 (D8.5.2).
  return format.family == Family::armv8_stage1 ? value & ~(1ULL << kReadOnly) : value | 1ULL << kS2Write;
}

std::uint64_t encode_table(Addr table);
std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const ArmControls& controls, unsigned level,
                                         const LeafSpec& leaf);
MemoryType combine(const ArmControls& controls, MemoryType earlier, MemoryType own, std::uint64_t leaf);

}  // namespace pagoda::armv8

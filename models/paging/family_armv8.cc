// Arm ARM (DDI 0487) chapter D8: D8.3 translation table descriptor formats, D8.4 memory access control, D8.5 hardware
// updates to the translation tables, D8.6 memory region attributes. 4 KiB granule without 52-bit addresses.
#include "pagoda/paging/families.h"

namespace pagoda::armv8 {
namespace {

constexpr unsigned kValid = 0, kTableOrPage = 1, kAttributes = 2, kAccessibleByEl0 = 6, kReadOnly = 7, kS2Read = 6,
                   kS2Write = 7, kShareable = 8, kAccessFlag = 10, kNotGlobal = 11, kDirtyModifier = 51,
                   kContiguous = 52, kPxn = 53, kUxn = 54, kS2Xn = 53, kPxnTable = 59, kUxnTable = 60, kApTable = 61;
constexpr unsigned kInnerShareable = 3;

// MAIR_ELx attribute byte; the inner nibble counts (memory_type.h).
MemoryType mair_type(std::uint64_t mair, unsigned index) {
  const auto attribute = static_cast<unsigned>(mair >> (8 * index) & 0xffU);
  if (attribute >> 4 == 0) {
    constexpr std::array kDevice{MemoryType::device_ngnrne, MemoryType::device_ngnre, MemoryType::device_ngre,
                                 MemoryType::device_gre};
    return kDevice.at(attribute >> 2 & 3U);
  }
  if ((attribute & 0xfU) == 4) return MemoryType::non_cacheable;
  return (attribute & 4U) != 0 ? MemoryType::write_back : MemoryType::write_through;
}

// Stage 2 MemAttr[3:0] with HCR_EL2.FWB = 0: [3:2] outer (0 is Device), [1:0] inner or the device type.
MemoryType stage2_type(unsigned attribute) {
  if (attribute >> 2 == 0) {
    constexpr std::array kDevice{MemoryType::device_ngnrne, MemoryType::device_ngnre, MemoryType::device_ngre,
                                 MemoryType::device_gre};
    return kDevice.at(attribute & 3U);
  }
  constexpr std::array kNormal{MemoryType::non_cacheable, MemoryType::non_cacheable, MemoryType::write_through,
                               MemoryType::write_back};
  return kNormal.at(attribute & 3U);
}

constexpr unsigned memory_attribute(std::uint64_t leaf) { return static_cast<unsigned>(leaf >> kAttributes & 0xfU); }

bool is_device(MemoryType type) { return type >= MemoryType::device_gre; }

Rights table_rights(const PageFormat& format, const ArmControls& controls, std::uint64_t value) {
  const Rights all = kPermissions | kFlags;
  if (format.family == Family::armv8_stage2 || controls.hpd) return all;
  return all &
         ~(when(bit(value, kApTable), Rights::user) | when(bit(value, kApTable + 1), Rights::write) |
           when(bit(value, kUxnTable), Rights::execute) | when(bit(value, kPxnTable), Rights::execute_supervisor));
}

// DBM turns a read-only leaf into one that is writable but clean, if hardware manages the dirty state.
Rights write_rights(const ArmControls& controls, std::uint64_t value, bool writable) {
  const bool clean = controls.hd && bit(value, kDirtyModifier);
  return when(writable || clean, Rights::write) | when(writable, Rights::dirty);
}

Rights stage1_rights(const ArmControls& controls, std::uint64_t value) {
  return Rights::read | write_rights(controls, value, !bit(value, kReadOnly)) |
         when(bit(value, kAccessibleByEl0), Rights::user) | when(!bit(value, kUxn), Rights::execute) |
         when(!bit(value, kPxn), Rights::execute_supervisor) | when(!bit(value, kNotGlobal), Rights::global) |
         when(bit(value, kAccessFlag), Rights::accessed);
}

// XN[1:0] with FEAT_XNX: 0 both may execute, 1 only EL0, 2 neither, 3 only EL1.
Rights stage2_rights(const ArmControls& controls, std::uint64_t value) {
  const auto xn = static_cast<unsigned>(value >> kS2Xn & 3U);
  return Rights::user | when(bit(value, kS2Read), Rights::read) | write_rights(controls, value, bit(value, kS2Write)) |
         when(xn <= 1, Rights::execute) | when(xn == 0 || xn == 3, Rights::execute_supervisor) |
         when(bit(value, kAccessFlag), Rights::accessed);
}

std::optional<unsigned> attribute_index(const ArmControls& controls, MemoryType type) {
  for (unsigned index = 0; index < 8; ++index) {
    if (mair_type(controls.mair, index) == type) return index;
  }
  return {};
}

std::optional<unsigned> stage2_attribute(const ArmControls& controls, MemoryType type) {
  // With FWB the field says what stage 2 makes of stage 1's type: 6 forces write-back (D8.6, "stage 2 memory
  // attributes with FEAT_S2FWB").
  if (controls.fwb && type == MemoryType::write_back) return 6;
  for (unsigned attribute = 0; attribute < 16; ++attribute) {
    const bool inner_equals_outer = attribute < 4 || attribute >> 2 == (attribute & 3U);
    if (inner_equals_outer && stage2_type(attribute) == type && !(controls.fwb && attribute > 3)) return attribute;
  }
  return {};
}

}  // namespace

Entry decode(const PageFormat& format, const StageControls& controls, unsigned level, std::uint64_t value) {
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

FaultCause check_stage1(const ArmControls& controls, Rights granted, const StageAccess& access) {
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

FaultCause check_stage2(Rights granted, const StageAccess& access) {
  Rights wanted = Rights::read;
  if (access.kind == AccessKind::write) wanted = Rights::write;
  if (access.kind == AccessKind::fetch) {
    wanted = access.privilege == Privilege::user ? Rights::execute : Rights::execute_supervisor;
  }
  return has(granted, wanted) ? FaultCause::none : FaultCause::permission;
}

std::uint64_t with_flags(const PageFormat& format, std::uint64_t value, Rights flags) {
  value |= bit_if(has(flags, Rights::accessed), kAccessFlag);
  if (!has(flags, Rights::dirty)) return value;
  // Dirty is "not read-only" in stage 1 and "writable" in stage 2 (D8.5.2).
  return format.family == Family::armv8_stage1 ? value & ~(1ULL << kReadOnly) : value | 1ULL << kS2Write;
}

std::uint64_t encode_table(Addr table) { return table | 1U << kValid | 1U << kTableOrPage; }

std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const ArmControls& controls, unsigned level,
                                         const LeafSpec& leaf) {
  const bool write = has(leaf.rights, Rights::write);
  // Without hardware-managed dirty state a writable entry is a dirty one.
  const bool written = write && (has(leaf.rights, Rights::dirty) || !controls.hd);
  const bool execute = has(leaf.rights, Rights::execute);
  const bool execute_supervisor = has(leaf.rights, Rights::execute_supervisor);
  const MemoryType type = leaf.memory_type == MemoryType::platform ? MemoryType::write_back : leaf.memory_type;
  std::uint64_t value = leaf.address | leaf.extra | 1U << kValid | kInnerShareable << kShareable;
  value |= bit_if(level == 0, kTableOrPage) | bit_if(leaf.group, kContiguous) | bit_if(write, kDirtyModifier) |
           bit_if(has(leaf.rights, Rights::accessed), kAccessFlag);
  if (format.family == Family::armv8_stage1) {
    const std::optional<unsigned> index = attribute_index(controls, type);
    if (!index || !has(leaf.rights, Rights::read)) return {};
    value |= std::uint64_t{*index} << kAttributes | bit_if(has(leaf.rights, Rights::user), kAccessibleByEl0) |
             bit_if(!written, kReadOnly) | bit_if(!has(leaf.rights, Rights::global), kNotGlobal) |
             bit_if(!execute, kUxn) | bit_if(!execute_supervisor, kPxn);
    return value;
  }
  const std::optional<unsigned> attribute = stage2_attribute(controls, type);
  if (!attribute) return {};
  const std::uint64_t xn = execute ? (execute_supervisor ? 0U : 1U) : (execute_supervisor ? 3U : 2U);
  return value | std::uint64_t{*attribute} << kAttributes | bit_if(has(leaf.rights, Rights::read), kS2Read) |
         bit_if(written, kS2Write) | xn << kS2Xn;
}

MemoryType combine(const ArmControls& controls, MemoryType earlier, MemoryType own, std::uint64_t leaf) {
  if (!controls.fwb) return stricter(earlier, own);
  const unsigned attribute = memory_attribute(leaf);
  switch (attribute) {
    case 7: return earlier;
    case 6: return MemoryType::write_back;
    case 5: return is_device(earlier) ? earlier : MemoryType::non_cacheable;
    default: return attribute < 4 ? own : MemoryType::device_ngnrne;
  }
}

}  // namespace pagoda::armv8

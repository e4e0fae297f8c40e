// Internal to paging: the rules of EPT entries. What a walk needs for every entry is inline.
// Intel SDM vol. 3C, chapter "VMX Support for Address Translation": EPT paging structures (tables of entry formats),
// EPT-induced VM exits (misconfigurations and violations), accessed and dirty flags for EPT, EPT and memory typing.
#pragma once

#include <array>

#include "pagoda/paging/family_common.h"

namespace pagoda::ept {

inline constexpr unsigned kRead = 0, kWrite = 1, kExecute = 2, kTypeLow = 3, kIgnorePat = 6, kPageSize = 7,
                          kAccessed = 8, kDirty = 9, kExecuteUser = 10;

// By encoding in bits 5:3 of a leaf; 2, 3 and 7 are misconfigurations.
inline constexpr std::array kTypes{MemoryType::uncached,   MemoryType::write_combining, MemoryType::uncached,
                                   MemoryType::uncached,   MemoryType::write_through,   MemoryType::write_protected,
                                   MemoryType::write_back, MemoryType::uncached};
constexpr bool type_defined(unsigned encoding) { return encoding != 2 && encoding != 3 && encoding != 7; }

inline bool misconfigured_rights(const EptControls& controls, std::uint64_t value) {
  if (bit(value, kRead)) return false;
  if (bit(value, kWrite)) return true;
  return !controls.execute_only && (bit(value, kExecute) || (controls.mode_based_execute && bit(value, kExecuteUser)));
}

inline Entry decode(const PageFormat& format, const StageControls& controls, unsigned level, std::uint64_t value) {
  const EptControls& ept = controls.ept;
  Entry entry;
  const bool execute_user = bit(value, ept.mode_based_execute ? kExecuteUser : kExecute);
  if ((value & 7U) == 0 && !execute_user) {
    entry.cause = FaultCause::not_present;
    return entry;
  }
  const bool leaf = level == 0 || (bit(value, kPageSize) && (level == 1 || (level == 2 && ept.gigabyte_pages)));
  std::uint64_t reserved = (leaf ? format.reserved_leaf[level] : format.reserved_table[level]);
  reserved |= beyond(controls, format) | bit_if(level == 2 && !ept.gigabyte_pages, kPageSize);
  const auto type = static_cast<unsigned>(value >> kTypeLow & 7U);
  if (misconfigured_rights(ept, value) || (value & reserved) != 0 || (leaf && !type_defined(type))) {
    entry.cause = FaultCause::misconfiguration;
    return entry;
  }
  entry.rights = Rights::user | when(bit(value, kRead), Rights::read) | when(bit(value, kWrite), Rights::write) |
                 when(bit(value, kExecute), Rights::execute_supervisor) | when(execute_user, Rights::execute) |
                 when(!ept.accessed_dirty || bit(value, kAccessed), Rights::accessed) |
                 when(!ept.accessed_dirty || !leaf || bit(value, kDirty), Rights::dirty);
  entry.address = value & format.address_mask;
  entry.kind = leaf ? EntryKind::leaf : EntryKind::table;
  if (leaf) {
    entry.page_shift = static_cast<std::uint8_t>(PageFormat::shift(level));
    entry.memory_type = kTypes[type];
  }
  return entry;
}

inline FaultCause check(const EptControls& controls, Rights granted, const StageAccess& access) {
  // Without mode-based control both execute bits of `granted` are bit 2.
  Rights wanted = Rights::read;
  if (access.kind == AccessKind::write) wanted = Rights::write;
  if (access.kind == AccessKind::fetch) {
    wanted = controls.mode_based_execute && !access.user_page ? Rights::execute_supervisor : Rights::execute;
  }
  return has(granted, wanted) ? FaultCause::none : FaultCause::permission;
}

inline std::uint64_t with_flags(std::uint64_t value, Rights flags) {
  return value | bit_if(has(flags, Rights::accessed), kAccessed) | bit_if(has(flags, Rights::dirty), kDirty);
}

std::uint64_t encode_table(Addr table);
std::optional<std::uint64_t> encode_leaf(const EptControls& controls, unsigned level, const LeafSpec& leaf);
MemoryType combine(MemoryType earlier, MemoryType own, std::uint64_t leaf);

}  // namespace pagoda::ept

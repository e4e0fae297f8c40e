// Internal to paging: the rules of x86-64 entries. What a walk needs for every entry is inline.
// Intel SDM vol. 3A chapter 4: 4.5 entry formats, 4.6 access rights, 4.7 reserved bits, 4.8 A and D, 4.9 memory typing.
#pragma once

#include <array>

#include "pagoda/paging/family_common.h"

namespace pagoda::x86 {

inline constexpr unsigned kPresent = 0, kWrite = 1, kUser = 2, kWriteThrough = 3, kCacheDisable = 4, kAccessed = 5,
                          kDirty = 6, kPageSize = 7, kPatLast = 7, kGlobal = 8, kPatLarge = 12, kExecuteDisable = 63;

// By encoding in IA32_PAT (SDM vol. 3A, 11.12.2); 2 and 3 are reserved and cannot be written.
inline constexpr std::array kPatTypes{MemoryType::uncached,   MemoryType::write_combining, MemoryType::uncached,
                                      MemoryType::uncached,   MemoryType::write_through,   MemoryType::write_protected,
                                      MemoryType::write_back, MemoryType::uncached_minus};

constexpr unsigned pat_bit(unsigned level) { return level == 0 ? kPatLast : kPatLarge; }

inline MemoryType pat_type(const X86Controls& controls, unsigned index) {
  return kPatTypes[controls.pat >> (8 * index) & 7U];
}

[[gnu::always_inline]] inline Entry decode(const PageFormat& format, const StageControls& controls, unsigned level,
                                           std::uint64_t value) {
  Entry entry;
  if (!bit(value, kPresent)) {
    entry.cause = FaultCause::not_present;
    return entry;
  }
  const bool leaf =
      level == 0 || (bit(value, kPageSize) && (level == 1 || (level == 2 && controls.x86.gigabyte_pages)));
  std::uint64_t reserved = leaf ? format.reserved_leaf[level] : format.reserved_table[level];
  reserved |= beyond(controls, format) | bit_if(!controls.x86.nxe, kExecuteDisable);
  reserved |= bit_if(level == 2 && !controls.x86.gigabyte_pages, kPageSize);
  if ((value & reserved) != 0) {
    entry.cause = FaultCause::reserved_bits;
    return entry;
  }
  const bool execute = !bit(value, kExecuteDisable);
  entry.rights = Rights::read | when(bit(value, kWrite), Rights::write) | when(bit(value, kUser), Rights::user) |
                 when(execute, kExecuteBoth) | when(bit(value, kAccessed), Rights::accessed);
  entry.address = value & format.address_mask;
  if (!leaf) {
    entry.kind = EntryKind::table;
    entry.rights |= Rights::dirty;
    return entry;
  }
  entry.kind = EntryKind::leaf;
  entry.page_shift = static_cast<std::uint8_t>(PageFormat::shift(level));
  entry.address &= ~low_mask(entry.page_shift);
  entry.rights |= when(bit(value, kDirty), Rights::dirty) | when(bit(value, kGlobal), Rights::global);
  const unsigned index = static_cast<unsigned>(value >> kWriteThrough & 3U) | (bit(value, pat_bit(level)) ? 4U : 0U);
  entry.memory_type = pat_type(controls.x86, index);
  return entry;
}

inline FaultCause check(const X86Controls& controls, Rights granted, const StageAccess& access) {
  constexpr auto kVerdict = [](bool allowed) { return allowed ? FaultCause::none : FaultCause::permission; };
  // AMD APM vol. 2, 15.25: all guest accesses are user accesses to the nested page tables.
  if (access.later_stage || access.privilege == Privilege::user) {
    switch (access.kind) {
      case AccessKind::read: return kVerdict(has(granted, Rights::user));
      case AccessKind::write: return kVerdict(has(granted, Rights::user | Rights::write));
      case AccessKind::fetch: return kVerdict(has(granted, Rights::user | Rights::execute));
    }
  }
  const bool user_page = has(granted, Rights::user);
  if (access.kind == AccessKind::fetch) {
    return kVerdict(has(granted, Rights::execute_supervisor) && !(user_page && controls.smep));
  }
  if (user_page && controls.smap && !access.allow_user_data) return FaultCause::permission;
  return kVerdict(access.kind == AccessKind::read || !controls.wp || has(granted, Rights::write));
}

inline std::uint64_t with_flags(std::uint64_t value, Rights flags) {
  return value | bit_if(has(flags, Rights::accessed), kAccessed) | bit_if(has(flags, Rights::dirty), kDirty);
}

std::uint64_t encode_table(Addr table);
std::optional<std::uint64_t> encode_leaf(const StageControls& controls, unsigned level, const LeafSpec& leaf);

}  // namespace pagoda::x86

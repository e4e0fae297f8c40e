// Internal to paging: the rules of RISC-V entries. What a walk needs for every entry is inline.
// RISC-V Privileged Architecture: "Virtual Address Translation Process" (Sv39 and its like), the hypervisor extension's
// "Guest-Page Faults" and "Memory-Management Fences", and the extensions Svnapot, Svpbmt, Svadu/Svade and Svrsw60t59b.
#pragma once

#include <array>

#include "pagoda/paging/family_common.h"

namespace pagoda::riscv {

inline constexpr unsigned kValid = 0, kRead = 1, kWrite = 2, kExecute = 3, kUser = 4, kGlobal = 5, kAccessed = 6,
                          kDirty = 7, kFrame = 10, kPbmt = 61, kNapot = 63;
inline constexpr std::uint64_t kHighBits = bit_range(63, 54);
inline constexpr std::uint64_t kSoftwareHigh = bit_range(60, 59);
inline constexpr std::uint64_t kPbmtBits = bit_range(62, 61);
// The only defined NAPOT size: ppn[3:0] = 1000 means 64 KiB.
inline constexpr std::uint64_t kNapotFrameBits = bit_range(kFrame + 3, kFrame);
inline constexpr std::uint64_t kNapot64K = 1ULL << (kFrame + 3);

inline constexpr std::array kPbmtTypes{MemoryType::platform, MemoryType::non_cacheable, MemoryType::io, MemoryType::io};

inline std::uint64_t reserved_high(const RiscvControls& controls, bool leaf) {
  std::uint64_t reserved = kHighBits;
  if (controls.svrsw60t59b) reserved &= ~kSoftwareHigh;
  if (leaf && controls.pbmte) reserved &= ~kPbmtBits;
  if (leaf && controls.svnapot) reserved &= ~(1ULL << kNapot);
  return reserved;
}

inline Entry refused(FaultCause cause) {
  Entry entry;
  entry.cause = cause;
  return entry;
}

inline Entry decode(const PageFormat& format, const RiscvControls& controls, unsigned level, std::uint64_t value) {
  if (!bit(value, kValid)) return refused(FaultCause::not_present);
  if (bit(value, kWrite) && !bit(value, kRead)) return refused(FaultCause::reserved_bits);
  Entry entry;
  entry.address = (value & format.address_mask) << format.address_shift;
  const bool leaf = bit(value, kRead) || bit(value, kExecute);
  if ((value & kHighBits) != 0 && (value & reserved_high(controls, leaf)) != 0) {
    return refused(FaultCause::reserved_bits);
  }
  if (!leaf) {
    if (level == 0) return refused(FaultCause::reserved_bits);
    if ((value & format.reserved_table[level]) != 0) return refused(FaultCause::reserved_bits);
    entry.kind = EntryKind::table;
    entry.rights = kPermissions | kFlags | when(bit(value, kGlobal), Rights::global);
    return entry;
  }
  entry.kind = EntryKind::leaf;
  entry.page_shift = static_cast<std::uint8_t>(PageFormat::shift(level));
  if (bit(value, kNapot)) {
    if (level != 0 || (value & kNapotFrameBits) != kNapot64K) return refused(FaultCause::reserved_bits);
    entry.page_shift += kGroupShift;
    entry.address &= ~low_mask(entry.page_shift);
  } else if ((entry.address & low_mask(entry.page_shift)) != 0) {
    return refused(FaultCause::misaligned_superpage);
  }
  const auto pbmt = static_cast<unsigned>((value & kPbmtBits) >> kPbmt);
  if (pbmt == 3) return refused(FaultCause::reserved_bits);
  entry.memory_type = kPbmtTypes[pbmt];
  entry.rights = when(bit(value, kRead), Rights::read) | when(bit(value, kWrite), Rights::write) |
                 when(bit(value, kExecute), kExecuteBoth) | when(bit(value, kUser), Rights::user) |
                 when(bit(value, kGlobal), Rights::global) | when(bit(value, kAccessed), Rights::accessed) |
                 when(bit(value, kDirty), Rights::dirty);
  return entry;
}

inline FaultCause check(const PageFormat& format, const RiscvControls& controls, Rights granted,
                        const StageAccess& access) {
  const bool user_page = has(granted, Rights::user);
  // To a later stage every access is one of user mode.
  if (format.family == Family::riscv_guest || access.later_stage || access.privilege == Privilege::user) {
    if (!user_page) return FaultCause::permission;
  } else if (user_page && (access.kind == AccessKind::fetch || !controls.sum)) {
    return FaultCause::permission;
  }
  Rights wanted = Rights::read;
  if (access.kind == AccessKind::write) {
    wanted = Rights::write;
  } else if (access.kind == AccessKind::fetch) {
    wanted = Rights::execute;
  } else if (!access.table_access) {
    // MXR and HLVX are about the program's loads, not about the walker's.
    if (access.execute_to_read || (controls.mxr && !has(granted, Rights::read))) wanted = Rights::execute;
  }
  return has(granted, wanted) ? FaultCause::none : FaultCause::permission;
}

inline std::uint64_t with_flags(std::uint64_t value, Rights flags) {
  return value | bit_if(has(flags, Rights::accessed), kAccessed) | bit_if(has(flags, Rights::dirty), kDirty);
}

std::uint64_t encode_table(Addr table);
std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const RiscvControls& controls, const LeafSpec& leaf);

}  // namespace pagoda::riscv

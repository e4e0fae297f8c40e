// RISC-V Privileged Architecture: "Virtual Address Translation Process" (Sv39 and its like), the hypervisor extension's
// "Guest-Page Faults" and "Memory-Management Fences", and the extensions Svnapot, Svpbmt, Svadu/Svade and Svrsw60t59b.
#include "pagoda/paging/families.h"

namespace pagoda::riscv {
namespace {

constexpr unsigned kValid = 0, kRead = 1, kWrite = 2, kExecute = 3, kUser = 4, kGlobal = 5, kAccessed = 6, kDirty = 7,
                   kFrame = 10, kPbmt = 61, kNapot = 63;
constexpr std::uint64_t kHighBits = bit_range(63, 54);
constexpr std::uint64_t kSoftwareHigh = bit_range(60, 59);
constexpr std::uint64_t kPbmtBits = bit_range(62, 61);
// The only defined NAPOT size: ppn[3:0] = 1000 means 64 KiB.
constexpr std::uint64_t kNapotFrameBits = bit_range(kFrame + 3, kFrame);
constexpr std::uint64_t kNapot64K = 1ULL << (kFrame + 3);

constexpr std::array kPbmtTypes{MemoryType::platform, MemoryType::non_cacheable, MemoryType::io, MemoryType::io};

std::uint64_t reserved_high(const RiscvControls& controls, bool leaf) {
  std::uint64_t reserved = kHighBits;
  if (controls.svrsw60t59b) reserved &= ~kSoftwareHigh;
  if (leaf && controls.pbmte) reserved &= ~kPbmtBits;
  if (leaf && controls.svnapot) reserved &= ~(1ULL << kNapot);
  return reserved;
}

Entry refused(FaultCause cause) {
  Entry entry;
  entry.cause = cause;
  return entry;
}

}  // namespace

Entry decode(const PageFormat& format, const RiscvControls& controls, unsigned level, std::uint64_t value) {
  if (!bit(value, kValid)) return refused(FaultCause::not_present);
  if (bit(value, kWrite) && !bit(value, kRead)) return refused(FaultCause::reserved_bits);
  Entry entry;
  entry.address = (value & format.address_mask) << format.address_shift;
  const bool leaf = bit(value, kRead) || bit(value, kExecute);
  if ((value & reserved_high(controls, leaf)) != 0) return refused(FaultCause::reserved_bits);
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
  entry.memory_type = kPbmtTypes.at(pbmt);
  entry.rights = when(bit(value, kRead), Rights::read) | when(bit(value, kWrite), Rights::write) |
                 when(bit(value, kExecute), kExecuteBoth) | when(bit(value, kUser), Rights::user) |
                 when(bit(value, kGlobal), Rights::global) | when(bit(value, kAccessed), Rights::accessed) |
                 when(bit(value, kDirty), Rights::dirty);
  return entry;
}

FaultCause check(const PageFormat& format, const RiscvControls& controls, Rights granted, const StageAccess& access) {
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

std::uint64_t with_flags(std::uint64_t value, Rights flags) {
  return value | bit_if(has(flags, Rights::accessed), kAccessed) | bit_if(has(flags, Rights::dirty), kDirty);
}

std::uint64_t encode_table(Addr table) { return table >> 2 | 1U << kValid; }

std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const RiscvControls& controls,
                                         const LeafSpec& leaf) {
  const bool execute = has(leaf.rights, Rights::execute);
  const bool read = has(leaf.rights, Rights::read);
  const bool write = has(leaf.rights, Rights::write);
  if (execute != has(leaf.rights, Rights::execute_supervisor)) return {};
  if ((!read && !execute) || (write && !read)) return {};
  std::uint64_t value = leaf.address >> format.address_shift | leaf.extra | 1U << kValid;
  if (leaf.group) value = (value & ~kNapotFrameBits) | kNapot64K | 1ULL << kNapot;
  value |= bit_if(read, kRead) | bit_if(write, kWrite) | bit_if(execute, kExecute) |
           bit_if(has(leaf.rights, Rights::user), kUser) | bit_if(has(leaf.rights, Rights::global), kGlobal);
  if (leaf.memory_type != MemoryType::platform && leaf.memory_type != MemoryType::write_back) {
    const bool non_cacheable = leaf.memory_type == MemoryType::non_cacheable;
    if (!controls.pbmte || (!non_cacheable && leaf.memory_type != MemoryType::io)) return {};
    value |= (non_cacheable ? 1ULL : 2ULL) << kPbmt;
  }
  return with_flags(value, leaf.rights);
}

}  // namespace pagoda::riscv

// What one page-table entry means, and the rules by which its rights allow an access.
//
// Everything here is a pure function of format, controls and bits. The formats' families differ in semantics, not only
// in bit positions, so each family has its own files (family_*) and these functions select it.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/base/access.h"
#include "pagoda/base/fault.h"
#include "pagoda/paging/memory_type.h"
#include "pagoda/paging/page_format.h"
#include "pagoda/paging/rights.h"
#include "pagoda/paging/stage.h"

namespace pagoda {

enum class EntryKind : std::uint8_t { invalid, table, leaf };

struct Entry {
  EntryKind kind = EntryKind::invalid;
  FaultCause cause = FaultCause::none;  ///< why it is invalid
  std::uint8_t page_shift = 0;          ///< of a leaf, counting NAPOT and contiguous ranges as one page
  MemoryType memory_type = MemoryType::platform;
  /// What this entry grants by itself. `accessed` and `dirty` say that the flag need not be set (any more).
  Rights rights = Rights::none;
  Addr address = 0;  ///< next table, or first byte of the page
};

/// An access as one stage sees it.
struct StageAccess {
  AccessKind kind = AccessKind::read;
  Privilege privilege = Privilege::user;
  bool later_stage = false;      ///< the stage translates what an earlier stage produced: it sees user accesses only
  bool table_access = false;     ///< on behalf of an earlier stage's table entry, not of the program
  bool user_page = true;         ///< EPT: all stage-0 entries have U set, or stage 0 is off
  bool allow_user_data = false;  ///< x86 EFLAGS.AC: SMAP does not apply
  bool execute_to_read = false;  ///< RISC-V HLVX: a load that needs execute permission instead of read
};

/// Reads an entry of `level` (0 is the last one).
Entry decode(const PageFormat& format, const StageControls& controls, unsigned level, std::uint64_t value);

/// Whether `granted`, the rights along the stage's path, allow the access: FaultCause::none or ::permission.
/// The same question for a walk that reached a leaf and for a TLB that hit.
FaultCause check(const PageFormat& format, const StageControls& controls, Rights granted, const StageAccess& access);

/// The permission that an access makes use of.
constexpr Rights permission_for(AccessKind kind) {
  return kind == AccessKind::read ? Rights::read : kind == AccessKind::write ? Rights::write : kExecuteBoth;
}

/// The flags an access needs recorded.
constexpr Rights needed_flags(AccessKind kind) { return kind == AccessKind::write ? kFlags : Rights::accessed; }

/// Whether hardware itself sets `missing` flags; if not, their absence is a fault.
bool hardware_sets(const PageFormat& format, const StageControls& controls, Rights missing);

/// The entry as hardware leaves it after setting accessed and/or dirty.
std::uint64_t with_flags(const PageFormat& format, std::uint64_t value, Rights flags);

/// The type of memory that a later stage's leaf makes of the earlier stages' type.
MemoryType combine_memory_types(const PageFormat& later, const StageControls& controls, MemoryType earlier,
                                MemoryType own, std::uint64_t leaf);

/// What a leaf is to say.
struct LeafSpec {
  Addr address = 0;                               ///< first byte of the page, or of the entry's own part of a group
  Rights rights = Rights::read | Rights::user;    ///< including accessed, dirty, global
  MemoryType memory_type = MemoryType::platform;  ///< platform: the format's ordinary cached memory
  bool group = false;                             ///< one of 16 that form a NAPOT or contiguous page
  std::uint64_t extra = 0;                        ///< bits within extra_bits(), as they are to appear in the entry
};

/// The value of an entry that points to a table.
std::uint64_t encode_table(const PageFormat& format, Addr table);
/// The value of a leaf. Nothing if the format cannot express it: rights (write without read, execute for one mode
/// only), memory type, an address too wide or misaligned, extra bits that are not free.
std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const StageControls& controls, unsigned level,
                                         const LeafSpec& leaf);
/// The leaf that `entry`, decoded from `value`, is at its own place: `address` is that of this entry's part of a group.
LeafSpec leaf_spec(const PageFormat& format, const StageControls& controls, unsigned level, Addr input,
                   const Entry& entry, std::uint64_t value);
/// Bits that hardware ignores in leaves and tables: room for what software or a mechanism wants to keep there.
std::uint64_t software_bits(const PageFormat& format, const StageControls& controls);
/// What LeafSpec::extra may hold: software_bits() and attributes that have no field of their own (EPT ignore-PAT, x86
/// protection key, Arm guarded page).
std::uint64_t extra_bits(const PageFormat& format, const StageControls& controls);
/// Whether 16 leaves of this level can form one page (RISC-V NAPOT at level 0, Arm contiguous).
bool group_allowed(const PageFormat& format, const StageControls& controls, unsigned level);
/// log2 of the entries of such a group.
inline constexpr unsigned kGroupShift = 4;
/// Whether this level may hold leaves, given the optional page sizes.
bool leaf_level(const PageFormat& format, const StageControls& controls, unsigned level);

}  // namespace pagoda

// A refused access: why, where in the translation, and the addresses its owners need.
#pragma once

#include <cstdint>

#include "pagoda/base/access.h"

namespace pagoda {

/// Why a translation ended without an address. The architectures fold several of these into one of their own
/// causes; paging/fault_encoding.h does that.
enum class FaultCause : std::uint8_t {
  none,
  non_canonical,         ///< the input address lies outside what the format translates
  not_present,           ///< an entry is marked invalid
  reserved_bits,         ///< an entry sets bits or a combination that its format reserves
  misaligned_superpage,  ///< a leaf above the last level whose frame is not aligned to its size
  permission,            ///< the entries do not grant this kind of access at this privilege
  access_flag,           ///< the accessed flag is clear and hardware does not set it
  withheld,              ///< permission that the entries grant but a field for software withholds (Stage::withheld)
  dirty_flag,            ///< the dirty flag is clear, the access is a write, and hardware does not set it
  address_size,          ///< an output address is wider than the configured physical address
  misconfiguration,      ///< an EPT entry with a combination of settings that is never legal
  access_error,          ///< the memory refused to read or write a table entry, or the data
  poison                 ///< the memory returned data marked as corrupt
};

/// Whether the translation that faulted was for the access itself or for a table entry of an earlier stage.
enum class TableAccess : std::uint8_t { none, read, write };

struct Fault {
  FaultCause cause = FaultCause::none;
  std::uint8_t stage = 0;                ///< stage that refused, 0 translates the program's address
  std::uint8_t level = 0;                ///< level of the entry that refused, 0 is the last one
  AccessKind access = AccessKind::read;  ///< what the program asked for
  Privilege privilege = Privilege::supervisor;
  TableAccess table = TableAccess::none;  ///< set if an earlier stage's table entry was being accessed
  std::uint8_t table_stage = 0;           ///< ... and which stage's entry that was
  std::uint8_t granted = 0;               ///< rights (paging/rights.h) of the entries passed so far
  Addr virtual_address = 0;               ///< what the program accessed
  Addr stage_address = 0;                 ///< the input address of the stage that refused
  Addr entry_address = 0;                 ///< where the offending entry lies, in the last stage's output space

  explicit operator bool() const { return cause != FaultCause::none; }
};

/// In words, for messages: `not present`.
const char* to_string(FaultCause cause);

}  // namespace pagoda

#include "pagoda/paging/fault_encoding.h"

#include "pagoda/paging/rights.h"

namespace pagoda {
namespace {

// In the order read, write, fetch.
struct RiscvCodes {
  std::uint64_t read, write, fetch;
  std::uint64_t of(AccessKind access) const {
    return access == AccessKind::read ? read : access == AccessKind::write ? write : fetch;
  }
};
constexpr RiscvCodes kAccessFault{5, 7, 1};
constexpr RiscvCodes kPageFault{13, 15, 12};
constexpr RiscvCodes kGuestPageFault{21, 23, 20};
constexpr std::uint64_t kHardwareError = 19;

std::uint64_t flag(bool condition, unsigned position) { return condition ? 1ULL << position : 0; }

std::uint8_t arm_status(const Fault& fault) {
  const auto level = static_cast<std::uint8_t>(arm_level(fault.level));
  const auto at_level = [&](unsigned base) { return static_cast<std::uint8_t>(base | level); };
  switch (fault.cause) {
    case FaultCause::address_size: return at_level(0b000000);
    case FaultCause::access_flag: return at_level(0b001000);
    case FaultCause::permission:
    case FaultCause::withheld:
    case FaultCause::dirty_flag: return at_level(0b001100);
    case FaultCause::access_error: return at_level(0b010100);
    case FaultCause::poison: return at_level(0b011100);
    // An input address outside the ranges is a translation fault at level 0, wherever the walk would start.
    case FaultCause::non_canonical: return 0b000100;
    default: return at_level(0b000100);
  }
}

}  // namespace

RiscvTrap riscv_trap(const Fault& fault) {
  if (!fault) return {};
  RiscvTrap trap;
  trap.tval = fault.virtual_address;
  if (fault.cause == FaultCause::poison) {
    trap.cause = kHardwareError;
  } else if (fault.cause == FaultCause::access_error) {
    trap.cause = kAccessFault.of(fault.access);
  } else if (fault.stage == 0) {
    trap.cause = kPageFault.of(fault.access);
  } else {
    trap.cause = kGuestPageFault.of(fault.access);
    trap.tval2 = fault.stage_address >> 2;
    if (fault.table == TableAccess::read) trap.tinst = 0x3000;
    if (fault.table == TableAccess::write) trap.tinst = 0x3020;
  }
  return trap;
}

X86Exception x86_exception(const Fault& fault, const X86Controls& controls) {
  switch (fault.cause) {
    case FaultCause::none: return {.vector = 0, .error_code = 0};
    case FaultCause::non_canonical: return {.vector = 13, .error_code = 0};
    case FaultCause::access_error:
    case FaultCause::poison: return {.vector = 18, .error_code = 0};
    default: break;
  }
  const bool fetch_told = fault.access == AccessKind::fetch && (controls.nxe || controls.smep);
  return {.vector = 14,
          .error_code = static_cast<std::uint32_t>(
              flag(fault.cause != FaultCause::not_present, 0) | flag(fault.access == AccessKind::write, 1) |
              flag(fault.privilege == Privilege::user, 2) | flag(fault.cause == FaultCause::reserved_bits, 3) |
              flag(fetch_told, 4))};
}

EptExit ept_exit(const Fault& fault, const EptControls& controls) {
  EptExit exit;
  exit.guest_linear = fault.virtual_address;
  exit.guest_physical = fault.stage_address;
  if (fault.cause == FaultCause::misconfiguration) {
    exit.reason = 49;
    return exit;
  }
  exit.reason = 48;
  const bool table = fault.table != TableAccess::none;
  // With accessed and dirty flags a guest table access counts as a read and a write.
  const bool read =
      table ? fault.table == TableAccess::read || controls.accessed_dirty : fault.access == AccessKind::read;
  const bool write =
      table ? fault.table == TableAccess::write || controls.accessed_dirty : fault.access == AccessKind::write;
  const auto granted = static_cast<Rights>(fault.granted);
  exit.qualification = flag(read, 0) | flag(write, 1) | flag(!table && fault.access == AccessKind::fetch, 2) |
                       flag(has(granted, Rights::read), 3) | flag(has(granted, Rights::write), 4) |
                       flag(has(granted, Rights::execute_supervisor), 5) |
                       flag(controls.mode_based_execute && has(granted, Rights::execute), 6) | flag(true, 7) |
                       flag(!table, 8);
  return exit;
}

ArmAbort arm_abort(const Fault& fault) {
  if (!fault) return {};
  ArmAbort abort;
  abort.fsc = arm_status(fault);
  abort.stage2 = fault.stage > 0;
  abort.s1ptw = abort.stage2 && fault.table != TableAccess::none;
  abort.wnr =
      fault.table == TableAccess::write || (fault.table == TableAccess::none && fault.access == AccessKind::write);
  abort.far = fault.virtual_address;
  if (abort.stage2) abort.hpfar = (fault.stage_address & bit_range(51, 12)) >> 12 << 4;
  return abort;
}

}  // namespace pagoda

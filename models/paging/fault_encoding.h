// A fault as each architecture tells it to software.
#pragma once

#include <cstdint>

#include "pagoda/base/fault.h"
#include "pagoda/paging/stage.h"

namespace pagoda {

/// What a RISC-V hart writes on a trap: xcause, xtval, htval/mtval2 and htinst/mtinst.
/// RISC-V Privileged Architecture: exception codes, and "Transformed Instruction or Pseudoinstruction for mtinst or
/// htinst".
struct RiscvTrap {
  std::uint64_t cause = 0;  ///< 1, 5, 7 access; 12, 13, 15 page; 20, 21, 23 guest page; 19 hardware error
  std::uint64_t tval = 0;   ///< the address the program used
  std::uint64_t tval2 = 0;  ///< guest-page fault: guest physical address >> 2
  std::uint64_t tinst = 0;  ///< guest-page fault on a first-stage table entry: 0x3000 read, 0x3020 write
};
/// Stages after 0 are second stages.
RiscvTrap riscv_trap(const Fault& fault);

/// An x86 exception of paging; the faulting linear address goes to CR2. Intel SDM vol. 3A, 4.7.
struct X86Exception {
  std::uint8_t vector = 14;      ///< 14 #PF, 13 #GP for a non-canonical address, 18 #MC if memory refused a table entry
  std::uint32_t error_code = 0;  ///< P, W/R, U/S, RSVD, I/D
};
X86Exception x86_exception(const Fault& fault, const X86Controls& controls);

/// A VM exit caused by EPT. Intel SDM vol. 3C, "Exit Qualification for EPT Violations". The advanced VM-exit
/// information of bits 11:9 is not reported.
struct EptExit {
  std::uint16_t reason = 0;  ///< 48 EPT violation, 49 EPT misconfiguration
  std::uint64_t qualification = 0;
  Addr guest_physical = 0;
  Addr guest_linear = 0;
};
EptExit ept_exit(const Fault& fault, const EptControls& controls);

/// The parts of an AArch64 abort that paging decides. Arm ARM, ESR_EL1 (ISS of data and instruction aborts), HPFAR_EL2.
struct ArmAbort {
  std::uint8_t fsc = 0;     ///< fault status code, level included
  bool stage2 = false;      ///< taken to EL2
  bool s1ptw = false;       ///< stage 2 fault on a stage 1 table access
  bool wnr = false;         ///< caused by a write
  std::uint64_t far = 0;    ///< the virtual address
  std::uint64_t hpfar = 0;  ///< stage 2: the faulting intermediate physical address, FIPA in bits 43:4
};
ArmAbort arm_abort(const Fault& fault);

/// Arm counts levels from the top, 3 is the last.
constexpr unsigned arm_level(unsigned level) { return 3 - level; }

}  // namespace pagoda

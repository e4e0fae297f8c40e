// One stage of address translation: its format, its root and what control registers and features say about it.
//
// The controls are named as the architecture names them, and are those of a processor at one moment: whoever changes a
// register changes the controls. Defaults are a plain processor of the last years without optional features.
#pragma once

#include <cstdint>

#include "pagoda/base/access.h"
#include "pagoda/paging/page_format.h"
#include "pagoda/paging/rights.h"

namespace pagoda {

struct RiscvControls {
  bool svnapot = false;      ///< Svnapot is implemented
  bool svrsw60t59b = false;  ///< bits 60:59 are software's (otherwise reserved)
  bool pbmte = false;        ///< menvcfg/henvcfg.PBMTE: Svpbmt is in force
  bool adue = false;         ///< menvcfg/henvcfg.ADUE: hardware sets A and D (Svadu); otherwise it faults (Svade)
  bool sum = false;          ///< supervisor loads and stores may reach user pages
  bool mxr = false;          ///< loads may read executable pages
};

struct X86Controls {
  bool wp = true;                          ///< CR0.WP
  bool nxe = true;                         ///< EFER.NXE
  bool smep = false;                       ///< CR4.SMEP
  bool smap = false;                       ///< CR4.SMAP
  bool gigabyte_pages = true;              ///< CPUID Page1GB
  std::uint64_t pat = 0x0007040600070406;  ///< IA32_PAT, its reset value
};

struct EptControls {
  bool accessed_dirty = false;      ///< EPTP bit 6
  bool execute_only = true;         ///< IA32_VMX_EPT_VPID_CAP bit 0
  bool mode_based_execute = false;  ///< bit 10 of an entry governs fetches from user-mode linear addresses
  bool gigabyte_pages = true;       ///< IA32_VMX_EPT_VPID_CAP bit 17
};

struct ArmControls {
  bool ha = false;                          ///< TCR_ELx/VTCR_EL2.HA: hardware sets the access flag
  bool hd = false;                          ///< ... and the dirty state, for entries with DBM (needs ha)
  bool hpd = false;                         ///< TCR_ELx.HPD: attributes in table entries are ignored
  bool tbi = false;                         ///< TCR_ELx.TBI: the top byte of an address is ignored
  bool wxn = false;                         ///< SCTLR_ELx.WXN: what may be written may not be executed
  bool pan = false;                         ///< PSTATE.PAN: no supervisor data access to what EL0 may access
  bool epan = false;                        ///< SCTLR_EL1.EPAN: ... nor to what EL0 may only execute
  bool fwb = false;                         ///< HCR_EL2.FWB: stage 2 forces the memory type
  std::uint64_t mair = 0x000000000044bbff;  ///< attribute 0 write-back, 1 write-through, 2 non-cacheable, 3 device
};

/// Fields of leaf entries that this reader honours beside the format's own permissions, in bits that the format leaves
/// to software: an IOMMU's control of DMA. A permission is withheld from an access if one of its bits is set; implicit
/// accesses (table entries of an earlier stage) are not concerned, nor are entries that point to tables.
struct WithheldRights {
  std::uint64_t no_read = 0;  ///< nor fetch
  std::uint64_t no_write = 0;

  Rights of(std::uint64_t leaf) const {
    return when((leaf & no_read) != 0, Rights::read | kExecuteBoth) | when((leaf & no_write) != 0, Rights::write);
  }
};

struct StageControls {
  /// Physical address width: MAXPHYADDR (x86, EPT) or the output size (Arm). RISC-V entries hold 56 bits regardless.
  std::uint8_t physical_bits = 52;
  RiscvControls riscv{};
  X86Controls x86{};
  EptControls ept{};
  ArmControls arm{};
  WithheldRights withheld{};
};

/// A stage without a format passes addresses through (RISC-V Bare, paging off).
struct Stage {
  const PageFormat* format = nullptr;
  Addr root = 0;        ///< where the root table lies, in the stage's output space
  Addr upper_root = 0;  ///< Arm stage 1: TTBR1, the table for addresses that start with ones
  StageControls controls{};

  /// The address as the format looks at it. With Arm's top-byte-ignore, bits 63:56 count as copies of bit 55.
  Addr canonical(Addr input) const {
    if (!controls.arm.tbi || format->family != Family::armv8_stage1) return input;
    return static_cast<Addr>(static_cast<std::int64_t>(input << 8) >> 8);
  }
  /// The root table for an input address that the format accepts.
  Addr root_of(Addr input) const {
    const bool upper = format->input_form == InputForm::two_ranges && canonical(input) >> 63 != 0;
    return upper ? upper_root : root;
  }
};

}  // namespace pagoda

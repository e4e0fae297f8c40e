// The registers of a RISC-V IOMMU that say how it translates: capabilities, fctl, ddtp.
// RISC-V IOMMU Architecture Specification 1.0, chapter "Memory-mapped register interface".
#pragma once

#include <cstdint>

#include "pagoda/base/access.h"
#include "pagoda/iommu/dma_control.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

/// capabilities: what the IOMMU can do. Field names are the specification's.
struct IommuCapabilities {
  std::uint64_t value = 0;

  bool sv39() const { return bit(9); }
  bool sv48() const { return bit(10); }
  bool sv57() const { return bit(11); }
  bool svrsw60t59b() const { return bit(14); }
  bool svpbmt() const { return bit(15); }
  bool sv32x4() const { return bit(16); }
  bool sv39x4() const { return bit(17); }
  bool sv48x4() const { return bit(18); }
  bool sv57x4() const { return bit(19); }
  bool amo_mrif() const { return bit(21); }
  bool msi_flat() const { return bit(22); }
  bool msi_mrif() const { return bit(23); }
  bool amo_hwad() const { return bit(24); }
  bool ats() const { return bit(25); }
  bool t2gpa() const { return bit(26); }
  bool both_endians() const { return bit(27); }
  bool messages() const { return igs() != 1; }             ///< IGS: interrupts can be sent as messages ...
  bool wires() const { return igs() == 1 || igs() == 2; }  ///< ... or signalled by wire
  bool monitors() const { return bit(30); }                ///< HPM
  bool debug_translation() const { return bit(31); }       ///< DBG
  unsigned physical_bits() const { return static_cast<unsigned>(value >> 32 & 0x3f); }
  bool pd8() const { return bit(38); }
  bool pd17() const { return bit(39); }
  bool pd20() const { return bit(40); }
  bool qosid() const { return bit(41); }
  /// The first custom bit, which is Pagoda's: page-specific DMA control and its register dma_control.
  bool dma_control() const { return bit(56); }
  unsigned igs() const { return static_cast<unsigned>(value >> 28 & 3); }

 private:
  bool bit(unsigned index) const { return (value >> index & 1) != 0; }
};

/// fctl: features in force.
struct IommuFeatures {
  bool big_endian = false;   ///< BE: structures in memory are big-endian
  bool guest_32bit = false;  ///< GXL: 32-bit schemes for guest physical addresses
  bool big_endian_writable = false;
  bool guest_32bit_writable = false;
};

enum class IommuMode : std::uint8_t { off, bare, one_level, two_levels, three_levels };

/// ddtp: where the device directory is.
struct DeviceDirectory {
  IommuMode mode = IommuMode::off;
  Addr root = 0;

  /// Levels of the directory; 0 if there is none.
  unsigned levels() const { return mode < IommuMode::one_level ? 0 : static_cast<unsigned>(mode) - 1; }
  /// Modes above three levels are reserved and count as off: a register does not take them.
  static DeviceDirectory of(std::uint64_t ddtp) {
    const std::uint64_t mode = ddtp & 0xf;
    return {mode > 4 ? IommuMode::off : static_cast<IommuMode>(mode), (ddtp >> 10 & low_mask(44)) << kPageShift};
  }
};

struct IommuSetup {
  IommuCapabilities capabilities;
  IommuFeatures features;
  DeviceDirectory directory;
  bool custom_formats = false;  ///< device contexts may ask for x86-64 and EPT tables (DeviceContext::x86_first_stage)
  DmaControl dma_control;
};

}  // namespace pagoda

// Device and process contexts: what a RISC-V IOMMU's directories say about a device and its processes.
// RISC-V IOMMU Architecture Specification 1.0, chapter "Data Structures".
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "pagoda/iommu/iommu_registers.h"
#include "pagoda/paging/stage.h"

namespace pagoda {

/// The MODE and PPN that iosatp, iohgatp, pdtp and msiptp have in common.
struct TablePointerField {
  unsigned mode = 0;
  Addr table = 0;

  static TablePointerField of(std::uint64_t value) {
    return {static_cast<unsigned>(value >> 60), (value & low_mask(44)) << kPageShift};
  }
};

struct DeviceContext {
  std::uint64_t tc = 0, iohgatp = 0, ta = 0, fsc = 0, msiptp = 0, msi_addr_mask = 0, msi_addr_pattern = 0, reserved = 0;

  /// Words of the structure: 4 in the base format, 8 in the extended one.
  static unsigned words(const IommuCapabilities& capabilities) { return capabilities.msi_flat() ? 8 : 4; }
  static DeviceContext of(std::span<const std::uint64_t> words);

  bool valid() const { return bit(0); }
  bool ats() const { return bit(1); }
  bool page_requests() const { return bit(2); }
  bool returns_guest_addresses() const { return bit(3); }  ///< T2GPA
  bool hides_faults() const { return bit(4); }             ///< DTF
  bool has_process_directory() const { return bit(5); }    ///< PDTV
  bool pasid_in_responses() const { return bit(6); }       ///< PRPR
  bool updates_second_stage() const { return bit(7); }     ///< GADE
  bool updates_first_stage() const { return bit(8); }      ///< SADE
  bool default_process() const { return bit(9); }          ///< DPE
  bool big_endian() const { return bit(10); }              ///< SBE
  bool first_stage_32bit() const { return bit(11); }       ///< SXL
  // Custom bits: the tables are in formats of x86. MODE 9 stands for four levels, 10 for five.
  static constexpr std::uint64_t kX86FirstStage = std::uint64_t{1} << 24;
  static constexpr std::uint64_t kEptSecondStage = std::uint64_t{1} << 25;
  bool x86_first_stage() const { return (tc & kX86FirstStage) != 0; }
  bool ept_second_stage() const { return (tc & kEptSecondStage) != 0; }
  bool translates_msis() const { return msiptp >> 60 == 1; }

  /// Whether a valid context breaks one of the specification's rules for them ("DDT entry misconfigured").
  bool misconfigured(const IommuSetup& setup) const;

 private:
  bool bit(unsigned index) const { return (tc >> index & 1) != 0; }
};

struct ProcessContext {
  std::uint64_t ta = 0, fsc = 0;

  bool valid() const { return (ta & 1) != 0; }
  bool allows_supervisor() const { return (ta >> 1 & 1) != 0; }       ///< ENS
  bool supervisor_user_access() const { return (ta >> 2 & 1) != 0; }  ///< SUM
  bool misconfigured(const IommuSetup& setup, const DeviceContext& device) const;
};

/// A directory entry that points to a lower directory: V in bit 0, PPN in bits 53:10, the rest reserved.
struct DirectoryEntry {
  std::uint64_t value = 0;

  bool valid() const { return (value & 1) != 0; }
  bool misconfigured() const { return (value & ~(low_mask(44) << 10 | 1)) != 0; }
  Addr table() const { return (value >> 10 & low_mask(44)) << kPageShift; }
};

/// The levels that pdtp.MODE stands for; 0: Bare.
unsigned process_directory_levels(unsigned mode);
/// The format of a first (iosatp.MODE) or second stage (iohgatp.MODE) of the device; null: Bare.
const PageFormat* first_stage_format(const DeviceContext& device, unsigned mode);
const PageFormat* second_stage_format(const DeviceContext& device, unsigned mode);

}  // namespace pagoda

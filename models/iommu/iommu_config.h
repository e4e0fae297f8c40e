// The parameters of an IOMMU: what it can do, and its structures in time.
//
// Defaults: no vendor publishes these of an IOMMU, so all sizes and latencies are round figures, of the order of what
// measurements of Intel's show: some hundred IOTLB entries and half a dozen walks at a time (Neugebauer et al.,
// "Understanding PCIe performance for end host networking", SIGCOMM 2018, section 6.5; see docs/validation.md). The
// time to wait for an invalidation's completion is PCI Express's (Base Specification 5.0, 10.3.1: 60 s, +50 %).
#pragma once

#include <optional>

#include "pagoda/iommu/iommu_registers.h"
#include "pagoda/mmu/mmu_config.h"

namespace pagoda {

enum class MsiTables : std::uint8_t { none, flat, mrif };
BOOST_DESCRIBE_ENUM(MsiTables, none, flat, mrif)

/// What the capabilities register offers.
struct IommuCapabilitiesConfig {
  std::uint32_t physical_bits = 56;
  std::uint32_t levels = 5;  ///< of page tables at most: 3 for Sv39 and Sv39x4 alone
  MsiTables msi = MsiTables::mrif;
  bool ats = true;
  bool t2gpa = true;
  bool flag_updates = true;  ///< AMO_HWAD
  bool svpbmt = true;
  bool svrsw60t59b = true;
  std::uint32_t process_bits = 20;  ///< of process directories at most: 0, 8, 17 or 20
  bool custom_formats = true;       ///< x86-64 and EPT tables, beyond the architecture
  std::uint32_t counters = 8;       ///< performance counters beside that of cycles

  IommuCapabilities capabilities() const;

  static const ConfigInfo& config_info();
};

struct IommuConfig {
  IommuCapabilitiesConfig capabilities;
  DmaControlLayout dma_control;
  std::uint32_t requests = 64;  ///< that it works on at a time; more wait on the link
  std::uint32_t ports = 1;      ///< requests that can start per cycle
  AssocConfig device_cache{.entries = 32, .ways = 4};
  AssocConfig process_cache{.entries = 32, .ways = 4};
  TlbConfig iotlb{.entries = 128, .ways = 4, .latency = Latency::cycles(2), .ports = 1};
  WalkerConfig walker{.slots = 6};
  MaintenanceConfig invalidation;
  Latency command = Latency::cycles(4);    ///< decoding a command
  Latency registers = Latency::cycles(4);  ///< an access to a register
  Duration ats_timeout{90'000'000'000'000};
  Frequency clock{1'000'000'000};

  Ps period() const { return clock.period(); }

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

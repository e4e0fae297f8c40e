// The parameters of a CPU's MMU.
#pragma once

#include <optional>

#include "pagoda/mmu/tlb_config.h"
#include "pagoda/mmu/walker_config.h"

namespace pagoda {

/// What TLB maintenance costs the core that executes it. Both defaults are what Linux assumes for INVLPG when it weighs
/// single flushes against a full one (arch/x86/mm/tlb.c: "about 100 ns"); it calls the full one a quick operation of
/// two instructions (Documentation/arch/x86/tlb.rst) and gives no figure.
struct MaintenanceConfig {
  Latency page = Latency::time(100'000);  ///< one address
  Latency all = Latency::time(100'000);   ///< an ASID, a VMID or everything

  static const ConfigInfo& config_info();
};

/// TLBs by default: entries and ways are those of Skylake for 4 KiB pages (Intel 64 and IA-32 Architectures
/// Optimization Reference Manual, table of TLB parameters), here for pages of every size. An STLB hit costs 7 cycles as
/// in Intel's top-down metrics for Skylake (github.com/andikleen/pmu-tools, skl_client_ratios.py, version 3.09:
/// Mem_STLB_Hit_Cost; later versions charge 9). Its one port is a round figure.
struct MmuConfig {
  TlbConfig itlb{.entries = 128, .ways = 8};
  TlbConfig dtlb{.entries = 64, .ways = 4};
  std::optional<TlbConfig> stlb = TlbConfig{.entries = 1536, .ways = 12, .latency = Latency::cycles(7), .ports = 1};
  WalkerConfig walker;
  MaintenanceConfig maintenance;
  std::optional<Frequency> clock;  ///< that of its core if not given

  Ps period() const { return clock.value_or(Frequency{1'000'000'000}).period(); }

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

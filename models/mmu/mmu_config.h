// The parameters of a CPU's MMU.
#pragma once

#include <optional>

#include "pagoda/mmu/tlb_config.h"
#include "pagoda/mmu/walker_config.h"

namespace pagoda {

/// What TLB maintenance costs the core that executes it.
struct MaintenanceConfig {
  Latency page =
      Latency::cycles(200);            ///< one address; INVLPG takes about 200 cycles on Intel (see docs/validation.md)
  Latency all = Latency::cycles(500);  ///< an ASID, a VMID or everything

  static const ConfigInfo& config_info();
};

struct MmuConfig {
  TlbConfig itlb{.entries = 64, .ways = 8};
  TlbConfig dtlb{.entries = 64, .ways = 4};
  std::optional<TlbConfig> stlb = TlbConfig{.entries = 1536, .ways = 12, .latency = Latency::cycles(7), .ports = 1};
  WalkerConfig walker;
  MaintenanceConfig maintenance;
  std::optional<Frequency> clock;  ///< that of its core if not given

  Ps period() const { return clock.value_or(Frequency{1'000'000'000}).period(); }

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

#include "pagoda/mmu/mmu_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& MaintenanceConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<MaintenanceConfig>("TLB maintenance", "What invalidating translations costs the core that does it.")
          .field("page", &MaintenanceConfig::page, "dropping the translation of one address")
          .field("all", &MaintenanceConfig::all, "dropping an address space, a virtual machine or everything");
  return info;
}

const ConfigInfo& MmuConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<MmuConfig>("MMU", "A core's memory-management unit: TLBs, walk caches and hardware walkers.")
          .field("itlb", &MmuConfig::itlb, "first-level TLB for instruction fetches")
          .field("dtlb", &MmuConfig::dtlb, "first-level TLB for loads and stores")
          .field("stlb", &MmuConfig::stlb, "second-level TLB shared by both")
          .field("walker", &MmuConfig::walker, "hardware page-table walkers")
          .field("maintenance", &MmuConfig::maintenance, "cost of TLB maintenance")
          .field("clock", &MmuConfig::clock, "its clock; none: that of its core",
                 in_range(Frequency{1'000'000}, Frequency{20'000'000'000}));
  return info;
}

}  // namespace pagoda

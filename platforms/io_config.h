// What a platform file says of devices: their links, their IOMMU, their traffic and how their memory is mapped.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/devices/dma_config.h"
#include "pagoda/interconnect/io_link_config.h"
#include "pagoda/iommu/iommu_config.h"
#include "pagoda/workload/pattern.h"

namespace pagoda {

/// What a group of equal devices does: transfers from a pattern, whose records say address, size and direction. `gap`
/// counts nanoseconds before a transfer.
struct DeviceConfig {
  std::string name = "device";
  std::uint32_t count = 1;  ///< with requester numbers from dma.requester on, each on a link of its own
  IoLinkConfig link;
  DmaConfig dma;
  PatternConfig traffic{.kind = PatternKind::random, .count = 100'000, .access_size = {64}};
  bool translated = true;  ///< through page tables of its own, else the IOMMU lets it pass (or there is none)
  Bytes page_size{4096};

  static const ConfigInfo& config_info();
};

struct IoConfig {
  std::optional<IommuConfig> iommu;
  std::vector<DeviceConfig> devices;
  std::uint64_t warmup = 0;  ///< transfers of each device before statistics start

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

// What a platform file says of devices: their links, their IOMMU and their traffic.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "pagoda/devices/dma_config.h"
#include "pagoda/interconnect/io_link_config.h"
#include "pagoda/iommu/iommu_config.h"
#include "pagoda/software/io_driver_config.h"
#include "pagoda/software/receive_driver.h"
#include "pagoda/workload/pattern.h"
#include "platforms/io_control.h"
#include "platforms/sharing_config.h"

namespace pagoda {

/// A group of equal devices, each on a link of its own. A record of the traffic is a transfer: loads read host memory,
/// stores write it; its gap counts nanoseconds.
struct DeviceConfig {
  std::string name = "device";
  std::uint32_t count = 1;  ///< requester numbers follow one another from dma.requester on
  IoLinkConfig link;
  DmaConfig dma;
  PatternConfig traffic{.kind = PatternKind::random, .count = 100'000, .access_size = {64}};
  std::uint64_t limit = 0;
  std::optional<ReceiveRingConfig> receive_ring{};
  std::optional<std::uint32_t> shares_cpu{};

  /// Where its driver keeps buffers and ring, if it has one.
  ReceiveDriver::Layout ring_layout() const;
  /// Of memory, from traffic.base on: what it transfers, and its ring.
  std::uint64_t working_bytes() const;

  static const ConfigInfo& config_info();
};

struct IoConfig {
  std::optional<IommuConfig> iommu = IommuConfig{};
  IoDriverConfig driver{.completion = IoCompletion::interrupt};
  std::vector<DeviceConfig> devices;
  std::optional<IoControlConfig> control;
  std::optional<SharingConfig> sharing;
  GuardConfig guard;
  std::vector<RogueDeviceConfig> rogues;

  static const ConfigInfo& config_info();
};

/// Small letters, digits and _, a letter first.
bool is_device_name(const std::string& text);
/// What is wrong with sharing, its guard and rogues beside the devices.
std::optional<ConfigProblem> sharing_problem(const IoConfig& config);

}  // namespace pagoda

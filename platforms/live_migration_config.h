// What a platform file says of the migration of a process, or of a virtual machine, with its devices.
//
// Sources: leaving the guest for a trap 250 ns, as HypervisorConfig says. What software takes to carry out one transfer of
// an emulated device, and the share of lines with content, are round figures.
#pragma once

#include <optional>

#include <boost/describe/enum.hpp>

#include "pagoda/interconnect/network_link.h"
#include "pagoda/software/device_log.h"
#include "pagoda/software/migration_config.h"

namespace pagoda {

/// What moves: the process of a core, or the machine that the outermost hypervisor runs, with all that is in it.
enum class MigrationUnit : std::uint8_t { process, machine };
BOOST_DESCRIBE_ENUM(MigrationUnit, process, machine)

/// How pages are found that processors have written.
enum class ProcessorTracking : std::uint8_t { dirty_flags, write_protection };
BOOST_DESCRIBE_ENUM(ProcessorTracking, dirty_flags, write_protection)

/// How pages are found that devices have written.
enum class DeviceTracking : std::uint8_t {
  all_pages,    ///< not at all: all that they can write counts as written
  iommu_flags,  ///< dirty flags that the IOMMU sets in their tables
  log,          ///< the devices' own dirty loggers
  emulated,     ///< software carries their transfers out and notes them
  detached      ///< they are taken away before
};
BOOST_DESCRIBE_ENUM(DeviceTracking, all_pages, iommu_flags, log, emulated, detached)

struct EmulationConfig {
  Duration exit{250'000};
  Duration transfer{2 * kMicrosecond};
  Bandwidth copying{5.5e9};

  static const ConfigInfo& config_info();
};

struct LiveMigrationConfig {
  MigrationUnit unit = MigrationUnit::process;
  std::uint32_t cpu = 0;  ///< whose process migrates
  MigrationConfig manager;
  NetworkLinkConfig link;
  ProcessorTracking processors = ProcessorTracking::dirty_flags;
  DeviceTracking devices = DeviceTracking::log;
  DeviceLogConfig log;
  EmulationConfig emulation;
  Bytes guest{0};
  double content = 1;
  std::optional<Duration> reset_at;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

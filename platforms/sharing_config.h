// What a platform file says of pages that tenants share with devices: who may have which, what guards them, and devices
// that do not keep to it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/devices/rogue_config.h"
#include "pagoda/interconnect/io_link_config.h"
#include "pagoda/iommu/permission_table_guard.h"
#include "pagoda/iommu/table_validator.h"
#include "pagoda/software/bundle_manager.h"

namespace pagoda {

inline constexpr std::uint32_t kMostRequesters = 1u << 16;  ///< PCIe requester ids

/// Who lets translated requests pass.
enum class GuardKind : std::uint8_t {
  none,              ///< plain ATS: devices are believed
  permission_table,  ///< two bits for every page and device
  bundles            ///< the page's bundle, and what that gives the device
};
BOOST_DESCRIBE_ENUM(GuardKind, none, permission_table, bundles)

struct GuardConfig {
  GuardKind kind = GuardKind::none;
  PermissionTableGuardConfig permission_table;
  BundleFormat tables;
  BundleGuardConfig bundles;
  BundleManagerConfig bookkeeping;
  TableValidatorConfig validator;
  Frequency clock{1'000'000'000};

  static const ConfigInfo& config_info();
};

/// Somebody whose pages devices may reach.
struct TenantConfig {
  std::string name;
  std::vector<std::string> devices;  ///< groups of io.devices, and rogues

  static const ConfigInfo& config_info();
};

/// All figures are round ones without a source.
struct SharingConfig {
  std::vector<TenantConfig> tenants;
  std::uint32_t pages = 1024;
  std::uint64_t base = 0x1'0000'0000;
  std::uint32_t sets = 8;  ///< of devices, for each tenant
  double skew = 0.99;      ///< the k-th of them is drawn with a probability proportional to k^-skew
  double read_only = 0.25;
  Duration interval{2 * kMicrosecond};
  Duration update{50 * kNanosecond};

  static const ConfigInfo& config_info();
};

/// A rogue device on a link of its own.
struct RogueDeviceConfig {
  std::string name = "rogue";
  IoLinkConfig link;
  RogueConfig device;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

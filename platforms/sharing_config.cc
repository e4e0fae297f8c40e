#include "platforms/sharing_config.h"

#include <algorithm>
#include <map>
#include <set>

#include "pagoda/base/config_builder.h"
#include "platforms/io_config.h"

namespace pagoda {
namespace {

std::set<std::string> names_of(const IoConfig& config) {
  std::set<std::string> names;
  for (const DeviceConfig& group : config.devices) names.insert(group.name);
  for (const RogueDeviceConfig& rogue : config.rogues) names.insert(rogue.name);
  return names;
}

// Rogues that have somebody else's name or requester number.
std::optional<ConfigProblem> rogue_problem(const IoConfig& config) {
  std::set<std::string> names;
  std::set<std::uint32_t> requesters;
  for (const DeviceConfig& group : config.devices) {
    names.insert(group.name);
    for (std::uint32_t i = 0; i < group.count; ++i) {
      names.insert(fmt::format("{}{}", group.name, i));
      requesters.insert(group.dma.requester + i);
    }
  }
  for (const RogueDeviceConfig& rogue : config.rogues) {
    if (!names.insert(rogue.name).second) {
      return ConfigProblem{"rogues", fmt::format("the name `{}` stands here or in devices twice", rogue.name),
                           "allowed: names that differ"};
    }
    if (rogue.device.requester >= kMostRequesters) {
      return ConfigProblem{"rogues", "requester numbers have 16 bits", "allowed: 0 to 65535"};
    }
    if (!requesters.insert(rogue.device.requester).second) {
      return ConfigProblem{"rogues",
                           fmt::format("requester {} of `{}` is another's", rogue.device.requester, rogue.name),
                           "allowed: requester numbers that differ from those of all devices"};
    }
  }
  return std::nullopt;
}

std::optional<ConfigProblem> tenant_problem(const IoConfig& config) {
  const std::set<std::string> known = names_of(config);
  std::set<std::string> used;
  std::set<std::string> tenants;
  if (config.sharing->tenants.empty()) {
    return ConfigProblem{"sharing.tenants", "is empty", "allowed: at least one tenant, with its devices"};
  }
  for (const TenantConfig& tenant : config.sharing->tenants) {
    if (!tenants.insert(tenant.name).second) {
      return ConfigProblem{"sharing.tenants", fmt::format("the name `{}` stands here twice", tenant.name),
                           "allowed: names that differ"};
    }
    if (tenant.devices.empty()) {
      return ConfigProblem{"sharing.tenants", fmt::format("`{}` has no devices", tenant.name),
                           "allowed: at least one name out of devices and rogues"};
    }
    for (const std::string& device : tenant.devices) {
      if (!known.contains(device)) {
        return ConfigProblem{"sharing.tenants",
                             fmt::format("`{}` has a device `{}`, which is not there", tenant.name, device),
                             fmt::format("allowed: {}", fmt::join(known, ", "))};
      }
      used.insert(device);
    }
  }
  for (const DeviceConfig& group : config.devices) {
    if (used.contains(group.name)) continue;
    return ConfigProblem{"sharing.tenants", fmt::format("nobody has `{}`, which could reach nothing", group.name),
                         "allowed: tenants that have every group of devices"};
  }
  return std::nullopt;
}

}  // namespace

std::optional<ConfigProblem> sharing_problem(const IoConfig& config) {
  if (!config.sharing) {
    if (config.guard.kind == GuardKind::none && config.rogues.empty()) return std::nullopt;
    return ConfigProblem{config.rogues.empty() ? "guard" : "rogues", "there are no pages that anybody shares",
                         "allowed: with `sharing`, which says whose pages are whose"};
  }
  if (!config.iommu || !config.iommu->capabilities.ats) {
    return ConfigProblem{"sharing", "nobody translates for the devices", "allowed: an iommu with capabilities.ats"};
  }
  if (auto problem = rogue_problem(config)) return problem;
  return tenant_problem(config);
}

const ConfigInfo& GuardConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<GuardConfig>("guard", "Who lets translated requests of devices pass, and on which tables.")
          .field("kind", &GuardConfig::kind, "nobody (plain ATS), a permission table for each device, or bundles")
          .field("permission_table", &GuardConfig::permission_table, "the guard with permission tables")
          .field("tables", &GuardConfig::tables, "shape of the bundle tables")
          .field("bundles", &GuardConfig::bundles, "the guard with bundles")
          .field("bookkeeping", &GuardConfig::bookkeeping, "how software keeps bundles")
          .field("validator", &GuardConfig::validator, "how translation tables are asked, if bundles.validation is on")
          .field("clock", &GuardConfig::clock, "the guard's clock",
                 in_range(Frequency{1'000'000}, Frequency{20'000'000'000}))
          .check([](const GuardConfig& c) -> std::optional<ConfigProblem> {
            if (c.tables.page_size == Bytes{4096}) return std::nullopt;
            return ConfigProblem{"tables", "pages are shared one by one", "allowed: page_size: 4 KiB"};
          });
  return info;
}

const ConfigInfo& TenantConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<TenantConfig>("tenant", "Somebody whose pages devices may reach.")
          .field("name", &TenantConfig::name, "its name")
          .required()
          .field("devices", &TenantConfig::devices, "groups of devices, and rogues, that may reach its pages")
          .required();
  return info;
}

const ConfigInfo& SharingConfig::config_info() {
  using Config = SharingConfig;
  static const ConfigInfo info =
      ConfigBuilder<Config>("sharing", "Pages that tenants let devices reach, and that change hands all the time.")
          .field("tenants", &Config::tenants, "whose pages they are")
          .field("pages", &Config::pages, "pages that change hands", in_range(2u, 1u << 22))
          .field("base", &Config::base, "where devices know the first of them")
          .field("sets", &Config::sets, "sets of devices that each tenant shares pages with", in_range(1u, 65'536u))
          .field("skew", &Config::skew, "how much more popular the first sets are: the exponent of a Zipf distribution",
                 in_range(0.0, 4.0))
          .field("read_only", &Config::read_only, "share of the devices of a set that only read", in_range(0.0, 1.0))
          .field("interval", &Config::interval, "from one change to the next, if software is done by then",
                 in_range(Duration{kNanosecond}, Duration{kSecond}))
          .field("update", &Config::update, "software's time for writing a word of a table",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .check([](const Config& c) -> std::optional<ConfigProblem> {
            if (c.base % 4096 == 0) return std::nullopt;
            return ConfigProblem{"base", "not the address of a page", "allowed: multiples of 4096"};
          });
  return info;
}

const ConfigInfo& RogueDeviceConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<RogueDeviceConfig>("rogue", "A device on a link of its own that does not keep to what it may do.")
          .field("name", &RogueDeviceConfig::name, "its name")
          .field("link", &RogueDeviceConfig::link, "the link")
          .field("device", &RogueDeviceConfig::device, "what it does")
          .check([](const RogueDeviceConfig& c) -> std::optional<ConfigProblem> {
            if (is_device_name(c.name)) return std::nullopt;
            return ConfigProblem{"name", fmt::format("`{}` is no name", c.name),
                                 "allowed: small letters, digits and _, a letter first"};
          });
  return info;
}

}  // namespace pagoda

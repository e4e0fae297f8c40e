#include "platforms/io_config.h"

#include <map>

#include <fmt/format.h>

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace {

// Names and requester numbers that two devices share.
std::optional<ConfigProblem> collision(const IoConfig& config) {
  std::map<std::string, std::size_t> names;
  std::map<std::uint32_t, std::string> requesters;
  for (const DeviceConfig& device : config.devices) {
    if (!names.emplace(device.name, names.size()).second) {
      return ConfigProblem{"devices", fmt::format("the name `{}` stands here twice", device.name),
                           "allowed: names that differ"};
    }
    for (std::uint32_t i = 0; i < device.count; ++i) {
      const auto [place, fresh] = requesters.emplace(device.dma.requester + i, device.name);
      if (fresh) continue;
      return ConfigProblem{"devices",
                           fmt::format("requester {} is {}{} and one of `{}`", place->first, place->second,
                                       place->second == device.name ? " itself" : "", device.name),
                           "allowed: requester numbers that differ, `count` of them from dma.requester on"};
    }
  }
  return std::nullopt;
}

}  // namespace

ReceiveDriver::Layout DeviceConfig::ring_layout() const {
  return {.buffers = traffic.base,
          .buffer_bytes = static_cast<std::uint32_t>(traffic.access_size.count),
          .entries = static_cast<std::uint32_t>(traffic.size.count / traffic.access_size.count)};
}

std::uint64_t DeviceConfig::working_bytes() const { return receive_ring ? ring_layout().bytes() : traffic.size.count; }

bool is_device_name(const std::string& text) {
  const auto fits = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  return !text.empty() && text[0] >= 'a' && text[0] <= 'z' && std::all_of(text.begin(), text.end(), fits);
}

const ConfigInfo& DeviceConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<DeviceConfig>("device", "A group of equal devices, each on a link of its own.")
          .field("name", &DeviceConfig::name, "their name, to which a number is added")
          .field("count", &DeviceConfig::count, "number of devices; requester numbers from dma.requester on",
                 in_range(1u, 1024u))
          .field("link", &DeviceConfig::link, "the link")
          .field("dma", &DeviceConfig::dma, "the DMA engine")
          .field("traffic", &DeviceConfig::traffic,
                 "transfers: loads read host memory, stores write it, `gap` counts nanoseconds")
          .field("limit", &DeviceConfig::limit, "transfers made; 0: all of the traffic")
          .field("receive_ring", &DeviceConfig::receive_ring,
                 "it is a network interface, for which the traffic tells when frames come and how long they are: "
                 "buffers of "
                 "that length fill the traffic's region, and the ring of their descriptors lies behind them; only in a "
                 "migration")
          .field("shares_cpu", &DeviceConfig::shares_cpu,
                 "the core whose process's page tables translate for it; none: it has tables of its own")
          .check([](const DeviceConfig& c) -> std::optional<ConfigProblem> {
            if (is_device_name(c.name)) return std::nullopt;
            return ConfigProblem{"name", fmt::format("`{}` is no name", c.name),
                                 "allowed: small letters, digits and _, a letter first"};
          })
          .check([](const DeviceConfig& c) -> std::optional<ConfigProblem> {
            if (!c.receive_ring) return std::nullopt;
            const std::uint64_t frame = c.traffic.access_size.count, buffers = c.traffic.size.count / frame;
            if (c.traffic.write_ratio == 1 && buffers >= 2 && buffers <= 65536 && 4096 % frame == 0)
              return std::nullopt;
            return ConfigProblem{
                "receive_ring", "traffic that is not that of a receive ring",
                "allowed: write_ratio: 1, an access_size that divides 4 KiB, 2 to 65536 of them in size"};
          })
          .check([](const DeviceConfig& c) -> std::optional<ConfigProblem> {
            if (std::uint64_t{c.dma.requester} + c.count <= kMostRequesters) return std::nullopt;
            return ConfigProblem{"dma", "requester numbers have 16 bits", "allowed: 0 to 65535"};
          });
  return info;
}

const ConfigInfo& IoConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<IoConfig>("io", "Devices, and the IOMMU between them and memory.")
          .field("iommu", &IoConfig::iommu, "the IOMMU; none: devices use physical addresses")
          .field("driver", &IoConfig::driver, "the software that programs the IOMMU")
          .field("devices", &IoConfig::devices, "groups of devices")
          .field("control", &IoConfig::control,
                 "software that keeps the devices that share a core's process away from pages, again and again")
          .field("sharing", &IoConfig::sharing,
                 "pages that tenants share with devices, instead of tables for each device's traffic")
          .field("guard", &IoConfig::guard, "checks of translated requests; only with sharing")
          .field("rogues", &IoConfig::rogues, "devices that attack; only with sharing")
          .check(collision)
          .check(sharing_problem)
          .check([](const IoConfig& c) -> std::optional<ConfigProblem> {
            if (!c.control) return std::nullopt;
            std::optional<std::uint32_t> cpu;
            for (const DeviceConfig& device : c.devices) {
              if (!device.shares_cpu) continue;
              if (cpu && *cpu != *device.shares_cpu) {
                return ConfigProblem{"control", "devices share the processes of several cores", "allowed: one"};
              }
              cpu = device.shares_cpu;
              if (device.traffic.size.count < std::uint64_t{c.control->pages} << 12) {
                return ConfigProblem{"control", "more pages at a time than the devices' region has",
                                     "allowed: control.pages within traffic.size"};
              }
            }
            if (c.iommu && cpu) return std::nullopt;
            return ConfigProblem{"control", "nothing to control", "allowed: an iommu, and a device with shares_cpu"};
          })
          .check([](const IoConfig& c) -> std::optional<ConfigProblem> {
            for (const DeviceConfig& device : c.devices) {
              if (device.dma.atc && (!c.iommu || !c.iommu->capabilities.ats)) {
                return ConfigProblem{"devices", fmt::format("`{}` has an ATC, but nobody answers it", device.name),
                                     "allowed: an iommu with capabilities.ats, or dma.atc: none"};
              }
              if (device.dma.pasid && c.iommu && *device.dma.pasid >> c.iommu->capabilities.process_bits != 0) {
                return ConfigProblem{"devices", fmt::format("the PASID of `{}` is too wide", device.name),
                                     "allowed: PASIDs that capabilities.process_bits reach"};
              }
            }
            return std::nullopt;
          });
  return info;
}

}  // namespace pagoda

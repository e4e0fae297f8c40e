#include "pagoda/devices/dma_config.h"

#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& DmaConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<DmaConfig>("DMA engine", "How a device makes requests of memory, and where its registers are.")
          .field("clock", &DmaConfig::clock, "its clock", in_range(Frequency{1'000'000}, Frequency{20'000'000'000}))
          .field("requester", &DmaConfig::requester, "the number by which the IOMMU knows the device",
                 in_range(0, 0xffffff))
          .field("pasid", &DmaConfig::pasid, "the process on whose behalf it works; none: no process",
                 in_range(0, 0xfffff))
          .field("supervisor", &DmaConfig::supervisor, "requests for a process are privileged")
          .field("request_size", &DmaConfig::request_size,
                 "transfers are cut into requests at multiples of it, a power of two", in_range(Bytes{16}, Bytes{4096}))
          .field("outstanding", &DmaConfig::outstanding, "requests under way, those waiting for a page included",
                 in_range(1, 65536))
          .field("in_order", &DmaConfig::in_order,
                 "the place of a request is free when all before it have ended too, as in a ring of buffers")
          .field("issue_interval", &DmaConfig::issue_interval, "from the issue of one request to that of the next")
          .field("atc", &DmaConfig::atc, "address translation cache; none: the IOMMU translates every request")
          .field("dirty_log", &DmaConfig::dirty_log,
                 "log of what the device writes, for software to switch on; none: it has none")
          .field("register_base", &DmaConfig::register_base, "address of its registers, 4 KiB")
          .field("register_latency", &DmaConfig::register_latency, "of an access to a register")
          .check([](const DmaConfig& c) -> std::optional<ConfigProblem> {
            if (std::has_single_bit(c.request_size.count)) return std::nullopt;
            return ConfigProblem{"request_size", "not a power of two", "allowed: 16 B, 32 B, ... 4 KiB"};
          });
  return info;
}

}  // namespace pagoda

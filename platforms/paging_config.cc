#include "platforms/paging_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& CoherentStoreConfig::config_info() {
  using C = CoherentStoreConfig;
  static const ConfigInfo info =
      ConfigBuilder<C>("coherent store", "A volume on an adapter behind a coherent link.")
          .field("link", &C::link, "to the adapter; by default CAPI 1.0 over PCI Express 3.0 x8")
          .field("adapter", &C::adapter, "the adapter, with its medium")
          .field("volume", &C::volume, "how software uses it")
          .field("contexts", &C::contexts,
                 "contexts that software opens, shared by hardware threads if there are fewer of them; 0: as many",
                 in_range(0, 512))
          .field("effective_addresses", &C::effective_addresses,
                 "the adapter translates addresses of system software, else it is told real ones");
  return info;
}

const ConfigInfo& SwapStoreConfig::config_info() {
  using C = SwapStoreConfig;
  static const ConfigInfo info =
      ConfigBuilder<C>("swap store", "A block device, its driver, and the IOMMU in front of it.")
          .field("link", &C::link, "to the device")
          .field("device", &C::device, "the device, with its medium")
          .field("volume", &C::volume, "its driver")
          .field("requester", &C::requester, "its number as a requester", in_range(1, 0xffff))
          .field("iommu", &C::iommu, "none: the device uses real addresses")
          .field("driver", &C::driver, "the IOMMU's")
          .field("interrupt", &C::interrupt, "what an interrupt takes from a processor, beyond what its driver does",
                 in_range(Duration{0}, Duration{kMillisecond}));
  return info;
}

const ConfigInfo& PagingConfig::config_info() {
  using C = PagingConfig;
  static const ConfigInfo info =
      ConfigBuilder<C>("paging", "Programs larger than memory, paged to a volume.")
          .field("dram", &C::dram, "frames, as a share of the pages that programs touch; 1: all stay",
                 in_range(0.01, 1.0))
          .field("attachment", &C::attachment, "how the volume is attached")
          .field("pager", &C::pager, "the software")
          .field("coherent", &C::coherent, "with attachment: coherent")
          .field("block", &C::block, "with attachment: block")
          .field("copies", &C::copies,
                 "share of the pages in memory at the start of which the volume has an unchanged copy",
                 in_range(0.0, 1.0))
          .field("pinned", &C::pinned, "share of the pages in memory at the start that devices hold there",
                 in_range(0.0, 0.9))
          .check([](const C& c) -> std::optional<ConfigProblem> {
            if (c.attachment != PagingAttachment::coherent || c.pager.wait != PagingWait::sleep) return std::nullopt;
            return ConfigProblem{"pager", "wait: sleep, and the adapter does not interrupt",
                                 "allowed: wait: poll_low or poll, or attachment: block"};
          });
  return info;
}

}  // namespace pagoda

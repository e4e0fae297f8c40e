// What a platform file says of memory that is paged to a volume.
//
// Sources: an interrupt, from its arrival to the handler and back, costs its processor 1.3 us, as of a TLB shootdown
// (os_config.h); the share of pages with an unchanged copy at the start is a round figure.
#pragma once

#include <boost/describe/enum.hpp>

#include "pagoda/devices/block_device.h"
#include "pagoda/devices/capi_config.h"
#include "pagoda/interconnect/io_link_config.h"
#include "pagoda/iommu/iommu_config.h"
#include "pagoda/software/block_volume.h"
#include "pagoda/software/capi_volume.h"
#include "pagoda/software/io_driver_config.h"
#include "pagoda/software/pager_config.h"

namespace pagoda {

enum class PagingAttachment : std::uint8_t {
  coherent,  ///< contexts of an adapter behind a coherent link, one for each hardware thread
  block      ///< a block device behind an IOMMU, with one queue and interrupts
};
BOOST_DESCRIBE_ENUM(PagingAttachment, coherent, block)

/// Memory or storage behind a coherent link.
struct CoherentStoreConfig {
  IoLinkConfig link = capi1_link();
  CapiAdapterConfig adapter;
  CapiVolumeConfig volume;
  std::uint32_t contexts = 0;
  bool effective_addresses = true;

  static const ConfigInfo& config_info();
};

/// A block device that system software swaps to.
struct SwapStoreConfig {
  IoLinkConfig link;
  BlockDeviceConfig device{.medium = {.block = {4096}}};
  BlockVolumeConfig volume;
  std::uint32_t requester = 1;
  std::optional<IommuConfig> iommu = IommuConfig{};
  IoDriverConfig driver{.completion = IoCompletion::interrupt};
  Duration interrupt{1'300'000};

  static const ConfigInfo& config_info();
};

struct PagingConfig {
  double dram = 1;
  PagingAttachment attachment = PagingAttachment::coherent;
  PagerConfig pager;
  CoherentStoreConfig coherent;
  SwapStoreConfig block;
  double copies = 0.5;
  double pinned = 0;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

// The parameters of the software that programs an IOMMU.
//
// Defaults and their sources:
//
// - Mapping and unmapping: 92 cycles for a range of addresses and 590 for the page table, 480 to find and free the range
//   and 427 for the page table, at 3.1 GHz (Malka et al., "rIOMMU: efficient IOMMU for I/O devices that employ ring
//   buffers", ASPLOS 2015, table 1, mode strict+). What an invalidation takes there, 2,135 cycles, is the model's own
//   work here.
// - Register access 100 ns: uncached stores leave a processor 50 to 300 ns apart (community.intel.com, Software Tuning,
//   "Why do MemReq TLPs take 100s nanoseconds to be generated after MMIO writes"). What the IOMMU and the way to it take
//   comes on top.
// - Flush queue of 256 entries and 10 ms: Linux, drivers/iommu/dma-iommu.c (IOVA_DEFAULT_FQ_SIZE,
//   IOVA_DEFAULT_FQ_TIMEOUT). 8,192 commands, 4,096 faults, and one invalidation of all for 2 MiB or more: Linux,
//   drivers/iommu/riscv/iommu.c (RISCV_IOMMU_DEF_CQ_COUNT, _DEF_FQ_COUNT, _IOTLB_INVAL_LIMIT). Page requests as faults.
// - Interrupt 1.3 us, page fault 250 ns, clearing and copying 5.5 GB/s: as OsConfig says of an IPI, a minor fault and
//   zeroing.
// - Command, poll, record, pool and edit: round figures, of some cache hits or a miss each.
#pragma once

#include <cstdint>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/iommu/dma_control.h"

namespace pagoda {

/// When a device must not reach a buffer any more.
enum class IoMapping : std::uint8_t {
  strict,    ///< when unmap() returns
  batched,   ///< when the next batch of invalidations is done
  premapped  ///< never: buffers are mapped once and for all
};
BOOST_DESCRIBE_ENUM(IoMapping, strict, batched, premapped)

/// How software learns that commands are complete.
enum class IoCompletion : std::uint8_t { polling, interrupt };
BOOST_DESCRIBE_ENUM(IoCompletion, polling, interrupt)

struct IoCosts {
  Duration map{30'000};
  Duration map_page{190'000};
  Duration unmap{155'000};
  Duration unmap_page{138'000};
  Duration pool{30'000};
  Duration edit_page{50'000};
  Duration command{10'000};
  Duration register_access{100'000};
  Duration poll{50'000};
  Duration interrupt{1'300'000};
  Duration record{100'000};
  Duration page_fault{250'000};
  Bandwidth clearing{5.5e9};
  Bandwidth copying{5.5e9};

  static const ConfigInfo& config_info();
};

struct IoQueues {
  std::uint32_t commands = 8192;
  std::uint32_t faults = 4096;
  std::uint32_t page_requests = 4096;

  static const ConfigInfo& config_info();
};

struct IoFlushConfig {
  std::uint32_t entries = 256;
  Duration timeout{10 * kMillisecond};

  static const ConfigInfo& config_info();
};

struct IoDriverConfig {
  std::uint64_t register_base = 0;
  std::uint32_t requester = 0;
  std::uint32_t device_id_bits = 0;  ///< that the directory has to hold; more if attached devices need more
  IoQueues queues;
  IoCompletion completion = IoCompletion::polling;
  Duration queue_poll{10 * kMicrosecond};
  IoMapping mapping = IoMapping::strict;
  IoFlushConfig flush;
  Bytes invalidate_all{std::uint64_t{2} << 20};
  Bytes largest_page{std::uint64_t{2} << 20};
  std::uint64_t iova_base = std::uint64_t{1} << 20;
  Bytes iova_window{(std::uint64_t{4} << 30) - (std::uint64_t{1} << 20)};
  DmaControlLayout dma_control;
  std::uint32_t copies = 256;  ///< pages at most that devices read copies of
  IoCosts costs;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

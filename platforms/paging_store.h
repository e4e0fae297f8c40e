// What a platform pages to: a volume with everything between it and memory, by either attachment.
//
//   coherent:  adapter -> link -> the bus                 software -> link -> the adapter's registers
//   block:     device -> link -> IOMMU -> the bus         software -> link -> the device's registers
#pragma once

#include <memory>
#include <vector>

#include "pagoda/devices/dma_engine.h"
#include "pagoda/interconnect/bus.h"
#include "pagoda/interconnect/io_link.h"
#include "pagoda/iommu/iommu.h"
#include "pagoda/software/block_volume.h"
#include "pagoda/software/capi_volume.h"
#include "pagoda/software/os.h"
#include "platforms/paging_config.h"

namespace pagoda {

class PagingStore {
 public:
  virtual ~PagingStore() = default;
  /// Pages of 4 KiB.
  virtual std::uint64_t pages() const = 0;
  /// The ways to it, in the order of hardware threads.
  virtual std::vector<PageMover*> ways() = 0;
  /// Whether a way is for one thread at a time.
  virtual bool exclusive() const = 0;
  /// Added to a frame's address it is what the ways call it.
  virtual Addr window() const { return 0; }
  virtual StorageMedium& medium() = 0;
  virtual void rethrow_failure() const {}

  /// A page's contents, at no time.
  void peek(std::uint64_t page, std::span<unsigned char> to) { medium().peek(first_block(page), to); }
  void poke(std::uint64_t page, std::span<const unsigned char> from) { medium().poke(first_block(page), from); }

 private:
  std::uint64_t first_block(std::uint64_t page) { return page * kPageBytes / medium().block_bytes(); }
};

class CoherentStore final : public PagingStore {
 public:
  /// For so many hardware threads.
  CoherentStore(const CoherentStoreConfig& config, unsigned threads, Os& os, PhysicalMemory& memory, Bus& bus);

  std::uint64_t pages() const override { return volume_.pages(); }
  std::vector<PageMover*> ways() override { return {contexts_.begin(), contexts_.end()}; }
  bool exclusive() const override { return true; }
  Addr window() const override { return window_; }
  StorageMedium& medium() override { return adapter_.medium(); }

 private:
  void map_memory(Os& os, const PhysicalMemory& memory);

  IoLink link_;
  CapiAdapter adapter_;
  CapiVolume volume_;
  std::vector<CapiContext*> contexts_;
  Addr window_ = 0;
  MmuContext software_;  // that the adapter translates for
};

class SwapStore final : public PagingStore {
 public:
  /// `interrupted` as BlockVolume::on_interrupt().
  SwapStore(const SwapStoreConfig& config, Os& os, PhysicalMemory& memory, Bus& bus, std::function<Ps(Ps)> interrupted);

  std::uint64_t pages() const override { return volume_->pages(); }
  std::vector<PageMover*> ways() override { return {volume_.get()}; }
  bool exclusive() const override { return false; }
  StorageMedium& medium() override { return device_.medium(); }
  void rethrow_failure() const override;

 private:
  IoLink link_;
  BlockDevice device_;
  DmaEngine engine_;
  std::unique_ptr<Iommu> iommu_;
  std::unique_ptr<IoDriver> driver_;
  std::unique_ptr<BlockVolume> volume_;
};

}  // namespace pagoda

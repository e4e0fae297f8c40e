#include "platforms/paging_store.h"

#include <algorithm>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

// Where system software has all of memory, beside programs: in the lower half, which every format has.
constexpr Addr kWindow = Addr{1} << 37;
constexpr unsigned kWindowShift = 21;

DmaConfig engine_config(const SwapStoreConfig& config) {
  return {.requester = config.requester, .register_base = config.volume.register_base};
}

CapiAdapterConfig with_contexts(CapiAdapterConfig adapter, std::uint32_t contexts) {
  adapter.contexts = std::max(adapter.contexts, contexts);
  return adapter;
}

}  // namespace

CoherentStore::CoherentStore(const CoherentStoreConfig& config, unsigned threads, Os& os, PhysicalMemory& memory,
                             Bus& bus)
    : link_("link", config.link),
      adapter_("adapter", with_contexts(config.adapter, config.contexts == 0 ? threads : config.contexts)),
      volume_("volume", config.volume, adapter_, memory, os.frames()) {
  adapter_.memory.bind(link_.from_device);
  link_.to_device.bind(adapter_.control);
  link_.to_root.bind(bus.in);
  volume_.registers.bind(link_.from_root);
  if (config.effective_addresses) map_memory(os, memory);
  const std::uint32_t contexts = config.contexts == 0 ? threads : config.contexts;
  for (std::uint32_t i = 0; i < contexts; ++i) {
    CapiUserSpace software;
    if (config.effective_addresses) {
      const std::optional<Addr> frame = os.frames().allocate(kPageBytes);
      if (!frame) throw UserError("the modelled memory is too small for the queues of an adapter");
      software = {.space = software_, .queues = {.effective = kWindow + *frame, .real = *frame}};
    }
    contexts_.push_back(volume_.open(software));
  }
}

// All of memory one after the other, in pages of 2 MiB, as kernels have it.
void CoherentStore::map_memory(Os& os, const PhysicalMemory& memory) {
  const Os::ProcessId kernel = os.create_process();
  window_ = kWindow;
  for (Addr at = memory.base(); at < memory.base() + memory.size(); at += Addr{1} << kWindowShift) {
    const EditStatus status = os.space(kernel).editor().map(
        kWindow + at,
        {.output = at, .page_shift = kWindowShift, .rights = Rights::read | Rights::write | Rights::user | kFlags});
    if (status != EditStatus::ok) {
      throw UserError(fmt::format("memory cannot be mapped for an adapter: {}", to_string(status)));
    }
  }
  software_ = os.registers_of(kernel);
}

SwapStore::SwapStore(const SwapStoreConfig& config, Os& os, PhysicalMemory& memory, Bus& bus,
                     std::function<Ps(Ps)> interrupted)
    : link_("link", config.link), device_(config.device), engine_("device", engine_config(config)) {
  engine_.dma.bind(link_.from_device);
  link_.to_device.bind(engine_.control);
  engine_.run(device_);
  IoDomain* domain = nullptr;
  if (config.iommu) {
    iommu_ = std::make_unique<Iommu>("iommu", *config.iommu);
    iommu_->memory.bind(bus.in);
    driver_ = std::make_unique<IoDriver>("driver", config.driver, os.memory(), os.frames());
    driver_->registers.bind(iommu_->registers);
    for (unsigned cause = 0; cause < kIommuInterrupts; ++cause) {
      driver_->connect_interrupt(static_cast<IommuInterrupt>(cause), iommu_->wire(cause));
    }
    link_.to_root.bind(iommu_->devices);
    iommu_->connect(config.requester, link_.from_root);
    domain = &driver_->create_domain("sv48");
    driver_->attach(config.requester, *domain);
  } else {
    link_.to_root.bind(bus.in);
  }
  volume_ = std::make_unique<BlockVolume>("volume", config.volume, device_, memory, os.frames(), driver_.get(), domain);
  volume_->registers.bind(link_.from_root);
  engine_.connect_interrupts(*volume_);
  volume_->on_interrupt(std::move(interrupted));
}

void SwapStore::rethrow_failure() const {
  engine_.rethrow_failure();
  if (driver_) driver_->rethrow_failure();
  volume_->rethrow_failure();
}

}  // namespace pagoda

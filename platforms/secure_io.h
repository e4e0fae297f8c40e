// Devices that share tenants' pages, what keeps them to it, and who does not keep to it.
//
//   devices, rogues -> links -> IOMMU (asks the guard) -> monitor -> the bus
//
// Models: see page_guard.h, sharing_agent.h, dma_monitor.h and pagoda/devices/rogue_device.h. In every run with a guard
// each DMA that reaches memory must be one that its device had been given at that time.
#pragma once

#include <memory>
#include <vector>

#include "pagoda/devices/rogue_device.h"
#include "pagoda/interconnect/bus.h"
#include "pagoda/interconnect/io_link.h"
#include "pagoda/iommu/iommu.h"
#include "pagoda/software/io_directories.h"
#include "platforms/dma_monitor.h"
#include "platforms/io_config.h"
#include "platforms/page_guard.h"
#include "platforms/sharing_agent.h"

namespace pagoda {

class SecureIo {
 public:
  /// As a part of the module that is being constructed. Binds the IOMMU's sockets towards memory.
  SecureIo(const IoConfig& config, Os& os, Bus& bus, Iommu& iommu, std::uint64_t seed);
  ~SecureIo();

  /// The tables of a device, which the IOMMU is told of with this PSCID. Once for each, rogues included.
  void attach(std::uint32_t requester, AddressSpace& space, std::uint32_t pscid, bool has_atc);
  /// When all are attached: gives the pages.
  void set_up();
  /// What the device transfers instead of its pattern.
  std::unique_ptr<DmaTraffic> traffic(std::uint32_t requester, DmaTraffic& pattern, Addr pattern_base);

  void rethrow_failure() const { agent_->rethrow_failure(); }
  /// Throws InvariantError.
  void check_invariants() const;
  void visit_stats(StatVisitor& visitor);

 private:
  struct Rogue;

  const GuardKind kind_;
  const Addr window_;
  std::unique_ptr<DmaMonitor> monitor_;
  std::unique_ptr<PageGuard> guard_;
  std::unique_ptr<SharingAgent> agent_;
  std::vector<std::unique_ptr<Rogue>> rogues_;
};

}  // namespace pagoda

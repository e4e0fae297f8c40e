// Structures as an IOMMU reaches them: accesses below it, with their real bytes.
#pragma once

#include "pagoda/base/downlink.h"
#include "pagoda/iommu/iommu_engine.h"

namespace pagoda {

class StructurePort final : public StructureMemory {
 public:
  /// Accesses on behalf of `requester`; `floor` is kernel time.
  StructurePort(Downlink& below, std::uint32_t requester, Ps floor)
      : below_(below), requester_(requester), floor_(floor) {}

  Answer load(Addr address, std::span<std::uint64_t> words, Ps at) override;
  Answer compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) override;
  /// Writes words that lie one after the other.
  Answer store(Addr address, std::span<const std::uint64_t> words, Ps at);
  /// Writes four bytes, as an MSI or a fence does.
  Answer store32(Addr address, std::uint32_t value, Ps at);

 private:
  Answer access(AccessKind kind, Addr address, void* bytes, std::size_t length, Ps at);

  Downlink& below_;
  std::uint32_t requester_;
  Ps floor_;
};

}  // namespace pagoda

// Memory as the guards of translated requests read their tables in it: timed, one access for each granule.
#pragma once

#include <span>

#include "pagoda/base/downlink.h"
#include "pagoda/iommu/translated_guard.h"

namespace pagoda {

class GuardMemory {
 public:
  struct Answer {
    Ps done;
    FaultCause refused = FaultCause::none;  ///< access_error if memory refuses; the words mean nothing then
  };

  virtual ~GuardMemory() = default;
  /// Reads the words from `address` on, as one access that leaves at `at` because of `cause`.
  virtual Answer load(Addr address, std::span<std::uint64_t> words, const TranslatedGuard::Request& cause, Ps at) = 0;
};

/// What is bound below the IOMMU. Accesses are those of `requester`, the IOMMU's own number, and count as walks.
class GuardPort final : public GuardMemory {
 public:
  GuardPort(Downlink& below, std::uint32_t requester) : below_(below), requester_(requester) {}

  Answer load(Addr address, std::span<std::uint64_t> words, const TranslatedGuard::Request& cause, Ps at) override;

 private:
  Downlink& below_;
  std::uint32_t requester_;
};

}  // namespace pagoda

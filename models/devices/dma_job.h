// A transfer between a device and memory, of any length.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/base/access.h"
#include "pagoda/devices/agenda.h"

namespace pagoda {

/// On whose behalf a transfer is made. Without a PASID, privilege does not count.
struct DmaSpace {
  std::optional<std::uint32_t> pasid{};
  Privilege privilege = Privilege::user;
};

enum class DmaStatus : std::uint8_t {
  ok,
  refused,     ///< on its way through IOMMU and memory
  not_granted  ///< the device was granted no translation, even after asking for the page
};

struct DmaJob;

class DmaClient {
 public:
  /// The job has ended; it may be changed and started again.
  virtual void dma_done(DmaJob& job, Ps at) = 0;

 protected:
  ~DmaClient() = default;
};

/// Lives until its client has been told that it has ended.
struct DmaJob final : AgendaTask {
  // What to do.
  DmaClient* client = nullptr;
  Addr address = 0;
  std::uint64_t bytes = 0;
  bool write = false;
  bool uses_atc = true;           ///< if there is one; interrupts go out untranslated
  unsigned char* data = nullptr;  ///< of so many bytes; null: nobody looks at them, and only time passes
  std::optional<DmaSpace> space;  ///< none: that of the device

  // What came of it.
  DmaStatus status = DmaStatus::ok;
  Ps done = 0;

  void run(Ps at) override { client->dma_done(*this, at); }

 private:
  friend class DmaChannel;
  std::uint64_t issued_ = 0;     // bytes
  std::uint32_t under_way_ = 0;  // requests
};

}  // namespace pagoda

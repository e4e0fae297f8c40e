// Who decides whether a translated request, whose address a device claims to have got from a translation, may pass.
#pragma once

#include "pagoda/base/attributes.h"

namespace pagoda {

/// Asked by the IOMMU for every translated request that its device may make, before it reaches memory.
class TranslatedGuard {
 public:
  struct Request {
    std::uint32_t device_id;
    AccessKind access;
    Addr address;  ///< host physical, all of it within one 4 KiB page
    std::uint32_t bytes;
    Ps floor;  ///< kernel time
    Ps at;     ///< when the request reaches the guard
  };
  struct Verdict {
    bool allowed;
    Ps done;  ///< when that is known
  };

  virtual ~TranslatedGuard() = default;
  virtual Verdict check(const Request& request) = 0;
};

}  // namespace pagoda

#include "pagoda/iommu/iommu_debug.h"

#include <algorithm>

namespace pagoda {

IommuRequest debug_request(std::uint64_t iova, std::uint64_t control) {
  const bool execute = (control >> 2 & 1) != 0;
  const bool no_write = (control >> 3 & 1) != 0;
  IommuRequest request{.device_id = static_cast<std::uint32_t>(control >> 40),
                       .type = IommuRequestType::untranslated,
                       .access = !no_write ? AccessKind::write
                                 : execute ? AccessKind::fetch
                                           : AccessKind::read,
                       .address = iova & ~low_mask(kPageShift)};
  request.has_process = (control >> 32 & 1) != 0;
  if (request.has_process) {
    request.process_id = static_cast<std::uint32_t>(control >> 12 & low_mask(20));
    request.supervisor = (control >> 1 & 1) != 0;
  }
  return request;
}

std::uint64_t debug_response(const IommuAnswer& answer) {
  constexpr std::uint64_t kFault = 1;
  constexpr std::uint64_t kSuperpage = std::uint64_t{1} << 9;
  constexpr unsigned kPpnBits = 44;
  if (answer.cause != IommuCause::none || answer.mrif) return kFault;
  std::uint64_t ppn = answer.address >> kPageShift & low_mask(kPpnBits);
  std::uint64_t response = pbmt_of(answer.memory_type) << 7;
  if (answer.page_shift > kPageShift) {
    // As many trailing ones, and the zero above them, as the page has bits beyond 4 KiB.
    const unsigned bits = std::min(answer.page_shift - kPageShift, kPpnBits);
    ppn = (ppn & ~low_mask(bits)) | low_mask(bits - 1);
    response |= kSuperpage;
  }
  return response | ppn << 10;
}

std::uint64_t pbmt_of(MemoryType type) {
  return type == MemoryType::non_cacheable ? 1 : type == MemoryType::io ? 2 : 0;
}

}  // namespace pagoda

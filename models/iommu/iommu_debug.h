// Translations that software asks a RISC-V IOMMU for, through registers: what is asked, and the answer.
// RISC-V IOMMU Architecture Specification 1.0, "Debug support", tr_req_iova, tr_req_ctl, tr_response.
//
// What the specification leaves open: a request for write permission (NW = 0) is a write, whether or not it asks for
// execute permission as well; a translation without pages (both stages Bare) is answered as one of 4 KiB; of a fault
// nothing but `fault` is told.
#pragma once

#include <cstdint>

#include "pagoda/iommu/iommu_translator.h"

namespace pagoda {

/// The untranslated request that tr_req_iova and tr_req_ctl describe.
IommuRequest debug_request(std::uint64_t iova, std::uint64_t control);

/// tr_response. An interrupt file kept in memory has no address to tell and is a fault, type_disallowed, which the
/// caller has to report.
std::uint64_t debug_response(const IommuAnswer& answer);

/// PBMT of Svpbmt.
std::uint64_t pbmt_of(MemoryType type);

}  // namespace pagoda

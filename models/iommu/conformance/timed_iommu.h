// The timed IOMMU under conformance vectors: requests go to the TLM module, its caches warm from request to request.
//
// What a vector expects is looked for where a device or software would find it: the address at memory's socket, status
// and granted permissions in the response, fault records in the fault queue; only what neither can see (the size of an
// untranslated request's page, a cause that is not reported) is asked of the module. Every vector is put to it twice. A
// vector that sets flags, which the file undoes, is followed by invalidation commands, as software would have to. The
// IOTLB has no entries of 64 KiB and there is no nested TLB: the reference keeps nothing, and a NAPOT range that is
// known whole would show as flags that are not set, and errors that are not met, in the entries of its other pages.
//
// Needs a running kernel: construct in sc_main's process, once.
#pragma once

#include <memory>

#include "pagoda/iommu/conformance/replay_riscv_iommu.h"

namespace pagoda {

std::unique_ptr<IommuUnderTest> make_timed_iommu();

}  // namespace pagoda

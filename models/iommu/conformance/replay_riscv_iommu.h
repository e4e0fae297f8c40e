// Replays vector files of the kind `riscv-iommu vectors v1` through translate().
//
// Every vector is compared with the specification. Known departures of the reference, which count as passed and are
// told apart in the summary: it answers with a part of a page where the device's MSIs are translated or the page is
// NAPOT, it cuts addresses of memory-resident interrupt files to 47 bits, and it adds the request's page offset to the
// address of a notice MSI.
#pragma once

#include "pagoda/paging/conformance/replay.h"

namespace pagoda {

/// Those of the CPU and that of the IOMMU.
std::span<const VectorKind> all_vector_kinds();

}  // namespace pagoda

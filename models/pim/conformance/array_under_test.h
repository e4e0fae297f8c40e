// The walker beside the cell array under a CPU's conformance vectors: every request is a walk command to the engine of
// one channel of a DRAM so large that all of a vector's addresses lie in it, each after the one before.
//
// Nothing is kept from walk to walk (no buffer, no walk caches): a file's memory is put back after each request. What
// the file says of refused and poisoned words holds for the array. A walk that is not made by the array fails its
// vector.
#pragma once

#include <memory>

#include "pagoda/paging/conformance/replay.h"

namespace pagoda {

std::unique_ptr<CpuUnderTest> make_array_under_test();

}  // namespace pagoda

#include "pagoda/paging/memory_type.h"

#include <array>

namespace pagoda {
namespace {

// In the order of the enumeration. Rank: how little the hardware may do with the access.
struct Description {
  std::string_view name;
  int rank;
};
constexpr std::array<Description, kMemoryTypes> kDescriptions{{{"platform", 0},
                                                               {"write-back", 1},
                                                               {"write-through", 2},
                                                               {"write-protected", 3},
                                                               {"write-combining", 5},
                                                               {"uncached-minus", 6},
                                                               {"uncached", 7},
                                                               {"non-cacheable", 4},
                                                               {"io", 8},
                                                               {"device-GRE", 9},
                                                               {"device-nGRE", 10},
                                                               {"device-nGnRE", 11},
                                                               {"device-nGnRnE", 12}}};

const Description& describe(MemoryType type) { return kDescriptions.at(static_cast<std::size_t>(type)); }

}  // namespace

std::string_view to_string(MemoryType type) { return describe(type).name; }

MemoryType stricter(MemoryType a, MemoryType b) { return describe(a).rank >= describe(b).rank ? a : b; }

}  // namespace pagoda

#include "pagoda/base/ports.h"

namespace pagoda {

// The first run of free cycles from `first` on.
Ps Ports::reserve_later(std::uint64_t first, std::uint64_t length) {
  for (std::uint64_t next = first; next != first + length; ++next) {
    if (full(next)) first = next + 1;
  }
  for (std::uint64_t next = first; next != first + length; ++next) take(next);
  return first * period_;
}

}  // namespace pagoda

#include "pagoda/base/ports.h"

namespace pagoda {

// The first run of free cycles after `busy`, which is full. Those from `first` to there have been taken: they are given
// back.
Ps Ports::reserve_later(std::uint64_t first, std::uint64_t busy, std::uint64_t length) {
  while (first != busy) --entry_of(first++);
  ++first;
  for (std::uint64_t next = first; next != first + length; ++next) {
    if (full(next)) first = next + 1;
  }
  for (std::uint64_t next = first; next != first + length; ++next) take(next, 1);
  return first * period_;
}

}  // namespace pagoda

// Loads that follow each other in one line, made together.
#include <cstddef>
#include <cstring>

#include "pagoda/workload/core.h"

namespace pagoda {
namespace {

// Size, kind and what else a record says beside its address, in one word, as it is asked for every access.
std::uint64_t manner_of(const Access& access) {
  std::uint64_t word = 0;
  static_assert(sizeof access == offsetof(Access, gap) + sizeof word);
  std::memcpy(&word, reinterpret_cast<const std::byte*>(&access) + offsetof(Access, gap), sizeof word);
  return word;
}

// Whether it loads from an address that is known, one instruction after the record before it.
bool is_plain_load(const Access& access) {
  const std::uint64_t plain = manner_of({.size = 0});
  const std::uint64_t size = manner_of({.size = 0xffff}) ^ plain;
  return ((manner_of(access) ^ plain) & ~size) == 0;
}

}  // namespace

// How many loads of the line used last come next, one an instruction and all of one size.
[[gnu::always_inline]] inline std::uint32_t Core::loads_ahead(const Access* access, const Access* end) const {
  if (!is_plain_load(*access)) return 0;
  const std::uint64_t manner = manner_of(*access);
  const Streak::Starts starts = streak_.starts(access->size);
  const Access* next = access;
  while (next != end && manner_of(*next) == manner && starts.has(next->address)) ++next;
  return static_cast<std::uint32_t>(next - access);
}

// If at least two such loads follow each other without a wait: what each of them would do, for those that enter in one
// cycle in one step. The first access that is left.
[[gnu::noinline]] const Access* Core::execute_run(const Access* access, const Access* end) {
  Ps until = 0;
  const std::uint32_t count = timing_.free_run(loads_ahead(access, end), until);
  const bool free = interrupts_.empty() && until < synchronise_at_ && accesses_ + count < call_at_;
  if (count < 2 || !free) return access;
  instructions_ += count;
  loads_ += count;
  accesses_ += count;
  execute_together(count);
  return access + count;
}

// Carries out that many loads of a run: those that join the fill of their line all at once.
[[gnu::always_inline]] inline void Core::execute_together(std::uint32_t count) {
  Streak::Joining joining = streak_.joining();
  std::uint32_t left = 0;  // of those that have entered in this cycle
  while (left == 0 && count != 0) {
    const std::uint32_t entering = timing_.enter_some(count);
    const Ps at = timing_.now();
    count -= entering;
    left = streak_.join(at, entering, joining);
    if (left == entering) break;
    latency_.record(joining.arrives - at, entering - left);
    outstanding_probe_.during(at, joining.arrives, entering - left);
  }
  if (joining.count != 0) {
    streak_.joined(joining, time_);
    timing_.loads_done(joining.count, joining.arrives);
  }
  if (left != 0) read_together(left, count);
}

// Of a run of which `entered` have entered in this cycle, and `coming` have not: those that enter in one cycle in one
// step.
[[gnu::noinline]] void Core::read_together(std::uint32_t entered, std::uint32_t coming) {
  Ps done = 0;
  std::uint32_t done_together = 0;
  for (;;) {
    const Ps at = timing_.now();
    streak_.read_together(at, entered, time_, [&](Ps next, std::uint32_t some) {
      latency_.record(next - at, some);
      outstanding_probe_.during(at, next, some);
      if (next != done && done_together != 0) {
        timing_.loads_done(done_together, done);
        done_together = 0;
      }
      done = next;
      done_together += some;
    });
    if (coming == 0) break;
    entered = timing_.enter_some(coming);
    coming -= entered;
  }
  timing_.loads_done(done_together, done);
}

}  // namespace pagoda

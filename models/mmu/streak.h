// A run of accesses of one core that stay on the page used last, and mostly in the line used last, so that nobody need
// look for them.
//
// Models: nothing of its own. The TLB and the cache take, time and count each of these accesses as they do any other;
// what is left out is the way there, which is most of what a hit costs the host. An access elsewhere, an invalidation,
// another user of the cache end the run: the TLB and the cache each have an epoch that says so (Tlb::epoch(),
// CacheCore::epoch()), and both are compared before every access.
#pragma once

#include "pagoda/base/access.h"
#include "pagoda/base/fault.h"
#include "pagoda/base/timed_target.h"
#include "pagoda/memory/cache_core.h"
#include "pagoda/mmu/tlb.h"

namespace pagoda {

class Streak;

/// What gives streaks beside being a TimedTarget: the way of data through an MMU.
class StreakSource {
 public:
  virtual ~StreakSource() = default;
  /// Begins a streak around a data access just made with that privilege, if further ones can go without a request.
  virtual void begin_streak(Addr address, Privilege privilege, Streak& streak) = 0;
  /// An access of a streak has reached the translation of its page at `at`, which is there at `ready` only; when it has
  /// it. Adds the waiting to `time`.
  virtual Ps join_walk(Ps ready, Ps at, TimeSplit& time) = 0;
  /// The fault of an access that translation granted and memory refused, if nobody has said why.
  virtual Fault memory_fault(Addr address, Addr physical, AccessKind access, Privilege privilege) const = 0;
};

class Streak {
 public:
  /// What an access has just used.
  struct Place {
    Addr address;      ///< somewhere on the page, and in the line
    Addr to_physical;  ///< added to an address of the page
    Addr page_bytes;
    Ps ready;  ///< when the translation is there
    bool writable;
  };

  /// Until then there is none. `place` is what `tlb` and `cache`, which takes requests as `target`, used last on the way
  /// of `source`; a line is not larger than a page.
  void begin(StreakSource& source, Tlb& tlb, CacheCore& cache, TimedTarget& target, const Place& place) {
    page_ = place.address & -place.page_bytes;
    page_bytes_ = place.page_bytes;
    to_physical_ = place.to_physical;
    ready_ = place.ready;
    writable_ = place.writable;
    source_ = &source;
    tlb_ = &tlb;
    tlb_epoch_ = tlb.epoch();
    cache_ = &cache;
    target_ = &target;
    steps_ = tlb.recorded() ? kNoSteps : tlb.ports().steps(cache.ports(), tlb.latency()).value_or(kNoSteps);
    enter_line(place.address + to_physical_);
  }
  void end() { page_bytes_ = bytes_ = 0; }
  /// Whether there is a line that it is around.
  bool none() const { return bytes_ == 0; }

  /// Where accesses of that length, at least one byte, may begin to lie in its line.
  struct Starts {
    Addr first;
    std::uint64_t count;
    bool has(Addr address) const { return address - first < count; }
  };
  Starts starts(std::uint64_t length) const { return {begin_, length <= bytes_ ? bytes_ - length + 1 : 0}; }
  /// Whether an access that lies there would find what the last one found.
  bool lasts(bool write) const { return cache_->epoch() == cache_epoch_ && translates(write); }
  /// Both.
  bool covers(Addr address, std::uint64_t length, bool write) const {
    return starts(length).has(address) && lasts(write);
  }
  /// Whether reads of its line, from `at` on, would all be hits of the TLB: what read_together() is for.
  bool translates_at(Ps at) const { return !none() && lasts(false) && at >= ready_; }
  /// Whether all those bytes lie on its page, and an access to them would find the translation that the last one found.
  bool stays_on_page(Addr address, std::uint64_t length, bool write) const {
    const Addr offset = address - page_;
    return offset < page_bytes_ && offset + length <= page_bytes_ && translates(write);
  }
  /// Sends a request that stays on the page, and is around its line from then on if it can be. Afterwards the request
  /// may have changed.
  TimedAnswer access_on_page(TimedRequest& request, Ps at) {
    const Ps translated = translate(at, *request.time);
    const Addr physical = request.address + to_physical_;
    request.address = physical;
    const TimedAnswer answer = target_->access(request, translated);
    enter_line(physical);
    return answer;
  }
  Addr to_physical() const { return to_physical_; }
  /// Makes an access that it covers and adds where its time went to `time`; when it is done.
  Ps access(bool write, Ps at, TimeSplit& time) const { return cache_->access_again(write, translate(at, time), time); }
  /// Reads that join the fill of the line: it is not there yet when they are looked up, so that they are all done when it
  /// arrives, and all that is left to find out is when ports are free for them.
  struct Joining {
    Ps arrives = 0;
    std::uint64_t end = 0;  ///< cycle of the TLB before which they must start
    std::uint32_t count = 0;
    Ps latency = 0;  ///< of all
  };
  /// Those of now on.
  Joining joining() const {
    const Ps arrives = cache_->arrives();
    const Ps looking = tlb_->latency() + cache_->latency();
    if (steps_ == kNoSteps || arrives < looking) return {};
    return {.arrives = arrives, .end = tlb_->ports().cycle_of(arrives - looking)};
  }
  /// Makes those of `count` reads that it covers which join the fill and find free ports; how many are left.
  std::uint32_t join(Ps at, std::uint32_t count, Joining& joining) const {
    const std::uint32_t left = tlb_->ports().reserve_both(cache_->ports(), steps_, at, joining.end, count);
    joining.count += count - left;
    joining.latency += (count - left) * (joining.arrives - at);
    return left;
  }
  /// Counts those that have been made, and adds where their time went to `time`.
  void joined(const Joining& joining, TimeSplit& time) const {
    tlb_->count_hit(0, joining.count);
    cache_->count_merged(joining.count);
    const Ps translating = joining.count * tlb_->latency();
    const Ps looking_up = joining.count * cache_->latency();
    time[TimePart::tlb] += translating;
    time[TimePart::cache] += looking_up;
    time[TimePart::queue] += joining.latency - translating - looking_up;
  }
  /// Makes `count` reads at once, each of which it covers; `each(done, how many)` for those that are done together.
  template <class Each>
  void read_together(Ps at, std::uint32_t count, TimeSplit& time, Each each) const {
    const Ps translating = count * tlb_->latency();
    const Ps looking_up = count * cache_->latency();
    Ps waiting = 0 - count * at - translating - looking_up;
    Ports::Start done{0, 0};
    for (Ports::Start translated = tlb_->look_some(at, count);; translated = tlb_->look_more(count)) {
      tlb_->count_hit(translated.at, translated.count);
      count -= translated.count;
      while (translated.count != 0) {
        const Ports::Start read = cache_->read_some(translated.at, translated.count);
        translated.count -= read.count;
        waiting += read.count * read.at;
        if (read.at != done.at && done.count != 0) {
          each(done.at, done.count);
          done.count = 0;
        }
        done.at = read.at;
        done.count += read.count;
      }
      if (count == 0) break;
    }
    each(done.at, done.count);
    time[TimePart::tlb] += translating;
    time[TimePart::cache] += looking_up;
    time[TimePart::queue] += waiting;
  }

 private:
  static constexpr std::uint64_t kNoSteps = ~std::uint64_t{0};  // not always as many, or each look-up is recorded

  bool translates(bool write) const { return tlb_->epoch() == tlb_epoch_ && (writable_ || !write); }
  // When an access at `at` is translated.
  Ps translate(Ps at, TimeSplit& time) const {
    const Ps looked_up = tlb_->look(at, time);
    if (looked_up < ready_) [[unlikely]]
      return source_->join_walk(ready_, looked_up, time);
    tlb_->count_hit(looked_up);
    return looked_up;
  }
  // If that is the line that the cache used last, and will find again.
  void enter_line(Addr physical) {
    begin_ = cache_->line_of(physical) - to_physical_;
    bytes_ = cache_->repeats(physical, 1) ? cache_->line_size() : 0;
    cache_epoch_ = cache_->epoch();
  }

  Addr begin_ = 0;  // the line, as the program addresses it
  std::uint64_t bytes_ = 0;
  Addr page_ = 0;  // likewise
  std::uint64_t page_bytes_ = 0;
  Addr to_physical_ = 0;
  Ps ready_ = 0;
  bool writable_ = false;
  StreakSource* source_ = nullptr;
  Tlb* tlb_ = nullptr;
  std::uint64_t tlb_epoch_ = 0;
  CacheCore* cache_ = nullptr;
  TimedTarget* target_ = nullptr;
  std::uint64_t cache_epoch_ = 0;
  std::uint64_t steps_ = kNoSteps;  // of the clock, from a port of the TLB to one of the cache
};

}  // namespace pagoda

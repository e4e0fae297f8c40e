// A run of hits: accesses of one core that stay on the page and in the line used last, so that nobody need look for
// them.
//
// Models: nothing of its own. The TLB and the cache take, time and count each of these accesses as they do any other;
// what is left out is the way there, which is most of what a hit costs the host. An access elsewhere, an invalidation,
// another user of the cache end the run: the TLB and the cache each have an epoch that says so (Tlb::epoch(),
// CacheCore::epoch()), and both are compared before every access.
#pragma once

#include "pagoda/base/access.h"
#include "pagoda/memory/cache_core.h"
#include "pagoda/mmu/tlb.h"

namespace pagoda {

class Streak {
 public:
  /// What an access has just used.
  struct Place {
    Addr address;      ///< somewhere in the line
    Addr to_physical;  ///< added to an address of the page
    Ps ready;          ///< when the translation is there
    bool writable;
  };

  /// Until then there is none. `place` is what `tlb` and `cache` used last; a line is not larger than a page.
  void begin(Tlb& tlb, CacheCore& cache, const Place& place) {
    begin_ = cache.line_of(place.address + place.to_physical) - place.to_physical;
    bytes_ = cache.line_size();
    ready_ = place.ready;
    writable_ = place.writable;
    tlb_ = &tlb;
    tlb_epoch_ = tlb.epoch();
    cache_ = &cache;
    cache_epoch_ = cache.epoch();
  }
  void end() { bytes_ = 0; }
  bool none() const { return bytes_ == 0; }

  /// Whether an access would find what the last one found.
  bool covers(Addr address, std::uint64_t length, bool write, Ps at) const {
    const Addr offset = address - begin_;
    return offset < bytes_ && offset + length <= bytes_ && tlb_->epoch() == tlb_epoch_ &&
           cache_->epoch() == cache_epoch_ && at >= ready_ && (writable_ || !write);
  }
  /// Makes an access that it covers and adds where its time went to `time`; when it is done.
  Ps access(bool write, Ps at, TimeSplit& time) const {
    const Ps translated = tlb_->look(at, time);
    tlb_->count_hit(translated);
    return cache_->access_again(write, translated, time);
  }

 private:
  Addr begin_ = 0;  // the line, as the program addresses it
  std::uint64_t bytes_ = 0;
  Ps ready_ = 0;
  bool writable_ = false;
  Tlb* tlb_ = nullptr;
  std::uint64_t tlb_epoch_ = 0;
  CacheCore* cache_ = nullptr;
  std::uint64_t cache_epoch_ = 0;
};

/// What gives streaks beside being a TimedTarget: the way of data through an MMU.
class StreakSource {
 public:
  virtual ~StreakSource() = default;
  /// Begins a streak around a data access just made with that privilege, if further ones can go without a request.
  virtual void begin_streak(Addr address, Privilege privilege, Streak& streak) const = 0;
};

}  // namespace pagoda

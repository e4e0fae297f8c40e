// The cache itself, without SystemC: tags, miss registers, write buffer, and when the data of an access is
// there.
//
// Models: a write-back, write-allocate cache. A line is put into the array when its miss is issued and
// carries the time at which its fill arrives; an access before then waits for it (a secondary miss). Every
// structure is bounded: ports (one access per port and cycle), miss registers (a miss waits for a free one),
// write buffer (a fill whose victim is dirty waits for a free entry). A write of a whole aligned line
// allocates without fetching it. Does not model: coherence between caches (memory holds the only copy of
// data, so no stale data is read; the traffic and time of invalidations is what is missing), inclusion
// (levels are filled and evict on their own), critical-word-first.
//
// How time is made up: hit = wait for a port + latency (+ rest of a pending fill). Miss = wait for a port +
// latency + wait for a miss register + the level below.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "pagoda/base/attributes.h"
#include "pagoda/base/ports.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/timeline.h"
#include "pagoda/memory/cache_config.h"
#include "pagoda/memory/prefetcher.h"

namespace pagoda {

struct CacheStats {
  std::uint64_t hits = 0, misses = 0, merged = 0, evictions = 0, writebacks = 0;
  std::uint64_t prefetches = 0, useful_prefetches = 0;
  std::uint64_t port_wait = 0, mshr_wait = 0, write_buffer_wait = 0;

  void visit(StatVisitor& visitor);
};

/// An access to one line.
struct CacheAccess {
  Addr line = 0;  ///< address of the line's first byte
  bool write = false;
  bool whole_line = false;  ///< a write that covers the line
  Ps floor = 0;             ///< kernel time
  Ps at = 0;                ///< when the request reaches the cache
};

struct CacheOutcome {
  Ps done = 0;
  bool hit = false;
  bool failed = false;  ///< the level below refused the line; nothing was filled
};

/// What the level below answers to a fetch.
struct LineFill {
  Ps done = 0;
  bool failed = false;
};

class CacheCore {
 public:
  explicit CacheCore(const CacheConfig& config)
      : line_shift_(static_cast<unsigned>(std::countr_zero(config.line.count))),
        line_size_(config.line.count),
        period_(config.period()),
        latency_(config.latency.at(period_)),
        lines_(config.geometry()),
        remembers_fills_(config.replacement != Replacement::srrip && config.prefetch.kind == PrefetchKind::none),
        ports_(config.ports, period_),
        mshrs_(config.mshrs),
        write_buffer_(config.write_buffer),
        prefetcher_(config.prefetch, line_shift_) {}

  Addr line_of(Addr address) const { return address & -line_size_; }
  Addr line_size() const { return line_size_; }
  Ps latency() const { return latency_; }
  CacheStats& stats() { return stats_; }
  const Servers& mshrs() const { return mshrs_; }

  /// Whether the bytes lie in the line used last, and hits to it have no other effect than being counted.
  bool repeats(Addr address, std::uint64_t bytes) const {
    const Addr offset = address - last_address_;
    return last_ != nullptr && offset < line_size() && offset + bytes <= line_size();
  }
  /// Changes when another line, or none, is the one used last.
  const std::uint64_t& epoch() const { return epoch_; }
  /// Serves an access that repeats().
  Ps access_again(bool write, Ps at, TimeSplit& time) {
    const Ps looked_up = look(at, time);
    if (write) last_->dirty = 1;
    return hit(*last_, looked_up, time);
  }
  /// Serves those of `wanted` reads that repeat(), and come together, that are done together; when, and how many.
  Ports::Start read_some(Ps at, std::uint32_t wanted) {
    const Ports::Start looked_up = look_some(at, wanted);
    return {count_hits(*last_, looked_up), looked_up.count};
  }
  /// For reads that repeat() and are looked up before the line is there: what looking up takes, without a wait; when the
  /// line is there; that they were made.
  Ports& ports() { return ports_; }
  Ps arrives() const { return last_->arrives; }
  void count_merged(std::uint32_t count) {
    stats_.misses += count;
    stats_.merged += count;
  }

  /// Serves an access and adds where its time went to `time`. `next.fetch(line, at, time)` -> LineFill reads
  /// a line from the level below (`time` null for a prefetch); `next.write_back(line, at)` -> Ps gives it a
  /// dirty one and returns when it has been taken.
  template <class Next>
  [[gnu::always_inline]] CacheOutcome access(const CacheAccess& access, TimeSplit& time, Next& next) {
    const Ps looked_up = look(access.at, time);
    const std::uint64_t number = access.line >> line_shift_;
    const Lines::Set set = lines_.set_of(number);
    if (Line* line = lines_.use(set, number + 1)) {
      return hit(access, *line, looked_up, time, next);
    }
    return miss(set, access, looked_up, time, next);
  }

  /// Whether the host is likely to miss what looking for an address needs.
  bool large() const { return lines_.host_bytes() > kSmall; }
  /// Has the host fetch what looking for the address will need.
  void prefetch_tags(Addr address) { lines_.prefetch(lines_.set_of(address >> line_shift_)); }

  /// Likewise, with the tags at hand: the line's place, or that of the one which will give way to it. Whether the line
  /// seems to be there.
  bool prefetch_line(Addr address) {
    const std::uint64_t number = address >> line_shift_;
    return lines_.prefetch(lines_.set_of(number), number + 1);
  }

  bool holds(Addr address) { return find(address) != nullptr; }
  bool holds_dirty(Addr address) {
    const Line* line = find(address);
    return line != nullptr && line->dirty != 0;
  }

  /// Puts in a line that somebody else has fetched and that is there at `arrives`, unless it is there already.
  template <class Next>
  void install(Addr line, Ps floor, Ps arrives, Next& next) {
    if (holds(line)) return;
    const Lines::Set set = lines_.set_of(line >> line_shift_);
    const Lines::Place place = lines_.victim(set);
    fill(place, set, {.line = line, .floor = floor, .at = arrives}, arrives, nullptr, next);
    remember(nullptr, 0);
  }
  /// Gives up the line of `address`, if it is there, from `at` on; when it is gone.
  template <class Next>
  Ps recall(Addr address, Ps at, Next& next) {
    Line* const line = find(address);
    if (line == nullptr) return at;
    Ps gone = std::max<Ps>(at, line->arrives);
    if (line->dirty != 0) {
      ++stats_.writebacks;
      gone = next.write_back(line_of(address), gone);
    }
    remember(nullptr, 0);
    lines_.erase(line);
    return gone;
  }

 private:
  static constexpr std::size_t kSmall = std::size_t{512} << 10;  // stays in the caches of a host core

  struct Line {
    std::uint64_t arrives : 62;  // when its latest fill is there
    std::uint64_t dirty : 1;
    std::uint64_t prefetched : 1;  // and not used yet
  };
  using Lines = AssocArray<Line>;

  Line* find(Addr address) {
    const std::uint64_t number = address >> line_shift_;
    return lines_.find(lines_.set_of(number), number + 1);
  }

  void remember(Line* line, Addr address) {
    last_ = line;
    last_address_ = address;
    ++epoch_;
  }

  // When the tags of an access have been looked at.
  Ps look(Ps at, TimeSplit& time) {
    const Ps looked_up = look_some(at, 1).at;
    time[TimePart::queue] += looked_up - latency_ - at;
    time[TimePart::cache] += latency_;
    return looked_up;
  }
  // Those of several that come together that are looked at together, and when they have been.
  Ports::Start look_some(Ps at, std::uint32_t wanted) {
    const Ports::Start start = ports_.reserve_some(at, wanted);
    stats_.port_wait += start.count * (start.at - at);
    return {start.at + latency_, start.count};
  }

  // When the data of a line that is there, or on its way, is.
  Ps count_hits(const Line& line, Ports::Start looked_up) {
    if (line.arrives <= looked_up.at) {
      stats_.hits += looked_up.count;
      return looked_up.at;
    }
    stats_.misses += looked_up.count;
    stats_.merged += looked_up.count;
    return line.arrives;
  }
  Ps hit(const Line& line, Ps looked_up, TimeSplit& time) {
    const Ps done = count_hits(line, {looked_up, 1});
    time[TimePart::queue] += done - looked_up;
    return done;
  }

  template <class Next>
  CacheOutcome hit(const CacheAccess& access, Line& line, Ps looked_up, TimeSplit& time, Next& next) {
    if (access.write) line.dirty = 1;
    const bool first_use = line.prefetched != 0;
    if (first_use) {
      line.prefetched = 0;
      ++stats_.useful_prefetches;
    }
    const CacheOutcome outcome{hit(line, looked_up, time), true, false};
    if (prefetcher_.enabled()) {
      prefetch(access.line, first_use, access.floor, looked_up, next);
    } else {
      remember(&line, access.line);
    }
    return outcome;
  }

  template <class Next>
  [[gnu::always_inline]] CacheOutcome miss(const Lines::Set& set, const CacheAccess& access, Ps looked_up,
                                           TimeSplit& time, Next& next) {
    ++stats_.misses;
    next.expect(access.line);
    const Lines::Place victim = lines_.victim(set);
    __builtin_prefetch(victim.entry);  // the host has it by the time of the fill
    CacheOutcome outcome{looked_up, false, false};
    if (!access.whole_line) {
      outcome.done = fetch(access.line, access.floor, looked_up, &time, next, outcome.failed);
      if (outcome.failed) {
        remember(nullptr, 0);
        return outcome;
      }
    }
    outcome.done = fill(victim, set, access, outcome.done, &time, next);
    if (remembers_fills_) [[likely]] {
      remember(victim.entry, access.line);
    } else {
      remember(nullptr, 0);
      if (prefetcher_.enabled()) prefetch(access.line, true, access.floor, looked_up, next);
    }
    return outcome;
  }

  template <class Next>
  [[gnu::always_inline]] Ps fetch(Addr line, Ps floor, Ps at, TimeSplit* time, Next& next, bool& failed) {
    const Servers::Slot slot = mshrs_.acquire(at, typical_miss_);
    if (time != nullptr) {
      stats_.mshr_wait += slot.start - at;
      (*time)[TimePart::queue] += slot.start - at;
    }
    const LineFill filled = next.fetch(line, slot.start, time);
    mshrs_.release(floor, slot, filled.done);
    typical_miss_ = filled.done - slot.start;
    failed = filled.failed;
    return filled.done;
  }

  // Puts the line into the array; returns when its data is there, which a full write buffer may delay. `time` is null
  // for a prefetch.
  template <class Next>
  [[gnu::always_inline]] Ps fill(const Lines::Place& place, const Lines::Set& set, const CacheAccess& access,
                                 Ps arrives, TimeSplit* time, Next& next) {
    Line& victim = *place.entry;
    const std::uint64_t old = lines_.key_of(&victim);
    if (old != 0) {
      ++stats_.evictions;
      if (victim.dirty != 0) {
        const Ps accepted = write_back((old - 1) << line_shift_, access.floor, arrives, next);
        if (time != nullptr) (*time)[TimePart::queue] += accepted - arrives;
        arrives = accepted;
      }
    }
    lines_.replace(set, place, (access.line >> line_shift_) + 1);
    victim = {.arrives = arrives & (kNever >> 2), .dirty = access.write, .prefetched = 0};
    return arrives;
  }

  // Has a dirty line written by the level below; returns when its place is free.
  template <class Next>
  [[gnu::noinline]] Ps write_back(Addr line, Ps floor, Ps at, Next& next) {
    const Servers::Slot slot = write_buffer_.acquire(at, latency_);
    stats_.write_buffer_wait += slot.start - at;
    ++stats_.writebacks;
    write_buffer_.release(floor, slot, next.write_back(line, slot.start));
    return slot.start;
  }

  template <class Next>
  [[gnu::noinline]] void prefetch(Addr used, bool first_use, Ps floor, Ps at, Next next) {
    prefetcher_.observe(used, first_use, [&](Addr line) {
      const std::uint64_t number = line >> line_shift_;
      const Lines::Set set = lines_.set_of(number);
      if (lines_.find(set, number + 1) != nullptr) return;
      if (mshrs_.count() != 0 && mshrs_.acquire(at, typical_miss_).start > at) return;  // demand misses come first
      bool failed = false;
      const Ps arrives = fetch(line, floor, at, nullptr, next, failed);
      if (failed) return;
      ++stats_.prefetches;
      const Lines::Place place = lines_.victim(set);
      fill(place, set, {.line = line, .floor = floor, .at = at}, arrives, nullptr, next);
      place.entry->prefetched = 1;
    });
  }

  unsigned line_shift_;
  Addr line_size_;
  Ps period_;
  Ps latency_;
  Ps typical_miss_ = 1;  // what the last miss took: how long a miss register will be busy
  Lines lines_;
  // The line used last, unless something has happened since that it matters to; and its address.
  bool remembers_fills_;  // a hit after one changes nothing: neither the replacement policy nor a prefetcher asks
  Line* last_ = nullptr;
  Addr last_address_ = 0;
  std::uint64_t epoch_ = 0;
  Ports ports_;
  Servers mshrs_;
  Servers write_buffer_;
  Prefetcher prefetcher_;
  CacheStats stats_;
};

}  // namespace pagoda

// A cache of device or process contexts.
//
// Models: a set-associative array with ports and a latency; entries that carry the time at which they arrive, so that a
// look-up before then waits. Holds leaf contexts; directory entries above them are read again with every miss.
#pragma once

#include "pagoda/base/assoc_config.h"
#include "pagoda/base/attributes.h"
#include "pagoda/base/ports.h"
#include "pagoda/base/stats.h"

namespace pagoda {

/// `Context` is plain data of which all-zero bytes are a proper value.
template <class Context>
class ContextCache {
 private:
  struct Entry {
    Context context;
    Ps ready;
  };

 public:
  ContextCache(const AssocConfig& config, Ps period)
      : latency_(config.latency.at(period)), entries_(config.geometry()), ports_(config.ports, period) {}

  /// The context of `id`, or null; `now` and `time` grow by the look-up, and by the rest of a fill under way.
  const Context* find(std::uint64_t id, Ps& now, TimeSplit& time) {
    look(now, time);
    const Entry* const entry = entries_.use(entries_.set_of(id), key(id));
    if (entry == nullptr) {
      ++misses_;
      return nullptr;
    }
    if (entry->ready > now) {
      ++misses_;
      ++merged_;
      time[TimePart::walk] += entry->ready - now;
      now = entry->ready;
    } else {
      ++hits_;
    }
    return &entry->context;
  }

  /// A hit that may be repeated without looking, as long as nothing is kept or dropped.
  struct Handle {
    typename AssocArray<Entry>::Handle place{};
    Ps ready = 0;
  };
  Handle handle_of(const Context* found) {
    const Entry* const entry = reinterpret_cast<const Entry*>(found);  // its first member
    return {entries_.handle_of(entry), entry->ready};
  }
  void find_again(const Handle& handle, Ps& now, TimeSplit& time) {
    look(now, time);
    ++hits_;
    entries_.use(handle.place);
  }

  void keep(std::uint64_t id, const Context& context, Ps ready) {
    const auto set = entries_.set_of(id);
    Entry* entry = entries_.use(set, key(id));
    if (entry == nullptr) entry = entries_.insert(set, key(id));
    *entry = {context, ready};
  }

  /// Drops the contexts whose id `predicate` accepts.
  template <class Predicate>
  void erase_if(Predicate predicate) {
    invalidated_ += entries_.erase_if([&](std::uint64_t entry, const Entry&) { return predicate(entry - 1); });
  }

  void visit_stats(StatVisitor& v) {
    v.counter("hits", hits_, kCount, "look-ups that found a context");
    v.counter("misses", misses_, kCount, "look-ups that did not, or whose context was still on its way");
    v.counter("merged", merged_, kCount, "misses that waited for a context already on its way");
    v.value("hit_rate", ratio(hits_, hits_ + misses_), "", "hits per look-up");
    v.counter("invalidated", invalidated_, kCount, "contexts dropped by invalidation commands");
  }

 private:
  void look(Ps& now, TimeSplit& time) {
    const Ps start = ports_.reserve(now);
    time[TimePart::queue] += start - now;
    time[TimePart::tlb] += latency_;
    now = start + latency_;
  }

  static std::uint64_t key(std::uint64_t id) { return id + 1; }

  Ps latency_;
  AssocArray<Entry> entries_;
  Ports ports_;
  std::uint64_t hits_ = 0, misses_ = 0, merged_ = 0, invalidated_ = 0;
};

}  // namespace pagoda

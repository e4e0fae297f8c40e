// The set-associative array behind every tagged structure: data caches, TLBs, walk caches, context caches.
//
// Models: sets x ways of entries with a 64-bit key each, and the replacement policies LRU, tree pseudo-LRU,
// random and SRRIP (Jaleel et al., "High performance cache replacement using re-reference interval
// prediction", ISCA 2010, hit priority, 2-bit). Does not model time: ports and latency belong to the
// structure that owns the array.
//
// Shapes: `ways` divides `entries`, at most 65,535; sets are a power of two; tree pseudo-LRU wants a power of two of at
// most 64 ways. The key 0 means "empty": an owner keeps a valid bit or a bias in its keys.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>

#include <boost/describe/enum.hpp>

#include "pagoda/base/lazy_array.h"

namespace pagoda {

enum class Replacement : std::uint8_t { lru, plru, random, srrip };
BOOST_DESCRIBE_ENUM(Replacement, lru, plru, random, srrip)

struct AssocGeometry {
  std::uint64_t entries = 1;
  std::uint64_t ways = 1;
  Replacement replacement = Replacement::lru;

  std::uint64_t sets() const { return entries / ways; }
  /// What is wrong with the shape, or nothing.
  std::string problem() const {
    if (entries == 0 || ways == 0) return "entries and ways must be at least 1";
    if (entries % ways != 0) return "ways must divide entries";
    if (ways > 65'535) return "ways must be at most 65535";
    if (!std::has_single_bit(sets())) return "entries / ways (the number of sets) must be a power of two";
    if (replacement == Replacement::plru && (!std::has_single_bit(ways) || ways > 64)) {
      return "plru needs a power of two of at most 64 ways";
    }
    return {};
  }
};

/// `Entry` is plain data of which all-zero bytes are a proper value.
///
/// Layout, for speed: a set's tags (one byte of hash per way, 0 if empty) and ages lie together, so that a miss in a
/// large array costs one line of host cache; whole keys are looked at only where the tag agrees, beside their entries.
template <class Entry>
class AssocArray {
  struct Slot;
  struct Chunk;

 public:
  using Key = std::uint64_t;

  /// Where a set lies in host memory.
  struct Set {
    Chunk* chunks;
    Slot* slots;
  };

  /// An entry and where it is, as long as the array does not change.
  struct Place {
    Entry* entry;
    std::size_t way;
  };

  explicit AssocArray(const AssocGeometry& geometry, std::uint64_t seed = 1)
      : ways_(geometry.ways),
        chunks_((geometry.ways + kChunk - 1) / kChunk),
        set_mask_(geometry.sets() - 1),
        policy_(geometry.replacement),
        plain_(policy_ == Replacement::lru && chunks_ == 1),
        way_mask_(plain_ ? (1u << ways_) - 1 : 0),
        random_state_(seed * 0x9e3779b97f4a7c15 | 1),
        chunk_array_(chunks_ * geometry.sets()),
        slots_(geometry.entries),
        wide_ages_(wide() ? geometry.entries : 0),
        trees_(policy_ == Replacement::plru ? geometry.sets() : 0) {}

  /// What it takes of the host, once all of it is in use.
  std::size_t host_bytes() const { return chunk_array_.size() * sizeof(Chunk) + slots_.size() * sizeof(Slot); }
  std::size_t size() const { return slots_.size(); }
  std::size_t ways() const { return ways_; }
  std::size_t sets() const { return set_mask_ + 1; }
  Set set_of(std::uint64_t index) { return set_at(index & set_mask_); }

  /// Has the host fetch what looking into `set` needs, so that it is there by then.
  [[gnu::always_inline]] void prefetch(const Set& set) const {  // else the compiler takes it for a call without effect
    __builtin_prefetch(set.chunks);
  }

  /// Likewise, once that is there, the entry that looking for `key` will find, or the one that gives way to it. Whether
  /// the key seems to be there.
  [[gnu::always_inline]] bool prefetch(const Set& set, Key key) const {
    if (!plain_) return false;
    const unsigned same = set.chunks->ways_with(tag_of(key));
    const unsigned oldest = set.chunks->ways_aged(static_cast<Age>(ways_));
    const unsigned candidates = same != 0 ? same : oldest;
    if (candidates != 0) __builtin_prefetch(&set.slots[std::countr_zero(candidates)]);
    return same != 0;
  }

  /// The entry with `key` in `set` that `match` accepts, or null. Does not count as a use.
  template <class Match>
  Entry* find(const Set& set, Key key, Match match) {
    return look(set, key, match).entry;
  }
  Entry* find(const Set& set, Key key) { return look(set, key, any).entry; }

  /// Likewise, but tells the replacement policy that the entry was used.
  template <class Match>
  Entry* use(const Set& set, Key key, Match match) {
    const Place place = look(set, key, match);
    if (place.entry != nullptr) count_use(set, place.way);
    return place.entry;
  }
  Entry* use(const Set& set, Key key) { return use(set, key, any); }

  /// Where an entry is, as long as the array does not change; use() of it is that of a look-up that finds it.
  struct Handle {
    std::size_t set;
    std::size_t way;
  };
  bool holds(const Entry* entry) {
    const Slot* const slot = slot_of(entry);
    return !std::less<>()(slot, &slots_[0]) && std::less<>()(slot, &slots_[0] + slots_.size());
  }
  Handle handle_of(const Entry* entry) {
    const auto index = static_cast<std::size_t>(slot_of(entry) - &slots_[0]);
    return {index / ways_, index % ways_};
  }
  void use(const Handle& handle) { count_use(set_at(handle.set), handle.way); }

  /// The entry of `set` that gives way next: an empty one, or the policy's choice. Its old contents are still there.
  Place victim(const Set& set) {
    if (!plain_) [[unlikely]]
      return victim_of_any(set);
    const Chunk& chunk = *set.chunks;
    const unsigned empty = chunk.ways_with(0) & way_mask_;
    const unsigned candidates = empty != 0 ? empty : chunk.ways_aged(static_cast<Age>(ways_));
    return place_of(set, static_cast<unsigned>(std::countr_zero(candidates)) % kChunk);
  }

  /// Gives a place of `set` (from victim()) a new key and makes it the newest of its set.
  void replace(const Set& set, const Place& place, Key key) {
    slot_of(place.entry)->key = key;
    if (plain_) [[likely]] {
      Chunk& chunk = *set.chunks;
      chunk.tags[place.way] = tag_of(key);
      if (chunk.ages[place.way] == ways_) [[likely]] {  // the oldest: all others are younger
        chunk.age_all();
        chunk.ages[place.way] = 1;
      } else {
        make_newest_in(chunk, place.way);
      }
      return;
    }
    tag(set, place.way) = tag_of(key);
    if (policy_ == Replacement::srrip) {
      age(set, place.way) = kSrripLong;
    } else {
      count_use(set, place.way);
    }
  }
  /// Both: an entry for `key`, which is not in `set`.
  Entry* insert(const Set& set, Key key) {
    const Place place = victim(set);
    replace(set, place, key);
    return place.entry;
  }

  static Key key_of(const Entry* entry) { return slot_of(entry)->key; }
  void erase(const Entry* entry) {
    const auto index = static_cast<std::size_t>(slot_of(entry) - &slots_[0]);
    slots_[index].key = 0;
    tag(set_at(index / ways_), index % ways_) = 0;
  }

  template <class Function>
  void for_each(Function function) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].key != 0) function(slots_[i].entry);
    }
  }

  /// Empties every entry for which `predicate(key, entry)` holds and returns how many those were.
  template <class Predicate>
  std::size_t erase_if(Predicate predicate) {
    std::size_t erased = 0;
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if (slots_[i].key != 0 && predicate(slots_[i].key, slots_[i].entry)) {
        erase(&slots_[i].entry);
        ++erased;
      }
    }
    return erased;
  }

 private:
  using Age = std::uint8_t;
  static constexpr std::size_t kChunk = 16;
  static constexpr Age kSrripDistant = 3;
  static constexpr Age kSrripLong = 2;

  struct Slot {
    Key key;
    Entry entry;
  };

  // Sixteen ways of a set, in the shape of the host's vector registers.
  struct alignas(32) Chunk {
    typedef std::uint8_t Bytes __attribute__((vector_size(16)));

    std::uint8_t tags[kChunk];
    Age ages[kChunk];  // LRU: order of use in the set, 1 the newest, 0 never used; SRRIP: re-reference prediction

    // Bit w: way w has this tag, or age.
    unsigned ways_with(std::uint8_t tag) const { return mask(load(tags) == tag); }
    unsigned ways_aged(Age wanted) const { return mask(load(ages) == wanted); }
    // Everyone that has been used grows older.
    void age_all() {
      Bytes all = load(ages);
      all -= (Bytes)(all != 0);
      std::memcpy(ages, &all, sizeof all);
    }
    // Everyone younger than that grows older.
    void age_those_below(Age limit) {
      Bytes all = load(ages);
      all -= (Bytes)(all - 1 < limit);
      std::memcpy(ages, &all, sizeof all);
    }

   private:
    static Bytes load(const std::uint8_t* from) {
      Bytes all;
      std::memcpy(&all, from, sizeof all);
      return all;
    }
    template <class Vector>
    static unsigned mask(Vector bytes) {
#if defined(__SSE2__)
      typedef char Chars __attribute__((vector_size(16)));
      return static_cast<unsigned>(__builtin_ia32_pmovmskb128((Chars)bytes));
#else
      unsigned bits = 0;
      for (unsigned way = 0; way < kChunk; ++way) bits |= (bytes[way] != 0 ? 1u : 0u) << way;
      return bits;
#endif
    }
  };

  static bool any(const Entry& /*entry*/) { return true; }
  // A nonzero byte that spreads over what differs between the keys of a set.
  static std::uint8_t tag_of(Key key) {
    const Key hash = key * 0x9e3779b97f4a7c15 >> 56;
    return static_cast<std::uint8_t>(hash + (hash == 0 ? 1 : 0));
  }
  static Slot* slot_of(const Entry* entry) {
    const std::byte* const slot = reinterpret_cast<const std::byte*>(entry) - offsetof(Slot, entry);
    return const_cast<Slot*>(reinterpret_cast<const Slot*>(slot));
  }
  // Whether a byte is too small for an age.
  bool wide() const { return policy_ == Replacement::lru && ways_ > 255; }

  Set set_at(std::size_t index) { return {&chunk_array_[index * chunks_], &slots_[index * ways_]}; }
  std::size_t index_of(const Set& set) { return static_cast<std::size_t>(set.chunks - &chunk_array_[0]) / chunks_; }
  static Chunk& chunk_at(const Set& set, std::size_t way) { return set.chunks[way / kChunk]; }
  static std::uint8_t& tag(const Set& set, std::size_t way) { return chunk_at(set, way).tags[way % kChunk]; }
  static Age& age(const Set& set, std::size_t way) { return chunk_at(set, way).ages[way % kChunk]; }
  static Place place_of(const Set& set, std::size_t way) { return {&set.slots[way].entry, way}; }

  template <class Match>
  Place look(const Set& set, Key key, Match match) {
    const std::uint8_t tag = tag_of(key);
    const Chunk* chunk = set.chunks;
    for (std::size_t first = 0;; first += kChunk, ++chunk) {
      for (unsigned same = chunk->ways_with(tag); same != 0; same &= same - 1) {
        const std::size_t way = first + static_cast<unsigned>(std::countr_zero(same));
        Slot& slot = set.slots[way];
        if (slot.key == key && match(slot.entry)) return {&slot.entry, way};
      }
      if (first + kChunk >= ways_) return {nullptr, 0};
    }
  }

  // For sets of several chunks and other policies than LRU.
  [[gnu::noinline]] Place victim_of_any(const Set& set) {
    for (std::size_t first = 0; first < ways_; first += kChunk) {
      const unsigned empty = chunk_at(set, first).ways_with(0);
      const std::size_t way = first + static_cast<unsigned>(std::countr_zero(empty));
      if (empty != 0 && way < ways_) return place_of(set, way);
    }
    return place_of(set, choose(set));
  }

  void count_use(const Set& set, std::size_t way) {
    if (plain_) [[likely]]
      return make_newest_in(*set.chunks, way);
    switch (policy_) {
      case Replacement::lru: make_newest(set, way); break;
      case Replacement::plru: point_away_from(set, way); break;
      case Replacement::srrip: age(set, way) = 0; break;
      case Replacement::random: break;
    }
  }

  static void make_newest_in(Chunk& chunk, std::size_t way) {
    Age& own = chunk.ages[way];
    if (own == 1) return;
    chunk.age_those_below(static_cast<Age>(own - 1));  // of never used: everyone
    own = 1;
  }

  void make_newest(const Set& set, std::size_t way) {
    if (!wide_ages_.empty()) return make_newest_wide(set, way);
    Age& own = age(set, way);
    if (own == 1) return;
    const auto limit = static_cast<Age>(own - 1);  // of never used: everyone
    for (std::size_t first = 0; first < ways_; first += kChunk) chunk_at(set, first).age_those_below(limit);
    own = 1;
  }

  void make_newest_wide(const Set& set, std::size_t way) {
    const auto ages = wide_ages_.subspan(index_of(set) * ways_, ways_);
    const auto limit = static_cast<std::uint16_t>(ages[way] - 1);
    for (std::uint16_t& other : ages) {
      if (static_cast<std::uint16_t>(other - 1) < limit) ++other;
    }
    ages[way] = 1;
  }

  // Only asked when the set is full.
  std::size_t choose(const Set& set) {
    switch (policy_) {
      case Replacement::lru: return choose_oldest(set);
      case Replacement::plru: return follow_tree(set);
      case Replacement::srrip: return choose_distant(set);
      case Replacement::random: return next_random() % ways_;
    }
    return 0;
  }

  std::size_t choose_oldest(const Set& set) {
    if (!wide_ages_.empty()) {
      const auto ages = wide_ages_.subspan(index_of(set) * ways_, ways_);
      return static_cast<std::size_t>(std::find(ages.begin(), ages.end(), ways_) - ages.begin()) % ways_;
    }
    for (std::size_t first = 0; first < ways_; first += kChunk) {
      const unsigned oldest = chunk_at(set, first).ways_aged(static_cast<Age>(ways_));
      if (oldest != 0) return first + static_cast<unsigned>(std::countr_zero(oldest));
    }
    return 0;
  }

  std::size_t choose_distant(const Set& set) {
    Age oldest = 0;
    for (std::size_t way = 0; way < ways_; ++way) oldest = std::max(oldest, age(set, way));
    std::size_t chosen = ways_;
    for (std::size_t way = 0; way < ways_; ++way) {
      age(set, way) = static_cast<Age>(age(set, way) + kSrripDistant - oldest);
      if (chosen == ways_ && age(set, way) == kSrripDistant) chosen = way;
    }
    return chosen;
  }

  // Tree pseudo-LRU: node n has children 2n and 2n+1, node 1 is the root; a set bit says that the right half is older.
  void point_away_from(const Set& set, std::size_t way) {
    std::uint64_t& tree = trees_[index_of(set)];
    std::size_t node = 1;
    for (std::size_t half = ways_ / 2; half > 0; half /= 2) {
      const bool right = (way & half) != 0;
      tree = right ? tree & ~(std::uint64_t{1} << node) : tree | std::uint64_t{1} << node;
      node = 2 * node + (right ? 1 : 0);
    }
  }

  std::size_t follow_tree(const Set& set) {
    const std::uint64_t tree = trees_[index_of(set)];
    std::size_t way = 0;
    std::size_t node = 1;
    for (std::size_t half = ways_ / 2; half > 0; half /= 2) {
      const bool right = (tree >> node & 1) != 0;
      if (right) way |= half;
      node = 2 * node + (right ? 1 : 0);
    }
    return way;
  }

  // xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
  std::uint64_t next_random() {
    random_state_ ^= random_state_ >> 12;
    random_state_ ^= random_state_ << 25;
    random_state_ ^= random_state_ >> 27;
    return random_state_ * 0x2545f4914f6cdd1d >> 32;
  }

  std::size_t ways_;
  std::size_t chunks_;  // per set
  std::size_t set_mask_;
  Replacement policy_;
  bool plain_;         // LRU, and a set's ages lie in one chunk
  unsigned way_mask_;  // bit w: way w is there; only then
  std::uint64_t random_state_;
  LazyArray<Chunk> chunk_array_;
  LazyArray<Slot> slots_;
  LazyArray<std::uint16_t> wide_ages_;  // LRU of sets too large for Age
  LazyArray<std::uint64_t> trees_;
};

}  // namespace pagoda

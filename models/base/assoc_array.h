// The set-associative array behind every tagged structure: data caches, TLBs, walk caches, context caches.
//
// Models: sets x ways of entries with a 64-bit key each, and the replacement policies LRU, tree pseudo-LRU,
// random and SRRIP (Jaleel et al., "High performance cache replacement using re-reference interval
// prediction", ISCA 2010, hit priority, 2-bit). Does not model time: ports and latency belong to the
// structure that owns the array.
//
// Shapes: `ways` divides `entries`, at most 65,535; sets are a power of two; tree pseudo-LRU wants a power of two of at most
// 64 ways. The key 0 means "empty": an owner keeps a valid bit or a bias in its keys.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
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
/// Layout, for speed: a set's tags (one byte of hash per way, 0 if empty) and ages lie together, so that a miss in a large
/// array costs one line of host cache; whole keys are looked at only where the tag agrees.
template <class Entry>
class AssocArray {
 public:
  using Key = std::uint64_t;

  explicit AssocArray(const AssocGeometry& geometry, std::uint64_t seed = 1)
      : ways_(geometry.ways),
        chunks_((geometry.ways + kChunk - 1) / kChunk),
        set_mask_(geometry.sets() - 1),
        policy_(geometry.replacement),
        random_state_(seed * 0x9e3779b97f4a7c15 | 1),
        chunk_array_(chunks_ * geometry.sets()),
        keys_(geometry.entries),
        entries_(geometry.entries),
        trees_(policy_ == Replacement::plru ? geometry.sets() : 0) {}

  std::size_t size() const { return entries_.size(); }
  std::size_t ways() const { return ways_; }
  std::size_t sets() const { return set_mask_ + 1; }
  std::size_t set_of(std::uint64_t index) const { return index & set_mask_; }

  /// Has the host fetch what a fill of `set` will need, so that it is there by then.
  void prefetch(std::size_t set) const {
    const Key* const keys = &keys_[set * ways_];
    for (std::size_t way = 0; way < std::min<std::size_t>(ways_, 16); way += 8) __builtin_prefetch(keys + way);
    __builtin_prefetch(&entries_[set * ways_]);
  }

  /// The entry with `key` in `set` that `match` accepts, or null. Does not count as a use.
  template <class Match>
  Entry* find(std::size_t set, Key key, Match match) {
    const std::uint8_t tag = tag_of(key);
    for (std::size_t chunk = 0; chunk < chunks_; ++chunk) {
      for (unsigned same = chunk_at(set, chunk).ways_with(tag); same != 0; same &= same - 1) {
        const std::size_t way = chunk * kChunk + static_cast<unsigned>(std::countr_zero(same));
        if (way >= ways_) break;
        const std::size_t index = set * ways_ + way;
        if (keys_[index] == key && match(entries_[index])) return &entries_[index];
      }
    }
    return nullptr;
  }
  Entry* find(std::size_t set, Key key) {
    return find(set, key, [](const Entry&) { return true; });
  }

  /// Tells the replacement policy that an entry of `set` was used.
  void touch(std::size_t set, const Entry* entry) { use(set, index_of(entry) - set * ways_); }

  /// The entry of `set` that gives way next: an empty one, or the policy's choice. Its old contents are still there.
  Entry* victim(std::size_t set) {
    for (std::size_t chunk = 0; chunk < chunks_; ++chunk) {
      const unsigned empty = chunk_at(set, chunk).ways_with(0);
      const std::size_t way = chunk * kChunk + static_cast<unsigned>(std::countr_zero(empty));
      if (empty != 0 && way < ways_) return &entries_[set * ways_ + way];
    }
    return &entries_[set * ways_ + choose(set)];
  }

  /// Gives an entry of `set` (from victim()) a new key and makes it the newest of its set.
  void replace(std::size_t set, const Entry* entry, Key key) {
    const std::size_t index = index_of(entry);
    const std::size_t way = index - set * ways_;
    keys_[index] = key;
    tag(set, way) = tag_of(key);
    if (policy_ == Replacement::srrip) {
      age(set, way) = kSrripLong;
    } else {
      use(set, way);
    }
  }

  Key key_of(const Entry* entry) const { return keys_[index_of(entry)]; }
  void erase(const Entry* entry) {
    const std::size_t index = index_of(entry);
    const std::size_t set = index / ways_;
    keys_[index] = 0;
    tag(set, index - set * ways_) = 0;
  }

  /// Empties every entry for which `predicate(key, entry)` holds and returns how many those were.
  template <class Predicate>
  std::size_t erase_if(Predicate predicate) {
    std::size_t erased = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (keys_[i] != 0 && predicate(keys_[i], entries_[i])) {
        erase(&entries_[i]);
        ++erased;
      }
    }
    return erased;
  }

 private:
  using Age = std::uint16_t;
  static constexpr std::size_t kChunk = 16;
  static constexpr Age kSrripDistant = 3;
  static constexpr Age kSrripLong = 2;

  // Sixteen ways of a set, in the shape of the host's vector registers.
  struct alignas(64) Chunk {
    typedef std::uint8_t Tags __attribute__((vector_size(16)));
    typedef std::uint16_t Ages __attribute__((vector_size(16)));

    std::uint8_t tags[kChunk];
    Age ages[kChunk];  // LRU: order of use in the set, 1 the newest, 0 never used; SRRIP: re-reference prediction

    // Bit w: way w has this tag.
    unsigned ways_with(std::uint8_t tag) const {
      Tags all;
      std::memcpy(&all, tags, sizeof all);
      return mask(all == tag);
    }
    // Bit w: way w has this age.
    unsigned ways_aged(Age wanted) const {
      Ages low, high;
      std::memcpy(&low, ages, sizeof low);
      std::memcpy(&high, ages + kChunk / 2, sizeof high);
      // The comparisons give 0 or -1 in 16 bits; the low bytes of both halves side by side are a mask of bytes.
      const auto halves = __builtin_shufflevector((Tags)(low == wanted), (Tags)(high == wanted), 0, 2, 4, 6, 8, 10, 12,
                                                  14, 16, 18, 20, 22, 24, 26, 28, 30);
      return mask(halves);
    }
    // Everyone younger than that grows older.
    void age_those_below(Age limit) {
      for (std::size_t half = 0; half < kChunk; half += kChunk / 2) {
        Ages some;
        std::memcpy(&some, ages + half, sizeof some);
        some -= (Ages)(some - 1 < limit);
        std::memcpy(ages + half, &some, sizeof some);
      }
    }

   private:
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

  // A nonzero byte that spreads over what differs between the keys of a set.
  static std::uint8_t tag_of(Key key) { return static_cast<std::uint8_t>(key * 0x9e3779b97f4a7c15 >> 56 | 1); }

  std::size_t index_of(const Entry* entry) const { return static_cast<std::size_t>(entry - &entries_[0]); }
  Chunk& chunk_at(std::size_t set, std::size_t chunk) { return chunk_array_[set * chunks_ + chunk]; }
  std::uint8_t& tag(std::size_t set, std::size_t way) { return chunk_at(set, way / kChunk).tags[way % kChunk]; }
  Age& age(std::size_t set, std::size_t way) { return chunk_at(set, way / kChunk).ages[way % kChunk]; }

  void use(std::size_t set, std::size_t way) {
    switch (policy_) {
      case Replacement::lru: make_newest(set, way); break;
      case Replacement::plru: point_away_from(set, way); break;
      case Replacement::srrip: age(set, way) = 0; break;
      case Replacement::random: break;
    }
  }

  void make_newest(std::size_t set, std::size_t way) {
    Age& own = age(set, way);
    if (own == 1) return;
    const auto limit = static_cast<Age>(own - 1);  // of never used: everyone
    for (std::size_t chunk = 0; chunk < chunks_; ++chunk) chunk_at(set, chunk).age_those_below(limit);
    own = 1;
  }

  // Only asked when the set is full.
  std::size_t choose(std::size_t set) {
    switch (policy_) {
      case Replacement::lru:
        for (std::size_t chunk = 0; chunk < chunks_; ++chunk) {
          const unsigned oldest = chunk_at(set, chunk).ways_aged(static_cast<Age>(ways_));
          if (oldest != 0) return chunk * kChunk + static_cast<unsigned>(std::countr_zero(oldest));
        }
        return 0;
      case Replacement::plru: return follow_tree(set);
      case Replacement::srrip: return choose_distant(set);
      case Replacement::random: return next_random() % ways_;
    }
    return 0;
  }

  std::size_t choose_distant(std::size_t set) {
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
  void point_away_from(std::size_t set, std::size_t way) {
    std::uint64_t& tree = trees_[set];
    std::size_t node = 1;
    for (std::size_t half = ways_ / 2; half > 0; half /= 2) {
      const bool right = (way & half) != 0;
      tree = right ? tree & ~(std::uint64_t{1} << node) : tree | std::uint64_t{1} << node;
      node = 2 * node + (right ? 1 : 0);
    }
  }

  std::size_t follow_tree(std::size_t set) const {
    std::size_t way = 0;
    std::size_t node = 1;
    for (std::size_t half = ways_ / 2; half > 0; half /= 2) {
      const bool right = (trees_[set] >> node & 1) != 0;
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
  std::uint64_t random_state_;
  LazyArray<Chunk> chunk_array_;
  LazyArray<Key> keys_;
  LazyArray<Entry> entries_;
  LazyArray<std::uint64_t> trees_;
};

}  // namespace pagoda

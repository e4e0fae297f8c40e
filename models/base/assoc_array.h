// The set-associative array behind every tagged structure: data caches, TLBs, walk caches, context caches.
//
// Models: sets x ways of entries with a 64-bit key each, and the replacement policies LRU, tree pseudo-LRU,
// random and SRRIP (Jaleel et al., "High performance cache replacement using re-reference interval
// prediction", ISCA 2010, hit priority, 2-bit). Does not model time: ports and latency belong to the
// structure that owns the array.
//
// Shapes: `ways` divides `entries`, sets are a power of two; tree pseudo-LRU wants a power of two of at most
// 64 ways. The key 0 means "empty": an owner keeps a valid bit or a bias in its keys.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

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
    if (!std::has_single_bit(sets())) return "entries / ways (the number of sets) must be a power of two";
    if (replacement == Replacement::plru && (!std::has_single_bit(ways) || ways > 64)) {
      return "plru needs a power of two of at most 64 ways";
    }
    return {};
  }
};

/// `Entry` is plain data of which all-zero bytes are a proper value.
template <class Entry>
class AssocArray {
 public:
  using Key = std::uint64_t;

  explicit AssocArray(const AssocGeometry& geometry, std::uint64_t seed = 1)
      : ways_(geometry.ways),
        set_mask_(geometry.sets() - 1),
        policy_(geometry.replacement),
        random_state_(seed * 0x9e3779b97f4a7c15 | 1),
        keys_(geometry.entries),
        entries_(geometry.entries),
        ages_(policy_ == Replacement::lru || policy_ == Replacement::srrip ? geometry.entries : 0),
        trees_(policy_ == Replacement::plru ? geometry.sets() : 0) {}

  std::size_t size() const { return entries_.size(); }
  std::size_t ways() const { return ways_; }
  std::size_t sets() const { return set_mask_ + 1; }
  std::size_t set_of(std::uint64_t index) const { return index & set_mask_; }

  /// The entry with `key` in `set` that `match` accepts, or null. Does not count as a use.
  template <class Match>
  Entry* find(std::size_t set, Key key, Match match) {
    const std::size_t first = set * ways_;
    for (std::size_t i = first; i < first + ways_; ++i) {
      if (keys_[i] == key && match(entries_[i])) return &entries_[i];
    }
    return nullptr;
  }
  Entry* find(std::size_t set, Key key) {
    return find(set, key, [](const Entry&) { return true; });
  }

  /// Tells the replacement policy that an entry was used.
  void touch(const Entry* entry) { touch_at(index_of(entry)); }

  /// The entry of `set` that gives way next: an empty one, or the policy's choice. Its old contents are still
  /// there.
  Entry* victim(std::size_t set) {
    const std::size_t first = set * ways_;
    for (std::size_t i = first; i < first + ways_; ++i) {
      if (keys_[i] == 0) return &entries_[i];
    }
    return &entries_[first + choose(set, first)];
  }

  /// Gives the entry (from victim()) a new key and makes it the newest of its set.
  void replace(const Entry* entry, Key key) {
    const std::size_t index = index_of(entry);
    keys_[index] = key;
    if (policy_ == Replacement::srrip) {
      ages_[index] = kSrripLong;
    } else {
      touch_at(index);
    }
  }

  Key key_of(const Entry* entry) const { return keys_[index_of(entry)]; }
  void erase(const Entry* entry) { keys_[index_of(entry)] = 0; }
  std::size_t set_index_of(const Entry* entry) const { return index_of(entry) / ways_; }

  /// Empties every entry for which `predicate(key, entry)` holds and returns how many those were.
  template <class Predicate>
  std::size_t erase_if(Predicate predicate) {
    std::size_t erased = 0;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (keys_[i] != 0 && predicate(keys_[i], entries_[i])) {
        keys_[i] = 0;
        ++erased;
      }
    }
    return erased;
  }

  /// Calls `visit(key, entry)` for every entry in use.
  template <class Visit>
  void for_each(Visit visit) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (keys_[i] != 0) visit(keys_[i], entries_[i]);
    }
  }

 private:
  static constexpr std::uint32_t kSrripDistant = 3;
  static constexpr std::uint32_t kSrripLong = 2;

  std::size_t index_of(const Entry* entry) const { return static_cast<std::size_t>(entry - &entries_[0]); }

  void touch_at(std::size_t index) {
    switch (policy_) {
      case Replacement::lru:
        if (ages_[index] == clock_ && clock_ != 0) return;
        if (clock_ == UINT32_MAX) compress_ages();
        ages_[index] = ++clock_;
        break;
      case Replacement::plru: point_away_from(index / ways_, index % ways_); break;
      case Replacement::srrip: ages_[index] = 0; break;
      case Replacement::random: break;
    }
  }

  std::size_t choose(std::size_t set, std::size_t first) {
    switch (policy_) {
      case Replacement::lru: {
        std::size_t oldest = 0;
        for (std::size_t way = 1; way < ways_; ++way) {
          if (ages_[first + way] < ages_[first + oldest]) oldest = way;
        }
        return oldest;
      }
      case Replacement::plru: return follow_tree(set);
      case Replacement::srrip: {
        std::uint32_t oldest = 0;
        for (std::size_t way = 0; way < ways_; ++way) oldest = std::max(oldest, ages_[first + way]);
        std::size_t chosen = ways_;
        for (std::size_t way = 0; way < ways_; ++way) {
          ages_[first + way] += kSrripDistant - oldest;
          if (chosen == ways_ && ages_[first + way] == kSrripDistant) chosen = way;
        }
        return chosen;
      }
      case Replacement::random: return next_random() % ways_;
    }
    return 0;
  }

  // Tree pseudo-LRU: node n has children 2n and 2n+1, node 1 is the root; a set bit says that the right half
  // is older.
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

  // The LRU clock ran out of its 32 bits: keep each set's order with small numbers.
  void compress_ages() {
    std::vector<std::size_t> order(ways_);
    for (std::size_t first = 0; first < entries_.size(); first += ways_) {
      for (std::size_t way = 0; way < ways_; ++way) order[way] = first + way;
      std::sort(order.begin(), order.end(), [this](auto a, auto b) { return ages_[a] < ages_[b]; });
      for (std::size_t rank = 0; rank < ways_; ++rank) ages_[order[rank]] = static_cast<std::uint32_t>(rank);
    }
    clock_ = static_cast<std::uint32_t>(ways_);
  }

  std::size_t ways_;
  std::size_t set_mask_;
  Replacement policy_;
  std::uint32_t clock_ = 0;
  std::uint64_t random_state_;
  LazyArray<Key> keys_;
  LazyArray<Entry> entries_;
  LazyArray<std::uint32_t> ages_;  // LRU: time of last use; SRRIP: re-reference prediction
  LazyArray<std::uint64_t> trees_;
};

}  // namespace pagoda

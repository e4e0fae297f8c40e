// Translations that a device keeps whatever it is told: what a rogue device remembers.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pagoda/base/access.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

/// At most so many; the oldest gives way.
class KeptTranslations {
 public:
  struct Entry {
    Addr input = 0;   ///< first byte of the page, as the device knows it
    Addr output = 0;  ///< and where it was in memory
    unsigned page_shift = kPageShift;
    bool stale = false;  ///< the device has acknowledged that it must not be used
  };

  explicit KeptTranslations(std::size_t capacity) : capacity_(capacity) {}

  void add(const Entry& entry) {
    if (entries_.size() < capacity_) {
      entries_.push_back(entry);
      return;
    }
    entries_[next_] = entry;
    next_ = (next_ + 1) % capacity_;
  }
  /// Marks what overlaps the aligned 2^page_shift bytes around the address; how many that are.
  std::size_t invalidate(Addr address, unsigned page_shift) {
    std::size_t marked = 0;
    for (Entry& entry : entries_) {
      const unsigned shift = page_shift > entry.page_shift ? page_shift : entry.page_shift;
      if (entry.stale || ((entry.input ^ address) & ~low_mask(shift)) != 0) continue;
      entry.stale = true;
      ++marked;
    }
    return marked;
  }
  /// The first stale one from place `from` on, around the end; nothing if there is none.
  std::optional<Entry> stale_from(std::uint64_t from) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const Entry& entry = entries_[(from + i) % entries_.size()];
      if (entry.stale) return entry;
    }
    return {};
  }
  std::size_t size() const { return entries_.size(); }

 private:
  std::size_t capacity_;
  std::size_t next_ = 0;  // the oldest, once it is full
  std::vector<Entry> entries_;
};

}  // namespace pagoda

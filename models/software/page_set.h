// A set of pages by number, of a known range: a bit for each.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace pagoda {

class PageSet {
 public:
  PageSet() = default;
  explicit PageSet(std::uint64_t pages) : pages_(pages), words_((pages + 63) / 64) {}

  std::uint64_t range() const { return pages_; }
  std::uint64_t count() const { return count_; }
  bool empty() const { return count_ == 0; }
  bool contains(std::uint64_t page) const { return (words_[page / 64] >> page % 64 & 1) != 0; }
  /// False: it was there.
  bool insert(std::uint64_t page) {
    std::uint64_t& word = words_[page / 64];
    const std::uint64_t bit = std::uint64_t{1} << page % 64;
    if ((word & bit) != 0) return false;
    word |= bit;
    ++count_;
    return true;
  }
  void insert(std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t page = first; page < end; ++page) insert(page);
  }
  /// False: it was not there.
  bool erase(std::uint64_t page) {
    std::uint64_t& word = words_[page / 64];
    const std::uint64_t bit = std::uint64_t{1} << page % 64;
    if ((word & bit) == 0) return false;
    word &= ~bit;
    --count_;
    return true;
  }
  /// The first page from `page` on; range() if there is none.
  std::uint64_t next(std::uint64_t page) const {
    for (std::uint64_t i = page / 64; i < words_.size(); ++i) {
      const std::uint64_t word = i == page / 64 ? words_[i] >> page % 64 << page % 64 : words_[i];
      if (word != 0) return i * 64 + static_cast<unsigned>(std::countr_zero(word));
    }
    return pages_;
  }
  PageSet& operator|=(const PageSet& other) {
    count_ = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      words_[i] |= other.words_[i];
      count_ += static_cast<unsigned>(std::popcount(words_[i]));
    }
    return *this;
  }
  PageSet& operator-=(const PageSet& other) {
    count_ = 0;
    for (std::size_t i = 0; i < words_.size(); ++i) {
      words_[i] &= ~other.words_[i];
      count_ += static_cast<unsigned>(std::popcount(words_[i]));
    }
    return *this;
  }

 private:
  std::uint64_t pages_ = 0;
  std::vector<std::uint64_t> words_;
  std::uint64_t count_ = 0;
};

}  // namespace pagoda

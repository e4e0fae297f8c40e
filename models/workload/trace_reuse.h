// How soon pages come back: the LRU stack distance of each access to a page.
//
// The distance is the number of other pages touched since the last access to the same one. A fully
// associative LRU structure with N entries hits exactly the accesses with a distance below N, so one pass
// over a stream gives the hits of every size of TLB. Time per access that changes the page is logarithmic in
// the pages; memory is for the pages, not for the stream. Source: R. L. Mattson et al., "Evaluation
// techniques for storage hierarchies", IBM Systems Journal 9(2), 1970; the tree is that of B. T. Bennett and
// V. J. Kruskal, "LRU stack processing", IBM J. Res. Dev., 1975.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace pagoda {

class ReuseDistance {
 public:
  ReuseDistance();

  void access(std::uint64_t page) {
    ++accesses_;
    if (page == recent_page_) {
      ++by_magnitude_[0];
    } else {
      change_page(page);
    }
  }

  std::uint64_t accesses() const { return accesses_; }
  /// First accesses to a page, which miss in any TLB.
  std::uint64_t cold() const { return last_use_.size(); }
  /// Accesses that a fully associative LRU structure of `entries` hits. `entries` is a power of two.
  std::uint64_t hits(std::uint64_t entries) const;

 private:
  void change_page(std::uint64_t page);
  void mark(std::uint32_t time, std::uint32_t by);
  std::uint32_t marked_up_to(std::uint32_t time) const;
  void renumber();

  std::uint64_t accesses_ = 0;
  std::uint64_t recent_page_ = ~0ULL;             // no address has this page
  std::array<std::uint64_t, 64> by_magnitude_{};  // [0] distance 0, [i] distance 2^(i-1) .. 2^i - 1
  // Each page is marked at the time of its last use; a Fenwick tree counts the marks up to a time.
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> last_use_;
  std::vector<std::uint32_t> marks_;
  std::uint32_t now_ = 0;  // times are 1 .. marks_.size() - 1
};

}  // namespace pagoda

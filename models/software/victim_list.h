// Which page in memory goes next: the pages, and the policies that choose among them.
//
// Models: FIFO (the page that has been in memory longest), clock (a hand goes round the pages in the order in which
// they came; one whose accessed flag is set has it cleared and is passed over: Corbato, "A paging experiment with the
// Multics system", 1968), random. Plain data: whoever asks says which pages may go and reads the accessed flags. Does
// not model: several lists by age, page frequency.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <random>
#include <vector>

#include <boost/describe/enum.hpp>

namespace pagoda {

enum class Eviction : std::uint8_t { clock, fifo, random };
BOOST_DESCRIBE_ENUM(Eviction, clock, fifo, random)

class VictimList {
 public:
  using Place = std::uint32_t;  ///< of a page in the list, until it is removed

  VictimList(Eviction policy, std::uint64_t seed) : policy_(policy), random_(seed) {}

  /// The page comes to memory: the last one to be looked at.
  Place add(std::uint64_t page);
  void remove(Place place);
  std::size_t size() const { return size_; }

  struct Choice {
    std::optional<std::uint64_t> page;  ///< nothing: none may go
    std::uint64_t looked_at = 0;        ///< pages
  };
  /// A page for which `may_go` holds; it stays in the list. `take_accessed` says whether its accessed flag was set, and
  /// clears it.
  Choice choose(const std::function<bool(std::uint64_t)>& may_go,
                const std::function<bool(std::uint64_t)>& take_accessed);

 private:
  static constexpr Place kNone = ~Place{0};
  struct Node {
    std::uint64_t page = 0;
    Place next = kNone, previous = kNone;
    bool used = false;
  };

  Choice choose_in_order(const std::function<bool(std::uint64_t)>& may_go);
  Choice choose_by_clock(const std::function<bool(std::uint64_t)>& may_go,
                         const std::function<bool(std::uint64_t)>& take_accessed);
  Choice choose_at_random(const std::function<bool(std::uint64_t)>& may_go);

  Eviction policy_;
  std::mt19937_64 random_;
  std::vector<Node> nodes_;  // a ring of those in use
  std::vector<Place> unused_;
  Place hand_ = kNone;  // the page to look at next; what comes new stands right before it
  std::size_t size_ = 0;
};

}  // namespace pagoda

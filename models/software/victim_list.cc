#include "pagoda/software/victim_list.h"

namespace pagoda {

VictimList::Place VictimList::add(std::uint64_t page) {
  Place place = 0;
  if (unused_.empty()) {
    place = static_cast<Place>(nodes_.size());
    nodes_.emplace_back();
  } else {
    place = unused_.back();
    unused_.pop_back();
  }
  Node& node = nodes_[place];
  node = {.page = page, .next = place, .previous = place, .used = true};
  if (hand_ == kNone) {
    hand_ = place;
  } else {
    node.next = hand_;
    node.previous = nodes_[hand_].previous;
    nodes_[node.previous].next = place;
    nodes_[hand_].previous = place;
  }
  ++size_;
  return place;
}

void VictimList::remove(Place place) {
  Node& node = nodes_[place];
  nodes_[node.previous].next = node.next;
  nodes_[node.next].previous = node.previous;
  if (hand_ == place) hand_ = node.next == place ? kNone : node.next;
  node.used = false;
  unused_.push_back(place);
  --size_;
}

VictimList::Choice VictimList::choose(const std::function<bool(std::uint64_t)>& may_go,
                                      const std::function<bool(std::uint64_t)>& take_accessed) {
  if (size_ == 0) return {};
  switch (policy_) {
    case Eviction::clock: return choose_by_clock(may_go, take_accessed);
    case Eviction::fifo: return choose_in_order(may_go);
    case Eviction::random: return choose_at_random(may_go);
  }
  return {};
}

// The hand stays at the oldest page.
VictimList::Choice VictimList::choose_in_order(const std::function<bool(std::uint64_t)>& may_go) {
  Choice choice;
  for (Place place = hand_; choice.looked_at < size_; place = nodes_[place].next) {
    ++choice.looked_at;
    if (!may_go(nodes_[place].page)) continue;
    choice.page = nodes_[place].page;
    break;
  }
  return choice;
}

// After two rounds every flag has been cleared and every page looked at.
VictimList::Choice VictimList::choose_by_clock(const std::function<bool(std::uint64_t)>& may_go,
                                               const std::function<bool(std::uint64_t)>& take_accessed) {
  Choice choice;
  while (choice.looked_at < 2 * size_ + 1) {
    const std::uint64_t page = nodes_[hand_].page;
    ++choice.looked_at;
    if (may_go(page) && !take_accessed(page)) {
      choice.page = page;
      break;
    }
    hand_ = nodes_[hand_].next;
  }
  return choice;
}

VictimList::Choice VictimList::choose_at_random(const std::function<bool(std::uint64_t)>& may_go) {
  constexpr unsigned kTries = 64;
  Choice choice;
  for (unsigned i = 0; i < kTries; ++i) {
    const Node& node = nodes_[random_() % nodes_.size()];
    if (!node.used) continue;
    ++choice.looked_at;
    if (!may_go(node.page)) continue;
    choice.page = node.page;
    return choice;
  }
  const Choice any = choose_in_order(may_go);  // few may go
  return {any.page, any.looked_at + choice.looked_at};
}

}  // namespace pagoda

// Contention as reservation: when can a busy thing serve a request that reaches it at a given time?
//
// Models: one server, or k equal ones, each busy with one request at a time for as long as that takes: a walker slot, a
// miss register, an entry of a write buffer. (For ports and lanes, see ports.h.) Does not model: preemption, or the
// order in which a queue in front of the server is kept (a request takes the earliest time that is free, so late comers
// fill gaps).
//
// Requests come in call order, which is not time order: decoupled initiators run ahead of each other by up to a
// quantum, and one initiator's request may be delayed by a page walk behind its successors. A timeline therefore keeps
// the gaps between its reservations and lets a request that arrives later in call order but earlier in time fit into
// one. What ends at or before `floor`, the time before which nobody can ask any more (kernel time), is forgotten.
//
// Cost: appending at the end is constant time; inserting into the past is linear in the reservations passed over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "pagoda/base/time.h"

namespace pagoda {

/// The reservations of one server: disjoint busy intervals, in order of time.
class Timeline {
 public:
  /// The first time from `earliest` on at which the server is free for `duration`.
  Ps first_free(Ps earliest, Ps duration) const {
    if (earliest >= horizon_) return earliest;
    return reaches_last(earliest) ? horizon_ : find(earliest, duration).start;
  }

  /// Marks [start, end) as busy; the caller got `start` from this timeline but learned the end only later.
  /// What already lies there stays, so a reservation that turned out longer than its gap is cut to the gap.
  void occupy(Ps floor, Ps start, Ps end) {
    if (start >= horizon_) {
      append(floor, start, end);
    } else {
      occupy_gap(floor, start, end);
    }
  }

  /// The end of the last reservation; 0 if there is none.
  Ps horizon() const { return horizon_; }

  bool busy_at(Ps time) const;

 private:
  struct Interval {
    Ps start;
    Ps end;
  };
  struct Gap {
    Ps start;
    std::size_t before;  // index of the reservation that follows
  };

  // No gap lies behind a time before the horizon: it falls into the last reservation.
  bool reaches_last(Ps time) const { return last_start_ <= time; }
  void occupy_gap(Ps floor, Ps start, Ps end);
  Gap find(Ps earliest, Ps duration) const;
  void insert(std::size_t before, Ps start, Ps end);

  void append(Ps floor, Ps start, Ps end) {
    if (start >= end) return;
    if (horizon_ == start && busy_.size() > head_) {
      busy_.back().end = end;
    } else {
      if (busy_.size() == busy_.capacity()) make_room(floor);
      busy_.push_back({start, end});
      last_start_ = start;
    }
    horizon_ = end;
  }

  void forget(Ps floor);
  void make_room(Ps floor);

  std::vector<Interval> busy_;  // those before head_ are forgotten
  std::size_t head_ = 0;
  Ps last_start_ = 0;  // of the last reservation
  Ps horizon_ = 0;
};

/// Where a search found no room. Reservations are only added, so a later search for as much from there on need not look
/// there again: what a saturated resource would otherwise search every time.
class NoRoom {
 public:
  /// The earliest time at which a search for `duration` from `earliest` on has to look.
  Ps skip(Ps earliest, Ps duration) const {
    return earliest >= from_ && earliest < until_ && duration >= duration_ ? until_ : earliest;
  }
  /// A search for `duration` from `earliest` on found nothing before `found`.
  void remember(Ps earliest, Ps duration, Ps found) {
    const bool joins = duration == duration_ && earliest <= until_ && found >= from_;
    from_ = joins ? std::min(from_, earliest) : earliest;
    until_ = joins ? std::max(until_, found) : found;
    duration_ = duration;
  }

 private:
  Ps from_ = 0;
  Ps until_ = 0;
  Ps duration_ = 0;
};

/// k equal servers behind one queue. Zero servers stand for a resource without limit.
class Servers {
 public:
  struct Slot {
    Timeline* server = nullptr;  ///< none if there is no limit
    Ps start = 0;
  };

  explicit Servers(std::size_t count) : lines_(count), next_(lines_.data()), end_(lines_.data() + count) {}
  Servers(const Servers&) = delete;  // slots point into it
  Servers& operator=(const Servers&) = delete;
  Servers(Servers&&) = default;
  Servers& operator=(Servers&&) = default;
  ~Servers() = default;

  std::size_t count() const { return lines_.size(); }
  /// Which of them has the slot; the first if there is no limit.
  std::size_t number_of(const Slot& slot) const {
    return slot.server == nullptr ? 0 : static_cast<std::size_t>(slot.server - lines_.data());
  }

  /// For work whose end is known only once it is done: finds the server that can start first and is then free
  /// for the `expected` time. Follow with release(); work that takes longer than its gap is cut to the gap.
  Slot acquire(Ps earliest, Ps expected) {
    if (next_ == end_) return {nullptr, earliest};
    if (next_->horizon() <= earliest) return {next_, earliest};
    return earliest_server(earliest, expected);
  }
  void release(Ps floor, Slot slot, Ps end) {
    if (slot.server == nullptr) return;
    slot.server->occupy(floor, slot.start, end);
    next_ = slot.server + 1 == end_ ? lines_.data() : slot.server + 1;
  }

  std::size_t busy_at(Ps time) const;

 private:
  Slot earliest_server(Ps earliest, Ps duration);

  std::vector<Timeline> lines_;
  Timeline* next_;  // used longest ago if they are used in turn, and then the first to be free
  Timeline* end_;   // and there is none
  NoRoom no_room_;
};

}  // namespace pagoda

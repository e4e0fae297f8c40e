// The issue slots of a core, shared by its hardware threads by priority.
//
// Models: at any moment the threads that want slots share `width` a cycle in proportion to their weights. The highest
// of them has weight 1, one d levels below it 1 / (R - 1) with R = b^(d+1): of two threads the lower one gets one of R
// slots and the higher one R - 1, which is the law of POWER5 (see smt_config.h); of more, each has that ratio to the
// highest, and equals get equal shares. (Shares of R each would add up to more than all.) A thread at level 1 is
// outside of this: it gets one of `least_share` slots, and what is left if nobody else wants any. What a thread does
// not want, because it waits for memory or sleeps, goes to the others at once. Does not model: which cycle belongs to
// whom (shares are continuous, so a share is exact over times much longer than R cycles), decode groups, queues that
// threads fill up for each other.
//
// Time: what each thread wants is known up to a time that it has told; shares are settled as far as all are known, so a
// thread that asks may have to wait (in host order, not in simulated time) for its siblings to say what they want. A
// thread that comes back at a time that was settled without it finds all slots free up to the end of that: at most a
// quantum. One that occupied slots then goes on with the share it had.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "pagoda/base/stats.h"
#include "pagoda/base/time.h"
#include "pagoda/workload/smt_config.h"

namespace pagoda {

class IssueSlots {
 public:
  IssueSlots(const SmtConfig& config, std::uint32_t width, Ps period);

  /// What slots are used for: a program's instructions, those of system software, loops that poll.
  enum class Use : std::uint8_t { program, software, poll };
  static constexpr std::size_t kUses = 3;

  /// Instructions enter one after the other, `used` of them in the cycle that began at `entered`.
  struct Place {
    Ps entered = 0;
    std::uint32_t used = 0;
  };

  /// The thread wants `count` slots, at least one, behind `place`.
  void want(unsigned thread, Place place, std::uint64_t count, Use use = Use::program);
  /// The thread takes all it gets, from `at` on and until it says something else.
  void occupy(unsigned thread, Use use, Ps at);
  /// The thread wants nothing before `until`.
  void wants_nothing(unsigned thread, Ps until);
  /// The thread wants nothing before it says so.
  void leave(unsigned thread, Ps at);
  void set_priority(unsigned thread, unsigned level, Ps at);
  unsigned priority(unsigned thread) const { return threads_[thread].priority; }

  /// Shares out what is known; a thread that has got what it wanted, if there is one.
  std::optional<unsigned> settle();
  /// Where a thread that has got what it wanted stands.
  Place place(unsigned thread) const { return threads_[thread].place; }

  /// Slots that threads got so far.
  double slots(Use use) const { return slots_[static_cast<std::size_t>(use)]; }
  double slots_per_ps() const { return slots_per_ps_; }
  /// Those of programs while a sibling was in system software, and the time of that.
  double beside_slots() const { return beside_slots_; }
  double beside_cycles() const { return static_cast<double>(beside_time_) / static_cast<double>(period_); }
  void visit_stats(StatVisitor& visitor);

 private:
  enum class State : std::uint8_t { away, quiet, wanting, occupying, satisfied };

  struct Thread {
    State state = State::away;
    Use use = Use::program;
    unsigned priority;
    Ps from = 0;      // quiet until then, or wanting or occupying from then on
    double left = 0;  // slots wanted
    Place place;
  };

  bool active(const Thread& thread) const {
    return (thread.state == State::wanting || thread.state == State::occupying) && thread.from <= settled_;
  }
  Ps slot_time(std::uint64_t slots) const { return slots * period_ / width_; }
  bool alone_until(unsigned thread, Ps until) const;
  void grant_alone(Thread& thread, std::uint64_t count);
  void want_earlier(unsigned thread, double rate, bool more);
  void count(Use use, double slots) { slots_[static_cast<std::size_t>(use)] += slots; }
  void settle_to(Ps at);
  void share();
  std::optional<unsigned> step(Ps limit);
  void pass(Ps until);

  SmtConfig config_;
  std::uint32_t width_;
  Ps period_;
  double slots_per_ps_;
  std::vector<Thread> threads_;
  std::vector<double> rates_;  // of the threads that are active, in slots per picosecond
  Ps settled_ = 0;             // everything before is shared out
  std::optional<unsigned> satisfied_;
  std::array<double, kUses> slots_{};
  double beside_slots_ = 0;  // of programs while a sibling handles a fault
  std::uint64_t beside_time_ = 0, polling_time_ = 0;
};

}  // namespace pagoda

// When a core issues which access: the part of a core that needs no SystemC.
//
// Models: instructions enter a window in program order, so many per cycle, and leave it in program order once complete;
// a load takes a load-queue entry until it leaves the window and issues as soon as its address is known; a store takes
// a store-buffer entry until it is written, which it may be, in order, from when it has left the window; instructions
// without an access complete in the cycle they enter. This bounds memory-level parallelism as a reorder buffer does
// (interval model: Karkhanis and Smith, "A first-order superscalar processor model", ISCA 2004).
// Does not model: branch prediction and wrong paths, functional units and register dependences other than those a trace
// states between loads, load-to-store forwarding, memory ordering beyond stores in order.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "pagoda/base/time.h"
#include "pagoda/workload/core_config.h"
#include "pagoda/workload/trace_record.h"

namespace pagoda {

class CoreTiming {
 public:
  CoreTiming(const CoreConfig& config, Ps period);

  /// Local time: when the latest instruction entered the window.
  Ps now() const { return entered_; }
  std::uint64_t instructions() const { return instructions_; }
  /// When everything so far is complete and written.
  Ps drained() const { return std::max({entered_, retired_, last_store_done_}); }

  /// The next `count` instructions enter.
  void enter(std::uint64_t count);
  /// The front end got no instructions before `time`.
  void stall_fetch_until(Ps time);
  /// The window is flushed and nothing enters before `time` (a fault, an interrupt).
  void stall_until(Ps time);

  /// When the load of the instruction just entered can issue. Follow with load_done().
  Ps load_issue(unsigned depends_on);
  void load_done(Ps done);
  /// When the store of the instruction just entered is written, once it may be. Follow with store_done().
  Ps store_issue(unsigned depends_on);
  void store_done(Ps done);

  /// Time that entering waited, by what it waited for.
  struct Stalls {
    Ps window = 0, load_queue = 0, store_buffer = 0, fetch = 0;
  };
  Stalls& stalls() { return stalls_; }

 private:
  struct Retirement {
    std::uint64_t instruction;
    Ps time;
  };

  // The last so many values of a sequence, by position; those before the first are 0.
  class History {
   public:
    explicit History(std::size_t length) : values_(length) {}
    Ps oldest() const { return values_[next_]; }
    void push(Ps value) {
      values_[next_] = value;
      next_ = next_ + 1 == values_.size() ? 0 : next_ + 1;
    }

   private:
    std::vector<Ps> values_;
    std::size_t next_ = 0;
  };

  Ps ready_value(unsigned depends_on) const;
  void retire(Ps complete);
  void take_slots(std::uint64_t count);
  void wait_until(Ps time, Ps& stall);

  std::uint32_t width_;
  std::uint32_t window_;
  Ps period_;

  Ps entered_ = 0;
  std::uint32_t entered_this_cycle_ = 0;
  std::uint64_t instructions_ = 0;
  Ps retired_ = 0;                     // the latest instruction to leave the window
  std::vector<Retirement> in_window_;  // ring; of instructions with accesses, those between leave with the one before
  std::size_t oldest_ = 0;
  std::size_t newest_ = 0;  // one past
  History load_queue_;      // when each entry becomes free
  History store_buffer_;
  Ps last_store_issue_ = 0;
  Ps last_store_done_ = 0;
  std::array<Ps, kMaxDependence + 1> load_values_{};  // when the value of each of the last loads arrived
  std::uint64_t loads_ = 0;
  Stalls stalls_;
};

}  // namespace pagoda

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
#include <cstdint>
#include <vector>

#include "pagoda/base/time.h"
#include "pagoda/workload/core_config.h"
#include "pagoda/workload/trace_record.h"

namespace pagoda {

/// Who says when instructions enter, if not the width alone: issue slots that are shared with others.
class SlotSource {
 public:
  virtual ~SlotSource() = default;
  /// The next `count` instructions, at least one, enter behind what entered last, `used` of which in the cycle that
  /// began at `entered`: both are told how it is then. May have to wait for what others want.
  virtual void take(std::uint64_t count, Ps& entered, std::uint32_t& used) = 0;
};

class CoreTiming {
 public:
  CoreTiming(const CoreConfig& config, Ps period);
  /// From now on.
  void share(SlotSource& slots) { shared_ = &slots; }

  /// Local time: when the latest instruction entered the window.
  Ps now() const { return entered_; }
  std::uint64_t instructions() const { return instructions_; }
  /// When everything so far is complete and written.
  Ps drained() const { return std::max({entered_, retired_, last_store_done_}); }

  /// The next `count` instructions enter.
  void enter(std::uint64_t count) {
    const std::uint64_t last = instructions_ + count;
    // What must leave the window before the last of them can enter.
    while (oldest_retirement().instruction + window_ <= last) {
      const Retirement& leaving = oldest_retirement();
      ++oldest_;
      if (leaving.time > entered_) wait_for(leaving);
    }
    take_slots(last - instructions_);
  }
  /// The front end got no instructions before `time`.
  void stall_fetch_until(Ps time);
  /// The window is flushed and nothing enters before `time` (a fault, an interrupt).
  void stall_until(Ps time);

  /// When the load of the instruction just entered can issue. Follow with load_done().
  Ps load_issue(unsigned depends_on) {
    wait_until(load(loads_ - load_queue_).freed, stalls_.load_queue);
    return std::max(entered_, ready_value(depends_on));
  }
  void load_done(Ps done) {
    retire(done);
    load(loads_++) = {done, retired_};
  }
  /// How many of the next `wanted` instructions, loads whose addresses are known, enter and issue one after the other and
  /// wait for nothing but slots; 0 if that is not known. The last enters at `until` or before. Follow with
  /// enter_some() and loads_done(), of all of them.
  std::uint32_t free_run(std::uint32_t wanted, Ps& until) {
    if (shared_ != nullptr) [[unlikely]]
      return 0;
    wanted = std::min({wanted, window_, load_queue_});
    while (oldest_retirement().instruction + window_ <= instructions_ + wanted) {
      if (oldest_retirement().time > entered_) {
        wanted = static_cast<std::uint32_t>(oldest_retirement().instruction + window_ - 1 - instructions_);
        break;
      }
      ++oldest_;
    }
    while (wanted > 0 && load(loads_ - load_queue_ + wanted - 1).freed > entered_) --wanted;
    until = entered_ + wanted * period_;
    return wanted;
  }
  /// Those of the next `count` that enter in one cycle.
  std::uint32_t enter_some(std::uint32_t count) {
    if (entered_this_cycle_ == width_) {
      entered_ += period_;
      entered_this_cycle_ = 0;
    }
    count = std::min(count, width_ - entered_this_cycle_);
    entered_this_cycle_ += count;
    return count;
  }
  /// The first `count` of those that have entered so and are not done yet, at least one.
  void loads_done(std::uint32_t count, Ps done) {
    ++instructions_;
    retire(done);
    instructions_ += count - 1;
    const Load load{done, retired_};
    Load* const ring = loads_done_.data();
    Load* next = &ring[loads_ & loads_mask_];
    Load* const end = &ring[loads_mask_ + 1];
    loads_ += count;
    do {
      *next = load;
      if (++next == end) [[unlikely]]
        next = ring;
    } while (--count != 0);
  }
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

  struct Load {
    Ps value;  // when it arrived
    Ps freed;  // when its place in the load queue was
  };

  // The last so many values of a sequence, by position; those before the first are 0.
  class History {
   public:
    explicit History(std::size_t length) : values_(length), length_(length) {}
    Ps oldest() const { return values_[next_]; }
    void push(Ps value) {
      values_[next_] = value;
      if (++next_ == length_) next_ = 0;
    }

   private:
    std::vector<Ps> values_;
    std::size_t length_;
    std::size_t next_ = 0;
  };

  static constexpr std::uint64_t kNobody = ~std::uint64_t{0} / 2;  // an instruction that never leaves

  Retirement& oldest_retirement() { return in_window_[oldest_ & window_mask_]; }
  void wait_for(const Retirement& leaving);
  // Of the latest ones; of what was before the first, nothing was ever waited for.
  Load& load(std::uint64_t number) { return loads_done_[number & loads_mask_]; }

  Ps ready_value(unsigned depends_on) {
    if (depends_on == 0 || depends_on > loads_) return 0;
    return load(loads_ - depends_on).value;
  }

  void retire(Ps complete) {
    retired_ = std::max(retired_, complete);
    Retirement* const ring = in_window_.data();
    Retirement* newest = &ring[(newest_ - 1) & window_mask_];
    if (newest->time == retired_) return;  // nobody waits for it who did not wait for that one
    if (newest->instruction != instructions_) {
      newest = &ring[newest_ & window_mask_];
      newest->instruction = instructions_;
      ring[++newest_ & window_mask_].instruction = kNobody;
    }
    newest->time = retired_;
  }

  // Instruction n enters with the n-th slot after those taken; a cycle has `width` of them.
  void take_slots(std::uint64_t count) {
    if (count == 0) return;
    instructions_ += count;
    if (shared_ != nullptr) [[unlikely]] {
      shared_->take(count, entered_, entered_this_cycle_);
      return;
    }
    std::uint64_t slots = entered_this_cycle_ + count - 1;
    if (slots >= width_) {
      if (slots < 2 * std::uint64_t{width_}) {  // most often: no division
        entered_ += period_;
        slots -= width_;
      } else {
        entered_ += slots / width_ * period_;
        slots %= width_;
      }
    }
    entered_this_cycle_ = static_cast<std::uint32_t>(slots) + 1;
  }

  void wait_until(Ps time, Ps& stall) {
    if (time <= entered_) return;
    stall += time - entered_;
    entered_ = time;
    entered_this_cycle_ = 1;
  }

  std::uint32_t width_;
  std::uint32_t window_;
  Ps period_;
  SlotSource* shared_ = nullptr;

  Ps entered_ = 0;
  std::uint32_t entered_this_cycle_ = 0;
  std::uint64_t instructions_ = 0;
  Ps retired_ = 0;  // the latest instruction to leave the window
  // Ring, and nobody behind the newest; of instructions with accesses, those between leave with the one before.
  std::vector<Retirement> in_window_;
  std::size_t window_mask_;
  std::size_t oldest_ = 0;
  std::size_t newest_ = 0;  // one past
  History store_buffer_;
  Ps last_store_issue_ = 0;
  Ps last_store_done_ = 0;
  std::uint32_t load_queue_;
  std::vector<Load> loads_done_;  // ring
  std::uint64_t loads_mask_;
  std::uint64_t loads_ = 0;
  Stalls stalls_;
};

}  // namespace pagoda

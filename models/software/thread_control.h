// What system software does with the hardware thread that a program runs on: it works, polls, sleeps, lowers its
// priority. All of it from within the program's own simulated thread, while it handles a fault, in kernel time.
#pragma once

#include <systemc>

#include "pagoda/base/time.h"

namespace pagoda {

class ThreadControl {
 public:
  virtual ~ThreadControl() = default;

  /// Of all hardware threads of the machine; it stays the same until the program sleeps.
  virtual unsigned hardware_thread() const = 0;
  /// Runs code for so long; siblings share the core with it.
  virtual void work(Ps duration) = 0;
  /// Looks again and again, in a loop that takes all slots it gets, until the loop behind the event is done.
  virtual void poll(const sc_core::sc_event& until) = 0;
  /// Likewise, until a point in time.
  virtual void poll_until(Ps until) = 0;
  /// Gives the hardware thread to whoever is ready, until the event; returns when there is one for it again.
  virtual void sleep(const sc_core::sc_event& until) = 0;
  virtual void lower_priority() = 0;
  virtual void restore_priority() = 0;
  virtual bool priority_lowered() const = 0;
};

/// The priority of a hardware thread is low for as long as this lives.
class LoweredPriority {
 public:
  /// Null: it stays as it is.
  explicit LoweredPriority(ThreadControl* thread) : thread_(thread) {
    if (thread_ != nullptr) thread_->lower_priority();
  }
  ~LoweredPriority() {
    if (thread_ != nullptr) thread_->restore_priority();
  }
  LoweredPriority(const LoweredPriority&) = delete;
  LoweredPriority& operator=(const LoweredPriority&) = delete;

 private:
  ThreadControl* thread_;
};

}  // namespace pagoda

// The hardware threads of a core, and the software threads that take turns on them.
//
// Models: issue slots shared by priority (issue_slots.h); software threads, each a Core with its own program, that hold
// a hardware thread until they sleep or end, and then wait for one in the order in which they became ready; a context
// switch whenever a hardware thread gets another program than its first. A thread in system software runs code, polls
// (a loop that takes all slots it gets, and at its end one more time through it), or sleeps. Window, load queue and
// store buffer are divided evenly between the hardware threads, as Hyper-Threading does with its reorder buffer and its
// load and store buffers (Intel 64 and IA-32 Architectures Optimization Reference Manual, "Hyper-Threading
// Technology"); caches, TLBs and walkers are shared by whoever uses them. Does not model: time slices, a thread moving
// to another core, what waking an idle hardware thread takes, limits on slots other than their number.
//
// Time: software threads of one core run in order of their local times, as far as one's slots depend on the other's.
//
// Errors: InvariantError if a thread goes back to its program with its priority lowered.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/software/thread_control.h"
#include "pagoda/workload/core_timing.h"
#include "pagoda/workload/issue_slots.h"

namespace pagoda {

class SmtCore;

/// A software thread's place on its core.
class SmtThread final : public SlotSource, public ThreadControl {
 public:
  SmtThread(SmtCore& core, unsigned number) : core_(core), number_(number) {}

  /// Among the software threads of the core.
  unsigned number() const { return number_; }
  bool dispatched() const { return seat_ >= 0; }

  // What its Core tells; all in order.
  void begin();            ///< waits for a hardware thread
  void end();              ///< the program is over
  void quiet(Ps until);    ///< the program wants nothing before
  void software_begins();  ///< at kernel time
  void software_ends();    ///< at kernel time
  void take(std::uint64_t count, Ps& entered, std::uint32_t& used) override;

  unsigned hardware_thread() const override;
  void work(Ps duration) override;
  void poll(const sc_core::sc_event& until) override;
  void poll_until(Ps until) override;
  void sleep(const sc_core::sc_event& until) override;
  void lower_priority() override;
  void restore_priority() override;
  bool priority_lowered() const override;

 private:
  friend class SmtCore;

  unsigned seat() const { return static_cast<unsigned>(seat_); }
  IssueSlots::Place granted(IssueSlots::Place place, std::uint64_t count, IssueSlots::Use use);
  void spin();
  void look_once_more();

  SmtCore& core_;
  unsigned number_;
  int seat_ = -1;  // the hardware thread; none: -1
  bool granted_ = false;
  sc_core::sc_event turn_;
  sc_core::sc_event seated_;
};

class SmtCore final : public Module {
 public:
  /// `first`: number of its first hardware thread among those of the machine.
  SmtCore(const sc_core::sc_module_name& name, const SmtConfig& config, const CoreConfig& core, Ps period,
          unsigned first);
  ~SmtCore() override;

  std::size_t software_threads() const { return threads_.size(); }
  SmtThread& thread(std::size_t number) { return *threads_[number]; }
  const SmtConfig& config() const { return config_; }

  const IssueSlots& slots() const { return slots_; }
  std::uint64_t context_switches() const { return context_switches_; }

  /// What is left of a core's window and buffers for each hardware thread.
  static CoreConfig part_of(CoreConfig core, const SmtConfig& config);

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  friend class SmtThread;

  enum class Doing : std::uint8_t { nothing, program, software, polling };
  struct Seat {
    SmtThread* holder = nullptr;
    bool used = false;  // by some program before
    Ps idle_since = 0;
    Probe doing_probe, priority_probe;
  };

  void share_out();
  void acquire(SmtThread& thread);
  void release(SmtThread& thread);
  void hand_over(Seat& seat, SmtThread& thread);
  void now_doing(unsigned seat, Doing what);
  void set_priority(unsigned seat, unsigned level);

  SmtConfig config_;
  unsigned first_;
  IssueSlots slots_;
  std::vector<Seat> seats_;
  std::vector<std::unique_ptr<SmtThread>> threads_;
  std::deque<SmtThread*> ready_;
  std::uint64_t context_switches_ = 0, sleeps_ = 0, idle_ = 0, waited_ = 0;
  Probe ready_probe_;
};

}  // namespace pagoda

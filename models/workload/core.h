// A core that replays a trace or a pattern: CoreTiming and its TLM sockets.
//
// Models: see core_timing.h; instruction fetches go ahead of issue, one per line the program enters. A faulting access
// is handed to the fault handler and tried again; the window is flushed and issue goes on when the handler is done. On
// a core with several hardware threads (smt_core.h), each program has a Core of its own, and its fault handler runs at
// the time of the fault: it may wait. Runs as an SC_THREAD ahead of the kernel by at most the global quantum (with the
// boundaries of tlm_utils::tlm_quantumkeeper).
//
// Sockets: `data` and `fetch` (initiators, to the MMU); fetch may stay unbound if the configuration says fetch: false.
// Errors: an access that the handler cannot resolve, or that faults again and again, ends the simulation with a
// UserError naming core, address and cause (rethrown from finish()).
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/thread_failure.h"
#include "pagoda/mmu/streak.h"
#include "pagoda/software/processor.h"
#include "pagoda/workload/core_timing.h"
#include "pagoda/workload/smt_core.h"
#include "pagoda/workload/trace_source.h"

namespace pagoda {

class Core : public Module, public Processor {
 public:
  tlm_utils::simple_initiator_socket<Core> data{"data"};
  tlm_utils::simple_initiator_socket_optional<Core> fetch{"fetch"};

  Core(const sc_core::sc_module_name& name, const CoreConfig& config, Ps period, unsigned number);

  /// What to run, with which MMU and under which system software. Before the simulation starts.
  void run(std::unique_ptr<AccessSource> program, Mmu& mmu, FaultHandler& handler);
  /// Makes it a software thread on a core with several hardware threads. Before the simulation starts.
  void join(SmtThread& thread);
  /// Called once, when the first `accesses` loads and stores are done: the end of warm-up.
  void call_after(std::uint64_t accesses, std::function<void()> callback);

  unsigned number() const override { return number_; }
  Mmu& mmu() override { return *mmu_; }
  unsigned mmu_context() const override { return thread_ == nullptr ? 0 : thread_->number(); }
  bool dispatched() const override { return thread_ == nullptr || thread_->dispatched(); }
  ThreadControl* control() override { return thread_; }
  Ps interrupt(Ps at, Ps duration) override;
  /// Stands still from its next access on, until resume().
  void pause();
  void resume();
  std::uint64_t instructions() const { return timing_.instructions(); }

  /// Called once, when the program has ended and time has reached its end.
  void on_finish(std::function<void()> callback) { finish_callback_ = std::move(callback); }

  /// Loads and stores done, warm-up included.
  std::uint64_t accesses() const { return accesses_; }
  /// Likewise, and instructions, without warm-up.
  std::uint64_t measured_accesses() const { return loads_ + stores_; }
  std::uint64_t measured_instructions() const { return instructions_; }
  /// How far the program has come.
  Ps program_time() const { return timing_.now(); }
  /// When its last access was done.
  Ps end_time() const { return end_time_; }
  /// The latencies of all loads and stores, and the parts they were accounted to; they must agree.
  Ps summed_latency() const { return latency_.sum(); }
  Ps accounted_time() const { return time_.total(); }
  /// Throws what ended the program early, if anything did.
  void rethrow_failure() const { failure_.rethrow(); }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Interrupt {
    Ps at;
    Ps duration;
  };

  void end_of_elaboration() override;
  void execute();
  void execute(std::span<const Access> batch);
  void execute_plain(std::span<const Access> batch);
  void execute_foretold(std::span<const Access> batch);
  void execute(const Access* access, const Access* end);
  std::uint32_t loads_ahead(const Access* access, const Access* end) const;
  const Access* execute_run(const Access* access, const Access* end);
  void execute_together(std::uint32_t count);
  void read_together(std::uint32_t entered, std::uint32_t coming);
  void execute(const Access& access);
  void execute_fetch(const Access& access);
  void execute_load(const Access& access);
  void execute_store(const Access& access);
  void execute_modify(const Access& access);
  Ps perform_data(AccessKind kind, const Access& access, Ps at);
  Ps perform(AccessKind kind, const Access& access, Ps at, Downlink& below);
  Ps perform_again(AccessKind kind, const Access& access, Ps at, Ps refused, Downlink& below);
  Ps perform_on_page(AccessKind kind, const Access& access, Ps at);
  void prepare(AccessKind kind, const Access& access);
  TimedAnswer ask(AccessKind kind, const Access& access, Ps at, Downlink& below);
  void count(AccessKind kind, Ps at, Ps done, Ps latency);
  Ps resolve(const Access& access, Ps at, unsigned attempt);
  FaultHandler::Outcome handle(const Fault& fault, Ps at);
  void take_interrupts();
  void stand_still();
  void synchronise();
  void begin_quantum();

  unsigned number_;
  Ps period_;
  CoreTiming timing_;
  Ps fetch_ahead_;
  Ps fault_entry_;
  bool fetches_;
  std::unique_ptr<AccessSource> program_;
  Mmu* mmu_ = nullptr;
  FaultHandler* handler_ = nullptr;
  SmtThread* thread_ = nullptr;  // if it has siblings
  TimedRequest request_;         // the one under way; its floor is kernel time, which others may move on if it waits
  Fault fault_;                  // and its fault
  Downlink data_below_;
  StreakSource* streaks_ = nullptr;  // where data accesses go, if it gives any
  Streak streak_;                    // around the last data access, if there is one
  Downlink fetch_below_;
  bool roams_ = false;  // the program, in its last batch
  Ps synchronise_at_ = 0;
  std::deque<Interrupt> interrupts_;
  bool paused_ = false;
  sc_core::sc_event resumed_;
  std::uint64_t accesses_ = 0;
  std::uint64_t call_at_ = ~std::uint64_t{0};
  std::function<void()> callback_;
  std::function<void()> finish_callback_;
  Ps end_time_ = 0;  // of fetches so far; of everything at the end
  ThreadFailure failure_;

  std::uint64_t instructions_ = 0, loads_ = 0, stores_ = 0, fetch_accesses_ = 0, faults_ = 0, interrupts_taken_ = 0,
                ended_early_ = 0;
  Ps elapsed_ = 0, fault_time_ = 0, interrupt_time_ = 0;
  Ps elapsed_until_ = 0;
  Distribution latency_;
  TimeSplit time_;
  TimeSplit fetch_time_;
  Probe instructions_probe_;
  Probe outstanding_probe_;
};

}  // namespace pagoda

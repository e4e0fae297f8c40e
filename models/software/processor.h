// What system software knows of the processors it runs on.
#pragma once

#include "pagoda/base/fault.h"
#include "pagoda/base/time.h"

namespace pagoda {

class Mmu;
class ThreadControl;

/// A core, or a thread on one that has several, as the operating system or hypervisor sees it.
class Processor {
 public:
  virtual ~Processor() = default;
  virtual unsigned number() const = 0;
  virtual Mmu& mmu() = 0;
  /// Which of the MMU's translation registers are its own.
  virtual unsigned mmu_context() const { return 0; }
  /// Whether its program is on a hardware thread: else there is nobody to interrupt.
  virtual bool dispatched() const { return true; }
  /// What its program's system software may do with the hardware thread it is on; null if there is none to be had.
  virtual ThreadControl* control() { return nullptr; }
  /// Takes the core away from its program for `duration`, from `at` on, or at once if its program is past that already.
  /// Returns when it will be done.
  virtual Ps interrupt(Ps at, Ps duration) = 0;
};

/// Who handles the faults of a core's program.
class FaultHandler {
 public:
  virtual ~FaultHandler() = default;

  struct Outcome {
    bool resolved = false;  ///< try the access again; otherwise the program cannot go on
    Ps resume = 0;
    bool sleeps = false;  ///< until `resume`, for what others do meanwhile
    bool ends = false;    ///< resolved: the program is ended, as by a signal that it does not handle
  };
  virtual Outcome handle_fault(Processor& processor, const Fault& fault, Ps at) = 0;
};

}  // namespace pagoda

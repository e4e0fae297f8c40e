// What system software knows of the processors it runs on.
#pragma once

#include "pagoda/base/fault.h"
#include "pagoda/base/time.h"

namespace pagoda {

class Mmu;

/// A core, as the operating system or hypervisor sees it.
class Processor {
 public:
  virtual ~Processor() = default;
  virtual unsigned number() const = 0;
  virtual Mmu& mmu() = 0;
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
  };
  virtual Outcome handle_fault(Processor& processor, const Fault& fault, Ps at) = 0;
};

}  // namespace pagoda

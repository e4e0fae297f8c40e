// The command queue of an IOMMU, as its driver uses it.
//
// Models: commands written into memory, their tail into a register; a batch ends with an IOFENCE.C that stores a number
// into a word of memory, which software polls, or which an interrupt tells it to look at. A full queue makes software
// wait for its head; nothing is overwritten. One thread at a time adds commands (a lock, as in an operating system),
// and batches are not torn apart, so that a fence speaks for its own batch. A fence that stops because a device has not
// completed an invalidation is let go on, and its batch counts as lost: what it was for must not be used again. Does
// not model: the memory traffic of writing commands and reading that word (both are costs).
//
// Polling that goes on for long becomes rarer, by 1/64 of the time it has taken.
//
// Errors: InvariantError if the IOMMU finds a command illegal, cannot read the queue or has it off.
#pragma once

#include <set>
#include <vector>

#include "pagoda/base/stats.h"
#include "pagoda/iommu/iommu_commands.h"
#include "pagoda/paging/byte_store.h"
#include "pagoda/software/io_registers.h"

namespace pagoda {

class IoCommands {
 public:
  IoCommands(const IoDriverConfig& config, IoRegisters& registers, ByteStore& store)
      : config_(config), registers_(registers), store_(store) {}

  /// Where the queue, and the word for fences, lie. Once, before the start; the registers are told.
  void set_up(Addr ring, Addr completion_word);
  /// The queue's interrupt, for IoCompletion::interrupt. The thread that handles it calls serve_interrupt() whenever
  /// the wire is high.
  void serve_interrupt();

  /// Has a batch executed, and waits until it is complete: invalidations are done, and so are the accesses that used
  /// what they have dropped. False: a device did not answer one. From a thread of the simulation, or before the start,
  /// when there is nothing to invalidate.
  bool run(const std::vector<IommuCommand>& batch);
  /// Has one executed some time.
  void post(const IommuCommand& command);

  void visit_stats(StatVisitor& visitor);

 private:
  void put(const IommuCommand& command);
  void ring_doorbell();
  bool complete(std::uint32_t number) const;
  void await(std::uint32_t number);
  void check_errors();
  void go_on(std::uint32_t csr);
  bool full() const { return ((tail_ + 1) & (config_.queues.commands - 1)) == head_; }
  IofenceC fence(std::uint32_t number) const;

  const IoDriverConfig& config_;
  IoRegisters& registers_;
  ByteStore& store_;
  Addr ring_ = 0;
  Addr word_ = 0;
  std::uint32_t head_ = 0;  // as last read
  std::uint32_t tail_ = 0;
  std::uint32_t told_ = 0;    // tail as last written to the register
  std::uint32_t number_ = 0;  // of the last fence
  bool checking_ = false;
  std::set<std::uint32_t> lost_;  // fences of batches that a device did not answer
  sc_core::sc_mutex adding_{"adding_commands"};
  sc_core::sc_event completed_{"commands_completed"};

  std::uint64_t commands_ = 0, invalidations_ = 0, fences_ = 0, polls_ = 0, full_waits_ = 0, timeouts_ = 0;
  std::uint64_t interrupts_ = 0, lock_wait_ = 0;
  Distribution batch_latency_;
};

}  // namespace pagoda

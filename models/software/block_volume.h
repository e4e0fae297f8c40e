// A volume on a block device behind an IOMMU, as an operating system's swap uses it: one queue that all share.
//
// Models: a driver with the device's submission and completion queue in memory; requests that wait for the queue's lock
// and for a place in it, bounded in number; the frame mapped for the device before the transfer and unmapped after it as
// the IOMMU's driver does (io_driver.h; strictly, if that is its mode); the doorbell; the interrupt, whose handler takes
// all completions there are. Submitting is one thread, holding the lock; completing another. Does not model: merging of
// requests, the file system, several queues, the driver's own time-outs (the device gives commands up).
//
// Time of an order: the lock + block layer, map, command and doorbell + the device's (block_device.h) + interrupt +
// completion and unmap. All of it passes at kernel time; `software` in the result is what processors spent on it. What
// the interrupt does to the processor that takes it is not in it.
//
// Defaults: 128 requests: Linux, include/linux/blkdev.h (BLKDEV_DEFAULT_RQ). A store to a device register as in
// io_driver_config.h. Submission and completion are round figures, of the block layer and the driver without system
// call, interrupt and switch.
#pragma once

#include <deque>
#include <functional>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/thread_failure.h"
#include "pagoda/base/transaction.h"
#include "pagoda/devices/block_device.h"
#include "pagoda/memory/physical_memory.h"
#include "pagoda/paging/frame_source.h"
#include "pagoda/software/io_driver.h"
#include "pagoda/software/page_mover.h"

namespace pagoda {

struct BlockVolumeConfig {
  std::uint64_t register_base = 0;
  std::uint32_t queue_entries = 64;
  std::uint32_t requests = 128;
  Duration submit{750 * kNanosecond};
  Duration complete{750 * kNanosecond};
  Duration register_access{100 * kNanosecond};

  static const ConfigInfo& config_info();
};

class BlockVolume : public Module, public PageMover, public InterruptSink {
 public:
  tlm_utils::simple_initiator_socket<BlockVolume> registers{"registers"};

  /// Frames are mapped in `domain` by `iommu`, which may be null: then the device uses real addresses. All references
  /// outlive the volume. Throws UserError if there is no memory for the queues.
  BlockVolume(const sc_core::sc_module_name& name, const BlockVolumeConfig& config, BlockDevice& device,
              PhysicalMemory& memory, FrameSource& frames, IoDriver* iommu, IoDomain* domain);

  static constexpr std::uint64_t kPageBytes = 4096;
  /// Pages of the volume.
  std::uint64_t pages() const { return device_.medium().blocks() / blocks_per_page_; }
  /// Who is interrupted: called when an interrupt arrives, with the time; returns when its handler begins to take
  /// completions. Without, at once.
  void on_interrupt(std::function<Ps(Ps)> interrupted) { interrupted_ = std::move(interrupted); }

  /// `until` is when the order is in the driver's hands; what processors spend on it afterwards, its result says.
  Submission submit(const MoveOrder& order, Ps at, MoveClient& client) override;
  std::uint32_t room(Ps at) const override;

  void interrupt(std::uint32_t requester, std::uint32_t vector, Ps at) override;
  /// Throws what ended one of the driver's threads early, if anything did.
  void rethrow_failure() const { failure_.rethrow(); }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Order {
    MoveOrder what;
    MoveClient* client = nullptr;
    Ps at = 0;
    MoveTime time{};
  };
  // A place at the device: a command's identifier.
  struct Slot {
    bool busy = false;
    Order order;
    Addr iova = 0;
  };

  void start_of_simulation() override;
  void submit_orders();
  void take_completions();
  void send(const Order& order);
  void ring(Slot& slot, std::uint16_t id);
  void take(const BlockCompletion& completion, Ps interrupted, Ps taken);
  void end(Order order, MoveStatus status);
  std::optional<BlockCompletion> next_completion();
  Addr map(Addr address, std::uint64_t bytes, DmaDirection direction, bool& mapped);
  void write_register(Addr offset, std::uint64_t value);

  BlockVolumeConfig config_;
  BlockDevice& device_;
  PhysicalMemory& memory_;
  IoDriver* iommu_;
  IoDomain* domain_;
  std::uint64_t blocks_per_page_;
  Addr submissions_, completions_;  // real addresses
  std::function<Ps(Ps)> interrupted_;
  std::deque<Order> orders_;  // in order of time
  std::vector<Slot> slots_;
  std::vector<BlockDevice::MediumTime> medium_time_;  // of each slot's command
  std::uint32_t in_use_ = 0;
  std::uint32_t tail_ = 0, head_ = 0;
  bool phase_ = true;
  std::deque<std::pair<Ps, Ps>> interrupts_;  // when they came, and when they are handled
  sc_core::sc_event ordered_{"ordered"}, interrupt_event_{"interrupted"}, freed_{"freed"};
  TransactionPool transactions_;
  ThreadFailure failure_;

  std::uint64_t done_ = 0, failed_ = 0, refused_ = 0, interrupts_taken_ = 0;
  MoveTime time_;
  Distribution out_latency_, in_latency_;
  Probe waiting_probe_, under_way_probe_;
};

}  // namespace pagoda

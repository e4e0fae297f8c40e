// A volume on a storage adapter behind a coherent link, as software uses it: contexts of its own, a queue pair each.
//
// Models: contexts, given out one by one, each with a submission queue, status areas and a response queue in a page of
// memory, and used without locks by whoever has it; orders as commands written there, with a doorbell for each; answers
// found by polling the response queue. No kernel, no pinning, no mapping and no interrupt takes part in an order. Does
// not model: the poller's own loads, which stay in its cache until the adapter writes the line; what the thread does
// meanwhile, which is its core's business.
//
// Time of an order: building the command + the doorbell's way + the adapter's (capi_adapter.h). The submitting thread is
// free again when it has stored the doorbell. Everything is known when submit() returns: see page_mover.h.
//
// Errors: InvariantError if a response says something else than the adapter told of it.
//
// Defaults: a command is two lines of memory written and fenced, a round figure; a store to a device register 100 ns as
// in io_driver_config.h; 16 entries are as many as a thread needs to page out, page in and read ahead.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/devices/capi_adapter.h"
#include "pagoda/memory/physical_memory.h"
#include "pagoda/paging/frame_source.h"
#include "pagoda/software/page_mover.h"

namespace pagoda {

struct CapiVolumeConfig {
  std::uint32_t queue_entries = 16;  ///< of each context
  Duration timeout{0};               ///< after which the adapter gives a command up, in whole microseconds; 0: never
  Duration build{50 * kNanosecond};
  Duration register_access{100 * kNanosecond};

  static const ConfigInfo& config_info();
};

/// Where a context's queues lie: a page of 4 KiB, as the adapter and as the machine calls it.
struct QueuePage {
  Addr effective = 0;
  Addr real = 0;
};

/// The software that has a context.
struct CapiUserSpace {
  MmuContext space{};  ///< no stages: real addresses
  QueuePage queues{};  ///< with stages: a page that the space maps
  Privilege privilege = Privilege::user;
  CapiFaultHandler* faults = nullptr;  ///< none: what faults fails
};

class CapiVolume;

/// One user's way to the volume.
class CapiContext final : public PageMover, private CapiOwner {
 public:
  CapiContext(CapiVolume& volume, const CapiUserSpace& software);
  ~CapiContext() override;
  CapiContext(const CapiContext&) = delete;
  CapiContext& operator=(const CapiContext&) = delete;

  /// The adapter's; nothing if it had none left.
  std::optional<std::uint16_t> number() const { return number_; }

  Submission submit(const MoveOrder& order, Ps at, MoveClient& client) override;
  std::uint32_t room(Ps at) const override;
  /// Submits as soon as there is room, and polls: the result, of which `done` is when the poller can see it.
  MoveResult move(const MoveOrder& order, Ps at);
  /// Tells the device that nobody needs a page of the volume any more. Of the order, only the page counts.
  Submission discard(std::uint64_t page, Ps at);

 private:
  struct Slot {
    MoveOrder order;
    MoveClient* client = nullptr;
    Ps submitted = 0;
    Ps busy_until = 0;
    bool busy = false;  // for good until its answer is known
  };

  void completed(const CapiCompletion& completion) override;
  Answer adapter_fault(std::uint16_t context, const Fault& fault, Ps at) override;
  Submission ring(const MoveOrder& order, CapiOpcode opcode, Ps at, MoveClient* client);
  std::size_t free_slot(Ps at) const;
  void open_queues();
  unsigned char* bytes(Addr offset);
  void check_response(const CapiCompletion& completion, Addr area_offset);

  CapiVolume& volume_;
  QueuePage queues_;
  CapiFaultHandler* faults_;
  std::optional<std::uint16_t> number_;
  std::vector<Slot> slots_;
  std::uint32_t tail_ = 0;
  std::uint32_t responses_ = 0;
  bool toggle_ = true;
  bool open_ = false;
};

/// The module: `registers` is bound to the root's side of the link.
class CapiVolume : public Module {
 public:
  tlm_utils::simple_initiator_socket<CapiVolume> registers{"registers"};

  /// `frames` gives the pages of queues of contexts with real addresses. All references outlive the volume.
  CapiVolume(const sc_core::sc_module_name& name, const CapiVolumeConfig& config, CapiAdapter& adapter,
             PhysicalMemory& memory, FrameSource& frames);

  static constexpr std::uint64_t kPageBytes = 4096;
  /// Pages of the volume.
  std::uint64_t pages() const;
  /// Before the simulation starts or after; null if all of the adapter's contexts are taken. The context lives as long
  /// as the volume. Throws UserError if there is no memory for its queues.
  CapiContext* open(const CapiUserSpace& software = {});
  std::size_t contexts() const { return contexts_.size(); }

  void visit_stats(StatVisitor& visitor) override;

 private:
  friend class CapiContext;

  Ps write_register(Addr address, std::uint64_t value, Ps at);

  CapiVolumeConfig config_;
  CapiAdapter& adapter_;
  PhysicalMemory& memory_;
  FrameSource& frames_;
  std::uint64_t blocks_per_page_;
  std::vector<std::unique_ptr<CapiContext>> contexts_;
  TransactionPool transactions_;

  std::uint64_t orders_ = 0, refused_ = 0, failed_ = 0;
  MoveTime time_;
  Distribution out_latency_, in_latency_;
};

}  // namespace pagoda

// The software of tenants that share pages with devices: gives and takes pages all the time.
//
// Models: page tables of every device, in which page i of the window is physical page i of those shared; changes as
// SharingPlan draws them, one after the other. To take a page: the devices' software works on it no more; page-table
// entries and the guard's tables are written; IOTLB, the devices' own caches and the guard's are invalidated and
// fenced; only then is it taken, and may be somebody else's. To give one: the guard's tables, then page tables. What
// narrows rights of some devices and leaves others theirs goes the same way. Software's time: a cost for every word
// written, and what registers and the command queue take (IoDriverConfig). Does not model: clearing pages, several
// processors.
//
// Errors: UserError without memory, InvariantError if a device does not answer an invalidation.
#pragma once

#include <map>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/thread_failure.h"
#include "pagoda/software/io_commands.h"
#include "pagoda/software/os.h"
#include "platforms/dma_monitor.h"
#include "platforms/page_guard.h"
#include "platforms/shared_traffic.h"
#include "platforms/sharing_plan.h"

namespace pagoda {

class SharingAgent : public Module {
 public:
  struct Participant {
    std::uint32_t requester = 0;
    AddressSpace* space = nullptr;
    std::uint32_t pscid = 0;
    bool has_atc = false;
  };

  tlm_utils::simple_initiator_socket<SharingAgent> registers{"registers"};

  /// `tenants`: the requester numbers of each. References outlive the agent.
  SharingAgent(const sc_core::sc_module_name& name, const SharingConfig& config,
               const std::vector<std::vector<std::uint32_t>>& tenants, Os& os, PageGuard& guard, DmaMonitor& monitor,
               std::uint64_t seed);

  /// Before set_up().
  void add(const Participant& participant) { participants_[participant.requester] = participant; }
  /// Gives every page its first owner, before the simulation.
  void set_up();
  /// What a device is to work on; changes all the time.
  const WorkingPages& working_pages(std::uint32_t requester) { return working_[requester]; }

  void rethrow_failure() const { failure_.rethrow(); }
  static const IoDriverConfig& costs();

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override {
    visitor.probe("revoking", revoking_probe_, 1, "a page is being taken away");
  }

 private:
  void end_of_elaboration() override { io_registers_.bind(*registers.operator->()); }
  void start_of_simulation() override;
  void execute();
  void change();
  void take(std::size_t slot, const SharingPlan::Reference& reference);
  bool give(std::size_t slot, const SharingPlan::Reference& reference);
  void edit(std::uint32_t device, std::size_t slot, DmaRights before, DmaRights after);
  void forget(std::size_t slot, const DeviceSet& before, const DeviceSet& after);
  void spend_on_updates();
  void run(const std::vector<IommuCommand>& batch);
  Addr input(std::size_t slot) const { return config_.base + (Addr{slot} << kPageShift); }

  const SharingConfig config_;
  SharingPlan plan_;
  Os& os_;
  PageGuard& guard_;
  DmaMonitor& monitor_;
  IoRegisters io_registers_;
  IoCommands commands_;
  std::vector<Addr> pages_;  // physical, by number
  std::map<std::uint32_t, Participant> participants_;
  std::map<std::uint32_t, WorkingPages> working_;
  ThreadFailure failure_;

  std::uint64_t changes_ = 0, given_ = 0, taken_ = 0, moved_ = 0, refused_ = 0, late_ = 0, entries_written_ = 0,
                words_written_ = 0;
  std::uint64_t new_entries_ = 0;  // since their time was charged
  Distribution revocation_, grant_;
  Probe revoking_probe_;
};

}  // namespace pagoda

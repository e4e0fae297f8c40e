// The manager of a migration: moves the memory of a process that goes on running, with the devices that write it, to
// another machine.
//
// Models: pre-copy in rounds (all pages first, then those written meanwhile) until the rest can be sent within the
// downtime allowed, or until it is clear that this will not come; stopping and copying; post-copy (post_copy.h) and both
// one after the other; a bandwidth limit, a window of pages read and sent at a time; pages of zeros as marks; what was
// written as processors' and devices' sources (dirty_source.h) say, put together. Real bytes go from the source's memory,
// which is read in time, over the link (pagoda/interconnect/network_link.h) into the other machine's. A link that fails, a
// machine without room and a cancellation end an attempt: the process goes on where it is, and the migration may be tried
// again. Does not model: several migrations at a time, compression, several links, pages that are shared.
//
// Checked in every migration: that all pages are on the other machine, byte for byte as they were when the process
// stopped (after post-copy: as it has left them there), and that none was written after its last copy. InvariantError if
// not.
//
// Expected downtime of n dirty pages: n x (4096 + header) / bandwidth of the round before, as QEMU has it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/thread_failure.h"
#include "pagoda/interconnect/network_link.h"
#include "pagoda/software/dirty_source.h"
#include "pagoda/software/guest_memory.h"
#include "pagoda/software/host_memory_port.h"
#include "pagoda/software/migration_config.h"
#include "pagoda/software/post_copy.h"

namespace pagoda {

/// The process that moves, with what runs it. Called from the manager's thread; calls return when they are done.
class MigratedGuest {
 public:
  virtual ~MigratedGuest() = default;
  /// Processors stand still, devices are quiet.
  virtual void pause() = 0;
  /// They go on; processors alone if devices have to wait for their pages.
  virtual void resume_processors() = 0;
  virtual void resume_devices() = 0;
  /// Whatever processors know of translations is gone: they are those of another machine.
  virtual void forget_translations() = 0;
  /// Devices stand still earlier, from this time on; nothing: not before pause().
  virtual std::optional<Ps> devices_gone_since() const { return std::nullopt; }
  /// Monitoring begins: results count from here on.
  virtual void monitoring_begins() {}
  /// Which stage of translation has its memory as output: that of a process is the first one's.
  virtual unsigned stage() const { return 0; }
  /// Instructions done so far.
  virtual double progress() = 0;
  /// What it has to say of itself, among the manager's statistics.
  virtual void visit_stats(StatVisitor& /*visitor*/, Ps /*measured*/) {}
};

class Migration : public Module {
 public:
  enum class Outcome : std::uint8_t { none, done, link_failed, no_memory, cancelled, not_converged };

  tlm_utils::simple_initiator_socket_optional<Migration> memory{"memory"};

  /// References outlive the manager. `os`: who handles faults until the process moves.
  Migration(const sc_core::sc_module_name& name, const MigrationConfig& config, GuestMemory& guest, MigratedGuest& host,
            NetworkLink& link, PhysicalMemory& bytes, FaultHandler& os);

  /// Before the simulation; sources outlive the manager.
  void add(DirtySource& source) { sources_.push_back(&source); }
  HostMemoryPort& port() { return port_; }
  /// Where processors' faults have to go.
  FaultHandler& faults() { return post_copy_; }
  /// Called when the last attempt has ended and, if the process stays, it has run on for a while.
  void on_finish(std::function<void()> callback) { finish_callback_ = std::move(callback); }

  Outcome outcome() const { return outcome_; }
  Ps end_time() const { return finished_; }
  double part_done() const;
  void rethrow_failure() const { failure_.rethrow(); }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Round {
    std::uint64_t pages = 0, bytes = 0, dirty_after = 0;
    Ps duration = 0;
  };

  void end_of_elaboration() override;
  void execute();
  void run();
  Outcome attempt();
  Outcome pre_copy(PageSet& dirty);
  void stop(PageSet& dirty);
  Outcome stop_and_copy(PageSet& dirty);
  Outcome finish_by_post_copy(PageSet& dirty);
  Outcome push_pages();
  Outcome send_pages(const PageSet& pages, bool limited);
  Outcome send_page(std::uint64_t page, Addr frame, bool limited);
  bool send_state();
  void give_up();
  void collect(PageSet& dirty);
  bool fits_downtime(const PageSet& dirty) const;
  bool no_progress(std::uint64_t dirty);
  void verify();
  bool due_to_cancel() const { return kernel_now() >= cancel_at_; }
  static void wait_until(Ps time);

  MigrationConfig config_;
  GuestMemory& guest_;
  MigratedGuest& host_;
  NetworkLink& link_;
  HostMemoryPort port_;
  PostCopy post_copy_;
  std::unique_ptr<ReceivedMemory> there_;
  std::vector<DirtySource*> sources_;
  std::function<void()> finish_callback_;
  ThreadFailure failure_;
  Outcome outcome_ = Outcome::none;

  // Of the attempt under way.
  bool monitoring_ = false, paused_ = false;
  Ps cancel_at_ = kNever;
  std::uint64_t backed_ = 0;
  double measured_ = 0;  // bytes per second, of the round before
  std::uint64_t last_dirty_ = 0;
  std::uint32_t without_progress_ = 0;
  Ps paused_at_ = 0;
  std::uint64_t moment_ = 0;  // of the witness, when devices' writes were asked for last
  // Of sending.
  std::vector<Ps> window_;  // when the pages under way were sent, in turn
  std::size_t window_next_ = 0;
  Ps next_send_ = 0;
  Ps last_arrival_ = 0;

  Ps begin_ = 0, end_ = 0, finished_ = 0, downtime_ = 0, device_downtime_ = 0, running_ = 0, post_running_ = 0;
  double before_rate_ = 0, after_rate_ = 0, progress_at_begin_ = 0, during_ = 0, post_during_ = 0;
  std::vector<Round> rounds_;
  std::uint64_t attempts_ = 0, pages_ = 0, zero_pages_ = 0, sent_bytes_ = 0, final_pages_ = 0, verified_ = 0,
                device_dirty_ = 0, device_false_ = 0, processor_dirty_ = 0;
  Probe round_probe_, dirty_probe_, paused_probe_, window_probe_;
};

}  // namespace pagoda

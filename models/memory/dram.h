// A memory controller with its DRAM as a TLM-2.0 module: a thin shell around DramTiming.
//
// Socket: `port` (target, any number of initiators). b_transport adds the time from request to data (read) or
// acceptance (write) to the delay and never waits; debug access and direct pointers reach the bytes without time. What
// is modelled and what not, dram_timing.h says. Payloads with TLM_IGNORE_COMMAND go to what is attached to it, if
// something is.
#pragma once

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/memory/dram_timing.h"
#include "pagoda/memory/memory_target.h"

namespace pagoda {

/// What a memory has beside its DRAM: logic that takes commands which are neither reads nor writes.
class DramCompanion {
 public:
  virtual ~DramCompanion() = default;
  /// A payload with TLM_IGNORE_COMMAND that has reached the controller.
  virtual void execute(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) = 0;
  /// A read or write by somebody else that has just been served.
  virtual void on_access(const TimedRequest& request) = 0;
};

class Dram : public Module, private TimedTarget {
 public:
  TargetSocket<Dram> port{"port"};

  /// Serves the part of `memory` that starts at `base`, as many bytes as the DRAM has.
  Dram(const sc_core::sc_module_name& name, const DramConfig& config, PhysicalMemory& memory, Addr base = 0);

  /// Schedules what is still queued, up to `end`, so that counters are complete. Nothing may be requested afterwards.
  void finish(Ps end);

  /// Once, before the simulation starts.
  void attach(DramCompanion& companion) { companion_ = &companion; }
  DramTiming& timing() { return timing_; }
  /// Accounts for what its companion has moved over the channel.
  void count_inside(Origin origin, std::uint64_t bytes) { bytes_by_origin_[static_cast<std::size_t>(origin)] += bytes; }
  Addr base() const { return base_; }
  /// Rows that reads for walks have opened so far.
  std::uint64_t walk_activates() const { return walk_activates_; }
  /// Bursts read for walks from the DRAM so far, those served from the write queue left out.
  std::uint64_t walk_bursts() const { return walk_bursts_; }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  TimedAnswer access(TimedRequest& request, Ps at) override;
  Ps serve(const TimedRequest& request, Ps at);
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& payload) { return target_.debug(payload); }
  bool direct_pointer(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi);

  DramTiming timing_;
  MemoryTarget target_;
  Addr base_;
  DramCompanion* companion_ = nullptr;
  std::uint64_t walk_activates_ = 0, walk_bursts_ = 0;
  Ps end_ = 0;  // of the simulation, once it is known
  Ps measured_from_ = 0;
  DramReport before_;  // when statistics were cleared
  Distribution read_latency_;
  std::array<std::uint64_t, kOrigins> bytes_by_origin_{};
  Probe reads_probe_, row_misses_probe_;
};

}  // namespace pagoda

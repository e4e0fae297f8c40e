// A data or instruction cache as a TLM-2.0 module: a thin shell around CacheCore.
//
// Sockets: `cpu` (target, any number of initiators) takes requests, `memory` (initiator) is the level below. Both speak
// the base protocol with b_transport, which adds time to the delay and never waits; requests that straddle lines are
// served line by line, the last one deciding when they are done. Accesses marked uncached, and commands that are
// neither read nor write, pass through. transport_dbg passes through, and so do direct pointers for models that keep
// time themselves (Attributes::keeps_time); nobody else is granted one, as an access through it would escape the
// timing.
//
// Errors: what the level below refuses is answered with its response status, and nothing is filled.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/memory/cache_core.h"

namespace pagoda {

class Cache final : public Module, public TimedTarget {
 public:
  TargetSocket<Cache> cpu{"cpu"};
  tlm_utils::simple_initiator_socket<Cache> memory{"memory"};

  Cache(const sc_core::sc_module_name& name, const CacheConfig& config);

  /// For those above that make repeated hits without a request (mmu/streak.h).
  CacheCore& core() { return core_; }

  /// Puts the line of `address` in, which came with something else than a fill and is there at `arrives`, because of
  /// `cause`.
  void install(Addr address, Ps arrives, const TimedRequest& cause);
  /// Gives up the line of `address` for the sake of another owner, from `at` on; when it is gone, and written to the
  /// level below if it was dirty.
  Ps recall(Addr address, Ps at, Ps floor);

  void visit_stats(StatVisitor& visitor) override { core_.stats().visit(visitor); }
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  class Below;

  void end_of_elaboration() override { below_.bind(*memory.operator->()); }
  TimedAnswer access(TimedRequest& request, Ps at) override;
  TimedTarget* forewarned() override { return core_.large() ? this : below_.forewarned(); }
  void expect(Addr address) override;
  void expect_next(Addr address) override;
  TimedAnswer access_unusual(TimedRequest& request, Ps at);
  TimedAnswer serve(TimedRequest& request, Ps at, bool whole);
  TimedAnswer serve_line(TimedRequest& request, Addr line, Ps at, bool whole);
  TimedAnswer serve_lines(const TimedRequest& request, Ps at, bool whole);
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& payload);
  bool direct_pointer(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi);
  void invalidate_direct_mem_ptr(sc_dt::uint64 start, sc_dt::uint64 end);

  CacheCore core_;
  Downlink below_;
  TimeSplit nobodys_time_;  // of requests that no access waits for
  Probe misses_probe_;
  Probe mshr_probe_;
};

}  // namespace pagoda

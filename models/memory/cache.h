// A data or instruction cache as a TLM-2.0 module: a thin shell around CacheCore.
//
// Sockets: `cpu` (target, any number of initiators) takes requests, `memory` (initiator) is the level below. Both speak the base
// protocol with b_transport, which adds time to the delay and never waits; requests that straddle lines are
// served line by line, the last one deciding when they are done. Accesses marked uncached, and commands that
// are neither read nor write, pass through. transport_dbg passes through; no DMI is granted (an access
// through a pointer would escape the timing).
//
// Errors: what the level below refuses is answered with its response status, and nothing is filled.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/base/transaction.h"
#include "pagoda/memory/cache_core.h"
#include "pagoda/memory/data_path.h"

namespace pagoda {

class Cache : public Module {
 public:
  TargetSocket<Cache> cpu{"cpu"};
  tlm_utils::simple_initiator_socket<Cache> memory{"memory"};

  Cache(const sc_core::sc_module_name& name, const CacheConfig& config);

  void visit_stats(StatVisitor& visitor) override { core_.stats().visit(visitor); }
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  class Below;
  struct Request {
    const tlm::tlm_generic_payload& payload;
    Addr first, last;  // bytes
    Ps floor, at;
  };

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  CacheOutcome serve_line(const Request& request, Addr line, TimeSplit& time, Below& below);
  CacheOutcome serve_lines(const Request& request, TimeSplit& time, Below& below);
  unsigned debug(tlm::tlm_generic_payload& payload);
  bool direct_pointer(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi);
  void invalidate_direct_mem_ptr(sc_dt::uint64 start, sc_dt::uint64 end);

  CacheCore core_;
  DataPath data_;
  TransactionPool transactions_;
  Probe misses_probe_;
  Probe mshr_probe_;
};

}  // namespace pagoda

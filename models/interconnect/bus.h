// A bus or crossbar between caches and memories.
//
// Models: routing by address range, a latency each request pays once (there and back), and lanes that carry data: a
// transfer of n bytes occupies a lane for n / width cycles, write data on the way to the target, read data on the way
// back; a transfer waits for a free lane. Does not model: topology and hop counts, arbitration other than first come in
// time, snoops.
//
// Sockets: `in` (any number of initiators), `out` (any number of targets; map() says which addresses go to which).
// transport_dbg and DMI pass through. Errors: an address in no range returns TLM_ADDRESS_ERROR_RESPONSE.
//
// Defaults: the latency is chosen so that, at 2 GHz and with the caches of platforms/desktop.yaml at 4 GHz, a hit of
// the last-level cache takes 4 (L1) + 10 (L2) + 20 (bus) + 32 (LLC) + 4 (a line on a lane) = 70 cycles of the core, the
// upper end of the 50 to 70 of Skylake Server (Intel 64 and IA-32 Architectures Optimization Reference Manual). Width
// and lanes are round figures.
#pragma once

#include <vector>

#include <tlm_utils/multi_passthrough_initiator_socket.h>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/ports.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/base/units.h"

namespace pagoda {

struct BusConfig {
  Latency latency = Latency::cycles(10);
  Bytes width{32};          ///< per lane and cycle
  std::uint32_t lanes = 4;  ///< transfers at a time; 0: no limit
  std::optional<Frequency> clock;

  Ps period() const { return clock.value_or(Frequency{1'000'000'000}).period(); }

  static const ConfigInfo& config_info();
};

class Bus : public Module, private TimedTarget {
 public:
  TargetSocket<Bus> in{"in"};
  tlm_utils::multi_passthrough_initiator_socket<Bus> out{"out"};

  Bus(const sc_core::sc_module_name& name, const BusConfig& config);

  /// Addresses [base, base + size) go to the `output`-th target bound. Ranges must not overlap. Before elaboration ends.
  void map(Addr base, std::uint64_t size, int output);

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Range {
    Addr base;
    std::uint64_t size;
    int output;
    Downlink* below;  // of that output, once the simulation runs
  };

  void end_of_elaboration() override;
  TimedAnswer access(TimedRequest& request, Ps at) override;
  TimedTarget* forewarned() override;
  void expect(Addr address) override;
  void expect_next(Addr address) override;
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  Ps enter(std::uint64_t bytes, bool write, Ps at, TimeSplit& time);
  Ps carry(std::uint64_t bytes, Ps at, TimeSplit& time);
  void count_cycles(std::uint64_t bytes);
  unsigned debug(tlm::tlm_generic_payload& payload);
  bool direct_pointer(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi);
  void invalidate_direct_pointers(int id, sc_dt::uint64 start, sc_dt::uint64 end);
  const Range* route(Addr address) const;

  Ps period_;
  Ps latency_;
  std::uint64_t width_;
  std::vector<Range> ranges_;
  std::vector<Downlink> below_;  // of every output
  Ports lanes_;
  std::uint64_t usual_bytes_ = ~std::uint64_t{0};  // of the last transfer, and its cycles: mostly those of a line
  std::uint64_t usual_cycles_ = 0;
  Ps usual_time_ = 0;
  std::uint64_t requests_ = 0, bytes_ = 0, busy_ = 0, wait_ = 0;
  Probe lanes_probe_;
};

}  // namespace pagoda

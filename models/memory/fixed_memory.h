// A memory that answers every request after the same time, any number at once: for benches, and for studies
// that must not depend on DRAM.
#pragma once

#include "pagoda/base/config_schema.h"
#include "pagoda/base/module.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/memory/memory_target.h"

namespace pagoda {

struct FixedMemoryConfig {
  Latency latency = Latency::time(100 * kNanosecond);  ///< a clock is not involved: give a time

  static const ConfigInfo& config_info();
};

class FixedMemory : public Module, private TimedTarget {
 public:
  TargetSocket<FixedMemory> port{"port"};

  FixedMemory(const sc_core::sc_module_name& name, const FixedMemoryConfig& config, PhysicalMemory& memory);

  void visit_stats(StatVisitor& visitor) override;

 private:
  TimedAnswer access(TimedRequest& request, Ps at) override;
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& payload) { return target_.debug(payload); }
  bool direct_pointer(tlm::tlm_generic_payload& /*payload*/, tlm::tlm_dmi& dmi) { return target_.direct_pointer(dmi); }

  MemoryTarget target_;
  Ps latency_;
  std::uint64_t reads_ = 0;
  std::uint64_t writes_ = 0;
};

}  // namespace pagoda

#include "pagoda/memory/fixed_memory.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& FixedMemoryConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<FixedMemoryConfig>("fixed memory", "A memory with one latency for every request and no contention.")
          .field("latency", &FixedMemoryConfig::latency, "from request to answer")
          .check([](const FixedMemoryConfig& c) -> std::optional<ConfigProblem> {
            if (!c.latency.in_cycles) return std::nullopt;
            return ConfigProblem{"latency", "this memory has no clock", "allowed: a time such as `100 ns`"};
          });
  return info;
}

FixedMemory::FixedMemory(const sc_core::sc_module_name& name, const FixedMemoryConfig& config, PhysicalMemory& memory)
    : Module(name), target_(memory), latency_(validated(config, this->name()).latency.value) {
  port.serve(this, &FixedMemory::b_transport, &FixedMemory::debug, &FixedMemory::direct_pointer);
  port.serve_timed(this);
}

void FixedMemory::visit_stats(StatVisitor& v) {
  v.counter("reads", reads_, kCount, "read requests");
  v.counter("writes", writes_, kCount, "write requests");
}

TimedAnswer FixedMemory::access(TimedRequest& request, Ps at) {
  if (!target_.contains(request.address, request.bytes)) return {at, tlm::TLM_ADDRESS_ERROR_RESPONSE};
  ++(request.is_write() ? writes_ : reads_);
  (*request.time)[TimePart::dram] += latency_;
  return {at + latency_};
}

void FixedMemory::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (!target_.accepts(payload)) return;
  const AttributesOf owner(payload);
  ++(payload.is_write() ? writes_ : reads_);
  delay += to_sc_time(latency_);
  owner->time[TimePart::dram] += latency_;
  target_.serve(payload, owner->timing_only);
}

}  // namespace pagoda

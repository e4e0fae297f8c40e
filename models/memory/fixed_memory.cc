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
    : Module(name), target_(memory), latency_(to_sc_time(validated(config, this->name()).latency.value)) {
  port.serve(this, &FixedMemory::b_transport, &FixedMemory::debug, &FixedMemory::direct_pointer);
}

void FixedMemory::visit_stats(StatVisitor& v) {
  v.counter("reads", reads_, kCount, "read requests");
  v.counter("writes", writes_, kCount, "write requests");
}

void FixedMemory::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (!target_.accepts(payload)) return;
  const AttributesOf owner(payload);
  Attributes& attributes = *owner;
  ++(payload.is_write() ? writes_ : reads_);
  delay += latency_;
  attributes.time[TimePart::dram] += latency_.value();
  target_.serve(payload, attributes.timing_only);
}

}  // namespace pagoda

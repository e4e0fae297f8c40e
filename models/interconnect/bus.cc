#include "pagoda/interconnect/bus.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& BusConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<BusConfig>("bus", "A bus or crossbar that routes requests by address.")
          .field("latency", &BusConfig::latency, "of a request, there and back")
          .field("width", &BusConfig::width, "bytes that a lane carries per cycle", in_range(Bytes{1}, Bytes{4096}))
          .field("lanes", &BusConfig::lanes, "transfers at a time; 0: no limit", in_range(0, 1024))
          .field("clock", &BusConfig::clock, "its clock; none: that of the platform",
                 in_range(Frequency{1'000'000}, Frequency{20'000'000'000}));
  return info;
}

Bus::Bus(const sc_core::sc_module_name& name, const BusConfig& config)
    : Module(name),
      period_(validated(config, this->name()).period()),
      latency_(config.latency.at(period_)),
      width_(config.width.count),
      lanes_(config.lanes) {
  in.serve(this, &Bus::b_transport, &Bus::debug, &Bus::direct_pointer);
  out.register_invalidate_direct_mem_ptr(this, &Bus::invalidate_direct_pointers);
}

void Bus::map(Addr base, std::uint64_t size, int output) { ranges_.push_back({base, size, output}); }

const Bus::Range* Bus::route(Addr address) const {
  for (const Range& range : ranges_) {
    if (address - range.base < range.size) return &range;
  }
  return nullptr;
}

void Bus::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const Range* range = route(payload.get_address());
  if (range == nullptr) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  const AttributesOf owner(payload);
  Attributes& attributes = *owner;
  const Ps floor = kernel_now();
  const std::uint64_t bytes = payload.get_data_length();
  const Ps transfer = (bytes + width_ - 1) / width_ * period_;
  Ps now = floor + delay.value();
  const auto carry = [&] {
    const Ps start = lanes_.reserve(floor, now, transfer);
    lanes_probe_.during(start, start + transfer);
    attributes.time[TimePart::queue] += start - now;
    attributes.time[TimePart::link] += transfer;
    wait_ += start - now;
    busy_ += transfer;
    now = start + transfer;
  };
  ++requests_;
  bytes_ += bytes;
  attributes.time[TimePart::link] += latency_;
  now += latency_;
  if (payload.is_write()) carry();
  delay = delay_until(now);
  out[range->output]->b_transport(payload, delay);
  if (payload.is_read()) {
    now = local_time(delay);
    carry();
    delay = delay_until(now);
  }
}

unsigned Bus::debug(tlm::tlm_generic_payload& payload) {
  const Range* range = route(payload.get_address());
  return range == nullptr ? 0 : out[range->output]->transport_dbg(payload);
}

bool Bus::direct_pointer(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) {
  const Range* range = route(payload.get_address());
  if (range == nullptr || !out[range->output]->get_direct_mem_ptr(payload, dmi)) return false;
  dmi.set_dmi_ptr(dmi.get_dmi_ptr() + (std::max<Addr>(dmi.get_start_address(), range->base) - dmi.get_start_address()));
  dmi.set_start_address(std::max<Addr>(dmi.get_start_address(), range->base));
  dmi.set_end_address(std::min<Addr>(dmi.get_end_address(), range->base + range->size - 1));
  return true;
}

void Bus::invalidate_direct_pointers(int /*id*/, sc_dt::uint64 start, sc_dt::uint64 end) {
  in.invalidate_direct_pointers(start, end);
}

void Bus::visit_stats(StatVisitor& v) {
  v.counter("requests", requests_, kCount, "requests carried");
  v.counter("bytes", bytes_, kSizeInBytes, "data carried");
  v.counter("busy", busy_, kTimeInNs, "time lanes carried data, summed over lanes");
  v.counter("wait", wait_, kTimeInNs, "time transfers waited for a lane");
}

void Bus::visit_probes(ProbeVisitor& v) { v.probe("lanes_busy", lanes_probe_, 10, "lanes carrying data"); }

}  // namespace pagoda

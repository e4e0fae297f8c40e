#include "pagoda/interconnect/bus.h"

#include <algorithm>

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
      lanes_(config.lanes, period_) {
  in.serve(this, &Bus::b_transport, &Bus::debug, &Bus::direct_pointer);
  in.serve_timed(this);
  out.register_invalidate_direct_mem_ptr(this, &Bus::invalidate_direct_pointers);
}

void Bus::end_of_elaboration() {
  below_ = std::vector<Downlink>(out.size());
  for (unsigned i = 0; i < out.size(); ++i) below_[i].bind(*out[static_cast<int>(i)]);
  for (Range& range : ranges_) range.below = &below_[static_cast<std::size_t>(range.output)];
}

void Bus::map(Addr base, std::uint64_t size, int output) { ranges_.push_back({base, size, output, nullptr}); }

const Bus::Range* Bus::route(Addr address) const {
  for (const Range& range : ranges_) {
    if (address - range.base < range.size) return &range;
  }
  return nullptr;
}

[[gnu::noinline]] void Bus::count_cycles(std::uint64_t bytes) {
  usual_bytes_ = bytes;
  usual_cycles_ = (bytes + width_ - 1) / width_;
  usual_time_ = usual_cycles_ * period_;
}

// Carries data over a lane; when its last byte has arrived.
inline Ps Bus::carry(std::uint64_t bytes, Ps at, TimeSplit& time) {
  if (bytes != usual_bytes_) [[unlikely]] {
    if (bytes == 0) return at;
    count_cycles(bytes);
  }
  const Ps transfer = usual_time_;
  const Ps start = lanes_.reserve(at, usual_cycles_);
  lanes_probe_.during(start, start + transfer);
  time[TimePart::queue] += start - at;
  time[TimePart::link] += transfer;
  wait_ += start - at;
  busy_ += transfer;
  return start + transfer;
}

// Takes a request on, with the data of a write; when it reaches the target.
inline Ps Bus::enter(std::uint64_t bytes, bool write, Ps at, TimeSplit& time) {
  ++requests_;
  bytes_ += bytes;
  time[TimePart::link] += latency_;
  return write ? carry(bytes, at + latency_, time) : at + latency_;
}

TimedAnswer Bus::access(TimedRequest& request, Ps at) {
  const Range* range = route(request.address);
  if (range == nullptr) return {at, tlm::TLM_ADDRESS_ERROR_RESPONSE};
  const bool write = request.is_write();
  const std::uint64_t bytes = request.bytes;
  TimeSplit& time = *request.time;
  TimedAnswer answer = range->below->access(request, enter(bytes, write, at, time));
  if (!write) answer.done = carry(bytes, answer.done, time);
  return answer;
}

// The only one below that is, without a detour; itself if there are several.
TimedTarget* Bus::forewarned() {
  const auto gains = [](Downlink& below) { return below.forewarned() != nullptr; };
  if (std::none_of(below_.begin(), below_.end(), gains)) return nullptr;
  return below_.size() == 1 ? below_.front().forewarned() : this;
}

void Bus::expect(Addr address) {
  const Range* range = route(address);
  if (range != nullptr) range->below->expect(address);
}

void Bus::expect_next(Addr address) {
  const Range* range = route(address);
  if (range != nullptr) range->below->expect_next(address);
}

void Bus::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const Range* range = route(payload.get_address());
  if (range == nullptr) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  const AttributesOf owner(payload);
  TimeSplit& time = owner->time;
  delay = delay_until(enter(payload.get_data_length(), payload.is_write(), local_time(delay), time));
  out[range->output]->b_transport(payload, delay);
  // What the answer to a read brings, or to a command: the target has said how much.
  if (!payload.is_write()) delay = delay_until(carry(payload.get_data_length(), local_time(delay), time));
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

void Bus::invalidate_direct_pointers(int id, sc_dt::uint64 start, sc_dt::uint64 end) {
  below_[static_cast<std::size_t>(id)].data().forget_pointers();
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

#include "pagoda/interconnect/serial_lane.h"

namespace pagoda {

SerialLane::Passage SerialLane::carry(Ps floor, Ps at, std::uint64_t bytes, std::uint64_t payload) {
  const Ps duration = transfer_time(bytes);
  const Servers::Slot slot = wire_.acquire(at, duration);
  const Passage passage{slot.start, slot.start + duration};
  wire_.release(floor, slot, passage.end);
  busy_probe_.during(passage.start, passage.end);
  ++packets_;
  bytes_ += bytes;
  payload_ += payload;
  busy_ += duration;
  return passage;
}

void SerialLane::visit_stats(StatVisitor& v, Ps elapsed) {
  v.counter("packets", packets_, kCount, "packets carried");
  v.counter("bytes", bytes_, kSizeInBytes, "bytes on the wire, headers and framing included");
  v.counter("payload", payload_, kSizeInBytes, "data carried");
  v.counter("busy", busy_, kTimeInNs, "time a packet was on the wire");
  v.value("utilisation", ratio(busy_, elapsed), "", "share of the time in which a packet was on the wire");
}

void SerialLane::visit_probes(ProbeVisitor& v) { v.probe("busy", busy_probe_, 1, "a packet is on the wire"); }

void SerialLanes::visit_stats(StatVisitor& v, Ps elapsed) {
  v.enter("there");
  there.visit_stats(v, elapsed);
  v.leave();
  v.enter("back");
  back.visit_stats(v, elapsed);
  v.leave();
}

void SerialLanes::visit_probes(ProbeVisitor& v) {
  v.enter("there");
  there.visit_probes(v);
  v.leave();
  v.enter("back");
  back.visit_probes(v);
  v.leave();
}

}  // namespace pagoda

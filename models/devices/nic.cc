#include "pagoda/devices/nic.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& NicConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<NicConfig>("network interface", "A network interface with descriptor rings.")
          .field("fetch_batch", &NicConfig::fetch_batch, "descriptors fetched by one read", in_range(1, 256))
          .field("descriptors", &NicConfig::descriptors, "descriptors worked on at a time, in each direction",
                 in_range(1, 65536))
          .field("frame_buffer", &NicConfig::frame_buffer, "frames received that wait for a descriptor",
                 in_range(1, 65536))
          .field("max_frame", &NicConfig::max_frame, "longest frame sent", in_range(Bytes{64}, Bytes{1 << 20}))
          .field("real_data", &NicConfig::real_data, "frames have bytes; else only the time of moving them passes")
          .field("interrupt", &NicConfig::interrupt, "when it interrupts, in each direction");
  return info;
}

Nic::Nic(const NicConfig& config)
    : receive_(validated(config), NicDirection::receive, *this, nullptr),
      send_(config, NicDirection::send, *this,
            [this](const NicFrame& frame, Ps at) {
              if (wire_) wire_(frame, at);
            }),
      arrivals_([this](NicFrame& frame, Ps at) { receive_.arrive(std::move(frame), at); }) {
  add_interrupt(receive_.interrupt());
  add_interrupt(send_.interrupt());
}

void Nic::attach(DeviceServices& services) {
  RegisterFunction::attach(services);
  receive_.attach(services);
  send_.attach(services);
  arrivals_.attach(services);
}

std::optional<std::uint64_t> Nic::read(Addr offset) const {
  if (offset - kReceive < kQueueBytes) return receive_.read(offset - kReceive);
  if (offset - kSend < kQueueBytes) return send_.read(offset - kSend);
  return std::nullopt;
}

bool Nic::writable(Addr offset) const {
  return (offset - kReceive < kQueueBytes && NicQueue::writable(offset - kReceive)) ||
         (offset - kSend < kQueueBytes && NicQueue::writable(offset - kSend));
}

void Nic::written(Addr offset, std::uint64_t value, Ps at) {
  if (offset < kSend) {
    receive_.written(offset - kReceive, value, at);
  } else {
    send_.written(offset - kSend, value, at);
  }
}

void Nic::visit_stats(StatVisitor& v) {
  v.enter("receive");
  receive_.visit_stats(v);
  v.leave();
  v.enter("send");
  send_.visit_stats(v);
  v.leave();
}

void Nic::visit_probes(ProbeVisitor& v) {
  v.enter("receive");
  receive_.visit_probes(v);
  v.leave();
  v.enter("send");
  send_.visit_probes(v);
  v.leave();
}

}  // namespace pagoda

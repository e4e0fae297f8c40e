#include "pagoda/interconnect/network_link.h"

#include <algorithm>

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& NetworkLinkConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<NetworkLinkConfig>("network link", "A network link between two machines.")
          .field("rate", &NetworkLinkConfig::rate, "on the wire, in each direction",
                 in_range(Bandwidth{1e6}, Bandwidth{1e12}))
          .field("latency", &NetworkLinkConfig::latency, "one way", in_range(Duration{0}, Duration{kSecond}))
          .field("frame", &NetworkLinkConfig::frame, "the largest frame, without framing",
                 in_range(Bytes{64}, Bytes{65536}))
          .field("headers", &NetworkLinkConfig::headers, "of it that are headers", in_range(Bytes{0}, Bytes{1024}))
          .field("framing", &NetworkLinkConfig::framing, "bytes on the wire around each frame",
                 in_range(Bytes{0}, Bytes{1024}))
          .field("fails_at", &NetworkLinkConfig::fails_at, "simulated time at which it fails; none: it does not")
          .field("repaired_after", &NetworkLinkConfig::repaired_after, "how long it is down; none: for good")
          .field("detection", &NetworkLinkConfig::detection, "until a sender notices")
          .check([](const NetworkLinkConfig& c) -> std::optional<ConfigProblem> {
            if (c.headers < c.frame) return std::nullopt;
            return ConfigProblem{"headers", "leave no room for data in a frame", "allowed: less than frame"};
          });
  return info;
}

NetworkLink::NetworkLink(const sc_core::sc_module_name& name, const NetworkLinkConfig& config)
    : Module(name),
      rate_(validated(config, this->name()).rate.bytes_per_second),
      latency_(config.latency.ps),
      payload_(config.frame.count - config.headers.count),
      overhead_(config.headers.count + config.framing.count),
      fails_at_(config.fails_at ? config.fails_at->ps : kNever),
      repaired_at_(config.fails_at && config.repaired_after ? fails_at_ + config.repaired_after->ps : kNever),
      detection_(config.detection.ps),
      lanes_(1e12 / rate_) {}

std::uint64_t NetworkLink::wire_bytes(std::uint64_t bytes) const {
  const std::uint64_t frames = std::max<std::uint64_t>((bytes + payload_ - 1) / payload_, 1);
  return bytes + frames * overhead_;
}

bool NetworkLink::down_at(Ps at) const { return at >= fails_at_ && at < repaired_at_; }

std::optional<Ps> NetworkLink::up_again(Ps at) const {
  if (!down_at(at)) return at;
  return repaired_at_ == kNever ? std::nullopt : std::optional(repaired_at_);
}

NetworkLink::Delivery NetworkLink::carry(SerialLane& lane, std::uint64_t bytes, Ps at) {
  const auto passage = lane.carry(kernel_now(), at, wire_bytes(bytes), bytes);
  const Ps arrives = passage.end + latency_;
  // Lost if any of it is under way while the link is down.
  const bool lost = arrives >= fails_at_ && passage.start < repaired_at_;
  if (!lost) return {passage.end, arrives, true};
  ++lost_;
  return {passage.end, arrives + detection_, false};
}

void NetworkLink::visit_stats(StatVisitor& v) {
  const Ps elapsed = kernel_now() - counting_since_;
  lanes_.visit_stats(v, elapsed);
  v.counter("lost", lost_, kCount, "messages that the link did not deliver");
  if (v.clears()) counting_since_ = kernel_now();
}

void NetworkLink::visit_probes(ProbeVisitor& v) { lanes_.visit_probes(v); }

}  // namespace pagoda

// A network link between two machines.
//
// Models: messages in each direction, one after the other, cut into frames with headers of their own; one way's latency;
// a failure from a time on, for good or until it is repaired: what would arrive meanwhile is lost, which the sender
// notices after a while. Does not model: congestion control, single frames' loss, other traffic.
//
// Time of a lone message of n bytes: (n + frames x overhead) / rate + latency.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/module.h"
#include "pagoda/base/units.h"
#include "pagoda/interconnect/serial_lane.h"

namespace pagoda {

/// Defaults: 100 Gb/s Ethernet with frames of 9000 bytes (jumbo frames, a common setting). 78 bytes of each are
/// preamble (8), header (14), check sequence (4), gap (12) of Ethernet (IEEE 802.3-2018, 3.1 and 4.4.2), and headers of
/// IPv4 (RFC 791) and TCP (RFC 793), 20 each, the last two within the 9000. Latency and detection are round figures.
struct NetworkLinkConfig {
  Bandwidth rate{12.5e9};
  Duration latency{5 * kMicrosecond};
  Bytes frame{9000};
  Bytes headers{40};
  Bytes framing{38};
  std::optional<Duration> fails_at;
  std::optional<Duration> repaired_after;
  Duration detection{200 * kMicrosecond};

  static const ConfigInfo& config_info();
};

class NetworkLink : public Module {
 public:
  struct Delivery {
    Ps sent = 0;     ///< when its last byte is on the wire
    Ps arrived = 0;  ///< when it is there, or when the sender knows that it will not be
    bool ok = true;
  };

  NetworkLink(const sc_core::sc_module_name& name, const NetworkLinkConfig& config);

  /// A message that is ready at `at`.
  Delivery send(std::uint64_t bytes, Ps at) { return carry(lanes_.there, bytes, at); }
  /// Likewise, from the other end.
  Delivery reply(std::uint64_t bytes, Ps at) { return carry(lanes_.back, bytes, at); }
  /// When a link that is down at `at` is up again; nothing: never.
  std::optional<Ps> up_again(Ps at) const;
  bool down_at(Ps at) const;

  /// Bytes on the wire for a message.
  std::uint64_t wire_bytes(std::uint64_t bytes) const;
  double bytes_per_second() const { return rate_; }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  Delivery carry(SerialLane& lane, std::uint64_t bytes, Ps at);

  double rate_;
  Ps latency_;
  std::uint64_t payload_;
  std::uint64_t overhead_;
  Ps fails_at_;
  Ps repaired_at_;
  Ps detection_;
  SerialLanes lanes_;
  std::uint64_t lost_ = 0;
  Ps counting_since_ = 0;
};

}  // namespace pagoda

// One direction of a serial link: packets one after the other, each for as long as its bytes take.
//
// Models: the time of packets on the wire, as reservations: a packet takes the earliest gap that it fits into. Does not
// model: single lanes and their skew, retransmission, power states.
#pragma once

#include <cmath>

#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/timeline.h"

namespace pagoda {

class SerialLane {
 public:
  struct Passage {
    Ps start;
    Ps end;  ///< when its last byte is on the wire
  };

  /// `ps_per_byte`: the inverse of the bandwidth.
  explicit SerialLane(double ps_per_byte) : ps_per_byte_(ps_per_byte) {}

  /// Of so many bytes, rounded to whole picoseconds.
  Ps transfer_time(std::uint64_t bytes) const {
    return static_cast<Ps>(std::llround(static_cast<double>(bytes) * ps_per_byte_));
  }
  /// When a packet that is ready at `at` could start.
  Ps earliest(Ps at, std::uint64_t bytes) { return wire_.acquire(at, transfer_time(bytes)).start; }
  /// Time a packet was on the wire, of those that statistics count.
  Ps busy() const { return busy_; }
  /// Carries a packet of so many bytes, `payload` of them data. `floor`: kernel time.
  Passage carry(Ps floor, Ps at, std::uint64_t bytes, std::uint64_t payload);

  void visit_stats(StatVisitor& visitor, Ps elapsed);
  void visit_probes(ProbeVisitor& visitor);

 private:
  double ps_per_byte_;
  Servers wire_{1};
  std::uint64_t packets_ = 0, bytes_ = 0, payload_ = 0, busy_ = 0;
  Probe busy_probe_;
};

/// Both directions, as one group each of statistics and probes.
struct SerialLanes {
  SerialLane there, back;

  explicit SerialLanes(double ps_per_byte) : there(ps_per_byte), back(ps_per_byte) {}
  void visit_stats(StatVisitor& visitor, Ps elapsed);
  void visit_probes(ProbeVisitor& visitor);
};

}  // namespace pagoda

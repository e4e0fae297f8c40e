// A network interface with a ring of descriptors for receiving and one for sending.
//
// Models: descriptors (ring_entries.h) fetched ahead; frames sent are read from their buffers and given to the wire in
// ring order of their descriptors; frames received wait in a bounded buffer for a descriptor, are written to its
// buffer, and are dropped when the frame buffer is full; each descriptor is written back, in ring order, once its data
// is moved, and counts as an event for its ring's interrupt (0 receive, 1 send) once that is written. Many descriptors
// are worked on at a time. A descriptor that makes no sense, and one whose buffer cannot be read or written, is
// written back with an error, and the ring goes on. Does not model: frames in several buffers, several rings for each
// direction, checksums, and the wire itself: a frame leaves when it has been read, and comes when receive() says so.
//
// Registers beside those of register_function.h, for the ring that receives at 0x100 and for that which sends at 0x140:
//
//   +0x00  base: address of the ring, a multiple of 16
//   +0x08  entries: writing it opens the ring, empty at entry 0; 0 closes it. What is under way of an older one is not
//          written back
//   +0x10  tail, the doorbell: one past the last descriptor that the driver has filled
//   +0x18  head, read only: one past the last descriptor that was written back
#pragma once

#include "pagoda/devices/nic_queue.h"

namespace pagoda {

class Nic final : public RegisterFunction {
 public:
  static constexpr Addr kReceive = 0x100;  ///< registers of a ring: see NicQueue
  static constexpr Addr kSend = 0x140;

  explicit Nic(const NicConfig& config);

  /// Where frames that are sent go; none: away.
  void connect(NicQueue::Sent wire) { wire_ = std::move(wire); }
  /// A frame has come from the wire at `at`, which is not before kernel time. After the device was given its function.
  void receive(NicFrame frame, Ps at) { arrivals_.post(at, std::move(frame)); }

  void attach(DeviceServices& services) override;
  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  static constexpr Addr kQueueBytes = 0x40;

  std::optional<std::uint64_t> read(Addr offset) const override;
  bool writable(Addr offset) const override;
  void written(Addr offset, std::uint64_t value, Ps at) override;

  NicQueue::Sent wire_;
  NicQueue receive_;
  NicQueue send_;
  Mailbox<NicFrame> arrivals_;
};

}  // namespace pagoda

// One of a device's interrupts, raised for several events at a time.
//
// Models: coalescing: an interrupt after so many events, or so long after the first of them; delivered to the device's
// interrupt sink, or as a message: a write of 4 bytes to an address that the driver chooses (PCI Express Base
// Specification 5.0, 6.1.4), which passes the IOMMU as every write does. Does not model: masking, moderation that
// adapts.
#pragma once

#include <array>
#include <cstdint>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/devices/device_function.h"

namespace pagoda {

/// Defaults: one interrupt for each event.
struct InterruptConfig {
  std::uint32_t events = 1;
  Duration delay{0};

  static const ConfigInfo& config_info();
};

class InterruptLine final : private AgendaTask, private DmaClient {
 public:
  InterruptLine(const InterruptConfig& config, std::uint32_t vector);

  void attach(DeviceServices& services) { services_ = &services; }
  /// Where the message goes; address 0: there is none.
  void set_message(Addr address, std::uint32_t data);
  /// Something happened that the driver wants to know.
  void event(Ps at);
  /// Whether a message could not be written.
  bool failed() const { return failed_; }
  void clear_failed() { failed_ = false; }

  void visit_stats(StatVisitor& visitor);

 private:
  void run(Ps at) override;
  void raise(Ps at);
  void dma_done(DmaJob& job, Ps at) override;

  std::uint32_t limit_;
  Ps delay_;
  std::uint32_t vector_;
  DeviceServices* services_ = nullptr;
  std::uint32_t pending_ = 0;  // events
  Ps deadline_ = 0;            // of the first of them
  bool timing_ = false;        // the agenda has it
  Addr address_ = 0;
  std::uint32_t data_ = 0;
  std::array<unsigned char, 4> message_{};
  DmaJob job_;
  bool writing_ = false;
  bool again_ = false;  // raised while the message before is on its way
  bool failed_ = false;
  std::uint64_t events_ = 0, interrupts_ = 0, interrupts_failed_ = 0;
};

}  // namespace pagoda

// The driver of a network interface that receives, in the program that its frames are for.
//
// Models: a ring of descriptors, each with a buffer that stays its own; when the interface interrupts, the driver takes
// what has been received, fills the descriptors again and rings the doorbell; that takes a processor's time. Descriptors
// are real bytes in the program's memory, registers are written over the device's link. Does not model: what the program
// does with its frames, the driver's own way to memory (its time is in the costs).
//
// Layout: buffers one after the other, then the ring, from a page's beginning on.
//
// Costs and their sources: an interrupt 1.3 us, as OsConfig says of handlers; a frame 200 ns: a core of Linux takes and
// drops 4.8 million small packets a second (raw table; Hoiland-Jorgensen et al., "The eXpress data path", CoNEXT 2018).
#pragma once

#include <memory>
#include <span>

#include "pagoda/base/module.h"
#include "pagoda/base/thread_failure.h"
#include "pagoda/devices/nic_config.h"
#include "pagoda/software/io_registers.h"
#include "pagoda/software/processor.h"

namespace pagoda {

struct ReceiveRingConfig {
  NicConfig nic{.interrupt = {.events = 32, .delay = {50 * kMicrosecond}}};
  Bandwidth line_rate{12.5e9};
  Duration interrupt{1'300'000};
  Duration frame{200'000};

  static const ConfigInfo& config_info();
};

/// The memory of a program as its own code sees it.
class ProgramMemory {
 public:
  virtual ~ProgramMemory() = default;
  /// Within a page.
  virtual void load(Addr address, std::span<unsigned char> bytes) = 0;
  virtual void store(Addr address, std::span<const unsigned char> bytes) = 0;
};

class ReceiveDriver : public Module {
 public:
  struct Layout {
    Addr buffers = 0;
    std::uint32_t buffer_bytes = 0;
    std::uint32_t entries = 0;

    Addr ring() const;
    /// From the first buffer to the end of the ring's last page.
    std::uint64_t bytes() const;
  };

  /// `register_base`: of the device. References outlive the driver.
  ReceiveDriver(const sc_core::sc_module_name& name, const ReceiveRingConfig& config, const Layout& layout,
                Addr register_base, ProgramMemory& memory, Processor& processor);

  /// The device's registers; before the simulation.
  void bind(tlm::tlm_fw_transport_if<>& registers) { registers_.bind(registers); }
  void interrupt(Ps at);
  /// The program stands still, and its driver with it.
  void pause() { paused_ = true; }
  void resume();
  void rethrow_failure() const { failure_.rethrow(); }

  void visit_stats(StatVisitor& visitor) override;

 private:
  void execute();
  void run();
  void open();
  void handle();
  void fill(std::uint32_t index);
  bool received(std::uint32_t index);
  void take(Ps time);
  void wait_while_paused();
  std::uint32_t after(std::uint32_t index) const { return index + 1 == layout_.entries ? 0 : index + 1; }

  ReceiveRingConfig config_;
  Layout layout_;
  ProgramMemory& memory_;
  Processor& processor_;
  IoDriverConfig costs_;
  IoRegisters registers_{costs_};
  sc_core::sc_event wake_;
  ThreadFailure failure_;
  bool paused_ = false;
  std::uint32_t next_ = 0;  // to be received
  std::uint64_t interrupts_ = 0, pending_ = 0, frames_ = 0, failed_ = 0;
};

}  // namespace pagoda

// What devices with rings have in common: status, message-signalled interrupts, and registers written at their time.
//
// Registers, 8 bytes each:
//
//   0x000  status: what went wrong, see DeviceError; writing a one clears it
//   0x008  address of interrupt messages; 0: none, interrupts go to the device's sink
//   0x010  data of interrupt messages, to which the number of the interrupt is added
//
// A register written at a local time takes effect when the device has come that far; reading tells how far it has
// come, so who reads at the very time at which a write takes effect may still see what was before.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pagoda/devices/device_function.h"
#include "pagoda/devices/interrupt_line.h"
#include "pagoda/devices/mailbox.h"

namespace pagoda {

/// Bits of the status register. None of them stops the device, except that a ring which cannot be read is closed.
enum class DeviceError : std::uint8_t {
  bad_ring,       ///< a ring of impossible size or place was opened
  bad_index,      ///< a doorbell named an entry that its ring does not have, or came without a ring
  ring_fault,     ///< a ring could not be read
  record_fault,   ///< a completion could not be written
  bad_entry,      ///< a descriptor or command that makes no sense
  data_fault,     ///< a buffer could not be read or written
  message_fault,  ///< an interrupt message could not be written
  overrun         ///< a frame was dropped for want of a buffer
};

class RegisterFunction : public DeviceFunction {
 public:
  void attach(DeviceServices& services) override;
  std::optional<std::uint64_t> read_register(Addr offset, Ps at) override;
  bool write_register(Addr offset, std::uint64_t value, Ps at) override;

  /// For the parts of the function.
  DeviceServices& services() { return *services_; }
  void report(DeviceError error) { status_ |= std::uint64_t{1} << static_cast<unsigned>(error); }

 protected:
  static constexpr Addr kStatus = 0x000;
  static constexpr Addr kMessageAddress = 0x008;
  static constexpr Addr kMessageData = 0x010;

  RegisterFunction();

  /// In the order of their numbers.
  void add_interrupt(InterruptLine& line) { interrupts_.push_back(&line); }

  /// The registers of the function itself.
  virtual std::optional<std::uint64_t> read(Addr offset) const = 0;
  virtual bool writable(Addr offset) const = 0;
  /// As a task of the device.
  virtual void written(Addr offset, std::uint64_t value, Ps at) = 0;

 private:
  struct Write {
    Addr offset;
    std::uint64_t value;
  };

  void take(const Write& write, Ps at);

  std::vector<InterruptLine*> interrupts_;
  DeviceServices* services_ = nullptr;
  Mailbox<Write> writes_;
  std::uint64_t status_ = 0;
  Addr message_address_ = 0;
  std::uint32_t message_data_ = 0;
};

}  // namespace pagoda

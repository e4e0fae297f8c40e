// How a RISC-V IOMMU tells software that it wants service: pending bits, their vectors, messages and wires.
//
// Models: RISC-V IOMMU Architecture Specification 1.0, ipsr, icvec and msi_cfg_tbl. A message is sent when a pending
// bit goes from 0 to 1; a vector whose mask is set keeps it until the mask is cleared, one for each vector however
// many causes there were, even if software clears the pending bit meanwhile. A wire is high while any pending bit with
// its vector is set. Turning from messages to wires (fctl.WSI) drops messages that are kept, which the specification
// leaves open. Does not model: the way of a message to memory, which is its owner's; a message that memory refuses is
// reported as a fault with cause 273 (FaultRecord::of_message).
#pragma once

#include <array>
#include <cstdint>

#include "pagoda/base/access.h"

namespace pagoda {

/// Causes, in the order of their bits in ipsr and their fields in icvec.
enum class IommuInterrupt : std::uint8_t { command_queue, fault_queue, performance_monitor, page_request_queue };
inline constexpr unsigned kIommuInterrupts = 4;

/// Something to be sent: a message to write (`data`, 4 bytes little-endian, to `address`), or a wire's new level.
struct InterruptRequest {
  bool wired = false;
  bool level = true;  ///< of the wire
  unsigned vector = 0;
  Addr address = 0;
  std::uint32_t data = 0;

  bool operator==(const InterruptRequest&) const = default;
};

/// Who sends them. May be called from within anything that changes an interrupt's state, after the change.
class IommuInterruptSink {
 public:
  virtual ~IommuInterruptSink() = default;
  virtual void interrupt(const InterruptRequest& request) = 0;
};

class IommuInterrupts {
 public:
  /// 2^vector_bits vectors, 0 to 4; `physical_bits` limits the addresses of messages.
  IommuInterrupts(unsigned vector_bits, unsigned physical_bits, bool wired, IommuInterruptSink& sink);

  /// An event: its pending bit becomes 1, if it is not.
  void raise(IommuInterrupt cause);
  /// A condition that sets the pending bit, and sets it again for as long as it holds.
  void set_condition(IommuInterrupt cause, bool holds);

  bool wired() const { return wired_; }
  void set_wired(bool wired);

  std::uint32_t pending() const { return pending_; }  ///< ipsr
  void clear(std::uint32_t ones);                     ///< what is written to ipsr
  std::uint64_t vectors() const { return vectors_; }  ///< icvec
  void set_vectors(std::uint64_t icvec);
  /// 64-bit words of msi_cfg_tbl: the address, then data with the vector control above. Entries without a vector are 0.
  std::uint64_t table_word(unsigned index) const;
  void set_table_word(unsigned index, std::uint64_t value);

 private:
  struct Entry {
    Addr address = 0;
    std::uint32_t data = 0;
    bool masked = false;
    bool waiting = false;  // a message, for the mask to be cleared
  };

  unsigned vector(unsigned cause) const { return static_cast<unsigned>(vectors_ >> (4 * cause) & 0xf); }
  void send(unsigned vector);
  void update_wires();

  const unsigned vector_mask_;
  const Addr address_mask_;
  bool wired_;
  IommuInterruptSink& sink_;
  std::uint32_t pending_ = 0;
  std::uint32_t conditions_ = 0;  // causes whose condition holds: always pending
  std::uint64_t vectors_ = 0;
  std::uint32_t levels_ = 0;  // of the wires
  std::array<Entry, 16> entries_{};
};

}  // namespace pagoda

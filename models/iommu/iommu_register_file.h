// The registers of a RISC-V IOMMU as software sees them, with the queues, interrupts and counters behind them; no time.
//
// Models: RISC-V IOMMU Architecture Specification 1.0, "Memory-mapped register interface" and "Debug support": every
// register of the layout, what of it can be written, what writing starts. Two custom registers of 8 bytes, if the first
// custom bit of capabilities (56) is set: dma_control at offset 688, the first of the range for custom use, whose bit 0
// enables page-specific DMA control, and dma_copies behind it, the address of the table of copies (dma_control.h).
//
// What has to be done because of a write, its owner is told through Listener, from within write() and when the
// registers already say so. The owner says in turn when it is done: directory_ready(), IommuQueue::switch_done(),
// answer_translation(); from within the call or later. Until then the busy bit is 1.
//
// What the specification leaves open:
// - Accesses are refused if they are not of 4 or 8 bytes, not aligned to their size, beyond 4 KiB, or of 8 bytes where
//   registers of 4 bytes are. Either half of a register of 8 bytes can be accessed; ddtp acts on the low one.
// - While a busy bit is 1, writes of that register are ignored; of tr_req_iova and tr_req_ctl too. More in
//   iommu_queues.h.
// - An unsupported ddtp.iommu_mode leaves the mode as it is. A write of iommu_mode is told even if it changes nothing.
// - PPNs and addresses have no bits above capabilities.PAS. After reset everything is 0, but for fctl.WSI if there are
//   only wires. fctl.GXL can be written if capabilities.Sv32x4 is set.
// - fctl can be written at any time, also while queues are on.
// Does not model: a reset, other than by making a new file.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "pagoda/iommu/iommu_commands.h"
#include "pagoda/iommu/iommu_counters.h"
#include "pagoda/iommu/iommu_debug.h"
#include "pagoda/iommu/iommu_interrupts.h"
#include "pagoda/iommu/iommu_queues.h"
#include "pagoda/iommu/iommu_register_map.h"

namespace pagoda {

class IommuRegisterFile {
 public:
  struct Options {
    IommuCapabilities capabilities;
    unsigned device_id_bits = 24;  ///< 1 to 24: directories that these need can be set in ddtp, and smaller ones
    unsigned vector_bits = 4;      ///< 0 to 4: writable bits of each cause in icvec
    unsigned event_counters = 31;  ///< 1 to 31, with capabilities.HPM
    bool custom_formats = false;   ///< of page tables, see IommuSetup
    DmaControlLayout dma_control{};
  };

  class Listener : public IommuInterruptSink {
   public:
    /// ddtp.iommu_mode has been written; `before`: the mode until now. Ends with directory_ready().
    virtual void directory_written(IommuMode before) = 0;
    /// A queue is to become on, or off, as queue.enabled() says. Ends with queue.switch_done(), after which commands
    /// may be waiting.
    virtual void queue_switched(IommuQueue& queue) = 0;
    /// commands().next() is something. May be told while the owner is at it anyway.
    virtual void commands_waiting() = 0;
    /// Software asks for translation_request(). Ends with answer_translation().
    virtual void translation_requested() = 0;
    /// dma_control or dma_copies.
    virtual void dma_control_written() = 0;
  };

  /// Throws UserError if problem() has something to say.
  IommuRegisterFile(const Options& options, Listener& listener);
  IommuRegisterFile(const IommuRegisterFile&) = delete;
  IommuRegisterFile& operator=(const IommuRegisterFile&) = delete;

  /// What is wrong with these options, or null.
  static const char* problem(const Options& options);

  /// Nothing and false: refused.
  std::optional<std::uint64_t> read(std::uint32_t offset, unsigned bytes) const;
  bool write(std::uint32_t offset, unsigned bytes, std::uint64_t value);

  /// What the registers say of how to translate.
  IommuSetup setup() const;
  /// The order of bytes in queues.
  std::endian byte_order() const;
  /// A command as fetched.
  IommuCommand decode(const std::array<std::uint8_t, kCommandBytes>& bytes) const;

  CommandQueue& commands() { return commands_; }
  FaultQueue& faults() { return faults_; }
  PageRequestQueue& page_requests() { return page_requests_; }
  IommuInterrupts& interrupts() { return interrupts_; }
  IommuCounters& counters() { return counters_; }

  /// What a write of ddtp asked for is done.
  void directory_ready() { ddtp_busy_ = false; }
  IommuRequest translation_request() const { return debug_request(tr_req_iova_, tr_req_ctl_); }
  void answer_translation(const IommuAnswer& answer);

 private:
  // All registers are accessed as parts of aligned 8-byte words; `mask` is what a write writes.
  struct Write {
    std::uint64_t value;
    std::uint64_t mask;

    std::uint64_t over(std::uint64_t old) const { return (old & ~mask) | (value & mask); }
    bool low() const { return (mask & 0xffffffff) != 0; }
    bool high() const { return mask >> 32 != 0; }
    std::uint32_t low_value() const { return static_cast<std::uint32_t>(value); }
    std::uint32_t high_value() const { return static_cast<std::uint32_t>(value >> 32); }
  };

  std::uint64_t read_word(std::uint32_t word) const;
  std::uint64_t read_array(std::uint32_t word) const;
  void write_word(std::uint32_t word, const Write& write);
  void write_array(std::uint32_t word, const Write& write);

  void write_fctl(std::uint32_t value);
  void write_ddtp(const Write& write);
  void write_index(IommuQueue& queue, std::uint32_t value);
  void write_csr(IommuQueue& queue, std::uint32_t value);
  void write_translation_control(const Write& write);
  void write_dma_register(std::uint64_t& target, std::uint64_t legal, const Write& write);
  bool legal(IommuMode mode) const;
  DeviceDirectory directory() const { return DeviceDirectory::of(ddtp_); }

  const IommuCapabilities capabilities_;
  const bool custom_formats_;
  const DmaControlLayout dma_layout_;
  const unsigned device_id_bits_;
  const std::uint64_t ppn_mask_;  // in its place in ddtp
  Listener& listener_;

  IommuInterrupts interrupts_;
  CommandQueue commands_;
  FaultQueue faults_;
  PageRequestQueue page_requests_;
  IommuCounters counters_;

  std::uint32_t fctl_ = 0;
  std::uint64_t ddtp_ = 0;
  bool ddtp_busy_ = false;
  std::uint64_t tr_req_iova_ = 0;
  std::uint64_t tr_req_ctl_ = 0;
  std::uint64_t tr_response_ = 0;
  std::uint32_t qosid_ = 0;
  std::uint64_t dma_control_ = 0;
  std::uint64_t dma_copies_ = 0;
};

}  // namespace pagoda

// The queues in memory through which software and a RISC-V IOMMU talk: registers and rules, without the memory.
//
// Models: RISC-V IOMMU Architecture Specification 1.0, "In-memory queue interface" and the registers of the queues:
// base, head, tail, control and status, what errors stop and what starts again, interrupts. The memory accesses are the
// owner's: a queue says where the next entry is and is told what came of it.
//
// What the specification leaves open: writes of the base while the queue is on or busy, and of the control register
// while it is busy, are ignored. Only a change of the enable bit makes a queue busy, until its owner says that it is
// done (switch_done). A base that is less aligned than a large queue needs loses the bits below. After a write of the
// base all indices are cut to the new size.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/base/page_response.h"
#include "pagoda/iommu/iommu_interrupts.h"
#include "pagoda/iommu/iommu_records.h"

namespace pagoda {

enum class IommuQueueKind : std::uint8_t { commands, faults, page_requests };

/// What all queues have in common. One of head and tail is software's to write.
class IommuQueue {
 public:
  static constexpr std::uint32_t kEnable = 1u << 0;           ///< cqen, fqen, pqen
  static constexpr std::uint32_t kInterruptEnable = 1u << 1;  ///< cie, fie, pie
  static constexpr std::uint32_t kMemoryFault = 1u << 8;      ///< cqmf, fqmf, pqmf
  static constexpr std::uint32_t kOn = 1u << 16;              ///< cqon, fqon, pqon
  static constexpr std::uint32_t kBusy = 1u << 17;

  IommuQueueKind kind() const { return kind_; }
  bool enabled() const { return enabled_; }
  bool on() const { return on_; }
  std::uint64_t entries() const { return std::uint64_t{1} << log2_entries(); }

  std::uint64_t base() const { return base_; }
  std::uint32_t head() const { return head_; }
  std::uint32_t tail() const { return tail_; }
  std::uint32_t csr() const;

  void write_base(std::uint64_t value);
  /// The index that is software's.
  void write_index(std::uint32_t value) { software_index() = value & index_mask(); }
  /// True if the enable bit changes: the queue is busy until switch_done().
  bool write_csr(std::uint32_t value);
  /// What was to be done for the queue to be on, or off, is done.
  void switch_done();

 protected:
  struct Shape {
    IommuQueueKind kind;
    IommuInterrupt cause;
    unsigned entry_shift;  // log2 of an entry's bytes
    std::uint32_t flags;   // of the control register, which software clears by writing 1
    bool head_is_softwares;
  };
  IommuQueue(const Shape& shape, unsigned physical_bits, IommuInterrupts& interrupts);
  ~IommuQueue() = default;

  bool has(std::uint32_t flags) const { return (flags_ & flags) != 0; }
  void set(std::uint32_t flag);
  void drop(std::uint32_t flag);
  bool works() const { return enabled_ && on_; }
  Addr address(std::uint32_t index) const;
  std::uint32_t after(std::uint32_t index) const { return (index + 1) & index_mask(); }
  std::uint32_t& iommu_index() { return head_is_softwares_ ? tail_ : head_; }
  IommuInterrupts& interrupts() { return interrupts_; }
  bool interrupts_enabled() const { return interrupts_enabled_; }
  IommuInterrupt cause() const { return cause_; }

 private:
  unsigned log2_entries() const { return static_cast<unsigned>(base_ & 0x1f) + 1; }
  std::uint32_t index_mask() const { return static_cast<std::uint32_t>(entries() - 1); }
  std::uint32_t& software_index() { return head_is_softwares_ ? head_ : tail_; }
  void update_condition() { interrupts_.set_condition(cause_, interrupts_enabled_ && flags_ != 0); }

  const IommuQueueKind kind_;
  const IommuInterrupt cause_;
  const unsigned entry_shift_;
  const std::uint32_t all_flags_;
  const bool head_is_softwares_;
  const std::uint64_t base_mask_;
  IommuInterrupts& interrupts_;

  std::uint64_t base_ = 0;
  std::uint32_t head_ = 0;
  std::uint32_t tail_ = 0;
  std::uint32_t flags_ = 0;
  bool enabled_ = false;
  bool interrupts_enabled_ = false;
  bool on_ = false;
  bool busy_ = false;
};

/// Software's commands to the IOMMU. After any error nothing is fetched until software has cleared it; head stays at
/// the command it is about.
class CommandQueue : public IommuQueue {
 public:
  static constexpr std::uint32_t kTimedOut = 1u << 9;         ///< cmd_to
  static constexpr std::uint32_t kIllegal = 1u << 10;         ///< cmd_ill
  static constexpr std::uint32_t kFenceInterrupt = 1u << 11;  ///< fence_w_ip

  CommandQueue(unsigned physical_bits, IommuInterrupts& interrupts);

  /// Where the command at head is; nothing if there is none, or none may be fetched.
  std::optional<Addr> next() const;
  /// The command at head has been taken; an IOFENCE.C: is complete.
  void advance();
  /// The command at head could not be read, or a memory access it makes was refused.
  void memory_fault() { set(kMemoryFault); }
  /// The IOFENCE.C at head found that commands before it had timed out.
  void timed_out() { set(kTimedOut); }
  void illegal() { set(kIllegal); }
  /// An IOFENCE.C with WSI is complete. Nothing while interrupts are messages, when the bit is reserved.
  void signal_fence();
  /// fctl.WSI has become 0.
  void drop_fence_signal() { drop(kFenceInterrupt); }
};

/// A queue of records for software. One record at a time: claim(), write the memory, then written() or refused(),
/// before the next claim() and before switch_done().
class RecordQueue : public IommuQueue {
 public:
  static constexpr std::uint32_t kOverflow = 1u << 9;  ///< fqof, pqof

  /// Why a record is dropped.
  enum class Drop : std::uint8_t { none, off, memory_fault, overflow };
  struct Slot {
    Drop drop = Drop::none;
    Addr address = 0;  ///< where the record goes, if it is not dropped
  };

  /// Where the next record goes. With the queue full, the overflow is noted and the record dropped, as is every record
  /// while an error bit is set.
  Slot claim();
  /// The record is in memory.
  void written();
  /// Memory refused it, and it is dropped.
  void refused();

 protected:
  using IommuQueue::IommuQueue;

 private:
  bool claimed_ = false;
};

class FaultQueue : public RecordQueue {
 public:
  FaultQueue(unsigned physical_bits, IommuInterrupts& interrupts);
};

class PageRequestQueue : public RecordQueue {
 public:
  PageRequestQueue(unsigned physical_bits, IommuInterrupts& interrupts);
};

// --- what becomes of page requests that do not reach their queue ("PCIe ATS Page Request handling") ------------------

/// The IOMMU's own answer to a device, sent with or without the request's process.
struct PageRequestAnswer {
  PageResponse response = PageResponse::success;
  bool with_process = false;

  bool operator==(const PageRequestAnswer&) const = default;
};

/// For a request that the queue dropped: success on an overflow, which asks the device to try again, otherwise failure.
PageResponse response_to(RecordQueue::Drop drop);
/// For a request whose device may not make one, or whose device context is not found: causes 256 to 260, 268.
PageResponse response_to(IommuCause cause);
/// Nothing for a request that waits for no answer. `pasid_in_responses`: DC.tc.PRPR, 0 without a device context.
std::optional<PageRequestAnswer> automatic_answer(const PageRequestRecord& request, PageResponse response,
                                                  bool pasid_in_responses);

}  // namespace pagoda

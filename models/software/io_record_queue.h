// A queue of records that an IOMMU writes, faults or page requests, as its driver empties it.
//
// Models: an interrupt on a wire (which is looked at again before software waits for it to rise), or a look every so
// often; the tail read from its register, records read from memory, the head written once all are read; an overflow
// noticed and cleared. One thread takes the records. Does not model: the memory traffic of reading records (a cost).
#pragma once

#include <bit>

#include "pagoda/base/error.h"
#include "pagoda/base/stats.h"
#include "pagoda/iommu/iommu_queues.h"
#include "pagoda/iommu/iommu_register_map.h"
#include "pagoda/paging/byte_store.h"
#include "pagoda/software/io_registers.h"
#include "pagoda/software/software_time.h"

namespace pagoda {

using InterruptWire = sc_core::sc_signal_in_if<bool>;

/// Where the queue's registers are, and its bit in ipsr.
struct IoRecordRegisters {
  std::uint32_t base, head, tail, control;
  IommuInterrupt cause;
};

template <class Record>
class IoRecordQueue {
 public:
  IoRecordQueue(const IoDriverConfig& config, const IoRecordRegisters& at, std::uint32_t entries,
                IoRegisters& registers, ByteStore& store)
      : config_(config), at_(at), entries_(entries), registers_(registers), store_(store) {}

  void connect(const InterruptWire& wire) { wire_ = &wire; }
  std::uint64_t bytes() const { return std::uint64_t{entries_} * Record::kBytes; }

  /// Where the queue lies. Once, before the start; the registers are told.
  void set_up(Addr ring) {
    ring_ = ring;
    registers_.write64(at_.base, ring >> kPageShift << 10 | (std::countr_zero(entries_) - 1u));
    registers_.write32(at_.head, 0);
    registers_.write32(at_.control, enabled());
  }

  /// The next record; waits for one.
  Record next() {
    while (head_ == tail_) {
      if (read_some_) {
        finish_batch();
      } else {
        wait_for_work();
      }
      tail_ = registers_.read32(at_.tail);
    }
    spend(config_.costs.record.ps);
    std::array<std::uint64_t, Record::kBytes / 8> words{};
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = store_.read(ring_ + head_ * Record::kBytes + i * 8);
    head_ = (head_ + 1) & (entries_ - 1);
    read_some_ = true;
    ++records_;
    return Record::decode(to_bytes(words, std::endian::little));
  }

  void visit_stats(StatVisitor& v) {
    v.counter("records", records_, kCount, "records taken");
    v.counter("interrupts", interrupts_, kCount, "interrupts handled, or looks if there is no wire");
    v.counter("overflows", overflows_, kCount, "times that records were dropped because the queue was full");
  }

 private:
  std::uint32_t enabled() const { return IommuQueue::kEnable | (wire_ != nullptr ? IommuQueue::kInterruptEnable : 0); }

  void finish_batch() {
    read_some_ = false;
    registers_.write32(at_.head, head_);
    const std::uint32_t control = registers_.read32(at_.control);
    if ((control & IommuQueue::kMemoryFault) != 0) throw InvariantError("the IOMMU could not write a queue of records");
    if ((control & RecordQueue::kOverflow) == 0) return;
    ++overflows_;
    registers_.write32(at_.control, enabled() | RecordQueue::kOverflow);
  }

  void wait_for_work() {
    if (wire_ == nullptr) {
      spend(config_.queue_poll.ps);
      ++interrupts_;
      return;
    }
    while (!wire_->read()) sc_core::wait(wire_->posedge_event());
    ++interrupts_;
    spend(config_.costs.interrupt.ps);
    registers_.write32(iommu_register::kIpsr, 1u << static_cast<unsigned>(at_.cause));
  }

  const IoDriverConfig& config_;
  const IoRecordRegisters at_;
  const std::uint32_t entries_;
  IoRegisters& registers_;
  ByteStore& store_;
  const InterruptWire* wire_ = nullptr;
  Addr ring_ = 0;
  std::uint32_t head_ = 0;
  std::uint32_t tail_ = 0;  // as last read
  bool read_some_ = false;  // that the IOMMU does not know of yet
  std::uint64_t records_ = 0, interrupts_ = 0, overflows_ = 0;
};

}  // namespace pagoda

// The hardware performance monitor of a RISC-V IOMMU: a cycle counter and up to 31 event counters with filters.
//
// Models: RISC-V IOMMU Architecture Specification 1.0, iocountovf to iohpmevt31: the standard events, filters by
// device, process, GSCID and PSCID with partial matches, inhibition, overflow and its interrupt. Time is the caller's,
// in cycles of the IOMMU: the cycle counter stands at what it was last told, so tell it before its registers are
// accessed, and when cycles_to_overflow() have passed. What the specification leaves open: an event that is not
// counted here reads back as 0; software setting an OF bit itself raises no interrupt, only an overflow does. No
// custom events.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "pagoda/iommu/iommu_interrupts.h"

namespace pagoda {

enum class IommuEvent : std::uint8_t {
  untranslated_request = 1,
  translated_request,
  translation_request,
  tlb_miss,
  device_directory_walk,
  process_directory_walk,
  first_stage_walk,
  second_stage_walk
};

/// Whose request causes an event, as far as it is known.
struct IommuEventSource {
  std::uint32_t device_id = 0;
  std::optional<std::uint32_t> process_id;
  std::optional<std::uint32_t> gscid;  ///< with a second stage
  std::optional<std::uint32_t> pscid;  ///< with a first stage
};

class IommuCounters {
 public:
  static constexpr unsigned kMostCounters = 31;

  /// `counters` event counters, 1 to 31; the registers of the others are 0. None: there is no monitor, nothing counts.
  IommuCounters(unsigned counters, IommuInterrupts& interrupts) : counters_(counters), interrupts_(interrupts) {}

  /// Whether any counter counts an event.
  bool counting() const { return counts_; }
  void count(IommuEvent event, const IommuEventSource& source);
  /// So many cycles have passed since the beginning. Less than before: nothing.
  void advance_to(std::uint64_t cycle);
  std::uint64_t now() const { return now_; }
  /// Nothing while the cycle counter does not count, or its overflow would go unnoticed.
  std::optional<std::uint64_t> cycles_to_overflow() const;

  std::uint32_t overflows() const;                      ///< iocountovf
  std::uint32_t inhibited() const { return inhibit_; }  ///< iocountinh
  std::uint64_t cycles() const { return cycles_; }      ///< iohpmcycles, with OF
  /// iohpmctr and iohpmevt, `index` 1 to 31.
  std::uint64_t counter(unsigned index) const { return counter_[index]; }
  std::uint64_t selector(unsigned index) const { return selector_[index]; }

  void set_inhibited(std::uint32_t value);
  void set_cycles(std::uint64_t value) { cycles_ = counters_ > 0 ? value : 0; }
  void set_counter(unsigned index, std::uint64_t value);
  void set_selector(unsigned index, std::uint64_t value);

 private:
  static constexpr unsigned kEvents = 9;  // with "do not count"

  bool counts_cycles() const { return counters_ > 0 && (inhibit_ & 1) == 0; }
  void select();

  const unsigned counters_;
  IommuInterrupts& interrupts_;
  std::uint64_t now_ = 0;
  std::uint64_t cycles_ = 0;
  std::uint32_t inhibit_ = 0;
  std::array<std::uint64_t, kMostCounters + 1> counter_{};  // the first is not used
  std::array<std::uint64_t, kMostCounters + 1> selector_{};
  bool counts_ = false;
  std::array<std::uint32_t, kEvents> counting_{};  // by event: the counters that count it if their filters match
};

}  // namespace pagoda

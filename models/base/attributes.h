// What a TLM payload says about an access beyond address and length: who makes it, in which address space,
// why; and on return why it was refused and where its time went.
//
// A payload without this extension (from an initiator that is not Pagoda's) is a plain supervisor data access
// of address space 0, whose bytes count.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <tlm>

#include "pagoda/base/access.h"
#include "pagoda/base/fault.h"
#include "pagoda/base/time.h"

namespace pagoda {

/// Where the time of an access goes. The parts of an access add up to its latency.
enum class TimePart : std::uint8_t {
  tlb,    ///< looking up TLBs
  walk,   ///< page-table walk: all of it but the wait for a walker, or the rest of one under way
  cache,  ///< tag look-ups and data from caches
  link,   ///< buses and I/O links
  dram,   ///< controller, rows and data burst of an unloaded memory
  queue   ///< waiting for something busy: a port, a walker, a miss register, a bank, a bus, a fill already on its way
};
inline constexpr int kTimeParts = 6;
inline constexpr std::array<const char*, kTimeParts> kTimePartNames{"tlb", "walk", "cache", "link", "dram", "queue"};

struct TimeSplit {
  std::array<Ps, kTimeParts> parts{};

  Ps& operator[](TimePart part) { return parts[static_cast<std::size_t>(part)]; }
  Ps operator[](TimePart part) const { return parts[static_cast<std::size_t>(part)]; }
  Ps total() const {
    Ps sum = 0;
    for (const Ps part : parts) sum += part;
    return sum;
  }
  TimeSplit& operator+=(const TimeSplit& other) {
    for (int i = 0; i < kTimeParts; ++i) parts[static_cast<std::size_t>(i)] += other.parts[static_cast<std::size_t>(i)];
    return *this;
  }
};

/// Who makes a request, in which address space, and why.
struct RequestInfo {
  std::uint32_t requester = 0;  ///< core or device number
  std::uint32_t pasid = 0;      ///< process of a device's access, if has_pasid
  std::uint32_t key_id = 0;     ///< memory-encryption key, 0 for none
  std::uint32_t asid = 0;       ///< address space of a core's access
  std::uint32_t vmid = 0;       ///< virtual machine
  AccessKind access = AccessKind::read;
  Privilege privilege = Privilege::supervisor;
  Origin origin = Origin::demand;
  bool has_pasid = false;   ///< a device's access on behalf of a process; without, privilege does not count
  bool translated = false;  ///< the address is already translated (ATS)
  bool uncached = false;    ///< the page's memory type forbids caching
};

struct Attributes : tlm::tlm_extension<Attributes>, RequestInfo {
  // The request.
  bool timing_only = false;  ///< nobody looks at the data: the data pointer may be null and no bytes move
  bool keeps_time = false;   ///< asking for a direct pointer: a model that moves bytes beside the time it keeps itself

  // The answer.
  Fault fault;
  TimeSplit time;

  const RequestInfo& info() const { return *this; }
  RequestInfo& info() { return *this; }

  tlm::tlm_extension_base* clone() const override { return new Attributes(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override { *this = static_cast<const Attributes&>(other); }
};

/// The attributes of a payload, or plain ones if it has none. Making plain ones costs, so it is done only when needed.
class AttributesOf {
 public:
  explicit AttributesOf(const tlm::tlm_generic_payload& payload) : attributes_(payload.get_extension<Attributes>()) {
    if (attributes_ == nullptr) attributes_ = &plain_.emplace();
  }
  AttributesOf(const AttributesOf&) = delete;
  AttributesOf& operator=(const AttributesOf&) = delete;

  Attributes& operator*() const { return *attributes_; }
  Attributes* operator->() const { return attributes_; }
  /// The payload had none.
  bool plain() const { return plain_.has_value(); }

 private:
  std::optional<Attributes> plain_;
  Attributes* attributes_;
};

}  // namespace pagoda

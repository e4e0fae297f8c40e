// The IOTLB: which pages' translations an IOMMU has at hand.
//
// Models: set-associative arrays for pages of all sizes (page_array.h), tagged with PSCID and GSCID, global entries for
// every PSCID of their GSCID; entries that carry the time at which their walk ends; IOTINVAL.VMA by process, address or
// all of a guest, and IOTINVAL.GVMA by guest physical address or guest (RISC-V IOMMU 1.0, "IOMMU Page-Table cache
// invalidation commands"), which drop exactly what they name. Translations of interrupt files' addresses are not kept.
#pragma once

#include <optional>

#include "pagoda/base/attributes.h"
#include "pagoda/base/ports.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/iommu/iommu_memory.h"
#include "pagoda/mmu/page_array.h"
#include "pagoda/mmu/tlb_config.h"

namespace pagoda {

/// The operands of IOTINVAL.VMA (guest_tables false) and IOTINVAL.GVMA.
struct IotlbInvalidation {
  bool guest_tables = false;             ///< second-stage entries have changed, not first-stage ones
  std::optional<std::uint32_t> guest{};  ///< GSCID; none: the host's (VMA), or every guest's (GVMA)
  std::optional<std::uint32_t> process{};
  std::optional<Addr> address{};  ///< an IOVA (VMA) or guest physical address (GVMA)
};

class Iotlb {
 public:
  /// All-zero bytes are an empty entry.
  struct Entry {
    IommuPage page;
    Ps ready;
    AddressSpaceTag tag;
  };

  Iotlb(const TlbConfig& config, Ps period);

  /// The entry of a page, or null; `now` and `time` grow by the look-up, and by the rest of the walk that fills the
  /// entry if that is still under way.
  const IommuPage* find(Addr address, AddressSpaceTag tag, Ps& now, TimeSplit& time);
  /// A hit that may be repeated without looking, as long as nothing is filled or dropped.
  struct Handle {
    PageArray<Entry>::Handle place{};
    Ps ready = 0;
  };
  Handle handle_of(const IommuPage* found) {
    const Entry* const entry = reinterpret_cast<const Entry*>(found);  // its first member
    return {pages_.handle_of(entry), entry->ready};
  }
  void find_again(const Handle& handle, Ps& now, TimeSplit& time) {
    look(now, time);
    ++hits_;
    hits_probe_.count(now);
    pages_.use(handle.place);
  }

  /// Whether the look-up before found a translation that was there by then.
  bool was_hit() const { return was_hit_; }
  /// The hit just counted is none: its page does not suit the request.
  void reject();
  void fill(Addr address, AddressSpaceTag tag, const IommuPage& page, Ps ready);
  /// Drops everything.
  void forget() {
    invalidated_ += pages_.erase_if([](Addr, const Entry&) { return true; });
  }
  /// How many entries were dropped.
  std::size_t invalidate(const IotlbInvalidation& what);

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  void look(Ps& now, TimeSplit& time) {
    const Ps start = ports_.reserve(now);
    time[TimePart::queue] += start - now;
    time[TimePart::tlb] += latency_;
    now = start + latency_;
  }

  Ps latency_;
  PageArray<Entry> pages_;
  Ports ports_;
  std::uint64_t hits_ = 0, misses_ = 0, merged_ = 0, evictions_ = 0, invalidated_ = 0;
  bool was_hit_ = false;
  Probe hits_probe_, misses_probe_;
};

}  // namespace pagoda

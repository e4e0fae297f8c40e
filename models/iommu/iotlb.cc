#include "pagoda/iommu/iotlb.h"

namespace pagoda {
namespace {

// A first stage that is Bare has no global pages.
bool is_global(const Iotlb::Entry& entry) { return has(entry.page.guest_rights, Rights::global); }

auto visible_to(AddressSpaceTag tag) {
  return [tag](const Iotlb::Entry& entry) {
    return entry.tag == tag || (entry.tag.vmid == tag.vmid && tag.asid != IommuSpace::kNoProcess && is_global(entry));
  };
}

bool concerns(const IotlbInvalidation& what, Addr address, const Iotlb::Entry& entry) {
  if (what.guest_tables) {
    if (entry.tag.vmid == IommuSpace::kNoGuest || (what.guest && *what.guest != entry.tag.vmid)) return false;
    return !what.address || (*what.address ^ entry.page.guest_address(address)) >> entry.page.host_leaf_shift == 0;
  }
  if (entry.tag.vmid != what.guest.value_or(IommuSpace::kNoGuest)) return false;
  if (what.process && (*what.process != entry.tag.asid || is_global(entry))) return false;
  if (!what.address) return true;
  return entry.tag.asid != IommuSpace::kNoProcess && (*what.address ^ address) >> entry.page.guest_shift == 0;
}

}  // namespace

Iotlb::Iotlb(const TlbConfig& config, Ps period)
    : latency_(config.latency.at(period)), pages_(config), ports_(config.ports, period) {}

const IommuPage* Iotlb::find(Addr address, AddressSpaceTag tag, Ps& now, TimeSplit& time) {
  look(now, time);
  const Entry* const entry = pages_.find(address, visible_to(tag));
  was_hit_ = entry != nullptr && entry->ready <= now;
  if (was_hit_) {
    ++hits_;
    hits_probe_.count(now);
    return &entry->page;
  }
  ++misses_;
  misses_probe_.count(now);
  if (entry == nullptr) return nullptr;
  ++merged_;  // its walk is still under way: this miss joins it
  time[TimePart::walk] += entry->ready - now;
  now = entry->ready;
  return &entry->page;
}

void Iotlb::reject() {
  if (!was_hit_) return;
  --hits_;
  ++misses_;
}

void Iotlb::fill(Addr address, AddressSpaceTag tag, const IommuPage& page, Ps ready) {
  const auto place = pages_.fill(address, page.shift(), visible_to(tag));
  if (place.evicted) ++evictions_;
  *place.entry = {page, ready, tag};
}

std::size_t Iotlb::invalidate(const IotlbInvalidation& what) {
  const std::size_t dropped =
      pages_.erase_if([&what](Addr address, const Entry& entry) { return concerns(what, address, entry); });
  invalidated_ += dropped;
  return dropped;
}

void Iotlb::visit_stats(StatVisitor& v) {
  v.counter("hits", hits_, kCount, "look-ups that found a translation");
  v.counter("misses", misses_, kCount, "look-ups that did not, or whose translation was still on its way");
  v.counter("merged", merged_, kCount, "misses that waited for a translation already on its way");
  v.value("hit_rate", ratio(hits_, hits_ + misses_), "", "hits per look-up");
  v.counter("evictions", evictions_, kCount, "translations that gave way to others");
  v.counter("invalidated", invalidated_, kCount, "translations dropped by invalidation commands");
}

void Iotlb::visit_probes(ProbeVisitor& v) {
  v.probe("hits", hits_probe_, 32, "hits so far");
  v.probe("misses", misses_probe_, 32, "misses so far");
}

}  // namespace pagoda

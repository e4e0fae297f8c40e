#include "pagoda/mmu/tlb.h"

#include <utility>

namespace pagoda {

bool grants(const TlbEntry& entry, std::span<const Stage> stages, const WalkRequest& wanted) {
  const std::span<const Rights> rights(entry.rights.data(), stages.size());
  if (check_translation(stages, rights, wanted) != FaultCause::none) return false;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    if (stages[i].format != nullptr && !has(rights[i], needed_flags(wanted.access))) return false;
  }
  return true;
}

Tlb::Tlb(const TlbConfig& config, Ps period)
    : latency_(config.latency.at(period)), pages_(config), ports_(config.ports, period) {}

TlbEntry* Tlb::find(Addr input, AddressSpaceTag tag) {
  TlbEntry* const entry = pages_.find(input, [tag](const TlbEntry& e) { return visible_to(e, tag); });
  if (entry != nullptr) {
    ++epoch_;
  } else {
    missed_ = input;
    missed_tag_ = tag;
  }
  return entry;
}

TlbEntry* Tlb::fill(Addr input, const TlbEntry& entry) {
  const bool absent = std::exchange(missed_, kNoAddress) == input && missed_tag_ == entry.tag;
  const auto place =
      absent ? pages_.fill(input, entry.page_shift)
             : pages_.fill(input, entry.page_shift, [&entry](const TlbEntry& e) { return visible_to(e, entry.tag); });
  if (place.evicted) ++evictions_;
  ++epoch_;
  *place.entry = entry;
  if (place.shift != entry.page_shift) [[unlikely]]
    *place.entry = piece_of(entry, input, place.shift);
  return place.entry;
}

std::size_t Tlb::invalidate(const TlbInvalidation& what) {
  ++epoch_;
  const std::size_t dropped =
      pages_.erase_if([&](Addr page, const TlbEntry& entry) { return what.concerns(page, entry); });
  invalidated_ += dropped;
  return dropped;
}

void Tlb::forget_checks() {
  ++epoch_;
  pages_.for_each([](TlbEntry& entry) { entry.allowed = 0; });
}

void Tlb::visit_stats(StatVisitor& v) {
  v.counter("hits", hits_, kCount, "look-ups that found a translation");
  v.counter("misses", misses_, kCount, "look-ups that did not, or whose translation was still on its way");
  v.counter("merged", merged_, kCount, "misses that waited for a translation already on its way");
  v.value("hit_rate", ratio(hits_, hits_ + misses_), "", "hits per look-up");
  v.counter("evictions", evictions_, kCount, "translations that gave way to others");
  v.counter("invalidated", invalidated_, kCount, "translations dropped by maintenance");
}

void Tlb::visit_probes(ProbeVisitor& v) {
  v.probe("hits", hits_probe_, 32, "hits so far");
  v.probe("misses", misses_probe_, 32, "misses so far");
}

}  // namespace pagoda

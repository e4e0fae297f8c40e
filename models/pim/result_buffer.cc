#include "pagoda/pim/result_buffer.h"

#include <algorithm>

namespace pagoda {

ResultBuffer::ResultBuffer(const TlbConfig& config, Ps period)
    : latency_(config.latency.at(period)), pages_(config), ports_(config.ports, period) {}

const TlbEntry* ResultBuffer::find(Addr input, AddressSpaceTag tag) {
  const Entry* found = pages_.find(input, [tag](const Entry& e) { return visible_to(e.entry, tag); });
  return found == nullptr ? nullptr : &found->entry;
}

void ResultBuffer::fill(Addr input, const TlbEntry& entry, std::optional<std::span<const Addr>> from) {
  const auto place =
      pages_.fill(input, entry.page_shift, [&entry](const Entry& e) { return visible_to(e.entry, entry.tag); });
  if (place.evicted) ++evictions_;
  place.entry->entry = piece_of(entry, input, place.shift);
  place.entry->sources = kUnknown;
  if (!from || from->size() > kSources) return;
  place.entry->sources = static_cast<std::uint8_t>(from->size());
  std::copy(from->begin(), from->end(), place.entry->from.begin());
}

void ResultBuffer::invalidate(const TlbInvalidation& what) {
  invalidated_ += pages_.erase_if([&](Addr page, const Entry& e) { return what.concerns(page, e.entry); });
}

void ResultBuffer::on_write(Addr address, std::uint64_t bytes) {
  overwritten_ += pages_.erase_if([&](Addr, const Entry& entry) {
    if (entry.sources == kUnknown) return true;
    const auto end = entry.from.begin() + entry.sources;
    return std::any_of(entry.from.begin(), end,
                       [&](Addr from) { return from + 8 > address && from < address + bytes; });
  });
}

void ResultBuffer::visit_stats(StatVisitor& v) {
  v.counter("hits", hits_, kCount, "commands answered from it");
  v.counter("misses", misses_, kCount, "commands that were not");
  v.value("hit_rate", ratio(hits_, hits_ + misses_), "", "hits per command");
  v.counter("evictions", evictions_, kCount, "translations that gave way to others");
  v.counter("invalidated", invalidated_, kCount, "translations dropped by maintenance");
  v.counter("overwritten", overwritten_, kCount, "translations dropped because the host wrote a table entry");
}

}  // namespace pagoda

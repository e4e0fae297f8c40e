#include "pagoda/mmu/lookahead.h"

#include <cstring>

namespace pagoda {

inline void Lookahead::find_entry(Coming& access) {
  const Table& table = tables_[region_of(access.address) % kTables];
  if (table.region != region_of(access.address) + 1) return;
  access.entry = table.address + index_of(access.address) * kEntryBytes;
  tables_below_.data().prefetch(access.entry);
}

inline void Lookahead::find_page(const PageFormat& format, Coming& access) {
  if (access.entry == 0) return;
  const unsigned char* const bytes = tables_below_.data().find(access.entry, kEntryBytes);
  if (bytes == nullptr) return;
  std::uint64_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  const Addr page = (value & format.address_mask) << format.address_shift;
  access.physical = (page & ~low_mask(shift_)) | (access.address & low_mask(shift_));
  tables_below_.expect(access.entry);
  data_below_.expect(access.physical);
}

inline void Lookahead::find_lines(const Coming& access) {
  if (access.physical == 0) return;
  tables_below_.expect_next(access.entry);
  data_below_.expect_next(access.physical);
}

void Lookahead::expect(Addr address, const PageFormat& format) {
  groups_[newest_][collected_] = {address, 0, 0};
  if (++collected_ == kGroup) advance(format);
}

void Lookahead::advance(const PageFormat& format) {
  Group& first = groups_[newest_];
  Group& second = groups_[(newest_ + 2) % 3];
  const Group& third = groups_[(newest_ + 1) % 3];
  for (Coming& access : first) find_entry(access);
  for (Coming& access : second) find_page(format, access);
  for (const Coming& access : third) find_lines(access);
  newest_ = (newest_ + 1) % 3;
  collected_ = 0;
}

}  // namespace pagoda

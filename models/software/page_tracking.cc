#include "pagoda/software/page_tracking.h"

#include <algorithm>

#include "pagoda/base/error.h"
#include "pagoda/paging/leaf_scan.h"
#include "pagoda/software/software_time.h"

namespace pagoda {
namespace {

void spend_until(Ps time) {
  const Ps now = kernel_now();
  if (time > now) spend(time - now);
}

}  // namespace

void add_pages(const GuestPages& pages, Addr first, unsigned shift, PageSet& dirty) {
  for (Addr address = first; address - first < Addr{1} << shift; address += kPageBytes) {
    if (const std::optional<std::uint64_t> page = pages.number_of(address)) dirty.insert(*page);
  }
}

void ProcessorFlags::begin() {
  PageSet before(pages_.count());
  collect(before);
}

void ProcessorFlags::collect(PageSet& dirty) {
  for (const GuestPages::Range& range : pages_.ranges()) {
    const Ps start = kernel_now();
    const auto found = [&](Addr first, unsigned shift) { add_pages(pages_, first, shift, dirty); };
    const Os::DirtyScan scan = os_.collect_dirty(space_, range.base, range.bytes(), found, initiator_, start);
    initiator_.interrupt(start, scan.done - start);
    spend_until(scan.done + scan.entries * per_entry_.ps);
  }
}

ProcessorFaults::ProcessorFaults(Os& os, SpaceId space, Processor& initiator, const GuestPages& pages,
                                 Duration per_entry)
    : os_(os), space_(space), initiator_(initiator), pages_(pages), per_entry_(per_entry), noted_(pages.count()) {
  os.observe_writable(space, [this](const MappedPage& page) {
    if (!noting_) return;
    add_pages(pages_, page.input, page.page_shift, noted_);
    unprotected_.push_back(page.input);
  });
}

void ProcessorFaults::protect(const std::vector<Addr>& pages) {
  const Ps start = kernel_now();
  const Ps done = os_.write_protect(space_, pages, initiator_, start);
  initiator_.interrupt(start, done - start);
  spend_until(done + pages.size() * per_entry_.ps);
}

void ProcessorFaults::begin() {
  noting_ = true;
  noted_ = PageSet(pages_.count());
  unprotected_.clear();
  std::vector<Addr> mapped;
  AddressSpace& space = os_.space(space_);
  for (const GuestPages::Range& range : pages_.ranges()) {
    scan_leaves(space.stage(), space.store(), range.base, range.end(),
                [&](const ScannedLeaf& leaf) { mapped.push_back(leaf.input); });
  }
  protect(mapped);
}

// Protected again before they are told of: a store that comes between is noted for the next time.
void ProcessorFaults::collect(PageSet& dirty) {
  const std::vector<Addr> pages = std::exchange(unprotected_, {});
  dirty |= std::exchange(noted_, PageSet(pages_.count()));
  protect(pages);
}

// What is still protected is the program's again at its next store, which nobody notes.
void ProcessorFaults::end() { noting_ = false; }

void IommuFlags::begin() {
  PageSet before(pages_.count());
  collect(before);
}

void IommuFlags::collect(PageSet& dirty) {
  for (const GuestPages::Range& range : ranges_.ranges()) {
    const auto found = [&](Addr first, unsigned shift) { add_pages(pages_, first, shift, dirty); };
    if (!driver_.collect_dirty(domain_, range.base, range.bytes(), per_entry_, found)) {
      throw UserError("a device did not answer the invalidation of what it knew of dirty flags");
    }
  }
}

void AllPages::collect(PageSet& dirty) {
  for (const GuestPages::Range& range : ranges_.ranges()) {
    for (Addr page = range.base; page < range.end(); page += kPageBytes) add_pages(pages_, page, kPageShift, dirty);
  }
}

void NotedPages::collect(PageSet& dirty) { dirty |= std::exchange(noted_, PageSet(pages_.count())); }

}  // namespace pagoda

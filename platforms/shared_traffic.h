// The traffic of a device that works on pages which come and go: a pattern, laid over those that it has.
#pragma once

#include <algorithm>
#include <vector>

#include "pagoda/devices/dma_traffic.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

/// The pages that software has a device work on, by number in the window.
class WorkingPages {
 public:
  struct Page {
    std::size_t slot;
    bool writable;
  };

  void put(std::size_t slot, bool writable) {
    const auto known = find(slot);
    if (known != pages_.end()) {
      known->writable = writable;
    } else {
      pages_.push_back({slot, writable});
    }
  }
  void drop(std::size_t slot) {
    const auto known = find(slot);
    if (known == pages_.end()) return;
    *known = pages_.back();
    pages_.pop_back();
  }
  const std::vector<Page>& pages() const { return pages_; }

 private:
  std::vector<Page>::iterator find(std::size_t slot) {
    return std::find_if(pages_.begin(), pages_.end(), [slot](const Page& page) { return page.slot == slot; });
  }

  std::vector<Page> pages_;
};

/// The pattern's n-th page is the n-th of those that the device has, again from the beginning beyond the last; a write
/// to one that it only reads is a read. A transfer stays within its page. While there is no page, transfers go to the
/// window's first one and fail.
class SharedTraffic final : public DmaTraffic {
 public:
  /// Both outlive this. `pattern_base`: where the pattern's region begins; `window`: where the pages do.
  SharedTraffic(DmaTraffic& pattern, const WorkingPages& working, Addr pattern_base, Addr window)
      : pattern_(pattern), working_(working), pattern_base_(pattern_base), window_(window) {}

  std::optional<DmaTransfer> next() override {
    std::optional<DmaTransfer> transfer = pattern_.next();
    if (!transfer) return transfer;
    const Addr offset = transfer->address & low_mask(kPageShift);
    const std::uint64_t number = (transfer->address - pattern_base_) >> kPageShift;
    const auto& pages = working_.pages();
    const WorkingPages::Page page = pages.empty() ? WorkingPages::Page{0, true} : pages[number % pages.size()];
    transfer->address = window_ + (Addr{page.slot} << kPageShift) + offset;
    transfer->bytes = std::min(transfer->bytes, low_mask(kPageShift) + 1 - offset);
    transfer->write = transfer->write && page.writable;
    return transfer;
  }
  void ended(const DmaTransfer& transfer, DmaStatus status, Ps at) override { pattern_.ended(transfer, status, at); }

 private:
  DmaTraffic& pattern_;
  const WorkingPages& working_;
  Addr pattern_base_;
  Addr window_;
};

}  // namespace pagoda

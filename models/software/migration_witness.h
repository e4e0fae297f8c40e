// Sees every write to a process's memory and every copy of a page of it, in the order in which the simulation makes
// them: the oracle of a migration. It asks none of the logs, flags and maps that migration goes by.
#pragma once

#include <cstdint>
#include <optional>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pagoda/base/access.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

/// Pages are known by the frame of 4 KiB that holds them.
class MigrationWitness {
 public:
  void written(Addr frame) { pages_[frame >> kPageShift].written = ++events_; }
  void written_by_device(Addr frame) {
    Page& page = pages_[frame >> kPageShift];
    page.written = page.by_device = ++events_;
  }
  void copied(Addr frame) { pages_[frame >> kPageShift].copied = ++events_; }
  /// What a source counts as written from here on.
  std::uint64_t now() const { return events_; }

  /// Whether a device wrote the page after that moment.
  bool written_by_device_since(Addr frame, std::uint64_t moment) const {
    const auto found = pages_.find(frame >> kPageShift);
    return found != pages_.end() && found->second.by_device > moment;
  }
  /// Whether the page was written after its last copy, or never copied.
  bool stale(Addr frame) const {
    const auto found = pages_.find(frame >> kPageShift);
    return found == pages_.end() || found->second.copied == 0 || found->second.written > found->second.copied;
  }
  /// A new attempt: nothing counts as copied.
  void forget_copies() {
    for (auto& [frame, page] : pages_) page.copied = 0;
  }

 private:
  struct Page {
    std::uint64_t written = 0;
    std::uint64_t by_device = 0;
    std::uint64_t copied = 0;
  };

  boost::unordered_flat_map<Addr, Page> pages_;
  std::uint64_t events_ = 0;
};

}  // namespace pagoda

// The books of a pager's pages, kept apart from the pager: at any time a page is valid in exactly one place, and what
// comes back is what went out.
//
// Checks: a frame and a page of the volume belong to one page at most; a frame is used again only once what it held is
// on the volume, or was there unchanged; a page that comes in hashes as it did when it went out, one that is dropped as
// clean hashes as its copy. Plain data; whoever moves pages says so at each step.
//
// Errors: InvariantError, with page, place and time.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pagoda/base/time.h"
#include "pagoda/software/page_id.h"

namespace pagoda {

/// Of the 4 KiB of a page, or of any other bytes that are a multiple of eight.
std::uint64_t hash_of(std::span<const unsigned char> bytes);

class PageLedger {
 public:
  enum class Place : std::uint8_t { nowhere, memory, leaving, volume, arriving };

  /// New in memory, of contents that nobody else has.
  void created(PageId page, Addr frame, Ps at);
  /// On the volume, before the start.
  void stored(PageId page, std::uint64_t slot, std::uint64_t hash);
  /// Programs cannot reach it any more, and its frame still holds it.
  void unmapped(PageId page, std::uint64_t hash, Ps at);
  /// Its contents are safe in that page of the volume, and its frame is free.
  void left(PageId page, std::uint64_t slot, Ps at);
  /// It had a copy on the volume and has not changed since: its frame is free.
  void dropped(PageId page, Ps at);
  /// It stays in memory after all; whether its contents are on the volume as well.
  void stayed(PageId page, std::optional<std::uint64_t> slot, Ps at);
  void arriving(PageId page, Addr frame, Ps at);
  void arrived(PageId page, std::uint64_t hash, Ps at);
  /// It could not be read: it is where it was.
  void not_arrived(PageId page, Ps at);
  /// Its copy on the volume is given up while it is in memory.
  void forgot_copy(PageId page, Ps at);

  Place place(PageId page) const;
  std::optional<Addr> frame(PageId page) const;
  std::optional<std::uint64_t> slot(PageId page) const;
  /// Of its contents when it was last unmapped or stored.
  std::uint64_t hash(PageId page) const;
  std::size_t pages() const { return pages_.size(); }
  std::uint64_t checks() const { return checks_; }

  /// Calls `visit(page, place, frame, slot, hash)` for all.
  template <class Visit>
  void each(Visit visit) const {
    for (const auto& [key, entry] : pages_) visit(entry.page, entry.place, entry.frame, entry.slot, entry.hash);
  }

 private:
  struct Entry {
    PageId page;
    Place place = Place::nowhere;
    std::optional<Addr> frame;
    std::optional<std::uint64_t> slot;  // where its contents are, or were when it was last brought in
    std::uint64_t hash = 0;
  };

  Entry& expect(PageId page, Place place, Ps at, const char* step);
  void take_frame(Entry& entry, Addr frame, Ps at);
  void free_frame(Entry& entry);
  void take_slot(Entry& entry, std::uint64_t slot, Ps at);
  [[noreturn]] void fail(const Entry& entry, Ps at, const std::string& problem) const;

  boost::unordered_flat_map<std::uint64_t, Entry> pages_;
  boost::unordered_flat_map<Addr, std::uint64_t> frames_;          // page in each
  boost::unordered_flat_map<std::uint64_t, std::uint64_t> slots_;  // likewise
  std::uint64_t checks_ = 0;
};

}  // namespace pagoda

#include "pagoda/software/page_ledger.h"

#include <array>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

constexpr std::array<const char*, 5> kPlaceNames{"nowhere", "in memory", "leaving", "on the volume", "arriving"};

const char* name_of(PageLedger::Place place) { return kPlaceNames[static_cast<std::size_t>(place)]; }

}  // namespace

// Four lanes, so that the host multiplies them side by side.
std::uint64_t hash_of(std::span<const unsigned char> bytes) {
  constexpr std::uint64_t kFactor = 0x9e3779b97f4a7c15;
  std::array<std::uint64_t, 4> lanes{1, 2, 3, 4};
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, sizeof word);
    std::uint64_t& lane = lanes[i / 8 % lanes.size()];
    lane = (lane ^ word) * kFactor;
    lane ^= lane >> 29;
  }
  std::uint64_t hash = 0;
  for (const std::uint64_t lane : lanes) hash = (hash ^ lane) * kFactor + (hash >> 31);
  return hash;
}

void PageLedger::fail(const Entry& entry, Ps at, const std::string& problem) const {
  throw InvariantError(fmt::format("page {:#x} of process {}, {}: {}, at {} ns", entry.page.address, entry.page.process,
                                   name_of(entry.place), problem, at / kNanosecond));
}

PageLedger::Entry& PageLedger::expect(PageId page, Place place, Ps at, const char* step) {
  ++checks_;
  Entry& entry = pages_[page.key()];
  entry.page = page;
  if (entry.place != place) fail(entry, at, fmt::format("{}, which takes one that is {}", step, name_of(place)));
  return entry;
}

void PageLedger::take_frame(Entry& entry, Addr frame, Ps at) {
  const auto [it, taken] = frames_.emplace(frame, entry.page.key());
  if (!taken) {
    fail(entry, at, fmt::format("gets frame {:#x}, which holds page {:#x} still", frame, it->second << kPageShift));
  }
  entry.frame = frame;
}

void PageLedger::free_frame(Entry& entry) {
  frames_.erase(*entry.frame);
  entry.frame.reset();
}

void PageLedger::take_slot(Entry& entry, std::uint64_t slot, Ps at) {
  if (entry.slot && *entry.slot != slot) slots_.erase(*std::exchange(entry.slot, std::nullopt));
  const auto [it, taken] = slots_.emplace(slot, entry.page.key());
  if (!taken && it->second != entry.page.key()) {
    fail(entry, at,
         fmt::format("written to page {} of the volume, which holds page {:#x}", slot, it->second << kPageShift));
  }
  entry.slot = slot;
}

void PageLedger::created(PageId page, Addr frame, Ps at) {
  Entry& entry = expect(page, Place::nowhere, at, "created");
  take_frame(entry, frame, at);
  entry.place = Place::memory;
}

void PageLedger::stored(PageId page, std::uint64_t slot, std::uint64_t hash) {
  Entry& entry = expect(page, Place::nowhere, 0, "stored");
  take_slot(entry, slot, 0);
  entry.hash = hash;
  entry.place = Place::volume;
}

void PageLedger::unmapped(PageId page, std::uint64_t hash, Ps at) {
  Entry& entry = expect(page, Place::memory, at, "unmapped");
  entry.place = Place::leaving;
  // What the volume holds is known by the hash of when it was brought in.
  if (entry.slot && hash != entry.hash) slots_.erase(*std::exchange(entry.slot, std::nullopt));
  entry.hash = hash;
}

void PageLedger::left(PageId page, std::uint64_t slot, Ps at) {
  Entry& entry = expect(page, Place::leaving, at, "written to the volume");
  take_slot(entry, slot, at);
  free_frame(entry);
  entry.place = Place::volume;
}

void PageLedger::dropped(PageId page, Ps at) {
  Entry& entry = expect(page, Place::leaving, at, "dropped as clean");
  if (!entry.slot) fail(entry, at, "dropped, and the volume has no copy of its contents");
  free_frame(entry);
  entry.place = Place::volume;
}

void PageLedger::stayed(PageId page, std::optional<std::uint64_t> slot, Ps at) {
  Entry& entry = expect(page, Place::leaving, at, "kept in memory");
  if (slot) take_slot(entry, *slot, at);
  entry.place = Place::memory;
}

void PageLedger::arriving(PageId page, Addr frame, Ps at) {
  Entry& entry = expect(page, Place::volume, at, "brought in");
  take_frame(entry, frame, at);
  entry.place = Place::arriving;
}

void PageLedger::arrived(PageId page, std::uint64_t hash, Ps at) {
  Entry& entry = expect(page, Place::arriving, at, "arrived");
  if (hash != entry.hash) fail(entry, at, "came back with other contents than it left with");
  entry.place = Place::memory;
}

void PageLedger::not_arrived(PageId page, Ps at) {
  Entry& entry = expect(page, Place::arriving, at, "not arrived");
  free_frame(entry);
  entry.place = Place::volume;
}

void PageLedger::forgot_copy(PageId page, Ps at) {
  Entry& entry = expect(page, Place::memory, at, "its copy given up");
  if (entry.slot) slots_.erase(*std::exchange(entry.slot, std::nullopt));
}

PageLedger::Place PageLedger::place(PageId page) const {
  const auto it = pages_.find(page.key());
  return it == pages_.end() ? Place::nowhere : it->second.place;
}

std::optional<Addr> PageLedger::frame(PageId page) const {
  const auto it = pages_.find(page.key());
  return it == pages_.end() ? std::nullopt : it->second.frame;
}

std::optional<std::uint64_t> PageLedger::slot(PageId page) const {
  const auto it = pages_.find(page.key());
  return it == pages_.end() ? std::nullopt : it->second.slot;
}

std::uint64_t PageLedger::hash(PageId page) const {
  const auto it = pages_.find(page.key());
  return it == pages_.end() ? 0 : it->second.hash;
}

}  // namespace pagoda

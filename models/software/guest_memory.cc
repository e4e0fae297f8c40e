#include "pagoda/software/guest_memory.h"

#include <cstring>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/paging/leaf_scan.h"

namespace pagoda {

std::optional<Addr> GuestMemory::frame_of(std::uint64_t page) {
  const Addr address = pages_.address_of(page);
  const std::optional<MappedPage> mapped = space_.editor().find(address);
  if (!mapped) return std::nullopt;
  const Addr frame = (mapped->output + (address - mapped->input)) & ~low_mask(kPageShift);
  page_of_frame_[frame] = page;
  return frame;
}

std::optional<std::uint64_t> GuestMemory::page_in(Addr frame) const {
  const auto known = page_of_frame_.find(frame);
  return known == page_of_frame_.end() ? std::nullopt : std::optional(known->second);
}

bool GuestMemory::is_zero(Addr frame) const {
  const unsigned char* const bytes = bytes_of(frame);
  return bytes[0] == 0 && std::memcmp(bytes, bytes + 1, kPage - 1) == 0;
}

PageSet GuestMemory::backed() {
  PageSet set(pages_.count());
  for (const GuestPages::Range& range : pages_.ranges()) {
    scan_leaves(space_.stage(), space_.store(), range.base, range.end(), [&](const ScannedLeaf& leaf) {
      const Addr end = std::min(leaf.input + (Addr{1} << leaf.shift), range.end());
      for (Addr address = std::max(leaf.input, range.base); address < end; address += kPage) {
        const std::uint64_t page = range.first + ((address - range.base) >> kPageShift);
        set.insert(page);
        page_of_frame_[leaf.entry.address + (address - leaf.input)] = page;
      }
    });
  }
  return set;
}

// Within 4 KiB pieces: no store crosses more than one boundary between pages.
void GuestMemory::stored(Addr physical, std::uint32_t bytes) {
  const std::uint64_t value = ++stores_;
  const auto length =
      static_cast<std::size_t>(std::min<std::uint64_t>(bytes, kPage - (physical & low_mask(kPageShift))));
  std::array<unsigned char, kPage> data;
  for (std::size_t i = 0; i < length; i += sizeof value) {
    std::memcpy(&data[i], &value, std::min(sizeof value, length - i));
  }
  store(physical, std::span(data).first(length));
}

void GuestMemory::store(Addr physical, std::span<const unsigned char> bytes) {
  const Addr frame = physical & ~low_mask(kPageShift);
  const std::uint64_t offset = physical - frame;
  if (there_ == nullptr) {
    std::memcpy(memory_.data(physical), bytes.data(), bytes.size());
    return witness_.written(frame);
  }
  const std::optional<std::uint64_t> page = received_page(frame);
  if (!page) return;
  auto [moved, fresh] = moved_.try_emplace(*page);
  if (fresh) std::memcpy(moved->second.data(), memory_.data(frame), kPage);
  std::memcpy(&moved->second[offset], bytes.data(), bytes.size());
  there_->write(*page, offset, bytes);
}

// The page in a frame, after it has moved; nothing if it is none of its memory.
std::optional<std::uint64_t> GuestMemory::received_page(Addr frame) const {
  const std::optional<std::uint64_t> page = page_in(frame);
  if (page && !there_->has(*page)) {
    throw InvariantError(fmt::format("page {} of its memory is written, which has not been received", *page));
  }
  return page;
}

void GuestMemory::table_written(Addr physical, std::uint64_t value) {
  if (there_ == nullptr) return;
  const Addr offset = physical & low_mask(kPageShift);
  std::array<unsigned char, sizeof value> bytes;
  std::memcpy(bytes.data(), &value, sizeof value);
  if (const std::optional<std::uint64_t> page = received_page(physical - offset)) there_->write(*page, offset, bytes);
}

void GuestMemory::written_by_device(Addr physical, std::uint32_t bytes) {
  const Addr last = physical + std::max(bytes, 1u) - 1;
  for (Addr frame = physical & ~low_mask(kPageShift); frame <= last; frame += kPage) {
    if (there_ != nullptr && page_of_frame_.contains(frame)) {
      throw InvariantError(fmt::format("a device writes {:#x} on a machine that the process has left", physical));
    }
    witness_.written_by_device(frame);
  }
}

GuestMemory::Page GuestMemory::expected(std::uint64_t page) {
  if (const auto moved = moved_.find(page); moved != moved_.end()) return moved->second;
  Page bytes{};
  const std::optional<Addr> frame = frame_of(page);
  if (frame) std::memcpy(bytes.data(), memory_.data(*frame), kPage);
  return bytes;
}

}  // namespace pagoda

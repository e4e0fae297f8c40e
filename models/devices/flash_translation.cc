#include "pagoda/devices/flash_translation.h"

#include <algorithm>

namespace pagoda {

FlashTranslation::FlashTranslation(const FlashGeometry& geometry, std::uint64_t logical_units, std::uint64_t endurance)
    : geometry_(geometry),
      endurance_(endurance),
      physical_of_(logical_units),
      logical_of_(geometry.physical_units()),
      blocks_(std::uint64_t{geometry.dies} * geometry.blocks),
      dies_(geometry.dies) {
  for (Die& die : dies_) {
    die.free = geometry.blocks;
    die.host.next_page = die.collection.next_page = geometry.pages;  // none is open
  }
}

std::optional<std::uint64_t> FlashTranslation::open_page(std::uint32_t die, FlashStream stream) {
  Die& of = dies_[die];
  OpenBlock& open = stream == FlashStream::host ? of.host : of.collection;
  if (open.next_page == geometry_.pages) {
    if (of.free <= (stream == FlashStream::host ? 1u : 0u)) return std::nullopt;
    open = {take_free(die), 0};
    blocks_[open.block].state = State::open;
  }
  const std::uint64_t unit = first_unit(open.block) + std::uint64_t{open.next_page} * geometry_.units;
  ++open.next_page;
  if (open.next_page == geometry_.pages) blocks_[open.block].state = State::full;
  return unit;
}

std::uint64_t FlashTranslation::take_free(std::uint32_t die) {
  Die& of = dies_[die];
  --of.free;
  if (of.never_used < geometry_.blocks) return std::uint64_t{die} * geometry_.blocks + of.never_used++;
  std::pop_heap(of.erased.begin(), of.erased.end(), [this](auto a, auto b) { return worn_more(a, b); });
  const std::uint64_t block = of.erased.back();
  of.erased.pop_back();
  return block;
}

void FlashTranslation::place(std::uint64_t logical, std::uint64_t physical) {
  discard(logical);
  physical_of_[logical] = static_cast<std::uint32_t>(physical + 1);
  logical_of_[physical] = static_cast<std::uint32_t>(logical + 1);
  ++blocks_[block_of(physical)].valid;
  ++valid_;
}

void FlashTranslation::discard(std::uint64_t logical) {
  const std::optional<std::uint64_t> old = find(logical);
  if (!old) return;
  physical_of_[logical] = 0;
  logical_of_[*old] = 0;
  --blocks_[block_of(*old)].valid;
  --valid_;
}

std::optional<std::uint64_t> FlashTranslation::take_victim(std::uint32_t die) {
  const std::uint64_t first = std::uint64_t{die} * geometry_.blocks;
  std::uint64_t best = 0;
  auto fewest = static_cast<std::uint32_t>(geometry_.units_per_block() - geometry_.units + 1);
  bool found = false;
  for (std::uint64_t block = first; block < first + geometry_.blocks; ++block) {
    if (blocks_[block].state != State::full || blocks_[block].valid >= fewest) continue;
    best = block;
    fewest = blocks_[block].valid;
    found = true;
  }
  if (!found) return std::nullopt;
  blocks_[best].state = State::taken;
  return best;
}

void FlashTranslation::erase(std::uint64_t block) {
  Block& of = blocks_[block];
  ++of.erasures;
  most_erasures_ = std::max(most_erasures_, of.erasures);
  if (endurance_ != 0 && of.erasures >= endurance_) {
    of.state = State::worn_out;
    ++worn_out_;
    return;
  }
  of.state = State::free;
  Die& die = dies_[block / geometry_.blocks];
  ++die.free;
  die.erased.push_back(block);
  std::push_heap(die.erased.begin(), die.erased.end(), [this](auto a, auto b) { return worn_more(a, b); });
}

}  // namespace pagoda

// The translation layer of a flash device: where the contents of each logical unit lie, and which blocks are free.
//
// Models: a page-mapped table; units are written out of place, in the pages of an open block of each die, one open
// block for what the host writes and one for what is collected; a block is erased as a whole, once nothing in it is
// valid any more, counts its erasures, and is worn out after so many; the least worn free block is opened next; to be
// collected is the full block of a die with the fewest valid units. The last free block of a die is kept for
// collecting. Does not model: time (flash_medium.h), the table's own place in flash, moving of cold contents for even
// wear, blocks that are bad from the beginning.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "pagoda/base/lazy_array.h"

namespace pagoda {

struct FlashGeometry {
  std::uint32_t dies;
  std::uint32_t blocks;  ///< of a die
  std::uint32_t pages;   ///< of a block
  std::uint32_t units;   ///< of a page

  std::uint64_t units_per_block() const { return std::uint64_t{pages} * units; }
  std::uint64_t physical_units() const { return std::uint64_t{dies} * blocks * units_per_block(); }
};

/// Who writes.
enum class FlashStream : std::uint8_t { host, collection };

class FlashTranslation {
 public:
  /// At most 2^32 - 1 units of either kind. `endurance` 0: blocks never wear out.
  FlashTranslation(const FlashGeometry& geometry, std::uint64_t logical_units, std::uint64_t endurance);

  const FlashGeometry& geometry() const { return geometry_; }
  /// The physical unit that holds a logical one; nothing if it was never written, or discarded.
  std::optional<std::uint64_t> find(std::uint64_t logical) const { return known(physical_of_[logical]); }
  /// The logical unit whose contents a physical one holds; nothing if they are not valid.
  std::optional<std::uint64_t> owner(std::uint64_t physical) const { return known(logical_of_[physical]); }

  /// The first unit of the next erased page of a die; nothing if it has none for this stream.
  std::optional<std::uint64_t> open_page(std::uint32_t die, FlashStream stream);
  /// The logical unit's contents are here now, and no more where they were.
  void place(std::uint64_t logical, std::uint64_t physical);
  void discard(std::uint64_t logical);

  /// The block of a die that is best collected: full, and with room for a page or more to be gained; nothing if there
  /// is none. It is not found again until it is erased or put back.
  std::optional<std::uint64_t> take_victim(std::uint32_t die);
  void put_back(std::uint64_t block) { blocks_[block].state = State::full; }
  /// Nothing in it is valid.
  void erase(std::uint64_t block);

  std::uint32_t free_blocks(std::uint32_t die) const { return dies_[die].free; }
  /// Pages that the host's open block of a die has left.
  std::uint32_t host_pages(std::uint32_t die) const { return geometry_.pages - dies_[die].host.next_page; }
  std::uint64_t first_unit(std::uint64_t block) const { return block * geometry_.units_per_block(); }
  std::uint32_t valid_units(std::uint64_t block) const { return blocks_[block].valid; }
  std::uint32_t erasures(std::uint64_t block) const { return blocks_[block].erasures; }
  std::uint32_t most_erasures() const { return most_erasures_; }
  std::uint64_t worn_out() const { return worn_out_; }
  std::uint64_t valid_units() const { return valid_; }

 private:
  enum class State : std::uint8_t { free, open, full, taken, worn_out };

  // All-zero bytes are a block that is free and new.
  struct Block {
    std::uint32_t valid;
    std::uint32_t erasures;
    State state;
  };
  struct OpenBlock {
    std::uint64_t block = 0;
    std::uint32_t next_page = 0;
  };
  struct Die {
    OpenBlock host, collection;
    std::uint32_t never_used = 0;       // the first block that was never opened
    std::uint32_t free = 0;             // with those never used
    std::vector<std::uint64_t> erased;  // a heap, the least worn first
  };

  static std::optional<std::uint64_t> known(std::uint32_t entry) {
    return entry == 0 ? std::nullopt : std::optional<std::uint64_t>(entry - 1);
  }
  std::uint64_t block_of(std::uint64_t physical) const { return physical / geometry_.units_per_block(); }
  bool worn_more(std::uint64_t a, std::uint64_t b) const { return blocks_[a].erasures > blocks_[b].erasures; }
  std::uint64_t take_free(std::uint32_t die);

  FlashGeometry geometry_;
  std::uint64_t endurance_;
  LazyArray<std::uint32_t> physical_of_;  // by logical unit; plus one, 0: none
  LazyArray<std::uint32_t> logical_of_;
  LazyArray<Block> blocks_;
  std::vector<Die> dies_;
  std::uint32_t most_erasures_ = 0;
  std::uint64_t worn_out_ = 0;
  std::uint64_t valid_ = 0;
};

}  // namespace pagoda

// The rows of a DRAM that page tables lie in, and the frames in them.
//
// Models: the last rows of some or all banks of every channel, set aside for tables by system software (no ordinary
// frame lies there), so that logic beside those banks reaches them. A process's tables all lie in one channel: a walk
// does not leave it. Does not model: that a bank's subarrays could have rows open at the same time; which subarray a
// row belongs to makes no difference here.
//
// The address mapping must have all row bits on top, so that these rows are the end of memory, and no channel bits
// below 4 KiB. A frame may lie in several banks; then all of them must be among the chosen ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "pagoda/memory/dram_address_map.h"
#include "pagoda/paging/frame_source.h"
#include "pagoda/pim/memory_walker_config.h"

namespace pagoda {

class TableRows {
 public:
  /// `base`: the DRAM's first address. The configuration has no problem().
  TableRows(const MemoryWalkerConfig& walker, const DramConfig& dram, const DramAddressMap& map, Addr base);
  ~TableRows();

  static std::optional<ConfigProblem> problem(const MemoryWalkerConfig& walker, const DramConfig& dram);

  /// Whether the walker of the address's channel reaches it.
  bool reaches(Addr address) const {
    if (address - base_ >= size_) return false;
    if (everywhere_) return true;
    const DramAddressMap::Place place = map_.place(address - base_);
    return place.row >= first_row_ && place.bank < banks_;
  }
  std::uint32_t channel_of(Addr address) const { return map_.place(address - base_).channel; }

  /// What is set aside: [begin(), end()), not for ordinary frames.
  Addr begin() const { return begin_; }
  Addr end() const { return base_ + size_; }
  std::uint32_t channels() const { return static_cast<std::uint32_t>(frames_.size()); }
  /// Frames for the tables of one process.
  FrameSource& frames(std::uint32_t channel);

  /// The address of the `index`-th 32-byte entry of the `row`-th associative row of a channel.
  Addr associative_entry(std::uint32_t channel, std::uint32_t row, std::uint32_t index) const;
  std::uint32_t entries_per_row() const { return row_bytes_ / kEntryBytes; }
  static constexpr std::uint32_t kEntryBytes = 32;

 private:
  class ChannelFrames;

  const DramAddressMap& map_;
  Addr base_;
  std::uint64_t size_;
  std::uint32_t rows_;       // of a bank
  std::uint32_t first_row_;  // of those for tables
  std::uint32_t end_row_;    // of those for tables: associative ones follow
  std::uint32_t banks_;
  std::uint32_t row_bytes_;
  std::uint32_t burst_bytes_;
  bool everywhere_;
  Addr begin_;
  std::vector<std::unique_ptr<ChannelFrames>> frames_;  // by channel
};

}  // namespace pagoda

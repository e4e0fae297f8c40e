// Hands out the frames of a physical (or guest-physical) memory as an operating system with some history does.
//
// Models: order (sequential: as on a fresh machine; scattered: any free frame or block), and contiguity: which part of
// memory is still in whole 2 MiB and 1 GiB blocks, fixed by the seed. Single frames come from broken blocks; when there
// are no more, the next whole block is broken and its frames go out one after the other. A request for a block finds
// one or fails. Freed frames are handed out again. One block is set aside for runs of several frames (wide root
// tables). Ranges that belong to somebody else (rows for page tables) are never handed out.
//
// Page tables of processes and virtual machines come from any frame, or are grouped: from blocks of 2 MiB set aside for
// them, one per GiB of memory, which is what mapping all of it in 4 KiB pages takes, and from any frame once those are
// full. Linux groups what cannot be moved, page tables among it, in blocks of that size (Gorman and Whitcroft, "The what,
// the why and the where to of anti-fragmentation", Ottawa Linux Symposium 2006), though it sets none aside before they are
// needed.
// Does not model: compaction, NUMA, reclaim.
//
// Costs host memory for the blocks that have been touched, not for the memory managed.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <boost/describe/enum.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/paging/frame_source.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

enum class FrameOrder : std::uint8_t { sequential, scattered };
BOOST_DESCRIBE_ENUM(FrameOrder, sequential, scattered)

enum class TablePlaces : std::uint8_t { anywhere, grouped };
BOOST_DESCRIBE_ENUM(TablePlaces, anywhere, grouped)

struct FrameConfig {
  FrameOrder order = FrameOrder::scattered;
  double contiguity_2m = 0.5;  ///< part of memory in whole 2 MiB blocks
  double contiguity_1g = 0.0;  ///< part of memory in whole 1 GiB blocks; no more than contiguity_2m
  TablePlaces tables = TablePlaces::anywhere;

  static const ConfigInfo& config_info();
};

/// [begin, end), both multiples of 4 KiB.
struct FrameRange {
  Addr begin;
  Addr end;
};

class FrameAllocator final : public FrameSource {
 public:
  /// Manages [begin, end), both multiples of 4 KiB, without the ranges `kept` for others.
  FrameAllocator(const FrameConfig& config, Addr begin, Addr end, std::uint64_t seed,
                 std::vector<FrameRange> kept = {});
  FrameAllocator(const FrameAllocator&) = delete;  // tables() refers to it
  FrameAllocator& operator=(const FrameAllocator&) = delete;
  FrameAllocator(FrameAllocator&&) = delete;
  FrameAllocator& operator=(FrameAllocator&&) = delete;
  ~FrameAllocator() override = default;

  std::optional<Addr> allocate(std::uint64_t bytes) override;
  void release(Addr address, std::uint64_t bytes) override;

  /// Frames for page tables.
  FrameSource& tables() { return tables_; }
  /// What is set aside for them; may be empty.
  FrameRange table_range() const { return tables_.range(); }

  std::uint64_t bytes_in_use() const { return in_use_; }
  std::uint64_t bytes_managed() const { return end_ - begin_; }
  Addr end() const { return end_; }

 private:
  static constexpr unsigned kFrameShift = 12;
  static constexpr unsigned kBlockShift = 21;
  static constexpr unsigned kRegionShift = 30;

  // Visits 0 .. count-1 once each, in order or in a pseudo-random one.
  class Sequence {
   public:
    Sequence(std::uint64_t count, FrameOrder order, std::uint64_t seed);
    std::optional<std::uint64_t> next();

   private:
    std::uint64_t permute(std::uint64_t value) const;
    std::uint64_t count_;
    std::uint64_t position_ = 0;
    unsigned half_bits_ = 0;  // of the Feistel network; 0: sequential
    std::array<std::uint64_t, 4> keys_{};
  };

  // Frames for page tables: of a range set aside for them, which may be empty, and then any.
  class Tables final : public FrameSource {
   public:
    explicit Tables(FrameAllocator& owner) : owner_(owner) {}
    void set_aside(FrameRange range) {
      range_ = range;
      next_ = range.begin;
    }
    const FrameRange& range() const { return range_; }
    std::optional<Addr> allocate(std::uint64_t bytes) override;
    void release(Addr address, std::uint64_t bytes) override;

   private:
    FrameAllocator& owner_;
    FrameRange range_{};
    Addr next_ = 0;
    std::vector<Addr> free_;
  };

  void set_tables_aside(Addr from);
  bool whole_region(std::uint64_t region) const;
  bool whole_block(std::uint64_t block) const;
  bool untouched(std::uint64_t block) const { return !touched_.contains(block); }
  bool inside(Addr address, std::uint64_t bytes) const {
    return address >= begin_ && address + bytes <= end_ && !touches_kept(address, bytes);
  }
  bool touches_kept(Addr address, std::uint64_t bytes) const {
    for (const FrameRange& range : kept_) {
      if (address < range.end && range.begin < address + bytes) return true;
    }
    return false;
  }
  std::optional<Addr> next_frame();
  std::optional<Addr> next_block();
  std::optional<Addr> next_region();
  std::optional<Addr> carve(Addr& next, Addr& end, std::uint64_t bytes);

  Addr begin_;
  Addr end_;
  std::vector<FrameRange> kept_;
  std::uint64_t seed_;
  double whole_regions_;  // probability of a region
  double whole_blocks_;   // probability of a block outside whole regions
  Sequence frames_;
  Sequence blocks_;
  Sequence regions_;
  boost::unordered_flat_set<std::uint64_t> touched_;  // blocks that can no more be part of a region
  std::vector<Addr> free_frames_, free_blocks_, free_regions_;
  Addr broken_next_ = 0, broken_end_ = 0;        // a whole block being handed out in frames
  Addr runs_next_ = 0, runs_end_ = 0;            // a block being handed out in runs of several frames
  std::uint64_t set_aside_ = ~std::uint64_t{0};  // the first such block, which gives no single frames
  std::uint64_t in_use_ = 0;
  Tables tables_{*this};
};

}  // namespace pagoda

#include "pagoda/software/frame_allocator.h"

#include <bit>

#include "pagoda/base/config_builder.h"
#include "pagoda/base/random.h"

namespace pagoda {
namespace {

// The finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
  value = (value ^ value >> 27) * 0x94d049bb133111eb;
  return value ^ value >> 31;
}

// A number in [0, 1) that depends on what is asked about only.
double chance(std::uint64_t seed, std::uint64_t what) { return fraction_of(mix(seed ^ mix(what))); }

constexpr std::uint64_t kRegionSalt = 0x72656769;
constexpr std::uint64_t kBlockSalt = 0x626c6f63;

}  // namespace

const ConfigInfo& FrameConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<FrameConfig>("frames", "How the operating system's free memory lies.")
          .field("order", &FrameConfig::order, "frames one after the other, or anywhere")
          .field("contiguity_2m", &FrameConfig::contiguity_2m, "part of memory that is free in whole 2 MiB blocks",
                 in_range(0.0, 1.0))
          .field("contiguity_1g", &FrameConfig::contiguity_1g, "part of memory that is free in whole 1 GiB blocks",
                 in_range(0.0, 1.0))
          .field("tables", &FrameConfig::tables,
                 "where tables of processes and machines lie: in any frame, or grouped in blocks of 2 MiB")
          .check([](const FrameConfig& c) -> std::optional<ConfigProblem> {
            if (c.contiguity_1g <= c.contiguity_2m) return std::nullopt;
            return ConfigProblem{"contiguity_1g", "is more than contiguity_2m",
                                 "allowed: at most contiguity_2m, since a whole GiB consists of whole 2 MiB blocks"};
          });
  return info;
}

FrameAllocator::Sequence::Sequence(std::uint64_t count, FrameOrder order, std::uint64_t seed) : count_(count) {
  if (order == FrameOrder::sequential || count < 2) return;
  half_bits_ = (static_cast<unsigned>(std::bit_width(count - 1)) + 1) / 2;
  for (std::size_t round = 0; round < keys_.size(); ++round) keys_[round] = mix(seed + round);
}

std::optional<std::uint64_t> FrameAllocator::Sequence::next() {
  if (position_ == count_) return {};
  std::uint64_t value = position_++;
  if (half_bits_ == 0) return value;
  do {  // cycle walking: what lands outside the range is permuted again
    value = permute(value);
  } while (value >= count_);
  return value;
}

// A Feistel network over 2 * half_bits_ bits: a permutation whatever the round function.
std::uint64_t FrameAllocator::Sequence::permute(std::uint64_t value) const {
  const std::uint64_t mask = low_mask(half_bits_);
  std::uint64_t left = value >> half_bits_;
  std::uint64_t right = value & mask;
  for (const std::uint64_t key : keys_) {
    const std::uint64_t next = left ^ (mix(right ^ key) & mask);
    left = right;
    right = next;
  }
  return left << half_bits_ | right;
}

FrameAllocator::FrameAllocator(const FrameConfig& config, Addr begin, Addr end, std::uint64_t seed,
                               std::vector<FrameRange> kept)
    : begin_(begin),
      end_(end),
      kept_(std::move(kept)),
      seed_(seed),
      whole_regions_(config.contiguity_1g),
      whole_blocks_(
          config.contiguity_1g < 1 ? (config.contiguity_2m - config.contiguity_1g) / (1 - config.contiguity_1g) : 1),
      frames_((end - begin) >> kFrameShift, config.order, seed),
      blocks_((end >> kBlockShift) + 1, config.order, seed + 1),
      regions_((end >> kRegionShift) + 1, config.order, seed + 2) {
  const Addr first = (begin + low_mask(kBlockShift)) & ~low_mask(kBlockShift);
  if (!inside(first, std::uint64_t{1} << kBlockShift)) return;
  runs_next_ = first;
  runs_end_ = first + (Addr{1} << kBlockShift);
  set_aside_ = first >> kBlockShift;
  touched_.insert(set_aside_);
  if (config.tables == TablePlaces::grouped) set_tables_aside(runs_end_);
}

// The first range of blocks at or behind `from` that is large enough, if there is one.
void FrameAllocator::set_tables_aside(Addr from) {
  constexpr Addr kBlock = Addr{1} << kBlockShift;
  const std::uint64_t bytes = ((bytes_managed() + low_mask(kRegionShift)) >> kRegionShift) * kBlock;
  while (from + bytes <= end_ && !inside(from, bytes)) from += kBlock;
  if (from + bytes > end_) return;
  kept_.push_back({from, from + bytes});
  tables_.set_aside(kept_.back());
}

std::optional<Addr> FrameAllocator::Tables::allocate(std::uint64_t bytes) {
  constexpr std::uint64_t kFrame = std::uint64_t{1} << kFrameShift;
  if (bytes != kFrame || (free_.empty() && next_ == range_.end)) return owner_.allocate(bytes);
  owner_.in_use_ += bytes;
  if (free_.empty()) {
    next_ += kFrame;
    return next_ - kFrame;
  }
  const Addr frame = free_.back();
  free_.pop_back();
  return frame;
}

void FrameAllocator::Tables::release(Addr address, std::uint64_t bytes) {
  if (address < range_.begin || address >= range_.end) return owner_.release(address, bytes);
  owner_.in_use_ -= bytes;
  free_.push_back(address);
}

bool FrameAllocator::whole_region(std::uint64_t region) const {
  return chance(seed_ ^ kRegionSalt, region) < whole_regions_;
}

bool FrameAllocator::whole_block(std::uint64_t block) const {
  if (!inside(block << kBlockShift, std::uint64_t{1} << kBlockShift)) return false;  // the memory's ragged ends
  return whole_region(block >> (kRegionShift - kBlockShift)) || chance(seed_ ^ kBlockSalt, block) < whole_blocks_;
}

std::optional<Addr> FrameAllocator::allocate(std::uint64_t bytes) {
  std::optional<Addr> address;
  if (bytes == std::uint64_t{1} << kFrameShift) {
    address = next_frame();
  } else if (bytes == std::uint64_t{1} << kBlockShift) {
    address = next_block();
  } else if (bytes == std::uint64_t{1} << kRegionShift) {
    address = next_region();
  } else if (bytes < std::uint64_t{1} << kBlockShift) {
    address = carve(runs_next_, runs_end_, bytes);
  }
  if (!address) return {};
  for (Addr block = *address >> kBlockShift; block <= (*address + bytes - 1) >> kBlockShift; ++block)
    touched_.insert(block);
  in_use_ += bytes;
  return address;
}

void FrameAllocator::release(Addr address, std::uint64_t bytes) {
  in_use_ -= bytes;
  if (bytes == std::uint64_t{1} << kBlockShift) {
    free_blocks_.push_back(address);
  } else if (bytes == std::uint64_t{1} << kRegionShift) {
    free_regions_.push_back(address);
  } else {
    for (Addr frame = address; frame < address + bytes; frame += Addr{1} << kFrameShift) free_frames_.push_back(frame);
  }
}

std::optional<Addr> FrameAllocator::next_frame() {
  if (!free_frames_.empty()) {
    const Addr frame = free_frames_.back();
    free_frames_.pop_back();
    return frame;
  }
  if (whole_regions_ < 1 && whole_blocks_ < 1) {
    while (const auto number = frames_.next()) {
      const Addr frame = begin_ + (*number << kFrameShift);
      const std::uint64_t block = frame >> kBlockShift;
      if (!whole_block(block) && block != set_aside_ && !touches_kept(frame, Addr{1} << kFrameShift)) return frame;
    }
  }
  return carve(broken_next_, broken_end_, std::uint64_t{1} << kFrameShift);
}

std::optional<Addr> FrameAllocator::next_block() {
  if (!free_blocks_.empty()) {
    const Addr block = free_blocks_.back();
    free_blocks_.pop_back();
    return block;
  }
  while (const auto number = blocks_.next()) {
    const Addr address = *number << kBlockShift;
    if (whole_block(*number) && untouched(*number)) return address;
  }
  return {};
}

std::optional<Addr> FrameAllocator::next_region() {
  if (!free_regions_.empty()) {
    const Addr region = free_regions_.back();
    free_regions_.pop_back();
    return region;
  }
  constexpr std::uint64_t kBlocks = std::uint64_t{1} << (kRegionShift - kBlockShift);
  while (const auto number = regions_.next()) {
    const Addr address = *number << kRegionShift;
    if (!inside(address, std::uint64_t{1} << kRegionShift) || !whole_region(*number)) continue;
    bool free = true;
    for (std::uint64_t block = *number * kBlocks; free && block < (*number + 1) * kBlocks; ++block)
      free = untouched(block);
    if (free) return address;
  }
  return {};
}

// The next `bytes` of a block that is being handed out piece by piece; a new block when it is used up.
std::optional<Addr> FrameAllocator::carve(Addr& next, Addr& end, std::uint64_t bytes) {
  const Addr start = (next + bytes - 1) & ~(bytes - 1);
  if (start + bytes <= end) {
    next = start + bytes;
    return start;
  }
  const std::optional<Addr> block = next_block();
  if (!block) return {};
  next = *block + bytes;
  end = *block + (Addr{1} << kBlockShift);
  return block;
}

}  // namespace pagoda

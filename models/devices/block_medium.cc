#include "pagoda/devices/block_medium.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& BlockMediumConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<BlockMediumConfig>("medium", "What a block device keeps its blocks in.")
          .field("capacity", &BlockMediumConfig::capacity, "of all blocks",
                 in_range(Bytes{4096}, Bytes{std::uint64_t{1} << 44}))
          .field("block", &BlockMediumConfig::block, "of a block, a power of two", in_range(Bytes{512}, Bytes{65536}))
          .field("channels", &BlockMediumConfig::channels, "commands served at a time; 0: no limit", in_range(0, 4096))
          .field("read_latency", &BlockMediumConfig::read_latency, "of a read, beside the time of its bytes")
          .field("write_latency", &BlockMediumConfig::write_latency, "of a write, beside the time of its bytes")
          .field("channel_rate", &BlockMediumConfig::channel_rate, "of a channel",
                 in_range(Bandwidth{1e3}, Bandwidth{1e15}))
          .check([](const BlockMediumConfig& c) -> std::optional<ConfigProblem> {
            if (!std::has_single_bit(c.block.count)) {
              return ConfigProblem{"block", "not a power of two", "allowed: 512 B, 1 KiB, ... 64 KiB"};
            }
            if (c.capacity.count % c.block.count != 0) {
              return ConfigProblem{"capacity", "not a whole number of blocks", "allowed: a multiple of block"};
            }
            return std::nullopt;
          });
  return info;
}

BlockMedium::BlockMedium(const BlockMediumConfig& config)
    : block_bytes_(validated(config).block.count),
      blocks_(config.capacity.count / block_bytes_),
      read_latency_(config.read_latency.ps),
      write_latency_(config.write_latency.ps),
      ps_per_byte_(1e12 / config.channel_rate.bytes_per_second),
      channels_(config.channels),
      contents_(config.capacity) {}

std::span<unsigned char> BlockMedium::bytes(std::uint64_t first_block, std::uint64_t count) {
  return {contents_.data(first_block * block_bytes_), count * block_bytes_};
}

Ps BlockMedium::write(Ps floor, Ps at, std::uint64_t bytes) {
  const Ps done = access(floor, at, write_latency_, bytes);
  all_written_ = std::max(all_written_, done);
  return done;
}

Ps BlockMedium::access(Ps floor, Ps at, Ps latency, std::uint64_t bytes) {
  const Ps duration = latency + static_cast<Ps>(std::llround(static_cast<double>(bytes) * ps_per_byte_));
  const Servers::Slot slot = channels_.acquire(at, duration);
  channels_.release(floor, slot, slot.start + duration);
  return slot.start + duration;
}

}  // namespace pagoda

// What a block device keeps its blocks in: bytes, and the time that reading and writing them takes.
//
// Models: so many channels, each busy with one command at a time for a latency and the time of its bytes; a write is
// safe when its channel is done. Does not model: flash translation, wear, caches, power loss.
//
// Defaults: the latency of a page read and of a page written to a buffer in front of flash, and a channel's rate, are
// round figures.
#pragma once

#include <cstdint>
#include <span>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/timeline.h"
#include "pagoda/base/units.h"
#include "pagoda/memory/physical_memory.h"

namespace pagoda {

struct BlockMediumConfig {
  Bytes capacity{std::uint64_t{1} << 30};
  Bytes block{512};
  std::uint32_t channels = 8;
  Duration read_latency{60 * kMicrosecond};
  Duration write_latency{15 * kMicrosecond};
  Bandwidth channel_rate{1.2e9};

  static const ConfigInfo& config_info();
};

class BlockMedium {
 public:
  explicit BlockMedium(const BlockMediumConfig& config);

  std::uint64_t blocks() const { return blocks_; }
  std::uint64_t block_bytes() const { return block_bytes_; }
  /// The bytes of blocks that exist.
  std::span<unsigned char> bytes(std::uint64_t first_block, std::uint64_t count);

  /// A command for so many bytes reaches the medium at `at`; when it is done.
  Ps read(Ps floor, Ps at, std::uint64_t bytes) { return access(floor, at, read_latency_, bytes); }
  Ps write(Ps floor, Ps at, std::uint64_t bytes);
  /// When everything written so far is safe.
  Ps all_written() const { return all_written_; }

 private:
  Ps access(Ps floor, Ps at, Ps latency, std::uint64_t bytes);

  std::uint64_t block_bytes_;
  std::uint64_t blocks_;
  Ps read_latency_;
  Ps write_latency_;
  double ps_per_byte_;
  Servers channels_;
  Ps all_written_ = 0;
  PhysicalMemory contents_;
};

}  // namespace pagoda

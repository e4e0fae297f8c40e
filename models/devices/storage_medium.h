// What a storage device keeps its blocks in: bytes, and the time that reading and writing them takes.
//
// Models: commands on ranges of blocks, each with its answer: when it is done, how it ended, and how long it waited for
// something busy. A command may reach the medium at a time before that of an earlier call. Errors and time-outs can be
// injected, by rates with a seed, or one by one. Does not model: the way to the medium, which is the attachment's
// (block_device.h, capi_adapter.h).
//
// A write is answered when its blocks are safe: they survive, and whoever reads them later gets them. Bytes move when
// the call is made. A read that fails has moved none; a write that fails may have written the first of its blocks.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>
#include <span>

#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/time.h"
#include "pagoda/devices/medium_config.h"

namespace pagoda {

enum class MediumStatus : std::uint8_t {
  ok,
  out_of_range,  ///< there are no such blocks
  full,          ///< no room for what is written: too many blocks of flash are worn out
  read_error,    ///< blocks cannot be read, however often the medium tries
  write_error,
  timed_out  ///< the medium gave the command up
};

struct MediumAnswer {
  Ps done;
  MediumStatus status = MediumStatus::ok;
  Ps queue = 0;  ///< of the time until then: waiting for something busy

  bool ok() const { return status == MediumStatus::ok; }
};

/// A range of blocks, at a time. `floor`: kernel time.
struct MediumRequest {
  std::uint64_t first_block;
  std::uint64_t blocks;
  Ps at;
  Ps floor;
};

class StorageMedium {
 public:
  explicit StorageMedium(const MediumConfig& config);
  virtual ~StorageMedium() = default;
  StorageMedium(const StorageMedium&) = delete;
  StorageMedium& operator=(const StorageMedium&) = delete;

  std::uint64_t blocks() const { return blocks_; }
  std::uint64_t block_bytes() const { return block_bytes_; }

  /// `to` has room for the bytes of all blocks, or is empty: then only time passes. Blocks never written read as zero.
  MediumAnswer read(const MediumRequest& request, std::span<unsigned char> to);
  /// Likewise; without bytes, what blocks hold afterwards is anything.
  MediumAnswer write(const MediumRequest& request, std::span<const unsigned char> from);
  /// Nobody needs the contents of the blocks any more: they read as zero.
  MediumAnswer discard(const MediumRequest& request);
  /// When everything written so far is safe.
  Ps all_written() const { return all_written_; }

  /// The medium's own work, which nobody waits for, goes on, as no command will come for a time before `now`; when the
  /// rest of it goes on, or kNever. Without calls of this it goes on with the next command.
  virtual Ps work_until(Ps /*now*/) { return kNever; }

  /// The next command of its kind ends like this: read_error, write_error, or timed_out for either.
  void inject(MediumStatus problem) { injected_.push_back(problem); }

  /// What whole blocks hold, at no time: for looking at and filling from outside the simulation. They exist.
  virtual void peek(std::uint64_t first_block, std::span<unsigned char> to) const = 0;
  virtual void poke(std::uint64_t first_block, std::span<const unsigned char> from) = 0;

  /// Of the part of the medium that is used most: the share of the time until `now`, kernel time, in which it was busy.
  double utilisation(Ps now) const { return busy_share(now - std::min(now, counting_since_)); }
  /// `now`: kernel time.
  void visit_stats(StatVisitor& visitor, Ps now);
  void visit_probes(ProbeVisitor& visitor);

 protected:
  virtual MediumAnswer read_blocks(const MediumRequest& request, std::span<unsigned char> to) = 0;
  virtual MediumAnswer write_blocks(const MediumRequest& request, std::span<const unsigned char> from) = 0;
  virtual MediumAnswer discard_blocks(const MediumRequest& request) = 0;
  /// `elapsed`: since statistics count.
  virtual double busy_share(Ps elapsed) const = 0;
  virtual void visit_own_stats(StatVisitor& visitor, Ps elapsed) = 0;
  virtual void visit_own_probes(ProbeVisitor& visitor) = 0;

 private:
  bool contains(const MediumRequest& request) const;
  MediumStatus fate(bool write);
  MediumAnswer count(const MediumRequest& request, const MediumAnswer& answer);

  std::uint64_t block_bytes_;
  std::uint64_t blocks_;
  MediumFaultConfig faults_;
  std::mt19937_64 random_;
  std::deque<MediumStatus> injected_;
  Ps all_written_ = 0;
  Ps counting_since_ = 0;

  std::uint64_t reads_ = 0, writes_ = 0, discards_ = 0, bytes_read_ = 0, bytes_written_ = 0, queue_ = 0;
  std::array<std::uint64_t, 6> ended_{};  // commands, by status
  Distribution read_latency_, write_latency_;
  Probe commands_probe_;
};

/// The medium that the configuration describes.
std::unique_ptr<StorageMedium> make_medium(const MediumConfig& config);

}  // namespace pagoda

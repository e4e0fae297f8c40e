// A die of flash and the channel it is on: what they do, and when.
//
// Models: a channel that carries one operation's command and data at a time; a die that does one operation at a time: a
// read senses a page, then its data leave over the channel; a program takes its data in, then writes them; an erasure.
// Reads of the host go ahead of programs and erasures that have not begun, and a program or an erasure under way gives
// way to them after a while, if the die can suspend, and goes on afterwards. Does not model: planes (a die whose planes
// work independently is so many dies), cache reads and programs (a die's register is taken until its data are out), how
// often an operation may be suspended.
//
// Programs, erasures and reads for collecting are kept until time has come that far: what a read at some time finds is
// decided when it comes. Whoever is told of an operation's end (finish()) can rely on it: it is not suspended any more.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>

#include "pagoda/base/probe.h"
#include "pagoda/base/timeline.h"
#include "pagoda/devices/flash_config.h"

namespace pagoda {

class FlashChannel {
 public:
  FlashChannel(const FlashConfig& config);

  /// An operation's command and so many bytes, from `at` on; when they are over.
  Ps carry(Ps floor, Ps at, std::uint64_t bytes);
  Ps transfer_time(std::uint64_t bytes) const;

  std::uint64_t& busy() { return busy_; }
  std::uint64_t busy() const { return busy_; }
  Probe& probe() { return probe_; }

 private:
  Ps command_;
  double ps_per_byte_;
  Servers wire_{1};
  std::uint64_t busy_ = 0;
  Probe probe_;
};

/// A program, from when its data are known until it is over. Its owner keeps it in place meanwhile.
struct FlashProgram {
  std::uint64_t page = 0;  ///< its first unit
  std::uint32_t die = 0;
  std::uint32_t units = 0;
  std::optional<Ps> end{};  ///< once it has begun
};

class FlashDie {
 public:
  struct Operation {
    enum class Kind : std::uint8_t { read, program, erase } kind;
    Ps ready = 0;             ///< it can begin
    std::uint64_t bytes = 0;  ///< on the channel
    FlashProgram* program = nullptr;
  };

  FlashDie(const FlashConfig& config, FlashChannel& channel);

  /// A read that comes at `at`; when its data are out.
  Ps read(Ps floor, Ps at, std::uint64_t bytes);
  /// Likewise a program that nothing can suspend, of a die without background work; when it is over.
  Ps write(Ps floor, Ps at, std::uint64_t bytes);

  void add(const Operation& operation) { waiting_.push_back(operation); }
  /// What can begin before `at` does.
  void advance(Ps floor, Ps at);
  /// When what waits can begin; kNever if nothing does.
  Ps next() const { return waiting_.empty() ? kNever : std::max(waiting_.front().ready, array_.horizon()); }
  /// Unloaded: from a read's beginning until its data are out, and from a program's until it is over.
  Ps read_time(std::uint64_t bytes) const { return read_ + channel_.transfer_time(bytes); }
  Ps program_time(std::uint64_t bytes) const { return channel_.transfer_time(bytes) + program_; }
  /// When a program that was added ends.
  Ps finish(Ps floor, FlashProgram& program);

  std::uint64_t& busy() { return busy_; }
  std::uint64_t busy() const { return busy_; }
  std::uint64_t& suspensions() { return suspensions_; }
  Probe& probe() { return probe_; }

 private:
  // The program or erasure that began last.
  struct Current {
    Ps start = 0;  // of the part that can be suspended
    Ps end = 0;
    Ps away_until = 0;  // for reads
    bool fixed = true;
    FlashProgram* program = nullptr;
  };

  void begin(Ps floor, const Operation& operation);
  void occupy(Ps floor, Ps start, Ps end);
  void occupy_gap(Ps floor, Ps start, Ps end, Ps unloaded);

  Ps read_, program_, erase_, suspend_;
  bool suspends_;
  FlashChannel& channel_;
  Timeline array_;
  std::deque<Operation> waiting_;
  Current current_;
  std::uint64_t busy_ = 0, suspensions_ = 0;
  Probe probe_;
};

}  // namespace pagoda

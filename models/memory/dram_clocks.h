// The timing parameters of a DRAM in clocks, and the distances between commands that follow from them.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "pagoda/base/time.h"
#include "pagoda/memory/dram_config.h"

namespace pagoda {

/// A rising edge of a channel's command clock, counted from time 0. Commands are issued on these edges only.
using Clock = std::int64_t;
inline constexpr Clock kNeverClock = std::numeric_limits<Clock>::max() / 4;

enum class DramAccess : std::uint8_t { read, write };
/// Of a PerAccess.
inline constexpr std::size_t kDramRead = static_cast<std::size_t>(DramAccess::read);
inline constexpr std::size_t kDramWrite = static_cast<std::size_t>(DramAccess::write);

/// How far two column commands are apart in the channel.
enum class DramReach : std::uint8_t { other_rank, same_rank, same_group };

template <typename T>
using PerAccess = std::array<T, 2>;

struct DramClocks {
  Ps period = 0;
  std::uint64_t reciprocal = 0;       ///< 2^64 / period, rounded down
  PerAccess<Clock> column_latency{};  ///< tCL, tCWL
  PerAccess<Clock> row_to_column{};   ///< tRCD for reads and for writes
  PerAccess<Clock> to_precharge{};    ///< column command to PRE: tRTP; tCWL + burst + tWR
  Clock wr = 0;                       ///< the end of a write to PRE
  Clock burst = 0;                    ///< clocks that a burst holds the data bus
  Clock rp = 0;
  Clock ras = 0;
  Clock rc = 0;
  Clock rrd_s = 0;
  Clock rrd_l = 0;
  Clock faw = 0;
  Clock refi = 0;  ///< 0: no refresh
  Clock rfc = 0;
  /// The least distance from a column command to the next, by reach, what the first does and what the second
  /// does.
  std::array<PerAccess<PerAccess<Clock>>, 3> column_gap{};
  /// What a row needs at least from its ACT to the next ACT or a REF of its bank.
  PerAccess<Clock> row_cycle{};

  DramClocks(const DramTimings& timings, std::uint32_t burst_length);

  Clock gap(DramReach reach, DramAccess first, DramAccess second) const {
    return column_gap[static_cast<std::size_t>(reach)][static_cast<std::size_t>(first)]
                     [static_cast<std::size_t>(second)];
  }
  /// The edge at or before `time`, without a division.
  Clock edge_before(Ps time) const {
    __extension__ using Wide = unsigned __int128;
    const auto clock = static_cast<Ps>((Wide{time} * reciprocal) >> 64);  // this edge or the one before it
    return static_cast<Clock>(time - clock * period < period ? clock : clock + 1);
  }
  /// The edge at or after `time`.
  Clock edge_after(Ps time) const { return edge_before(time + period - 1); }
  Ps time_of(Clock clock) const { return static_cast<Ps>(clock) * period; }
  /// How far from itself a command can forbid others.
  Clock reach() const;
};

/// A duration in clocks as a controller programs it: rounded up, forgiving the 2.6 % of a clock by which the
/// clock period itself was rounded (JESD79-4C section 13.5 and JEDEC 21-C 4.1.2.L, "rounding algorithms").
Clock round_up_to_clocks(const Latency& value, Ps period);

}  // namespace pagoda

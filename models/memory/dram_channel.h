// One channel of a DRAM: its queues in front of its schedule.
#pragma once

#include <cstdint>
#include <vector>

#include "pagoda/memory/dram_burst.h"
#include "pagoda/memory/dram_calendar.h"
#include "pagoda/memory/dram_clocks.h"
#include "pagoda/memory/dram_config.h"
#include "pagoda/memory/dram_scheduler.h"
#include "pagoda/memory/dram_write_queue.h"

namespace pagoda {

/// What a channel has done. Bursts, not requests.
struct DramCounters {
  std::uint64_t read_bursts = 0;      ///< RD commands
  std::uint64_t write_bursts = 0;     ///< WR commands
  std::uint64_t forwarded_reads = 0;  ///< reads served from the write queue
  std::uint64_t merged_writes = 0;    ///< writes merged with a queued one
  std::uint64_t row_hits = 0;         ///< as in DramRowCounters
  std::uint64_t row_closed = 0;
  std::uint64_t row_conflicts = 0;
  std::uint64_t row_reopens = 0;
  std::uint64_t write_drains = 0;
  std::uint64_t read_queue_waits = 0;   ///< reads that found the read queue full
  std::uint64_t write_queue_waits = 0;  ///< writes that found the write queue full

  /// ACT commands.
  std::uint64_t activates() const { return row_closed + row_conflicts + row_reopens; }
  DramCounters& operator+=(const DramCounters& other);
};

/// Reads are scheduled when they enter the read queue; writes are accepted into the write queue and scheduled in
/// batches.
class DramChannel {
 public:
  /// `clocks` and `map` are kept by reference.
  DramChannel(const DramConfig& config, const DramClocks& clocks, const DramAddressMap& map, std::uint32_t index);

  struct ReadResult {
    Clock data_end;         ///< after its last beat
    std::int32_t unloaded;  ///< clocks it would have taken with nothing else in the channel
    DramOutcome outcome;
  };
  /// A read that reaches the controller at `at`.
  ReadResult read(const DramBurst& burst, Clock at);

  /// A write that reaches the controller at `at`; when it is accepted.
  Clock write(const DramBurst& burst, Clock at);

  /// Nothing will arrive before `floor` any more.
  void forget_before(Clock floor) {
    scheduler_.forget_before(floor);
    queues_.forget_before(floor);
  }
  /// Schedules what is still queued and settles every row: nothing may be requested afterwards.
  void finish(Clock end);

  void observe(DramObserver* observer) { scheduler_.observe(observer); }
  DramCounters counters() const;
  const DramScheduler& scheduler() const { return scheduler_; }

 private:
  Clock begin() const { return std::max(scheduler_.begin(), queues_.begin()); }
  Clock find_with_queue_entry(const DramScheduler::Search& search, Clock at, DramScheduler::Placement& placement);
  void reserve_read_queue(Clock entry, Clock column);
  Clock first_write_entry(Clock at) const;
  bool drain_one(const DramWriteQueue::Entry& entry, Clock from, Clock before);
  void drain_at(Clock now);
  void drain_when_idle(Clock now);

  static constexpr std::size_t kReadQueue = 0;  ///< lanes of queues_
  static constexpr std::size_t kWriteQueue = 1;

  const DramClocks& clocks_;
  DramController controller_;
  Clock write_idle_;
  DramScheduler scheduler_;
  DramCalendar queues_;
  std::vector<Clock> last_reads_;  ///< the RD of the last reads, as many as the read queue holds
  std::size_t oldest_read_ = 0;    ///< in last_reads_
  Clock reads_before_ = 0;         ///< the latest RD of all reads before those
  DramWriteQueue writes_;
  struct {
    Clock arrived = 0;
    Clock accepted = 0;
  } waiting_write_;  ///< the last write that had to wait for an entry
  DramCounters counters_;
};

}  // namespace pagoda

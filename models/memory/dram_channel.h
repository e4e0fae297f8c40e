// One channel of a DRAM: its queues in front of its schedule.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pagoda/memory/dram_burst.h"
#include "pagoda/memory/dram_calendar.h"
#include "pagoda/memory/dram_clocks.h"
#include "pagoda/memory/dram_config.h"
#include "pagoda/memory/dram_place_read.h"
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
  std::uint64_t row_uses = 0;           ///< of open rows by logic beside the array
  std::uint64_t transfers = 0;          ///< bursts out of buffers beside the array

  /// ACT commands.
  std::uint64_t activates() const { return row_closed + row_conflicts + row_reopens; }
  std::uint64_t bus_bursts() const { return read_bursts + write_bursts + transfers; }
  DramCounters& operator+=(const DramCounters& other);
};

/// Reads are scheduled when they enter the read queue; writes are accepted into the write queue and scheduled in
/// batches.
class DramChannel {
 public:
  /// `map` is kept by reference.
  DramChannel(const DramConfig& config, const DramClocks& clocks, const DramAddressMap& map, std::uint32_t index);

  struct ReadResult {
    Clock data_end;         ///< after its last beat
    std::int32_t unloaded;  ///< clocks it would have taken with nothing else in the channel
    DramOutcome outcome;
  };
  /// A read that reaches the controller at `at`.
  [[gnu::always_inline]] ReadResult read(const DramBurst& burst, Clock at) {
    at = std::max(at, begin());
    if (!writes_.empty() && is_forwarded(burst, at)) return {at, 0, DramOutcome::queued};
    Clock entry = at;
    const DramScheduler::Placed placed =
        queue_free_ < at ? scheduler_.place_read(burst, at) : place_when_queued(burst, at, entry);
    reserve_read_queue(entry, placed.column);
    ++counters_.read_bursts;
    return {placed.column + read_data_, unloaded_[static_cast<std::size_t>(placed.outcome)], placed.outcome};
  }

  /// Logic beside the array uses the row of a burst; see DramScheduler. Posted writes to the burst go out before.
  DramScheduler::UsedRow use_row(const DramBurst& burst, Clock at, const DramScheduler::RowUse& use);
  /// A burst from a buffer beside the array, ready at `at`; after its last beat.
  Clock transfer(const DramBurst& burst, Clock at) {
    ++counters_.transfers;
    return scheduler_.place_transfer(burst, at) + read_data_;
  }

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
  std::uint64_t bursts_out() const { return counters_.read_bursts + counters_.transfers; }
  const DramScheduler& scheduler() const { return scheduler_; }

 private:
  /// When a read entered the read queue and when it left it.
  struct Stay {
    Clock entry = 0;
    Clock column = 0;
  };

  /// That of the queues is never later: their reservations end before those of the schedule.
  Clock begin() const { return scheduler_.begin(); }
  DramScheduler::Placed place_when_queued(const DramBurst& burst, Clock at, Clock& entry);
  bool is_forwarded(const DramBurst& burst, Clock at);
  void reserve_read_queue(Clock entry, Clock column) {
    Stay& stay = stays_[reads_ % kStays];
    if (stay.column >= begin()) write_overwritten_stay(stay);
    stay = {entry, column};
    ++reads_;
    queue_free_ = std::max(queue_free_, stays_[(reads_ - controller_.read_queue) % kStays].column);
  }
  void write_overwritten_stay(const Stay& stay);
  void write_stays();
  Clock first_write_entry(Clock at) const;
  bool drain_one(const DramWriteQueue::Entry& entry, Clock from, Clock before);
  void drain_at(Clock now);
  void drain_when_idle(Clock now);

  static constexpr std::size_t kReadQueue = 0;  ///< lanes of queues_
  static constexpr std::size_t kWriteQueue = 1;

  /// Stays that are kept: more than reads that can be in the queue.
  static constexpr std::size_t kStays = 256;
  static_assert(kStays > DramCalendar::kMostEntries);

  /// What a read takes with nothing else in the channel, by outcome.
  std::array<std::int32_t, 3> unloaded_;
  Clock read_data_;  ///< RD to after its last beat
  DramController controller_;
  Clock write_idle_;
  DramScheduler scheduler_;
  DramCalendar queues_;
  /// Of the last reads, that with number n at n mod kStays. They go to queues_ when someone asks there, or if something
  /// can still arrive before their end when they are overwritten.
  std::array<Stay, kStays> stays_{};
  std::size_t reads_ = 0;          ///< their number so far
  std::size_t written_stays_ = 0;  ///< those of the reads before this one are in queues_, if they matter
  Clock queue_free_ = 0;           ///< the latest RD of all reads but the last ones, one fewer than fit into the queue
  DramWriteQueue writes_;
  struct {
    Clock arrived = 0;
    Clock accepted = 0;
  } waiting_write_;  ///< the last write that had to wait for an entry
  DramCounters counters_;
};

}  // namespace pagoda

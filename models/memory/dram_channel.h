// One channel of a DRAM: its banks, its buses and the controller that schedules onto them.
#pragma once

#include <cstdint>
#include <vector>

#include "pagoda/memory/dram_address_map.h"
#include "pagoda/memory/dram_bank.h"
#include "pagoda/memory/dram_calendar.h"
#include "pagoda/memory/dram_clocks.h"
#include "pagoda/memory/dram_command.h"
#include "pagoda/memory/dram_config.h"
#include "pagoda/memory/dram_refresh.h"
#include "pagoda/memory/dram_write_queue.h"

namespace pagoda {

/// What an access found in its bank.
enum class DramOutcome : std::uint8_t {
  hit,       ///< its row open, or about to be opened for an access before it
  closed,    ///< no row open: ACT was needed
  conflict,  ///< another row open: PRE and ACT were needed
  queued     ///< nothing: a read was served from, or a write went into, the write queue
};

/// What a channel has done. Bursts, not requests.
struct DramCounters {
  std::uint64_t read_bursts = 0;      ///< RD commands
  std::uint64_t write_bursts = 0;     ///< WR commands
  std::uint64_t forwarded_reads = 0;  ///< reads served from the write queue
  std::uint64_t merged_writes = 0;    ///< writes merged with a queued one
  std::uint64_t row_hits = 0;
  std::uint64_t row_closed = 0;
  std::uint64_t row_conflicts = 0;
  std::uint64_t row_reopens = 0;  ///< rows opened once more because a late request took the bank in between
  std::uint64_t write_drains = 0;
  std::uint64_t read_queue_waits = 0;   ///< reads that found the read queue full
  std::uint64_t write_queue_waits = 0;  ///< writes that found the write queue full

  /// ACT commands.
  std::uint64_t activates() const { return row_closed + row_conflicts + row_reopens; }
  DramCounters& operator+=(const DramCounters& other);
};

/// Schedules bursts in call order: each gets the earliest clocks that no rule and no reservation made before forbids
/// (dram_calendar.h), be it after the last reservation or in a gap between two. Nothing that was scheduled is moved.
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
    calendar_.forget_before(floor);
    if (observer_ != nullptr) report_refreshes(floor);
  }
  /// Schedules what is still queued and settles every row: nothing may be requested afterwards.
  void finish(Clock end);

  void observe(DramObserver* observer) { observer_ = observer; }
  const DramCounters& counters() const { return counters_; }
  const std::vector<DramBank>& banks() const { return banks_; }
  /// Clocks that rows have been open, summed over the banks, seen from `now`.
  Clock row_open(Clock now) const;
  /// REF commands of all ranks up to `now`.
  std::uint64_t refreshes(Clock now) const;

 private:
  /// A burst on its way to its clocks.
  struct Search {
    const DramBank* bank;
    std::uint32_t row;
    std::uint32_t rank;
    std::size_t access;     ///< index of the kind of access
    std::size_t rank_lane;  ///< of RD and WR; other lanes of the rank follow
    std::size_t group_lane;
  };
  struct Placement {
    std::size_t session;  ///< index in the bank
    bool opens;           ///< a new session, before the one that has this index
    DramOutcome outcome;
    Clock activate;
    Clock column;
    Clock earliest_precharge;
    Clock latest_precharge;
    Clock reopen;  ///< ACT of the session after it, which continued the one before it; 0: it did not
  };

  Search search(const DramBurst& burst, DramAccess access) const;
  void find(const Search& search, Clock from, Placement& placement);
  Clock find_with_queue_entry(const Search& search, Clock at, Placement& placement);
  bool try_join(const Search& search, std::size_t index, Clock from, Placement& placement) const;
  bool try_open(const Search& search, std::size_t index, Clock from, Placement& placement);
  bool try_reopen(const Search& search, std::size_t index, Clock after, Placement& placement) const;
  void join(DramBank& bank, const Placement& placement);
  void open(DramBank& bank, const Search& search, const DramBurst& burst, const Placement& placement);
  void commit(const Search& search, const DramBurst& burst, const Placement& placement);
  void reserve_activate(const Search& search, Clock clock);
  void forbid_fifth_activate(std::size_t rank_lane, Clock clock);
  void reserve_column(const Search& search, Clock clock);
  void reserve_read_queue(Clock entry, Clock column);

  Clock planned_precharge(const RowSession& session) const;
  Clock latest_precharge(const DramBank& bank, std::size_t index) const;
  Clock end_of(const DramBank& bank, std::size_t index) const;
  void retire_first(std::uint32_t bank);

  Clock first_write_entry(Clock at) const;
  bool drain_one(const DramWriteQueue::Entry& entry, Clock from, Clock before);
  void drain_at(Clock now);
  void drain_when_idle(Clock now);
  void report(DramCommand::Kind kind, Clock clock, const DramBurst& burst) const;
  void report_bank(DramCommand::Kind kind, Clock clock, std::uint32_t bank, std::uint32_t row) const;
  void report_refreshes(Clock until);

  // Lanes of the calendar: of each rank, of each bank group, and one count lane for each queue. The first two of a
  // rank and of a group are those of RD and WR.
  static constexpr std::size_t kActivateLane = 2;
  static constexpr std::size_t kMarkLane = 3;
  static constexpr std::size_t kRankLanes = 4;
  static constexpr std::size_t kGroupLanes = 3;
  // What the stencils distinguish.
  static constexpr std::size_t kInRank = 0;
  static constexpr std::size_t kInGroup = 1;
  static constexpr std::size_t kInOtherRank = 2;

  const DramClocks& clocks_;
  const DramAddressMap& map_;
  DramController controller_;
  std::uint32_t index_;
  std::uint32_t group_mask_;
  int rank_shift_;
  std::size_t group_lanes_;  ///< those of the ranks are before them
  std::size_t read_queue_lane_;
  std::size_t write_queue_lane_;
  Clock page_timeout_;
  Clock room_for_row_;  ///< from the earliest PRE of a row to its next access: another row could be served in between
  Clock write_idle_;
  DramCalendar calendar_;
  DramStencil<2, 1> activate_stencil_;
  PerAccess<DramStencil<3, 2>> column_stencils_;
  std::vector<DramBank> banks_;
  std::vector<DramRefresh> refresh_;  ///< per rank
  std::vector<Clock> last_reads_;     ///< the RD of the last reads, as many as the read queue holds
  std::size_t oldest_read_ = 0;       ///< in last_reads_
  Clock reads_before_ = 0;            ///< the latest RD of all reads before those
  DramWriteQueue writes_;
  struct {
    Clock arrived = 0;
    Clock accepted = 0;
  } waiting_write_;       ///< the last write that had to wait for an entry
  Clock data_until_ = 0;  ///< when the last burst scheduled so far ends
  DramCounters counters_;
  DramObserver* observer_ = nullptr;
  std::vector<std::uint64_t> reported_refreshes_;  ///< per rank
};

}  // namespace pagoda

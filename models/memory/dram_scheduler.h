// Where in time the commands of one DRAM channel go.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "pagoda/memory/dram_address_map.h"
#include "pagoda/memory/dram_bank.h"
#include "pagoda/memory/dram_burst.h"
#include "pagoda/memory/dram_calendar.h"
#include "pagoda/memory/dram_clocks.h"
#include "pagoda/memory/dram_command.h"
#include "pagoda/memory/dram_config.h"
#include "pagoda/memory/dram_refresh.h"

namespace pagoda {

/// What bursts found in their banks.
struct DramRowCounters {
  std::uint64_t hits = 0;
  std::uint64_t closed = 0;
  std::uint64_t conflicts = 0;
  std::uint64_t reopens = 0;  ///< rows opened once more because a late request took the bank in between
};

/// Places bursts in call order: each gets the earliest clocks that no rule and no reservation made before forbids
/// (dram_calendar.h), be it after the last reservation or in a gap between two. A RD or WR is never moved any more; an
/// ACT may be added before one, to let another row be served in between.
class DramScheduler {
 public:
  struct Bank {
    DramBank rows;
    std::uint32_t rank_lane = 0;  ///< in the calendar, by index: the first lanes of its rank and of its bank group
    std::uint32_t group_lane = 0;
  };
  /// A burst on its way to its clocks.
  struct Search {
    Bank* bank;
    std::uint32_t row;
    std::uint32_t rank;
    std::size_t access;            ///< index of the kind of access
    DramCalendar::Lane rank_lane;  ///< of RD and WR; other lanes of the rank follow
    DramCalendar::Lane group_lane;
  };
  /// The clocks it could have.
  struct Placement {
    RowSession* session;
    bool opens;  ///< a new session, before that one
    DramOutcome outcome;
    Clock activate;
    Clock column;  ///< RD or WR
    Clock earliest_precharge;
    Clock latest_precharge;
    Clock reopen;  ///< ACT of the session after it, which continued the one before it; 0: it did not
  };
  /// What is known of a burst that has its clocks.
  struct Placed {
    Clock column;
    DramOutcome outcome;
  };

  /// `map` is kept by reference.
  DramScheduler(const DramConfig& config, const DramClocks& clocks, const DramAddressMap& map, std::uint32_t channel);

  Search search(const DramBurst& burst, DramAccess access) { return search(burst, static_cast<std::size_t>(access)); }
  Search search(const DramBurst& burst, std::size_t access) {
    Bank& bank = banks_[burst.bank];
    return {.bank = &bank,
            .row = burst.row,
            .rank = bank.rank_lane / static_cast<std::uint32_t>(kRankLanes),
            .access = access,
            .rank_lane = calendar_.lane(bank.rank_lane),
            .group_lane = calendar_.lane(bank.group_lane)};
  }
  /// The earliest clocks from `from` on.
  Placement find(const Search& search, Clock from);
  /// Reserves what find() found, if nothing was reserved in between.
  void commit(Search search, const DramBurst& burst, const Placement& placement);
  /// Both at once for a read (dram_place_read.h).
  Placed place_read(const DramBurst& burst, Clock from);

  /// How logic beside the array uses a row: without the buses of the channel.
  struct RowUse {
    Clock hold;  ///< clocks that it needs the sense amplifiers, from when the row is in them
    bool write;  ///< leaves something in them: they must write it back before PRE
  };
  struct UsedRow {
    Clock begin;      ///< of the use
    Clock bank_time;  ///< for which the bank could have opened no other row because of it
    DramOutcome outcome;
  };
  /// The earliest use of the burst's row from `from` on, which the bank makes room for as for any other.
  UsedRow place_use(const DramBurst& burst, Clock from, const RowUse& use);
  /// The earliest clock from `from` on at which the channel can carry a burst from the buffer of the burst's bank, as
  /// it would after an RD then.
  Clock place_transfer(const DramBurst& burst, Clock from);

  /// The earliest clock at which something can still be placed.
  Clock begin() const { return calendar_.begin(); }
  /// Nothing will be placed before `floor` any more.
  void forget_before(Clock floor) {
    calendar_.forget_before(floor);
    if (observer_ != nullptr) report_refreshes(floor);
  }
  /// Settles every row: nothing may be placed afterwards.
  void finish(Clock end);

  void observe(DramObserver* observer) { observer_ = observer; }
  const DramRowCounters& rows() const { return rows_; }
  std::uint32_t bank_count() const { return static_cast<std::uint32_t>(banks_.size()); }
  const DramBank& bank(std::uint32_t index) const { return banks_[index].rows; }
  /// When the last burst placed so far leaves the data bus.
  Clock data_until() const { return data_until_; }
  /// Clocks that rows have been open, summed over the banks, seen from `now`.
  Clock row_open(Clock now) const;
  /// REF commands of all ranks up to `now`.
  std::uint64_t refreshes(Clock now) const;

 private:
  /// What the clocks are for one kind of access.
  struct Spacing {
    Clock row_to_column;
    Clock to_precharge;
    Clock row_cycle;
    Clock data_end;  ///< RD or WR to after the last beat
  };
  static constexpr std::size_t kRead = static_cast<std::size_t>(DramAccess::read);
  static constexpr std::size_t kUse = 2;  ///< beside the kinds of access: of place_use()
  static Spacing spacing(const DramClocks& clocks, DramAccess access);

  bool try_join(const Search& search, RowSession* session, Clock from, Placement& placement) const;
  bool try_open(const Search& search, RowSession* next, Clock from, Placement& placement);
  Clock find_reopening(const Search& search, const RowSession* session, Clock after) const;
  Clock first_activate(const Search& search, Clock from) const;
  Clock first_column(const Search& search, Clock from) const;

  bool is_after_all(const DramBank& bank, std::uint32_t row, Clock from) const;
  Clock place_hit(const DramBurst& burst, Clock from);
  Placed place_miss(const DramBurst& burst, Clock from);
  Placed place_read_anywhere(const DramBurst& burst, Clock from);

  void join(DramBank& bank, const Placement& placement);
  void open(const Search& search, const DramBurst& burst, const Placement& placement);
  void reopen(const Search& search, const DramBurst& burst, const Placement& placement);
  void reserve_activate(const Search& search, Clock clock);
  void forbid_fifth_activate(DramCalendar::Lane rank_lane, Clock clock);
  void forbid_around(DramCalendar::Lane rank_lane, Clock clock, std::uint64_t before, std::uint64_t after);
  void reserve_column(const Search& search, Clock clock);

  Clock planned_precharge(const RowSession& session) const;
  Clock latest_precharge(const DramBank& bank, const RowSession* session) const;
  Clock end_of(const DramBank& bank, const RowSession* session) const;
  void retire(Bank& bank);
  void retire_first(Bank& bank, Clock end);
  void report(DramCommand::Kind kind, Clock clock, const DramBurst& burst) const;
  void report_bank(DramCommand::Kind kind, Clock clock, std::uint32_t bank, std::uint32_t row) const;
  void report_refreshes(Clock until);

  // Lanes of the calendar: of each rank, then of each bank group. The first two of either are those of RD and WR.
  static constexpr std::size_t kActivateLane = 2;
  static constexpr std::size_t kMarkLane = 3;
  static constexpr std::size_t kRankLanes = 4;
  static constexpr std::size_t kGroupLanes = 3;
  // What the stencils distinguish.
  static constexpr std::size_t kInRank = 0;
  static constexpr std::size_t kInGroup = 1;
  static constexpr std::size_t kInOtherRank = 2;

  const DramClocks clocks_;
  std::array<Spacing, 3> spacing_;  ///< by access; the last is that of the use being placed
  const DramAddressMap& map_;
  std::uint32_t channel_;
  std::size_t group_lanes_;  ///< those of the ranks are before them
  bool closed_policy_;
  Clock page_timeout_;
  Clock room_for_row_;  ///< from the earliest PRE of a row to its next access: another row could be served in between
  bool forbids_fifth_activate_;  ///< tRRD alone does not keep tFAW
  bool near_marks_;              ///< are all that it needs
  std::uint64_t near_before_;    ///< of marks before an ACT, those less than tFAW away
  std::uint64_t near_after_;
  DramCalendar calendar_;
  DramStencil<2, 1> activate_stencil_;
  PerAccess<DramStencil<3, 2>> column_stencils_;
  std::vector<Bank> banks_;
  std::vector<DramRefresh> refresh_;  ///< per rank
  Clock data_until_ = 0;
  DramRowCounters rows_;
  DramObserver* observer_ = nullptr;
  std::vector<std::uint64_t> reported_refreshes_;  ///< per rank
};

}  // namespace pagoda

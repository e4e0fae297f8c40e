// When a DRAM answers: the timing core of a memory controller and its devices, without SystemC and without
// data.
//
// Models   channels, ranks, bank groups, banks, rows; a configurable address mapping; every spacing between
// ACT, RD,
//          WR, PRE and REF that DramTimings names, between any two commands and not just successive ones;
//          all-bank refresh; open and closed page policy with time-out; bounded read and write queues; posted
//          writes that are drained in batches; energy.
// Does not command bus contention, per-bank refresh, postponed refresh, power-down, temperature, ECC, burst
// chop, the
//          clock synchronisation commands of LPDDR5.
// Time     Nothing waits: a request is answered at once with the time of its data. Every burst reserves the
// earliest
//          clocks that are free when its request is made; requests may come out of time order, and one that
//          comes late goes into a gap. A read takes
//            frontend latency, up to one clock to the next edge, [queue entry], [PRE, tRP], [ACT, tRCD], RD,
//            tCL, burst, backend latency;
//          a write is accepted after the frontend latency as soon as a queue entry is free.
// Sources  JESD79-4, JESD79-5, JESD209-5, JESD235 for the rules; dram_presets.cc for the figures.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "pagoda/base/access.h"
#include "pagoda/base/time.h"
#include "pagoda/memory/dram_address_map.h"
#include "pagoda/memory/dram_channel.h"
#include "pagoda/memory/dram_clocks.h"
#include "pagoda/memory/dram_command.h"
#include "pagoda/memory/dram_config.h"
#include "pagoda/memory/dram_energy.h"

namespace pagoda {

struct DramRequest {
  Addr address = 0;
  std::uint64_t bytes = 64;  ///< any number but 0: every burst touched is transferred
  bool write = false;
  Ps arrival = 0;  ///< at the controller
  Ps floor = 0;    ///< no later call will have an earlier arrival: kernel time
};

struct DramResponse {
  Ps complete = 0;  ///< read: its data is at the requester's port; write: it is accepted
  Ps queueing = 0;  ///< of the time from arrival to complete, what other requests, refresh and clock edges cost
  Ps service = 0;   ///< and the rest: what the request takes alone, given the outcome
  DramOutcome outcome = DramOutcome::closed;  ///< of its first burst
};

/// Logic beside the array uses the row that an address lies in: no bus of the channel carries anything.
struct DramRowUse {
  Addr address = 0;
  Ps arrival = 0;  ///< when that logic wants it
  Ps floor = 0;    ///< as of a DramRequest
  Ps hold = 0;     ///< how long it needs the row in the sense amplifiers; whole clocks are taken
  bool write = false;
};

struct DramUsedRow {
  Ps begin = 0;      ///< the row is in the sense amplifiers
  Ps done = 0;       ///< of the use
  Ps bank_time = 0;  ///< for which the bank could have opened no other row because of it: ACT to ACT if it opened one
  DramOutcome outcome = DramOutcome::closed;
};

/// What a DramTiming has done up to some time.
struct DramReport {
  DramCounters counters;    ///< bursts
  std::uint64_t reads = 0;  ///< requests
  std::uint64_t writes = 0;
  std::uint64_t bytes_read = 0;  ///< as requested
  std::uint64_t bytes_written = 0;
  std::uint64_t refreshes = 0;
  Ps read_queueing = 0;  ///< summed over the reads
  Ps read_service = 0;
  Ps write_queueing = 0;
  Ps bus_busy = 0;  ///< data bus time, summed over the channels
  DramEnergy energy;
};

struct DramBankReport {
  DramAddress bank;  ///< row and column are 0
  std::uint64_t activates = 0;
  Ps row_open = 0;  ///< of rows that have been closed again
  Ps busy = 0;      ///< from ACT to the next possible ACT, of these rows
};

class DramTiming {
 public:
  /// Throws UserError without a location for the first thing that find_problems() finds.
  explicit DramTiming(const DramConfig& config);

  DramResponse access(const DramRequest& request);

  /// Opens the row if it is not open. Holds of more than longest_hold() never find their place.
  DramUsedRow use_row(const DramRowUse& use);
  Ps longest_hold() const;
  /// A burst for logic in the controller itself, from `at` on: when its last beat is there, or the write accepted.
  struct InsideAccess {
    Ps done;
    DramOutcome outcome;
  };
  InsideAccess access_inside(Addr address, bool write, Ps at, Ps floor);
  /// The time at which a burst that a buffer in the bank of `near` has ready at `at` is at the requester's port.
  Ps transfer(Addr near, Ps at);
  /// From a request's arrival at the controller to when logic behind it hears of it.
  Ps frontend() const { return frontend_; }
  Ps backend() const { return backend_; }
  const DramClocks& clocks() const { return clocks_; }
  const DramOperationEnergy& operation_energy() const { return operation_energy_; }
  /// Bursts that a request touches.
  std::uint64_t bursts_of(Addr address, std::uint64_t bytes) const {
    return ((address + bytes - 1) >> burst_shift_) - (address >> burst_shift_) + 1;
  }
  /// Bursts that have come out of a channel so far.
  std::uint64_t bursts_out(std::uint32_t channel) const { return channels_[channel].bursts_out(); }

  /// Schedules what is still in the write queues and settles the rows and refreshes up to `end`, so that the
  /// counters and the observer have everything. Nothing may be requested afterwards.
  void finish(Ps end);

  /// `observer` may be nullptr; set it before the first access.
  void observe(DramObserver* observer);

  DramReport report(Ps now) const;
  std::vector<DramBankReport> report_banks() const;

  const DramConfig& config() const { return config_; }
  const DramAddressMap& address_map() const { return *map_; }

 private:
  DramResponse read(const DramRequest& request, Clock at);
  Clock read_rest(Addr number, Addr last, Clock at);
  DramResponse write(const DramRequest& request, Clock at);
  Addr last_burst(const DramRequest& request) const;
  /// The channel that a burst lies in.
  DramChannel& route(Addr number, DramBurst& burst);
  void raise_floor(Ps floor);

  DramConfig config_;
  DramClocks clocks_;
  // Channels hold references to it.
  std::unique_ptr<const DramAddressMap> map_;
  DramOperationEnergy operation_energy_;
  Ps frontend_;
  Ps backend_;
  int burst_shift_;
  std::vector<DramChannel> channels_;
  Ps next_floor_ = 0;  ///< raising the floor below this would gain nothing
  DramReport totals_;  ///< what is counted by request
};

}  // namespace pagoda

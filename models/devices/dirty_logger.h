// A device's log of the memory that it writes, so that software which copies that memory knows what to copy again.
//
// Models: regions of memory, as the device addresses them, that software has monitored; a write to one of them is noted
// on an access-log queue before it is made: if the translation that it uses has not been logged in this pass (logging on
// a miss: granules of the whole translation), or always (exactly the granules written). Queues are bounded, and a write
// that finds its own full waits. Entries become marks in one of the region's two maps in host memory (dirty_map.h,
// map_words.h), through requests of the device's own on the I/O link. A new pass: later writes are logged in the other
// map, and in any pass each translation anew; the old map is complete when every write logged in it is in memory and so
// are all its marks; then, not earlier, the device writes a record and interrupts: the map is software's. Several
// regions and queues at a time. Sources: US 11151055 B2, claims 1 to 3 (log on a miss, maps in host memory, two of them,
// drained before they are swapped); marking translations by an epoch, so that hits of a new pass are not lost, and
// everything else is Pagoda's own choice. Does not model: marks by several devices in one map.
//
// After a reset (software's command, or a device that loses power) nothing is monitored any more and what was not in a
// map is lost: software sees it by `generation` and takes all of the region for written.
//
// Registers, beside those of register_function.h (relative to the logger's own base), of 8 bytes each:
//
//   0x020  region: the one that the others below are about
//   0x028  base: its first address, a multiple of 4 KiB
//   0x030  length, a multiple of the granule
//   0x038  process: PASID, bit 63: there is one, bit 62: privileged
//   0x040  map 0, 0x048 map 1: addresses in the device's own space, multiples of 64; maps take whole words. Software clears
//          a map before it gives it to the device, with start (map 0) and new pass (the other one)
//   0x050  shape: bits 0..5 log2 of the granule, 6 (64 B) to 30; bit 8: bytes instead of bits; bit 9: every write is
//          logged
//   0x058  record: where the device writes 8 bytes at the end of a pass: bits 0..31 its number; bit 32: marks were lost,
//          bit 33: monitoring has ended
//   0x060  command: 1 start, 2 new pass, 3 stop, 4 reset (of all regions)
//   0x068  state, read only: 0 idle, 1 logging, 2 a pass ends, 3 monitoring ends, 4 a reset
//          is not over: what was under way is still on its way to memory
//   0x070  pass, read only: the number of the one under way, from 1 on
//   0x078  generation, read only: how often the logger was reset
//
// Errors, in the status register: an impossible region or command that does not suit its state is bad_entry, a region
// that the device does not have bad_index, marks that cannot be written data_fault, a record record_fault.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <vector>

#include "pagoda/devices/access_log.h"
#include "pagoda/devices/map_words.h"
#include "pagoda/devices/register_function.h"

namespace pagoda {

class DirtyLogger final : public RegisterFunction, public AccessLog, private MapWords::Owner {
 public:
  enum Register : Addr {
    kRegion = 0x20,
    kBase = 0x28,
    kLength = 0x30,
    kProcess = 0x38,
    kMap0 = 0x40,
    kMap1 = 0x48,
    kShape = 0x50,
    kRecord = 0x58,
    kCommand = 0x60,
    kState = 0x68,
    kPass = 0x70,
    kGeneration = 0x78
  };
  enum class Command : std::uint8_t { none, start, new_pass, stop, reset };
  enum class State : std::uint8_t { idle, logging, ending_pass, stopping, settling };
  static constexpr std::uint64_t kHasProcess = std::uint64_t{1} << 63;
  static constexpr std::uint64_t kPrivileged = std::uint64_t{1} << 62;
  static constexpr std::uint64_t kBytes = 1 << 8;
  static constexpr std::uint64_t kEveryWrite = 1 << 9;
  static constexpr std::uint64_t kLost = std::uint64_t{1} << 32;
  static constexpr std::uint64_t kEnded = std::uint64_t{1} << 33;

  /// `period` of the device's clock.
  DirtyLogger(const DirtyLogConfig& config, Ps period);

  /// `channel`: whose writes are logged. The services' own channel carries the log's traffic.
  void watch(DmaChannel& channel, Agenda& agenda);
  void attach(DeviceServices& services) override;

  bool admit(const LoggedWrite& write, Ps at) override;
  void made(const LoggedWrite& write, Ps done) override;

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Region final : DmaClient {
    void dma_done(DmaJob& /*job*/, Ps at) override { logger->recorded(*this, at); }

    DirtyLogger* logger = nullptr;
    std::uint32_t number = 0;
    State state = State::idle;
    // As software has set it.
    Addr base = 0;
    std::uint64_t bytes = 0;
    std::uint64_t process = 0;
    std::array<Addr, 2> maps{};
    std::uint64_t shape_bits = 12;
    Addr record_address = 0;

    std::uint32_t current = 0;  // map
    std::uint64_t pass = 0;
    std::array<std::uint64_t, 2> queued{};  // entries for each map
    std::array<bool, 2> lost{};             // marks
    Ps written_until = 0;                   // when the writes logged so far are in memory
    Ps ends_from = 0;                       // the same of those of the pass that ends
    Ps ending_since = 0;
    bool recording = false;
    bool forgotten = false;  // by a reset, while its record is written
    std::array<unsigned char, 8> record{};
    DmaJob job;
    std::uint64_t marked = 0;  // granules, in the pass under way

    DirtyMapShape shape() const {
      return {static_cast<unsigned>(shape_bits & 0x3f),
              (shape_bits & kBytes) != 0 ? DirtyMapKind::byte : DirtyMapKind::bit};
    }
    bool every_write() const { return (shape_bits & kEveryWrite) != 0; }
    std::uint32_t ending_map() const { return state == State::stopping ? current : 1 - current; }
    bool monitors() const { return state == State::logging || state == State::ending_pass; }
    bool concerns(const DmaSpace& space) const;
  };
  struct Entry {
    std::uint32_t region;
    std::uint32_t map;
    GranuleRange granules;
    Ps since;
  };
  struct Queue final : AgendaTask {
    void run(Ps at) override { logger->serve(*this, at); }

    DirtyLogger* logger = nullptr;
    std::deque<Entry> entries;
    bool scheduled = false;
    bool waits_for_word = false;
  };

  std::optional<std::uint64_t> read(Addr offset) const override;
  bool writable(Addr offset) const override;
  void written(Addr offset, std::uint64_t value, Ps at) override;
  void command(Command what, Ps at);
  static bool possible(const Region& region);
  bool settling(const Region& region) const;
  void start(Region& region, Ps at);
  void end_pass(Region& region, State state, Ps at);
  void reset(Ps at);
  GranuleRange granules_of(const Region& region, const LoggedWrite& write) const;
  Queue& queue_of(Addr address) { return queues_[(address >> 12) % queues_.size()]; }
  void schedule(Queue& queue, Ps at);
  void serve(Queue& queue, Ps at);
  void word_written(MapWords::Map map, bool ok, std::uint64_t granules, Ps at) override;
  void look_for_end(Region& region, Ps at);
  void recorded(Region& region, Ps at);

  struct EndTask final : AgendaTask {
    void run(Ps at) override;
    DirtyLogger* logger = nullptr;
  };

  std::size_t depth_;
  Ps service_;
  std::vector<std::unique_ptr<Region>> regions_;
  std::vector<Queue> queues_;
  MapWords words_;
  InterruptLine interrupt_{{}, 0};
  DmaChannel* channel_ = nullptr;
  Agenda* agenda_ = nullptr;
  EndTask end_task_;
  std::uint64_t selected_ = 0;
  std::uint64_t generation_ = 0;
  std::uint64_t epoch_ = 0;      // of marks in the ATC: changes with each pass of any region
  std::uint64_t ending_ = 0;     // regions whose pass ends
  std::size_t room_wanted_ = 0;  // writes refused since room was last announced

  std::uint64_t writes_ = 0, logged_ = 0, suppressed_ = 0, full_ = 0, passes_ = 0, granules_ = 0, depth_max_ = 0,
                resets_ = 0;
  Distribution drain_, queueing_;
  Probe depth_probe_, population_probe_, pass_probe_, draining_probe_;
};

}  // namespace pagoda

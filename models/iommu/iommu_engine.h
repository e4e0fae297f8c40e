// The translating part of an IOMMU in time: what it keeps, its walkers, and the process that uses them.
//
// Models: a bounded number of requests at work (more wait); caches of device and process contexts; the IOTLB; per-level
// walk caches for both stages and a nested TLB; k walkers, of which a request takes one at its first miss and keeps it
// until it is translated; misses on the same page or context join the walk under way. What a request is answered is the
// functional process's decision (iommu_translator.h), the same as without time. Does not model: a pipeline of several
// reads of one walk, prefetching, caches of directory entries above contexts and of MSI table entries.
//
// How time is made up: wait for a request entry + look-ups one after the other (device context, process context, IOTLB)
// + for a miss, wait for a walker, walk-cache look-ups and reads one after the other. A request that a kept page does
// not suit walks, so faults are found in memory.
#pragma once

#include "pagoda/base/timeline.h"
#include "pagoda/iommu/context_cache.h"
#include "pagoda/iommu/iommu_config.h"
#include "pagoda/iommu/iommu_counters.h"
#include "pagoda/iommu/iommu_translator.h"
#include "pagoda/iommu/iotlb.h"
#include "pagoda/mmu/walk_cache.h"

namespace pagoda {

/// Timed access to the IOMMU's structures in memory.
class StructureMemory {
 public:
  struct Answer {
    Ps done = 0;
    FaultCause refused = FaultCause::none;  ///< access_error or poison
    bool swapped = true;                    ///< compare_and_swap only
    std::uint64_t value = 0;                ///< compare_and_swap only: what memory holds afterwards
  };

  virtual ~StructureMemory() = default;
  /// Reads words that lie one after the other.
  virtual Answer load(Addr address, std::span<std::uint64_t> words, Ps at) = 0;
  virtual Answer compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) = 0;
};

class IommuEngine {
 public:
  struct Job {
    IommuRequest request;
    Ps floor = 0;  ///< kernel time
    Ps at = 0;     ///< when the request arrives
  };
  /// What a request has caused, for performance counters: bits by IommuEvent, and the space it turned out to be in.
  struct Events {
    std::uint32_t happened = 0;
    AddressSpaceTag tag{IommuSpace::kNoProcess, IommuSpace::kNoGuest};

    void add(IommuEvent event) { happened |= 1u << static_cast<unsigned>(event); }
  };
  struct Outcome {
    IommuAnswer answer;
    Ps done = 0;
    Events events;
  };
  struct Context {
    IommuCause cause = IommuCause::none;
    DeviceContext device;
    Ps done = 0;
  };

  IommuEngine(const IommuConfig& config, Ps period);

  void set_setup(const IommuSetup& setup) {
    setup_ = setup;
    ++epoch_;
  }

  // A request that was a hit all the way. A request for the same base page with the same rights is one again until
  // something is kept or dropped (the epoch changes): its look-ups are counted and timed, but not made.
  struct Repeat {
    std::uint64_t epoch = ~std::uint64_t{0};
    Addr page = 0;
    std::uint64_t requester = 0;
    Addr host = 0;
    Ps ready = 0;  // of all that was found
    std::uint8_t page_shift = 0;
    MemoryType memory_type = MemoryType::platform;
    bool has_process = false;
    ContextCache<DeviceContext>::Handle device{};
    ContextCache<ProcessContext>::Handle process{};
    Iotlb::Handle iotlb{};
  };

  /// What a request that arrives at `at` repeats; null: nothing that is known.
  const Repeat* find_repeat(const IommuRequest& request, Ps at) const {
    const Repeat& known = repeats_[repeat_index(request)];
    const bool same = known.epoch == epoch_ && known.page == request.address >> kPageShift &&
                      known.requester == requester_of(request) && known.ready <= at;
    return same ? &known : nullptr;
  }
  /// Translates what is repeated, to Repeat::host; when that is done.
  Ps translate_again(const Repeat& repeat, Ps floor, Ps at, TimeSplit& time) {
    const Servers::Slot entry = enter(at, time);
    Ps done = entry.start;
    devices_.find_again(repeat.device, done, time);
    if (repeat.has_process) processes_.find_again(repeat.process, done, time);
    iotlb_.find_again(repeat.iotlb, done, time);
    leave(entry, floor, done);
    return done;
  }
  /// Translates; `time` grows by what it takes.
  Outcome translate(const Job& job, StructureMemory& memory, TimeSplit& time);
  /// Finds the context of a device, for its page requests.
  Context find_device(std::uint32_t device, Ps floor, Ps at, StructureMemory& memory, TimeSplit& time);
  /// When the translations under way are done.
  Ps busy_until() const { return busy_until_; }

  void invalidate(const IotlbInvalidation& what);
  /// All pages, as when DMA control is switched.
  void forget_pages() {
    iotlb_.forget();
    ++epoch_;
  }
  /// Contexts of a device and its processes, or of all devices.
  void invalidate_device(std::optional<std::uint32_t> device);
  void invalidate_process(std::uint32_t device, std::uint32_t process);
  /// Everything.
  void forget();

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  class Port;

  static constexpr std::size_t kRepeats = 256;

  static std::size_t repeat_index(const IommuRequest& request) {
    return (request.address >> kPageShift ^ request.device_id * 37) % kRepeats;
  }
  // All that tells requests apart but the address.
  static std::uint64_t requester_of(const IommuRequest& request) {
    return std::uint64_t{request.device_id} << 32 | std::uint64_t{request.process_id} << 8 |
           static_cast<std::uint64_t>(request.access) << 4 | static_cast<std::uint64_t>(request.type) << 2 |
           (request.has_process ? 2u : 0u) | (request.supervisor ? 1u : 0u);
  }
  void remember(const IommuRequest& request, const Port& port, const IommuAnswer& answer);

  // A request takes an entry and gives it back.
  Servers::Slot enter(Ps at, TimeSplit& time) {
    const Servers::Slot entry = requests_.acquire(ports_.reserve(at), typical_request_);
    time[TimePart::queue] += entry.start - at;
    request_wait_ += entry.start - at;
    return entry;
  }
  void leave(const Servers::Slot& entry, Ps floor, Ps done) {
    ++translations_;
    requests_.release(floor, entry, done);
    requests_probe_.during(entry.start, done);
    typical_request_ = done - entry.start;
    busy_until_ = std::max(busy_until_, done);
  }
  void leave_walker(const Port& port, Ps floor);
  static std::uint64_t process_id(std::uint32_t device, std::uint32_t process) {
    return std::uint64_t{device} << 20 | process;
  }

  IommuSetup setup_;
  std::uint64_t epoch_ = 0;
  std::array<Repeat, kRepeats> repeats_{};
  Ports ports_;
  Servers requests_;
  ContextCache<DeviceContext> devices_;
  ContextCache<ProcessContext> processes_;
  Iotlb iotlb_;
  WalkCaches walk_caches_;
  Servers walkers_;
  Ps typical_walk_ = 1;
  Ps typical_request_ = 1;
  Ps busy_until_ = 0;
  std::uint64_t translations_ = 0, faults_ = 0, walks_ = 0, context_reads_ = 0, table_reads_ = 0, updates_ = 0;
  std::uint64_t request_wait_ = 0, walker_wait_ = 0;
  Distribution walk_latency_;
  Probe requests_probe_, walkers_probe_, faults_probe_;
};

}  // namespace pagoda

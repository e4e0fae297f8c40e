// The driver of a device's dirty logger (pagoda/devices/dirty_logger.h): has ranges of a process's memory monitored, and
// reads what the device says pass by pass.
//
// Models: two maps in host memory for each range, and a record, mapped for the device's own traffic; a pass is ended by
// a command, and the record and the interrupt after it are waited for; the retired map is read, cleared, and given back
// with the next pass. If the device does not answer in time, was reset meanwhile or has lost marks, all of the range
// counts as written, and monitoring begins anew. Software's time: registers (IoCosts) and the reading and clearing of
// maps through memory. Does not model: several drivers of one logger.
//
// Errors: UserError if there is no memory for maps, or the device refuses to monitor.
#pragma once

#include <array>
#include <vector>

#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/devices/dirty_map.h"
#include "pagoda/software/dirty_source.h"
#include "pagoda/software/guest_pages.h"
#include "pagoda/software/host_memory_port.h"
#include "pagoda/software/io_driver.h"
#include "pagoda/software/io_registers.h"

namespace pagoda {

struct DeviceLogConfig {
  Bytes granule{4096};
  DirtyMapKind map = DirtyMapKind::bit;
  DirtyLogging logging = DirtyLogging::miss;
  Duration timeout{5 * kMillisecond};

  static const ConfigInfo& config_info();
};

class DeviceLog final : public DirtySource {
 public:
  struct Place {
    std::uint64_t register_base = 0;  ///< of the device; the logger's follow at DmaEngine::kLog
    std::optional<std::uint32_t> pasid{};
    bool supervisor = false;
  };

  DeviceLog(const DeviceLogConfig& config, const Place& place, HostMemoryPort& memory);

  /// The way to the device's registers.
  void bind(tlm::tlm_fw_transport_if<>& target) { registers_.bind(target); }
  /// Before the simulation: a range of the process's pages that the device writes, and where its maps lie, as the device
  /// addresses them in `domain`.
  void monitor(const GuestPages::Range& range, std::uint64_t first_page, IoDriver& driver, IoDomain& domain,
               ByteStore& store, FrameAllocator& frames);
  /// The logger interrupts at `at`.
  void interrupted(Ps at) { answered_.notify(delay_until(at)); }

  bool of_devices() const override { return true; }
  void begin() override;
  void collect(PageSet& dirty) override;
  void end() override;

  /// Bytes of all maps.
  std::uint64_t map_bytes() const;
  void visit_stats(StatVisitor& visitor);

 private:
  struct Map {
    Addr iova = 0;
    std::vector<Addr> frames;  // of 4 KiB
  };
  struct Region {
    std::uint32_t number = 0;
    GuestPages::Range range;
    std::uint64_t first_page = 0;  // its number among the guest's
    std::uint64_t bytes = 0;       // whole granules
    std::array<Map, 2> maps;
    Addr record_iova = 0, record = 0;
    std::uint64_t pass = 1;
  };
  enum class Answer { complete, incomplete, none };

  DirtyMapShape shape() const;
  void write(Addr offset, std::uint64_t value);
  std::uint64_t read(Addr offset);
  void start(Region& region);
  Answer end_pass(Region& region, std::uint64_t command);
  void read_map(const Region& region, const Map& map, PageSet& dirty);
  void clear(const Map& map);
  void mark_all(const Region& region, PageSet& dirty);

  DeviceLogConfig config_;
  Place place_;
  HostMemoryPort& memory_;
  IoDriverConfig costs_;
  IoRegisters registers_;
  std::vector<Region> regions_;
  std::uint64_t generation_ = 0;
  sc_core::sc_event answered_{"log_answered"};

  std::uint64_t passes_ = 0, lost_passes_ = 0, pages_marked_ = 0;
  Distribution drain_;
};

}  // namespace pagoda

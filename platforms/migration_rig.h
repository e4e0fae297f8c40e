// A process or virtual machine of a platform that migrates, with what runs it: its cores, its devices, and what watches
// them.
//
//   core's MMU -> stores (tap) -> L1        IOMMU -> writes (tap) -> the bus
//   manager -> network link -> the other machine;  manager -> the bus (copying);  manager -> links -> devices' registers
//
// Models: see pagoda/software/migration.h and the sources of its config; stores of cores and writes of devices reach its
// memory as bytes (guest_memory.h). Devices are suspended by their own register and said to be quiet when they
// are. Does not model: what runs on the other machine beside the process (post-copy goes on with the same cores).
#pragma once

#include <memory>
#include <vector>

#include "pagoda/devices/dma_engine.h"
#include "pagoda/interconnect/io_link.h"
#include "pagoda/software/device_log.h"
#include "pagoda/software/migration.h"
#include "pagoda/software/page_tracking.h"
#include "platforms/cpu.h"
#include "platforms/io_config.h"
#include "platforms/live_migration_config.h"
#include "platforms/migrating_traffic.h"
#include "platforms/write_tap.h"

namespace pagoda {

class MigrationRig final : private MigratedGuest, private InterruptSink, private ProgramMemory {
 public:
  /// Called when monitoring begins, and with the results of devices before that: see Platform.
  using Begins = std::function<void()>;

  MigrationRig(const LiveMigrationConfig& config, Os& os, SpaceId space, PhysicalMemory& memory);
  ~MigrationRig() override;

  /// Whose memory migrates: the addresses are those of it.
  SpaceId space() const { return space_; }
  bool is_machine() const { return space_.kind == SpaceId::Kind::machine; }
  /// Whether what a process does is part of it.
  bool covers(Os::ProcessId process) const { return is_machine() || space_ == Os::space_of(process); }
  /// What a core of it runs under, and what is between it and its first cache.
  FaultHandler& faults() { return migration_->faults(); }
  WriteTap& add_core(Cpu& cpu);
  /// Addresses that it uses.
  void add_range(Addr base, std::uint64_t bytes) { guest_.pages().add(base, bytes); }
  /// Between the IOMMU and memory.
  WriteTap& dma_writes();

  /// What a device transfers instead of its pattern.
  MigratingTraffic& traffic(DmaTraffic& pattern);
  struct DevicePlace {
    std::uint32_t requester = 0;
    const DeviceConfig* config = nullptr;
    Addr base = 0;  ///< of what it transfers
    std::uint64_t bytes = 0;
    IoDriver* driver = nullptr;
    IoDomain* guest = nullptr;  ///< what translates the addresses that migrate
    IoDomain* own = nullptr;    ///< and for the device's own traffic
  };
  void add_device(const DevicePlace& place, DmaEngine& engine, IoLink& link);
  /// When all are there. Binds the manager to the bus.
  template <class Socket>
  void finish(Socket& bus) {
    migration_->memory.bind(bus);
    make_sources();
  }
  /// Gives its memory its first contents: before the simulation.
  void fill_memory(std::uint64_t seed);

  void on_begin(Begins begins) { begins_ = std::move(begins); }
  Migration& migration() { return *migration_; }
  /// Throws what ended one of its threads early, if anything did.
  void rethrow_failure() const;

 private:
  struct Device;
  class Removal;
  class Traps;
  class Resets;

  void make_sources();
  void add_device_source(Device& device);
  TableObserver table_writes() {
    return [this](Addr physical, std::uint64_t value) { guest_.table_written(physical, value); };
  }
  void note(std::uint32_t requester, Addr physical, std::uint32_t bytes);
  GuestPages::Range range_of(const Device& device) const;

  void pause() override;
  void resume_processors() override;
  void resume_devices() override;
  void forget_translations() override;
  std::optional<Ps> devices_gone_since() const override { return gone_since_; }
  unsigned stage() const override { return is_machine() ? static_cast<unsigned>(space_.index) + 1 : 0; }
  void monitoring_begins() override;
  double progress() override;
  void visit_stats(StatVisitor& visitor, Ps measured) override;
  void reset_logs();
  Addr physical_address(Addr address);
  void suspend(Device& device);
  void interrupt(std::uint32_t requester, std::uint32_t vector, Ps at) override;
  void load(Addr address, std::span<unsigned char> bytes) override;
  void store(Addr address, std::span<const unsigned char> bytes) override;

  LiveMigrationConfig config_;
  Os& os_;
  SpaceId space_;
  GuestMemory guest_;
  std::unique_ptr<NetworkLink> link_;
  std::unique_ptr<Migration> migration_;
  std::unique_ptr<WriteTap> dma_writes_;
  std::vector<Cpu*> cores_;
  std::vector<std::unique_ptr<WriteTap>> taps_;
  std::vector<std::unique_ptr<MigratingTraffic>> traffics_;
  std::vector<std::unique_ptr<Device>> devices_;
  std::vector<std::unique_ptr<DirtySource>> sources_;
  std::unique_ptr<Resets> resets_;
  Begins begins_;
  bool begun_ = false;
  std::optional<Ps> gone_since_;  // devices that are taken away
  Distribution latency_before_;   // of all devices' requests
  double rate_before_ = 0;        // Gb/s, of all
};

}  // namespace pagoda

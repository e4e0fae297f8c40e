#include "platforms/migration_rig.h"

#include <algorithm>
#include <cstring>
#include <random>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/software/software_time.h"

namespace pagoda {
namespace {

double gigabits_per_second(std::uint64_t bytes, Ps time) {
  return time == 0 ? 0 : 8.0 * static_cast<double>(bytes) / to_ns(time);
}

}  // namespace

// A device of the process: its registers, and how it is tracked.
struct MigrationRig::Device {
  DevicePlace place;
  DmaEngine* engine = nullptr;
  MigratingTraffic* traffic = nullptr;
  std::unique_ptr<tlm_utils::simple_initiator_socket_optional<Module>> socket;
  IoDriverConfig costs;
  IoRegisters registers{costs};
  DeviceLog* log = nullptr;
  Traps* traps = nullptr;
  std::unique_ptr<ReceiveDriver> driver;
};

// Resets the devices' logs at some time.
class MigrationRig::Resets final : public Module {
 public:
  Resets(const sc_core::sc_module_name& name, MigrationRig& rig) : Module(name), rig_(rig) {
    SC_HAS_PROCESS(Resets);
    SC_THREAD(execute);
  }

 private:
  void execute() {
    wait(to_sc_time(rig_.config_.reset_at->ps));
    rig_.reset_logs();
  }

  MigrationRig& rig_;
};

// The device is taken away: from then on it writes nothing.
class MigrationRig::Removal final : public DirtySource {
 public:
  Removal(MigrationRig& rig, Device& device) : rig_(rig), device_(device) {}
  bool of_devices() const override { return true; }
  void begin() override {
    if (!rig_.gone_since_) rig_.gone_since_ = kernel_now();
    rig_.suspend(device_);
  }
  void collect(PageSet& /*dirty*/) override {}
  void end() override {}

 private:
  MigrationRig& rig_;
  Device& device_;
};

// The device's transfers are software's from then on.
class MigrationRig::Traps final : public DirtySource {
 public:
  Traps(MigrationRig& rig, Device& device) : rig_(rig), device_(device), noted_(rig.guest_.pages()) {}
  bool of_devices() const override { return true; }
  void begin() override {
    noted_.begin();
    device_.traps = this;
    device_.traffic->trap([this] { rig_.cores_.front()->interrupt(kernel_now(), rig_.config_.emulation.exit.ps); });
  }
  void note(std::uint64_t page) { noted_.note(page); }
  void collect(PageSet& dirty) override { noted_.collect(dirty); }
  void end() override {
    device_.traps = nullptr;
    device_.traffic->release();
  }

 private:
  MigrationRig& rig_;
  Device& device_;
  NotedPages noted_;
};

MigrationRig::MigrationRig(const LiveMigrationConfig& config, Os& os, SpaceId space, PhysicalMemory& memory)
    : config_(config), os_(os), space_(space), guest_(os.space(space), memory) {
  link_ = std::make_unique<NetworkLink>("network", config.link);
  migration_ = std::make_unique<Migration>("migration", config.manager, guest_, static_cast<MigratedGuest&>(*this),
                                           *link_, memory, os);
  if (is_machine()) os.observe_tables(table_writes());
}

MigrationRig::~MigrationRig() = default;

WriteTap& MigrationRig::dma_writes() {
  if (!dma_writes_) {
    const auto seen = [this](Addr address, std::uint32_t bytes, const RequestInfo& info) {
      if (info.origin != Origin::dma) return;
      guest_.written_by_device(address, bytes);
      note(info.requester, address, bytes);
    };
    dma_writes_ = std::make_unique<WriteTap>("dma_writes", seen);
  }
  return *dma_writes_;
}

// Software carries the transfer out, and knows.
void MigrationRig::note(std::uint32_t requester, Addr physical, std::uint32_t bytes) {
  for (const auto& device : devices_) {
    if (device->place.requester != requester || device->traps == nullptr) continue;
    for (Addr frame = physical & ~low_mask(kPageShift); frame < physical + bytes; frame += kPageBytes) {
      if (const std::optional<std::uint64_t> page = guest_.page_in(frame)) device->traps->note(*page);
    }
  }
}

WriteTap& MigrationRig::add_core(Cpu& cpu) {
  cores_.push_back(&cpu);
  if (is_machine()) cpu.unit().observe_tables(table_writes());
  const std::string name = fmt::format("stores{}", cpu.number());
  taps_.push_back(std::make_unique<WriteTap>(
      name.c_str(), [this](Addr address, std::uint32_t bytes, const RequestInfo&) { guest_.stored(address, bytes); }));
  return *taps_.back();
}

MigratingTraffic& MigrationRig::traffic(DmaTraffic& pattern) {
  const auto number = static_cast<std::uint32_t>(traffics_.size());
  return *traffics_.emplace_back(std::make_unique<MigratingTraffic>(pattern, number, config_.emulation));
}

void MigrationRig::add_device(const DevicePlace& place, DmaEngine& engine, IoLink& link) {
  Device& device = *devices_.emplace_back(std::make_unique<Device>());
  device.place = place;
  device.engine = &engine;
  device.traffic = traffics_.back().get();
  device.costs.register_base = place.config->dma.register_base;
  device.socket =
      std::make_unique<tlm_utils::simple_initiator_socket_optional<Module>>(sc_core::sc_gen_unique_name("registers"));
  device.socket->bind(link.from_root);
  engine.connect_interrupts(*this);
  guest_.pages().add(place.base, place.bytes);
  if (!place.config->receive_ring) return;
  const std::string name = fmt::format("{}_driver", engine.basename());
  device.driver = std::make_unique<ReceiveDriver>(name.c_str(), *place.config->receive_ring,
                                                  place.config->ring_layout(), place.config->dma.register_base,
                                                  static_cast<ProgramMemory&>(*this), *cores_.front());
}

void MigrationRig::make_sources() {
  if (config_.guest.count > 0 && !guest_.pages().ranges().empty()) {
    guest_.pages().add(guest_.pages().ranges().front().base, config_.guest.count);
  }
  if (config_.reset_at) resets_ = std::make_unique<Resets>("log_resets", *this);
  const auto add = [this](auto source) -> auto& {
    auto& made = *source;
    migration_->add(made);
    sources_.push_back(std::move(source));
    return made;
  };
  const GuestPages& pages = guest_.pages();
  const Duration scan = config_.manager.scan;
  if (config_.processors == ProcessorTracking::dirty_flags) {
    add(std::make_unique<ProcessorFlags>(os_, space_, *cores_.front(), pages, scan));
  } else {
    add(std::make_unique<ProcessorFaults>(os_, space_, *cores_.front(), pages, scan));
  }
  for (const auto& device : devices_) {
    tlm::tlm_fw_transport_if<>& registers = *(*device->socket).operator->();
    device->registers.bind(registers);
    if (device->driver) device->driver->bind(registers);
    const GuestPages::Range range = range_of(*device);
    const DevicePlace& place = device->place;
    switch (config_.devices) {
      case DeviceTracking::all_pages:
        add(std::make_unique<AllPages>(pages)).add_range(range.base, range.bytes());
        break;
      case DeviceTracking::iommu_flags:
        add(std::make_unique<IommuFlags>(*place.driver, *place.guest, pages, scan))
            .add_range(range.base, range.bytes());
        break;
      case DeviceTracking::log: {
        const DmaConfig& dma = place.config->dma;
        const DeviceLog::Place where{dma.register_base, dma.pasid, dma.supervisor};
        device->log = &add(std::make_unique<DeviceLog>(config_.log, where, migration_->port()));
        device->log->bind(registers);
        device->log->monitor(range, range.first, *place.driver, *place.own, os_.memory(), os_.frames());
        break;
      }
      case DeviceTracking::emulated: add(std::make_unique<Traps>(*this, *device)); break;
      case DeviceTracking::detached: add(std::make_unique<Removal>(*this, *device)); break;
    }
  }
}

// What the device can write.
GuestPages::Range MigrationRig::range_of(const Device& device) const {
  const GuestPages& pages = guest_.pages();
  const Addr base = device.place.base & ~low_mask(kPageShift);
  if (config_.guest.count > 0) return pages.ranges().front();
  const Addr end = (device.place.base + device.place.bytes + low_mask(kPageShift)) & ~low_mask(kPageShift);
  return {.base = base, .pages = (end - base) >> kPageShift, .first = *pages.number_of(base)};
}

// Not the tables in a machine, and what has contents already.
void MigrationRig::fill_memory(std::uint64_t seed) {
  constexpr std::size_t kLine = 64;
  std::mt19937_64 engine(seed);
  const auto threshold = static_cast<std::uint64_t>(config_.content * 0x1p32);
  const PageSet pages = guest_.backed();
  for (std::uint64_t page = pages.next(0); page < pages.range(); page = pages.next(page + 1)) {
    const Addr frame = *guest_.frame_of(page);
    const bool tables = is_machine() && os_.holds_tables(space_, guest_.pages().address_of(page));
    if (tables || !guest_.is_zero(frame)) continue;
    unsigned char* const bytes = migration_->port().data(frame);
    for (std::size_t line = 0; line < kPageBytes; line += kLine) {
      const std::uint64_t drawn = engine();
      if ((drawn & 0xffff'ffff) >= threshold) continue;
      std::memcpy(bytes + line, &drawn, sizeof drawn);
    }
  }
}

// --- the manager's orders ---

void MigrationRig::pause() {
  for (Cpu* core : cores_) core->pause();
  for (const auto& device : devices_) {
    if (device->driver) device->driver->pause();
    suspend(*device);
  }
}

// Returns when all that the device had issued is in memory.
void MigrationRig::suspend(Device& device) {
  constexpr std::uint64_t kQuiet = 2;
  device.registers.write64(DmaEngine::kSuspend, 1);
  while (device.registers.read64(DmaEngine::kSuspend) != kQuiet) spend(device.costs.costs.poll.ps);
}

void MigrationRig::resume_processors() {
  for (Cpu* core : cores_) core->resume();
}

void MigrationRig::resume_devices() {
  gone_since_.reset();
  for (const auto& device : devices_) {
    device->registers.write64(DmaEngine::kSuspend, 0);
    if (device->driver) device->driver->resume();
  }
}

void MigrationRig::forget_translations() {
  for (Cpu* core : cores_) core->mmu().invalidate({.later_stages = true}, kernel_now());
}

void MigrationRig::monitoring_begins() {
  for (const auto& device : devices_) {
    if (begun_) break;
    latency_before_.merge(device->engine->latency());
    rate_before_ += gigabits_per_second(device->engine->bytes(), kernel_now());
  }
  begun_ = true;
  if (begins_) begins_();
}

double MigrationRig::progress() {
  double sum = 0;
  for (const Cpu* core : cores_) sum += static_cast<double>(core->instructions());
  return sum;
}

void MigrationRig::visit_stats(StatVisitor& v, Ps measured) {
  std::uint64_t bytes = 0, log_bytes = 0;
  Distribution latency;
  for (const auto& device : devices_) {
    bytes += device->engine->bytes();
    log_bytes += device->engine->log_bytes();
    latency.merge(device->engine->latency());
  }
  v.value("dma_rate", gigabits_per_second(bytes, measured), "Gb/s", "of all devices, from beginning to end");
  v.value("dma_rate_before", rate_before_, "Gb/s", "of all devices, before");
  v.distribution("dma_latency", latency, kTimeInNs, "of all devices' requests, from beginning to end");
  const auto before = DistributionSummary::of(latency_before_, kTimeInNs.scale);
  v.value("dma_latency_before", before.mean, "ns", "mean of all devices' requests, before");
  v.value("dma_p99_before", before.p99, "ns", "their 99th percentile");
  v.value("log_bytes", static_cast<double>(log_bytes), "B", "that devices' logs moved over their links");
  for (const auto& device : devices_) {
    if (device->log == nullptr) continue;
    v.enter(fmt::format("log_of_{:#x}", device->place.requester).c_str());
    device->log->visit_stats(v);
    v.leave();
  }
}

// As a device that has lost its state.
void MigrationRig::reset_logs() {
  for (const auto& device : devices_) {
    if (device->log == nullptr) continue;
    device->registers.write64(DmaEngine::kLog + DirtyLogger::kCommand,
                              static_cast<std::uint64_t>(DirtyLogger::Command::reset));
  }
}

void MigrationRig::interrupt(std::uint32_t requester, std::uint32_t vector, Ps at) {
  const bool of_log = vector >= DmaEngine::kLogInterrupt;
  for (const auto& device : devices_) {
    if (device->place.requester != requester) continue;
    if (of_log && device->log != nullptr) device->log->interrupted(at);
    if (!of_log && device->driver) device->driver->interrupt(at);
  }
}

void MigrationRig::load(Addr address, std::span<unsigned char> bytes) {
  std::memcpy(bytes.data(), guest_.bytes_of(physical_address(address)), bytes.size());
}

void MigrationRig::store(Addr address, std::span<const unsigned char> bytes) {
  os_.written_by_software(space_, address);
  guest_.store(physical_address(address), bytes);
}

// Of memory that devices work in: it stays mapped.
Addr MigrationRig::physical_address(Addr address) {
  const std::optional<Addr> frame = guest_.frame_of(*guest_.pages().number_of(address));
  return *frame | (address & low_mask(kPageShift));
}

void MigrationRig::rethrow_failure() const {
  migration_->rethrow_failure();
  for (const auto& device : devices_) {
    if (device->driver) device->driver->rethrow_failure();
  }
}

}  // namespace pagoda

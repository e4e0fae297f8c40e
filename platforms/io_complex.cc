#include "platforms/io_complex.h"

#include <algorithm>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/base/transaction.h"
#include "pagoda/devices/dma_stream.h"
#include "pagoda/devices/receiving_nic.h"
#include "platforms/migration_rig.h"

namespace pagoda {
namespace {

// MODE of a first stage in this format, and whether it is one of the custom mode.
struct FirstStage {
  std::uint64_t mode;
  bool x86;
};

FirstStage first_stage_of(const PageFormat& format) {
  for (std::uint64_t mode = 8; mode <= 10; ++mode) {
    for (const bool x86 : {false, true}) {
      DeviceContext device;
      if (x86) device.tc = DeviceContext::kX86FirstStage;
      if (first_stage_format(device, static_cast<unsigned>(mode)) == &format) return {mode, x86};
    }
  }
  throw UserError({}, "os.format", "no IOMMU reads page tables in this format, and there are devices",
                  "allowed: sv39, sv48, sv57, x86-64-4 or x86-64-5");
}

}  // namespace

struct IoComplex::Device {
  DmaPattern traffic;
  std::unique_ptr<DmaTraffic> shared_traffic;  // the pattern over shared pages, if there are any
  IoLink link;
  DmaEngine engine;
  std::unique_ptr<DeviceFunction> function;
  std::string name;

  Device(const std::string& device_name, const DeviceConfig& config, const DmaConfig& dma, const PatternConfig& pattern,
         SecureIo* secure, MigrationRig* migration)
      : traffic(pattern, config.limit),
        shared_traffic(secure == nullptr ? nullptr : secure->traffic(dma.requester, traffic, pattern.base)),
        link((device_name + "_link").c_str(), config.link),
        engine(device_name.c_str(), dma),
        name(device_name) {
    if (config.receive_ring) {
      function =
          std::make_unique<ReceivingNic>(config.receive_ring->nic, config.receive_ring->line_rate, source(migration));
    } else {
      function = std::make_unique<DmaStream>(source(migration), dma.outstanding);
    }
    engine.dma.bind(link.from_device);
    link.to_device.bind(engine.control);
    engine.run(*function);
  }
  DmaTraffic& source(MigrationRig* migration) {
    if (migration != nullptr) return migration->traffic(traffic);
    return shared_traffic ? *shared_traffic : traffic;
  }
};

IoComplex::IoComplex(const sc_core::sc_module_name& name, const IoConfig& config, Os& os, Bus& bus,
                     const std::vector<Program>& programs, MigrationRig* migration, std::uint64_t seed)
    : Module(name),
      os_(os),
      programs_(programs),
      migration_(migration),
      mirrors_(config.control && config.control->method == ControlMethod::mirrored) {
  if (config.iommu) {
    iommu_ = std::make_unique<Iommu>("iommu", *config.iommu);
    if (config.sharing) {
      secure_ = std::make_unique<SecureIo>(config, os, bus, *iommu_, seed);
      registers_.bind(iommu_->registers);
      const IommuCapabilities capabilities = config.iommu->capabilities.capabilities();
      directory_ = std::make_unique<DeviceDirectoryTable>(
          capabilities, DeviceDirectoryTable::levels_for(capabilities, 16), os.memory(), os.frames());
    } else {
      if (migration_ != nullptr) {
        iommu_->memory.bind(migration_->dma_writes().in);
        migration_->dma_writes().out.bind(bus.in);
      } else {
        iommu_->memory.bind(bus.in);
      }
      driver_ = std::make_unique<IoDriver>("driver", config.driver, os.memory(), os.frames());
      driver_->registers.bind(iommu_->registers);
      for (unsigned cause = 0; cause < kIommuInterrupts; ++cause) {
        driver_->connect_interrupt(static_cast<IommuInterrupt>(cause), iommu_->wire(cause));
      }
    }
  }
  for (const DeviceConfig& group : config.devices) {
    for (std::uint32_t i = 0; i < group.count; ++i) {
      build(group, group.dma.requester + i, fmt::format("{}{}", group.name, i), seed * 1'000'003 + devices_.size(),
            bus);
    }
  }
  if (config.control) build_control(*config.control, config.devices, seed);
  if (!secure_) return;
  for (const RogueDeviceConfig& rogue : config.rogues) give_shared_tables(rogue.device.requester, true);
  secure_->set_up();
}

IoComplex::~IoComplex() = default;

void IoComplex::build_control(const IoControlConfig& config, const std::vector<DeviceConfig>& groups,
                              std::uint64_t seed) {
  IoControl::Region region{};
  for (const DeviceConfig& group : groups) {
    if (!group.shares_cpu) continue;
    const Program& program = programs_[*group.shares_cpu];
    region.process = program.process;
    region.processor = program.processor;
    region.domain = shared_[*group.shares_cpu];
    region.base = group.traffic.base;
    region.bytes = group.traffic.size.count;
    for (std::uint32_t i = 0; i < group.count; ++i) region.requesters.push_back(group.dma.requester + i);
  }
  control_ = std::make_unique<IoControl>("control", config, os_, *driver_, *iommu_, region, seed);
}

void IoComplex::build(const DeviceConfig& config, std::uint32_t requester, const std::string& name, std::uint64_t seed,
                      Bus& bus) {
  DmaConfig dma = config.dma;
  dma.requester = requester;
  PatternConfig pattern = config.traffic;
  pattern.seed += seed;
  Device& device =
      *devices_.emplace_back(std::make_unique<Device>(name, config, dma, pattern, secure_.get(), migration_));
  if (iommu_) {
    device.link.to_root.bind(iommu_->devices);
    iommu_->connect(requester, device.link.from_root);
    if (secure_) {
      give_shared_tables(requester, dma.atc.has_value());
    } else {
      attach(config, requester);
    }
    if (migration_ != nullptr) {
      migration_->add_device({.requester = requester,
                              .config = &config,
                              .base = pattern.base,
                              .bytes = config.working_bytes(),
                              .driver = driver_.get(),
                              .guest = migrating_,
                              .own = own_domain_},
                             device.engine, device.link);
    }
  } else {
    device.link.to_root.bind(bus.in);
  }
}

// Without a PASID a device translates with its domain, with one in that process.
void IoComplex::attach(const DeviceConfig& config, std::uint32_t requester) {
  IoDomain& domain = domain_of(config);
  const IoDeviceOptions options{.ats = config.dma.atc.has_value(),
                                .page_requests = config.dma.atc && config.dma.atc->page_requests > 0,
                                .privileged = config.dma.supervisor,
                                .process_bits = config.dma.pasid ? 20u : 0u};
  if (migration_ != nullptr && own_domain_ == nullptr) {
    own_domain_ = &driver_->create_domain(std::string(domain.stage().format->name()));
  }
  driver_->attach(requester, own_domain_ != nullptr ? *own_domain_ : domain, options);
  if (config.dma.pasid) driver_->attach_process(requester, *config.dma.pasid, domain);
}

// A device context, and a process of its own for the pages that tenants share with the device.
void IoComplex::give_shared_tables(std::uint32_t requester, bool has_atc) {
  constexpr std::uint64_t kValid = 1;
  constexpr std::uint64_t kAts = 1 << 1;
  constexpr std::uint64_t kFlagUpdates = 1 << 8;  // SADE
  const Os::ProcessId process = os_.create_process();
  const Stage& stage = os_.space(process).stage();
  const FirstStage first = first_stage_of(*stage.format);
  DeviceContext context;
  context.tc = kValid | (has_atc ? kAts : 0) | kFlagUpdates | (first.x86 ? DeviceContext::kX86FirstStage : 0);
  context.ta = (process + 1) << 12;
  context.fsc = first.mode << 60 | stage.root >> kPageShift;
  directory_->set(requester, context);
  secure_->attach(requester, os_.space(process), static_cast<std::uint32_t>(process + 1), has_atc);
}

// With sharing; else the driver does it.
void IoComplex::start_of_simulation() {
  if (!directory_) return;
  std::uint64_t ddtp = directory_->ddtp();
  Transaction transaction;
  transaction.prepare(tlm::TLM_WRITE_COMMAND, iommu_register::kDdtp, sizeof ddtp,
                      reinterpret_cast<unsigned char*>(&ddtp));
  sc_core::sc_time delay;
  registers_->b_transport(transaction.payload, delay);
}

IoDomain& IoComplex::domain_of(const DeviceConfig& config) {
  if (migration_ != nullptr) return migrating_domain(config);
  const Os::ProcessId process = config.shares_cpu ? programs_[*config.shares_cpu].process : os_.create_process();
  os_.premap(process, config.traffic.base, config.traffic.size.count);
  AddressSpace& space = os_.space(process);
  if (!config.shares_cpu) return driver_->share(space);
  IoDomain*& known = shared_[*config.shares_cpu];
  if (known == nullptr) known = mirrors_ ? &driver_->mirror(space) : &driver_->share(space);
  if (mirrors_) driver_->process_changed(*known, config.traffic.base, config.traffic.size.count);
  return *known;
}

// Tables that follow those of what migrates, in a format for first stages.
IoDomain& IoComplex::migrating_domain(const DeviceConfig& config) {
  const SpaceId id = migration_->space();
  os_.premap(id, config.traffic.base, config.working_bytes());
  if (migrating_ == nullptr) migrating_ = &driver_->mirror(os_.space(id), os_.config().format);
  driver_->process_changed(*migrating_, config.traffic.base, config.working_bytes());
  return *migrating_;
}

void IoComplex::on_finish(const std::function<void()>& callback) {
  for (const auto& device : devices_) device->engine.on_finish(callback);
}

void IoComplex::call_after(std::uint64_t count, const std::function<void()>& callback) {
  for (const auto& device : devices_) device->traffic.call_after(count, callback);
}

std::uint64_t IoComplex::transfers() const {
  std::uint64_t sum = 0;
  for (const auto& device : devices_) sum += device->traffic.done();
  return sum;
}

double IoComplex::progress() const {
  double sum = 0;
  for (const auto& device : devices_) sum += device->traffic.progress();
  return sum;
}

Ps IoComplex::end_time() const {
  Ps end = 0;
  for (const auto& device : devices_) end = std::max(end, device->traffic.last_end());
  return end;
}

void IoComplex::rethrow_failure() const {
  for (const auto& device : devices_) device->engine.rethrow_failure();
  if (driver_) driver_->rethrow_failure();
  if (control_) control_->rethrow_failure();
  if (secure_) secure_->rethrow_failure();
}

// The parts of every request add up to its latency.
void IoComplex::check_invariants() const {
  for (const auto& device : devices_) {
    const DmaEngine& engine = device->engine;
    if (engine.accounted_time() == engine.summed_latency()) continue;
    throw InvariantError(fmt::format("{}: the parts of its request times add up to {} ps, its latencies to {} ps",
                                     device->name, engine.accounted_time(), engine.summed_latency()));
  }
  if (control_) control_->check_invariants();
  if (secure_) secure_->check_invariants();
}

void IoComplex::visit_stats(StatVisitor& v) {
  for (const auto& device : devices_) {
    const Ps time = device->traffic.last_end() - std::min(measured_from_, device->traffic.last_end());
    const double bits = 8.0 * static_cast<double>(device->engine.bytes());
    v.enter(device->name.c_str());
    v.value("payload_rate", time == 0 ? 0.0 : bits / (static_cast<double>(time) / 1000), "Gb/s",
            "data moved, from the first measured transfer to the last");
    v.leave();
  }
  if (secure_) secure_->visit_stats(v);
}

}  // namespace pagoda

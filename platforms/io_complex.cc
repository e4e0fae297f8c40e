#include "platforms/io_complex.h"

#include <algorithm>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
struct IoComplex::Device {
  DmaPattern traffic;
  IoLink link;
  DmaEngine engine;
  DmaStream stream;
  std::string name;

  Device(const std::string& device_name, const DeviceConfig& config, const DmaConfig& dma, const PatternConfig& pattern)
      : traffic(pattern, config.limit),
        link((device_name + "_link").c_str(), config.link),
        engine(device_name.c_str(), dma),
        stream(traffic, dma.outstanding),
        name(device_name) {
    engine.dma.bind(link.from_device);
    link.to_device.bind(engine.control);
    engine.run(stream);
  }
};

IoComplex::IoComplex(const sc_core::sc_module_name& name, const IoConfig& config, Os& os, Bus& bus,
                     const std::vector<Program>& programs, std::uint64_t seed)
    : Module(name),
      os_(os),
      programs_(programs),
      mirrors_(config.control && config.control->method == ControlMethod::mirrored) {
  if (config.iommu) {
    iommu_ = std::make_unique<Iommu>("iommu", *config.iommu);
    iommu_->memory.bind(bus.in);
    driver_ = std::make_unique<IoDriver>("driver", config.driver, os.memory(), os.frames());
    driver_->registers.bind(iommu_->registers);
    for (unsigned cause = 0; cause < kIommuInterrupts; ++cause) {
      driver_->connect_interrupt(static_cast<IommuInterrupt>(cause), iommu_->wire(cause));
    }
  }
  for (const DeviceConfig& group : config.devices) {
    for (std::uint32_t i = 0; i < group.count; ++i) {
      build(group, group.dma.requester + i, fmt::format("{}{}", group.name, i), seed * 1'000'003 + devices_.size(),
            bus);
    }
  }
  if (config.control) build_control(*config.control, config.devices, seed);
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
  Device& device = *devices_.emplace_back(std::make_unique<Device>(name, config, dma, pattern));
  if (iommu_) {
    device.link.to_root.bind(iommu_->devices);
    iommu_->to_devices.bind(device.link.from_root);
    iommu_->attach(static_cast<int>(devices_.size()) - 1, requester);
    attach(config, requester);
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
  driver_->attach(requester, domain, options);
  if (config.dma.pasid) driver_->attach_process(requester, *config.dma.pasid, domain);
}

IoDomain& IoComplex::domain_of(const DeviceConfig& config) {
  const Os::ProcessId process = config.shares_cpu ? programs_[*config.shares_cpu].process : os_.create_process();
  os_.premap(process, config.traffic.base, config.traffic.size.count);
  AddressSpace& space = os_.space(process);
  if (!config.shares_cpu) return driver_->share(space);
  IoDomain*& known = shared_[*config.shares_cpu];
  if (known == nullptr) known = mirrors_ ? &driver_->mirror(space) : &driver_->share(space);
  if (mirrors_) driver_->process_changed(*known, config.traffic.base, config.traffic.size.count);
  return *known;
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
}

}  // namespace pagoda

#include "platforms/secure_io.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

// The number of the IOMMU's own accesses, and of its guard's; no device has it.
constexpr std::uint32_t kIommuRequester = 1u << 16;

std::map<std::string, std::vector<std::uint32_t>> requesters_of(const IoConfig& config) {
  std::map<std::string, std::vector<std::uint32_t>> all;
  for (const DeviceConfig& group : config.devices) {
    for (std::uint32_t i = 0; i < group.count; ++i) all[group.name].push_back(group.dma.requester + i);
  }
  for (const RogueDeviceConfig& rogue : config.rogues) all[rogue.name] = {rogue.device.requester};
  return all;
}

std::uint32_t devices_of(const IoConfig& config) {
  std::uint32_t highest = 0;
  for (const auto& [name, requesters] : requesters_of(config)) highest = std::max(highest, requesters.back());
  return highest + 1;
}

std::vector<std::vector<std::uint32_t>> tenants_of(const IoConfig& config) {
  const auto requesters = requesters_of(config);
  std::vector<std::vector<std::uint32_t>> tenants;
  for (const TenantConfig& tenant : config.sharing->tenants) {
    std::vector<std::uint32_t>& theirs = tenants.emplace_back();
    for (const std::string& device : tenant.devices) {
      const std::vector<std::uint32_t>& group = requesters.at(device);
      theirs.insert(theirs.end(), group.begin(), group.end());
    }
    std::sort(theirs.begin(), theirs.end());
    theirs.erase(std::unique(theirs.begin(), theirs.end()), theirs.end());
  }
  return tenants;
}

}  // namespace

struct SecureIo::Rogue {
  std::string name;
  IoLink link;
  RogueDevice device;

  Rogue(const RogueDeviceConfig& config, const RogueConfig& rogue, RogueDevice::Range window, RogueDevice::Range memory)
      : name(config.name),
        link((config.name + "_link").c_str(), config.link),
        device(config.name.c_str(), rogue, window, memory) {
    device.dma.bind(link.from_device);
    link.to_device.bind(device.control);
  }
};

SecureIo::SecureIo(const IoConfig& config, Os& os, Bus& bus, Iommu& iommu, std::uint64_t seed)
    : kind_(config.guard.kind), window_(config.sharing->base) {
  const SharingConfig& sharing = *config.sharing;
  monitor_ = std::make_unique<DmaMonitor>("monitor");
  guard_ = std::make_unique<PageGuard>("guard", config.guard, devices_of(config),
                                       SharingAgent::costs().costs.register_access, os.memory(), os.frames(),
                                       kIommuRequester);
  agent_ = std::make_unique<SharingAgent>("agent", sharing, tenants_of(config), os, *guard_, *monitor_, seed);
  iommu.memory.bind(monitor_->in);
  iommu.tables.bind(bus.in);
  monitor_->out.bind(bus.in);
  guard_->tables.bind(bus.in);
  agent_->registers.bind(iommu.registers);
  iommu.set_guard(guard_->guard());
  const RogueDevice::Range window{window_, std::uint64_t{sharing.pages} << kPageShift};
  const RogueDevice::Range memory{0, os.frames().end()};
  for (const RogueDeviceConfig& rogue : config.rogues) {
    RogueConfig seeded = rogue.device;
    seeded.seed += seed;
    Rogue& made = *rogues_.emplace_back(std::make_unique<Rogue>(rogue, seeded, window, memory));
    const std::uint32_t requester = rogue.device.requester;
    made.device.set_judge([this, requester](Addr address, std::uint32_t bytes, AccessKind access) {
      return monitor_->grants().allows(requester, address, bytes, access);
    });
    made.link.to_root.bind(iommu.devices);
    iommu.connect(requester, made.link.from_root);
  }
}

SecureIo::~SecureIo() = default;

void SecureIo::attach(std::uint32_t requester, AddressSpace& space, std::uint32_t pscid, bool has_atc) {
  agent_->add({.requester = requester, .space = &space, .pscid = pscid, .has_atc = has_atc});
  guard_->set_tables(requester, space.stage());
}

void SecureIo::set_up() { agent_->set_up(); }

std::unique_ptr<DmaTraffic> SecureIo::traffic(std::uint32_t requester, DmaTraffic& pattern, Addr pattern_base) {
  return std::make_unique<SharedTraffic>(pattern, agent_->working_pages(requester), pattern_base, window_);
}

void SecureIo::check_invariants() const {
  guard_->verify();
  if (kind_ == GuardKind::none || monitor_->violations() == 0) return;
  throw InvariantError(
      fmt::format("{} DMA accesses that nobody had allowed reached memory past the guard; the first: {}",
                  monitor_->violations(), monitor_->first_violation()));
}

void SecureIo::visit_stats(StatVisitor& v) {
  std::uint64_t attempts = 0, blocked = 0, succeeded = 0;
  for (const auto& rogue : rogues_) {
    attempts += rogue->device.attempts();
    blocked += rogue->device.blocked();
    succeeded += rogue->device.succeeded();
  }
  v.enter("attacks");
  v.counter("attempts", attempts, kCount, "accesses of rogue devices that nobody had allowed");
  v.counter("blocked", blocked, kCount, "of these, refused");
  v.counter("succeeded", succeeded, kCount, "of these, carried out");
  v.leave();
}

}  // namespace pagoda

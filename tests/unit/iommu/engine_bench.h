// An IOMMU's engine over structures in a memory of fixed latency.
#pragma once

#include <gtest/gtest.h>

#include "support/iommu_software.h"
#include "unit/iommu/fake_structures.h"

namespace pagoda::testing {

/// Nothing but what the architecture says, and no ports to wait for.
inline IommuConfig bare_engine(std::uint32_t walkers = 6) {
  IommuConfig config;
  config.ports = config.device_cache.ports = config.process_cache.ports = config.iotlb.ports = 0;
  config.walker = {.slots = walkers, .walk_caches = {}, .nested_tlb = std::nullopt};
  return config;
}

/// An engine, its structures, and who lays them out.
struct EngineBench {
  explicit EngineBench(const IommuConfig& config = bare_engine()) : engine(config, config.period()) {
    setup.capabilities = config.capabilities.capabilities();
    setup.custom_formats = true;
  }

  void use(const DeviceDirectoryTables& directory) {
    setup.directory = DeviceDirectory::of(directory.ddtp());
    engine.set_setup(setup);
  }
  IommuEngine::Outcome ask(const IommuRequest& request, Ps at, TimeSplit* time = nullptr) {
    TimeSplit own;
    const auto outcome = engine.translate({.request = request, .floor = 0, .at = at}, memory, own);
    EXPECT_EQ(own.total(), outcome.done - at) << "every picosecond is accounted for";
    if (time != nullptr) *time = own;
    return outcome;
  }
  IommuEngine::Outcome read(Addr address, Ps at = 0, std::uint32_t device = 5) {
    return ask({.device_id = device, .address = address}, at);
  }
  double stat(const char* name) {
    StatNode node;
    StatReader reader(node);
    engine.visit_stats(reader);
    return node.number(name);
  }

  FakeStructures memory;
  BumpFrames frames{0x100'0000, 0x800'0000};
  TableSpace host{memory.store, frames};
  IommuSetup setup;
  IommuEngine engine;
};

}  // namespace pagoda::testing

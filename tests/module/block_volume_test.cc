// Pages moved by the driver of a block device: through rings, the IOMMU and interrupts.
#include "pagoda/software/block_volume.h"

#include <random>

#include "pagoda/devices/dma_engine.h"
#include "pagoda/interconnect/io_link.h"
#include "support/io_driver_bench.h"

namespace pagoda::block_volume_test {

using testing::IoDriverBench;
using testing::Script;

constexpr Addr kPage = 4096;
constexpr std::uint32_t kDevice = 5;
constexpr Ps kMedium = 10 * kMicrosecond;

MediumConfig simple_medium() {
  return {.capacity = {256 * kPage},
          .block = {4096},
          .flash = {.channels = 8,
                    .dies = 8,
                    .read = {kMedium},
                    .program = {kMedium},
                    .in_place = true,
                    .suspends = false,
                    .write_buffer = {0}}};
}

struct BlockVolumeBench : IoDriverBench, MoveClient {
  enum class Iommu : std::uint8_t { none, strict, premapped };

  void build_volume(Iommu kind, const MediumConfig& medium = simple_medium(), const BlockVolumeConfig& config = {}) {
    IoDriverConfig driver_config;
    driver_config.mapping = kind == Iommu::premapped ? IoMapping::premapped : IoMapping::strict;
    build(driver_config);
    device_function.emplace(BlockDeviceConfig{.medium = medium});
    engine.emplace("engine", DmaConfig{.requester = kDevice});
    engine->dma.bind(link.from_device);
    link.to_device.bind(engine->control);
    engine->run(*device_function);
    IoDomain* domain = nullptr;
    if (kind == Iommu::none) {
      link.to_root.bind(dram.port);
      device(kDevice);  // of the IOMMU, which nobody uses
    } else {
      link.to_root.bind(iommu->devices);
      iommu->connect(kDevice, link.from_root);
      domain = &driver->create_domain("sv48");
      driver->attach(kDevice, *domain);
      if (kind == Iommu::premapped) driver->premap(*domain, 0, kMemoryBytes);
    }
    volume.emplace("volume", config, *device_function, memory, frames, kind == Iommu::none ? nullptr : &*driver,
                   domain);
    volume->registers.bind(link.from_root);
    engine->connect_interrupts(*volume);
  }
  /// Runs a thread, and the simulation until nothing more happens.
  void drive(std::function<void()> what) {
    run(std::move(what));
    engine->rethrow_failure();
    volume->rethrow_failure();
  }
  void fill(Addr page, unsigned seed) {
    for (Addr i = 0; i < kPage; ++i) *memory.data(page + i) = byte_of(seed, i);
  }
  bool holds(Addr page, unsigned seed) {
    for (Addr i = 0; i < kPage; ++i) {
      if (*memory.data(page + i) != byte_of(seed, i)) return false;
    }
    return true;
  }
  void moved(const MoveResult& result) override {
    EXPECT_EQ(result.done, kernel_now());
    EXPECT_EQ(result.time.total(), result.done - result.submitted);
    results.push_back(result);
    moved_.notify();
  }
  void wait_for_results(std::size_t count) {
    while (results.size() < count) sc_core::wait(moved_);
  }
  MoveResult move(MoveDirection direction, std::uint64_t page, Addr address) {
    EXPECT_TRUE(volume->submit({direction, address, page}, kernel_now(), *this).accepted);
    wait_for_results(results.size() + 1);
    return results.back();
  }
  static unsigned char byte_of(unsigned seed, Addr i) {
    return static_cast<unsigned char>(seed * 37 + i * (seed | 1) / 5);
  }

  IoLink link{"link", {}};
  std::optional<BlockDevice> device_function;
  std::optional<DmaEngine> engine;
  std::optional<BlockVolume> volume;
  std::vector<MoveResult> results;

 private:
  sc_core::sc_event moved_;
};

TEST_F(BlockVolumeBench, APageSurvivesOutAndIn) {
  build_volume(Iommu::strict);
  const Addr page = frame();
  drive([&] {
    fill(page, 3);
    const MoveResult out = move(MoveDirection::out, 17, page);
    EXPECT_TRUE(out.ok());
    EXPECT_GE(out.time.media, kMedium);
    EXPECT_GE(out.time.software, BlockVolumeConfig{}.submit.ps + BlockVolumeConfig{}.complete.ps);
    fill(page, 4);
    EXPECT_TRUE(move(MoveDirection::in, 17, page).ok());
    EXPECT_TRUE(holds(page, 3));
  });
  EXPECT_EQ(stat("volume.moved"), 2);
  EXPECT_EQ(stat("driver.maps"), 4) << "two queues, and a buffer for each";
  EXPECT_EQ(stat("driver.unmaps"), 2);
}

TEST_F(BlockVolumeBench, MappingForEachTransferCostsProcessorTime) {
  std::vector<Ps> spent;
  build_volume(Iommu::premapped);
  const Addr page = frame();
  drive([&] { spent.push_back(move(MoveDirection::in, 0, page).time.software); });
  const BlockVolumeConfig costs;
  EXPECT_GE(spent[0], costs.submit.ps + costs.complete.ps + costs.register_access.ps);
  EXPECT_LT(spent[0], costs.submit.ps + costs.complete.ps + costs.register_access.ps + 200'000);
}

TEST_F(BlockVolumeBench, StrictUnmappingWaitsForTheIommu) {
  build_volume(Iommu::strict);
  const Addr page = frame();
  drive([&] {
    const BlockVolumeConfig costs;
    const Ps spent = move(MoveDirection::in, 0, page).time.software;
    const IoCosts iommu_costs;
    EXPECT_GE(spent, costs.submit.ps + costs.complete.ps + costs.register_access.ps + iommu_costs.map.ps +
                         iommu_costs.map_page.ps + iommu_costs.unmap.ps + iommu_costs.unmap_page.ps);
  });
}

TEST_F(BlockVolumeBench, WithoutAnIommuTheDeviceUsesRealAddresses) {
  build_volume(Iommu::none);
  const Addr page = frame();
  drive([&] {
    fill(page, 3);
    move(MoveDirection::out, 1, page);
    fill(page, 4);
    move(MoveDirection::in, 1, page);
    EXPECT_TRUE(holds(page, 3));
  });
}

TEST_F(BlockVolumeBench, TheHandlerBeginsWhenTheProcessorTakesTheInterrupt) {
  build_volume(Iommu::none);
  const Addr page = frame();
  std::vector<Ps> interrupts;
  volume->on_interrupt([&](Ps at) {
    interrupts.push_back(at);
    return at + 3 * kMicrosecond;
  });
  drive([&] {
    const MoveResult result = move(MoveDirection::in, 1, page);
    ASSERT_EQ(interrupts.size(), 1u);
    EXPECT_EQ(result.done, interrupts[0] + 3 * kMicrosecond + BlockVolumeConfig{}.complete.ps);
    EXPECT_GE(result.time.queue, 3 * kMicrosecond);
  });
}

TEST_F(BlockVolumeBench, AllShareOneQueueAndItsLock) {
  build_volume(Iommu::none);
  std::vector<Addr> pages;
  for (int i = 0; i < 16; ++i) pages.push_back(frame());
  drive([&] {
    const Ps at = kernel_now();
    for (std::uint64_t i = 0; i < 16; ++i) volume->submit({MoveDirection::in, pages[i], i * 7}, at, *this);
    wait_for_results(16);
    Ps last = 0;
    for (const MoveResult& result : results) last = std::max(last, result.done);
    const BlockVolumeConfig costs;
    EXPECT_GE(last - at, 16 * (costs.submit.ps + costs.register_access.ps) + kMedium);
    EXPECT_LT(last - at, 16 * kMedium) << "the device works on them at the same time";
    EXPECT_GE(results.back().time.queue, 10 * costs.submit.ps) << "the last one has waited for the lock";
  });
}

TEST_F(BlockVolumeBench, AFullQueueIsAnAnswer) {
  build_volume(Iommu::none, simple_medium(), {.queue_entries = 4, .requests = 6});
  std::vector<Addr> pages;
  for (int i = 0; i < 8; ++i) pages.push_back(frame());
  drive([&] {
    for (std::uint64_t i = 0; i < 6; ++i) {
      EXPECT_TRUE(volume->submit({MoveDirection::in, pages[i], i}, kernel_now(), *this).accepted);
    }
    EXPECT_EQ(volume->room(kernel_now()), 0u);
    const auto refused = volume->submit({MoveDirection::in, pages[6], 6}, kernel_now(), *this);
    EXPECT_FALSE(refused.accepted);
    EXPECT_EQ(refused.until, kNever);
    wait_for_results(1);
    EXPECT_TRUE(volume->submit({MoveDirection::in, pages[6], 6}, kernel_now(), *this).accepted);
    wait_for_results(7);
  });
  EXPECT_EQ(stat("volume.refused"), 1);
  EXPECT_EQ(stat("volume.moved"), 7);
}

TEST_F(BlockVolumeBench, WhatGoesWrongComesBack) {
  MediumConfig medium = simple_medium();
  medium.faults = {.recovery = {kMillisecond}, .timeout = {5 * kMillisecond}};
  build_volume(Iommu::strict, medium);
  const Addr page = frame();
  drive([&] {
    fill(page, 1);
    StorageMedium& storage = device_function->medium();
    storage.inject(MediumStatus::read_error);
    EXPECT_EQ(move(MoveDirection::in, 1, page).status, MoveStatus::media_error);
    storage.inject(MediumStatus::write_error);
    EXPECT_EQ(move(MoveDirection::out, 1, page).status, MoveStatus::media_error);
    storage.inject(MediumStatus::timed_out);
    const Ps before = kernel_now();
    EXPECT_EQ(move(MoveDirection::in, 1, page).status, MoveStatus::timed_out);
    EXPECT_GE(kernel_now(), before + 5 * kMillisecond);
    EXPECT_EQ(move(MoveDirection::in, 256, page).status, MoveStatus::out_of_range);
    EXPECT_TRUE(holds(page, 1)) << "nothing of these has reached memory";
    EXPECT_TRUE(move(MoveDirection::out, 1, page).ok());
  });
  EXPECT_EQ(stat("volume.failed"), 4);
}

TEST_F(BlockVolumeBench, AWornOutVolumeIsFull) {
  MediumConfig medium = simple_medium();
  medium.flash = {.channels = 1, .dies = 1, .pages_per_block = 8, .over_provision = 0.1, .endurance = 2};
  build_volume(Iommu::none, medium);
  const Addr page = frame();
  drive([&] {
    MoveStatus status = MoveStatus::ok;
    for (std::uint64_t i = 0; i < 5000 && status == MoveStatus::ok; ++i) {
      status = move(MoveDirection::out, i % 200, page).status;
    }
    EXPECT_EQ(status, MoveStatus::volume_full);
  });
}

// Pages go out and come back in any order, many at a time.
struct BlockContents : BlockVolumeBench, ::testing::WithParamInterface<unsigned> {};

TEST_P(BlockContents, AreWhatWasMovedOut) {
  std::mt19937 engine_of(GetParam());
  const auto random = [&](unsigned below) { return static_cast<unsigned>(engine_of() % below); };
  tlm::tlm_global_quantum::instance().set(to_sc_time(GetParam() % 2 == 0 ? 0 : kMicrosecond));
  MediumConfig medium = simple_medium();
  medium.block = {GetParam() % 3 == 0 ? 512u : 4096u};
  medium.flash = {.channels = 2, .dies = 2, .pages_per_block = 8, .over_provision = 0.1};
  medium.faults = {.read_errors = 0.03, .write_errors = 0.03, .timeouts = 0.02, .seed = GetParam()};
  build_volume(GetParam() % 4 == 0 ? Iommu::none : Iommu::strict, medium, {.queue_entries = 2 + random(20)});
  constexpr unsigned kAtATime = 12;
  std::vector<Addr> pages;
  for (unsigned i = 0; i < kAtATime; ++i) pages.push_back(frame());
  drive([&] {
    std::vector<std::optional<unsigned>> on_volume(256);
    for (unsigned round = 0; round < 40; ++round) {
      results.clear();
      std::vector<unsigned> seeds(kAtATime);
      for (unsigned i = 0; i < kAtATime; ++i) {
        const unsigned where = i * 20 + random(20);  // each its own part of the volume, as they end in any order
        const bool out = random(2) == 0;
        seeds[i] = round * kAtATime + i;
        fill(pages[i], seeds[i]);
        volume->submit({out ? MoveDirection::out : MoveDirection::in, pages[i], where, i},
                       kernel_now() + random(2000) * 1000, *this);
      }
      wait_for_results(kAtATime);
      for (const MoveResult& result : results) {
        const unsigned i = static_cast<unsigned>(result.order.tag);
        auto& stored = on_volume[result.order.page];
        if (result.order.direction == MoveDirection::out) {
          if (result.ok()) stored = seeds[i];
        } else if (!result.ok()) {
          ASSERT_TRUE(holds(pages[i], seeds[i]));
        } else if (stored) {
          ASSERT_TRUE(holds(pages[i], *stored)) << round;
        }
      }
    }
  });
}

INSTANTIATE_TEST_SUITE_P(Seeds, BlockContents, ::testing::Range(0u, 12u));

}  // namespace pagoda::block_volume_test

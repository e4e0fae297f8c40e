// Buffers that are unmapped in batches or never, and addresses that devices share with processes.
#include <random>
#include <set>

#include "pagoda/base/error.h"
#include "support/io_driver_bench.h"

namespace pagoda::io_driver_modes_test {

using testing::IoDriverBench;
using testing::TestDevice;

constexpr std::uint64_t kPage = 4096;
constexpr Ps kNs = kNanosecond;

// --- batches --------------------------------------------------------------------------------------------------------

struct Batches : IoDriverBench {
  void build_batched(std::uint32_t entries, Ps timeout, std::uint64_t window = std::uint64_t{1} << 30) {
    IoDriverConfig config;
    config.mapping = IoMapping::batched;
    config.flush = {.entries = entries, .timeout = {timeout}};
    config.iova_window = {window};
    build(config);
    domain = &driver->create_domain("sv48");
    nic = &device(3);
    driver->attach(3, *domain);
  }
  Addr map(Addr page) { return driver->map(*domain, page, kPage, DmaDirection::both).value_or(0); }

  IoDomain* domain = nullptr;
  TestDevice* nic = nullptr;
};

TEST_F(Batches, ABufferIsReachableAtMostUntilItsTimeIsOver) {
  build_batched(100, 20'000 * kNs);
  Ps unmapped = 0, released = 0;
  run([&] {
    const Addr page = frame();
    const Addr known = map(page);
    const Addr unknown = map(frame());
    EXPECT_TRUE(nic->write(known, 1));
    const Ps start = kernel_now();
    driver->unmap(*domain, known, [&] { released = kernel_now(); });
    unmapped = kernel_now();
    EXPECT_EQ(unmapped - start, (155 + 138) * kNs) << "no command";
    driver->unmap(*domain, unknown);
    EXPECT_TRUE(nic->write(known, 2)) << "the IOTLB still has it";
    EXPECT_FALSE(nic->read(unknown)) << "and this it never had";
    const Addr other = map(frame());
    EXPECT_NE(other, known);
    EXPECT_NE(other, unknown);
    sc_core::wait(delay_until(unmapped + 19'000 * kNs));
    EXPECT_TRUE(nic->write(known, 3));
    sc_core::wait(delay_until(unmapped + 22'000 * kNs));
    EXPECT_FALSE(nic->read(known));
    EXPECT_EQ(store.read(page), 3u);
    const std::set<Addr> again{map(frame()), map(frame())};
    EXPECT_EQ(again, (std::set<Addr>{known, unknown}));
  });
  // Two commands at 10 ns, the register at 104, 308 in the IOMMU, and up to 50 until software looks.
  EXPECT_GE(released, unmapped + 20'000 * kNs + 400 * kNs);
  EXPECT_LE(released, unmapped + 20'000 * kNs + 500 * kNs);
  EXPECT_EQ(stat("driver.flushes"), 1);
  EXPECT_EQ(stat("driver.commands.invalidations"), 1) << "one for both";
  EXPECT_EQ(stat("driver.most_pages_quarantined"), 2);
  EXPECT_EQ(stat("driver.pages_quarantined"), 0);
}

TEST_F(Batches, AFullFlushQueueIsFlushed) {
  build_batched(4, 10'000'000 * kNs);
  run([&] {
    std::vector<Addr> buffers;
    int released = 0;
    for (int i = 0; i < 4; ++i) buffers.push_back(map(frame()));
    for (const Addr buffer : buffers) EXPECT_TRUE(nic->write(buffer, 1));
    for (int i = 0; i < 3; ++i) driver->unmap(*domain, buffers[static_cast<std::size_t>(i)], [&] { ++released; });
    EXPECT_EQ(released, 0);
    EXPECT_TRUE(nic->write(buffers[0], 1));
    driver->unmap(*domain, buffers[3], [&] { ++released; });
    EXPECT_EQ(released, 4);
    for (const Addr buffer : buffers) EXPECT_FALSE(nic->read(buffer));
  });
  EXPECT_EQ(stat("driver.flushes"), 1);
}

TEST_F(Batches, AddressesThatRestAreFlushedForWhenTheyRunOut) {
  build_batched(1000, 10'000'000 * kNs, 1 << 20);
  run([&] {
    std::vector<Addr> buffers;
    for (int i = 0; i < 256; ++i) buffers.push_back(map(0x100000));
    driver->unmap(*domain, buffers[77]);
    EXPECT_EQ(map(0x100000), buffers[77]);
    EXPECT_EQ(map(0x100000), 0u);
  });
  EXPECT_EQ(stat("driver.flushes"), 1);
  EXPECT_EQ(stat("driver.maps_refused"), 1);
}

// Whatever a device still reaches, it is never a page or an address that somebody else has.
TEST_F(Batches, NothingIsUsedAgainBeforeItIsReleased) {
  build_batched(7, 30'000 * kNs);
  std::mt19937 random(1);
  std::map<Addr, Addr> live;  // address and page
  std::set<Addr> resting, free;
  std::set<Addr> known;  // all addresses ever
  bool over = false;
  std::uint64_t late = 0;
  for (int i = 0; i < 24; ++i) free.insert(frame());
  run(
      [&] {
        for (int step = 0; step < 600; ++step) {
          if (!free.empty() && (live.size() < 4 || random() % 2 == 0)) {
            const Addr page = *free.begin();
            free.erase(free.begin());
            const Addr iova = map(page);
            EXPECT_FALSE(resting.contains(iova));
            EXPECT_FALSE(live.contains(iova));
            live[iova] = page;
            known.insert(iova);
            store.write(page, iova);
          } else if (!live.empty()) {
            auto victim = std::next(live.begin(), static_cast<std::ptrdiff_t>(random() % live.size()));
            const auto [iova, page] = *victim;
            live.erase(victim);
            resting.insert(iova);
            driver->unmap(*domain, iova, [&, iova = iova, page = page] {
              resting.erase(iova);
              free.insert(page);
              store.write(page, 0);
            });
          }
        }
        over = true;
      },
      [&] {
        while (!over) {
          for (const Addr iova : std::set<Addr>(known)) {
            const std::optional<std::uint64_t> value = nic->read(iova);
            if (value && *value != 0) {
              EXPECT_EQ(*value, iova);
            }
            late += value && resting.contains(iova) ? 1 : 0;
          }
          sc_core::wait(to_sc_time(50 * kNs));
        }
      });
  EXPECT_GT(late, 0u) << "the window is there";
  EXPECT_GT(stat("driver.flushes"), 10);
  EXPECT_EQ(stat("driver.pages_lost"), 0);
}

// --- buffers that stay mapped ---------------------------------------------------------------------------------------

struct Pools : IoDriverBench {};

TEST_F(Pools, CostNoTranslationWork) {
  IoDriverConfig config;
  config.mapping = IoMapping::premapped;
  build(config);
  IoDomain& domain = driver->create_domain("x86-64-4");
  TestDevice& nic = device(3);
  driver->attach(3, domain);
  const Addr region = frame(std::uint64_t{64} << 10);
  const Addr second = frame();
  driver->premap(domain, region, std::uint64_t{64} << 10);
  driver->premap(domain, second, kPage);
  run([&] {
    EXPECT_EQ(kernel_now(), 0u);
    const Addr buffer = *driver->map(domain, region + 0x1234, 100, DmaDirection::from_device);
    EXPECT_EQ(kernel_now(), 30 * kNs);
    EXPECT_TRUE(nic.write(buffer + 4, 9));
    EXPECT_EQ(store.read(region + 0x1238), 9u);
    bool released = false;
    driver->unmap(domain, buffer, [&] { released = true; });
    EXPECT_TRUE(released);
    EXPECT_EQ(driver->map(domain, region + 0x1234, 100, DmaDirection::from_device), buffer);
    EXPECT_EQ(driver->map(domain, region, std::uint64_t{64} << 10, DmaDirection::both), buffer - 0x1234);
    EXPECT_TRUE(driver->map(domain, second, kPage, DmaDirection::both));
    EXPECT_FALSE(driver->map(domain, second, kPage + 1, DmaDirection::both));
    EXPECT_FALSE(driver->map(domain, region - 1, 2, DmaDirection::both));
    EXPECT_FALSE(driver->map(domain, region, 0, DmaDirection::both));
  });
  EXPECT_EQ(stat("driver.commands.commands"), 0);
  EXPECT_EQ(stat("driver.register_accesses"), 0);
}

// --- shared addresses -----------------------------------------------------------------------------------------------

struct Sharing {
  const char* format;
  unsigned process_bits;
  std::uint32_t process;
};
struct Shared : IoDriverBench, ::testing::WithParamInterface<Sharing> {};

TEST_P(Shared, ADeviceWorksInSeveralProcesses) {
  build();
  AddressSpace first(*find_page_format(GetParam().format), {}, {.page_shift = 21}, store, frames);
  AddressSpace other(*find_page_format(GetParam().format), {}, {}, store, frames);
  IoDomain& own = driver->create_domain(GetParam().format);
  IoDomain& shared = driver->share(first);
  TestDevice& nic = device(3);
  driver->attach(3, own, {.process_bits = GetParam().process_bits});
  driver->attach_process(3, GetParam().process, shared);
  run([&] {
    constexpr Addr kBuffer = 0x3f'1234'5678;
    first.ensure(kBuffer);
    other.ensure(kBuffer);
    const Addr in_first = first.editor().find(kBuffer)->output + (kBuffer & 0x1fffff);
    const Addr in_other = other.editor().find(kBuffer)->output + (kBuffer & 0xfff);
    EXPECT_EQ(driver->map(shared, kBuffer, 8, DmaDirection::both), kBuffer);
    nic.pasid = GetParam().process;
    EXPECT_TRUE(nic.write(kBuffer, 11));
    EXPECT_EQ(store.read(in_first), 11u);

    // A process that comes later.
    nic.pasid = 7;
    EXPECT_FALSE(nic.read(kBuffer));
    IoDomain& late = driver->share(other);
    driver->attach_process(3, 7, late);
    EXPECT_TRUE(nic.write(kBuffer, 12));
    EXPECT_EQ(store.read(in_other), 12u);
    nic.pasid.reset();
    EXPECT_FALSE(nic.read(kBuffer)) << "the device's own table";

    // The process gives the page up, and a process ends.
    nic.pasid = 7;
    ASSERT_TRUE(other.remove(kBuffer));
    EXPECT_TRUE(nic.read(kBuffer)) << "the IOTLB has it";
    EXPECT_TRUE(driver->process_changed(late, kBuffer, 8));
    EXPECT_FALSE(nic.read(kBuffer));
    nic.pasid = GetParam().process;
    EXPECT_EQ(nic.read(kBuffer), 11u);
    driver->detach_process(3, GetParam().process);
    EXPECT_FALSE(nic.read(kBuffer));
  });
  EXPECT_EQ(driver->faults().at(IommuCause::pdt_entry_invalid), 2u);
}

INSTANTIATE_TEST_SUITE_P(Formats, Shared,
                         ::testing::Values(Sharing{"sv39", 8, 255}, Sharing{"sv48", 17, 0x1ffff},
                                           Sharing{"x86-64-4", 20, 0xfffff}, Sharing{"sv57", 20, 1}));

}  // namespace pagoda::io_driver_modes_test

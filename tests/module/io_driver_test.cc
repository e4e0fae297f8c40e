// The driver of an IOMMU: domains, and buffers that devices reach exactly as long as they may.
#include "pagoda/base/error.h"
#include "support/io_driver_bench.h"

namespace pagoda::io_driver_test {

using testing::IoDriverBench;
using testing::TestDevice;

constexpr std::uint64_t kPage = 4096;
constexpr Ps kNs = kNanosecond;

// --- domains --------------------------------------------------------------------------------------------------------

struct Formats : IoDriverBench, ::testing::WithParamInterface<const char*> {};

TEST_P(Formats, TranslateWhatTheyMapAndNothingElse) {
  build();
  IoDomain& domain = driver->create_domain(GetParam());
  TestDevice& nic = device(3);
  driver->attach(3, domain);
  run([&] {
    const std::array<Addr, 3> pages{frame(), frame(), frame()};
    const std::array<Addr, 2> listed{pages[2], pages[0]};
    const Addr buffer = *driver->map(domain, listed, DmaDirection::from_device);
    EXPECT_TRUE(nic.write(buffer + 16, 77));
    EXPECT_TRUE(nic.write(buffer + kPage + 24, 78));
    EXPECT_EQ(store.read(pages[2] + 16), 77u);
    EXPECT_EQ(store.read(pages[0] + 24), 78u);
    EXPECT_FALSE(nic.read(buffer + 2 * kPage));

    store.write(pages[1] + 8, 99);
    const Addr source = *driver->map(domain, pages[1] + 8, 8, DmaDirection::to_device);
    EXPECT_EQ(nic.read(source), 99u);
    EXPECT_FALSE(nic.write(source, 1));
    EXPECT_EQ(store.read(pages[1] + 8), 99u);

    const Addr large = frame(std::uint64_t{2} << 20);
    store.write(large + 0x1ffff8, 55);
    const Addr mapped = *driver->map(domain, large, std::uint64_t{2} << 20, DmaDirection::to_device);
    EXPECT_EQ(domain.editor().find(mapped)->page_shift, 21u);
    EXPECT_EQ(nic.read(mapped + 0x1ffff8), 55u);
  });
  EXPECT_FALSE(driver->map(domain, 0, 0, DmaDirection::both)) << "no bytes";
}

INSTANTIATE_TEST_SUITE_P(All, Formats,
                         ::testing::Values("sv39", "sv48", "sv57", "x86-64-4", "x86-64-5", "sv39x4", "sv48x4", "sv57x4",
                                           "ept-4", "ept-5"));

struct Pair {
  const char *first, *second;
};
struct Guests : IoDriverBench, ::testing::WithParamInterface<Pair> {};

// A guest's memory, in which first-stage tables and a process directory lie.
TEST_P(Guests, AreTranslatedTwice) {
  build();
  AddressSpace machine(*find_page_format(GetParam().second), {}, {}, store, frames);
  NestedStore guest_store(machine, store);
  FrameAllocator guest_frames({.order = FrameOrder::sequential, .contiguity_2m = 1}, Addr{1} << 20, Addr{64} << 20, 1);
  IoDomain& second = driver->share(machine);
  const IoGuest guest{second, guest_store, guest_frames};
  IoDomain& domain = driver->create_domain(GetParam().first, &guest);
  IoDomain& process = driver->create_domain(GetParam().first, &guest);
  TestDevice& nic = device(3);
  driver->attach(3, domain, {.ats = true, .guest_addresses = true, .process_bits = 20});
  driver->attach_process(3, 0xabcde, process);
  run([&] {
    const Addr page = *guest_frames.allocate(kPage);
    guest_store.write(page + 8, 321);
    const Addr iova = *driver->map(domain, page, kPage, DmaDirection::both);
    EXPECT_EQ(nic.read(iova + 8), 321u);
    const Addr other = *driver->map(process, page, kPage, DmaDirection::both);
    nic.pasid = 0xabcde;
    EXPECT_EQ(nic.read(other + 8), 321u);
    driver->unmap(process, other);
    EXPECT_FALSE(nic.read(other + 8));
    nic.pasid.reset();
    EXPECT_EQ(nic.read(iova + 8), 321u);
    // The second stage takes the page away.
    ASSERT_TRUE(machine.remove(page));
    EXPECT_TRUE(driver->process_changed(second, page, kPage));
    EXPECT_FALSE(nic.read(iova + 8));
    EXPECT_TRUE(nic.invalidated_at.size() == 1) << "of the process's page; guest addresses stay as they are";
  });
}

INSTANTIATE_TEST_SUITE_P(Some, Guests,
                         ::testing::Values(Pair{"sv48", "sv48x4"}, Pair{"sv39", "sv57x4"}, Pair{"x86-64-4", "ept-4"},
                                           Pair{"sv57", "ept-5"}));

// --- strict buffers -------------------------------------------------------------------------------------------------

struct Buffers : IoDriverBench {};

// Once the register is written, which takes 4 ns, the invalidation is fetched (100) and decoded (4), takes 100, the
// fence likewise 104; looks come every 50 ns.
TEST_F(Buffers, AStrictUnmapTakesItsStepsAndTheInvalidation) {
  build();
  IoDomain& domain = driver->create_domain("sv48");
  device(3);
  driver->attach(3, domain);
  run([&] {
    const Ps start = kernel_now();
    const Addr iova = *driver->map(domain, frame(), kPage, DmaDirection::both);
    EXPECT_EQ(kernel_now() - start, (30 + 190) * kNs);
    const Ps mapped = kernel_now();
    driver->unmap(domain, iova);
    const Ps written = (155 + 138 + 2 * 10 + 100) * kNs;
    const Ps executed = (100 + 4 + 100 + 100 + 4) * kNs;
    const Ps looks = (executed + 50 * kNs - 1) / (50 * kNs) * (50 * kNs);
    EXPECT_EQ(kernel_now() - mapped, written + 4 * kNs + looks);
  });
  EXPECT_EQ(stat("driver.register_accesses"), 1);
  EXPECT_EQ(stat("driver.commands.invalidations"), 1);
  EXPECT_EQ(stat("driver.commands.fences"), 1);
  EXPECT_EQ(stat("driver.unmaps"), 1);
}

TEST_F(Buffers, NothingReachesAnUnmappedBuffer) {
  build();
  IoDomain& domain = driver->create_domain("sv48");
  TestDevice& nic = device(3);
  driver->attach(3, domain);
  bool over = false;
  Addr iova = 0;
  std::uint64_t reached = 0, writes = 0;
  Ps last_success = 0, unmapped = 0;
  run(
      [&] {
        for (int round = 0; round < 20; ++round) {
          const Addr page = frame();
          iova = *driver->map(domain, page, kPage, DmaDirection::both);
          sc_core::wait(to_sc_time(3000 * kNs + static_cast<Ps>(round) * 7 * kNs));
          const Addr old = iova;
          bool released = false;
          driver->unmap(domain, iova, [&] { released = true; });
          EXPECT_TRUE(released);
          unmapped = kernel_now();
          store.write(page, 42);  // the page is software's again
          sc_core::wait(to_sc_time(2000 * kNs));
          EXPECT_EQ(store.read(page), 42u);
          EXPECT_FALSE(nic.read(old));
        }
        over = true;
      },
      [&] {
        while (!over) {
          ++writes;
          if (iova != 0 && nic.write(iova, writes + 1000)) {
            ++reached;
            last_success = kernel_now();
          }
          sc_core::wait(to_sc_time(10 * kNs));
        }
      });
  EXPECT_GT(reached, 100u);
  EXPECT_LE(last_success, unmapped);
}

TEST_F(Buffers, AnUnmapWaitsForDevicesThatKeepTranslations) {
  build();
  IoDomain& domain = driver->create_domain("sv48");
  TestDevice& nic = device(0x12345);  // in a segment
  nic.answer_time = 5'000 * kNs;
  driver->attach(0x12345, domain, {.ats = true});
  run([&] {
    const Addr page = frame();
    const Addr iova = *driver->map(domain, page, kPage, DmaDirection::both);
    ASSERT_TRUE(nic.translate(iova, true));
    EXPECT_TRUE(nic.write(page, 5, true));
    driver->unmap(domain, iova);
    EXPECT_FALSE(nic.keeps_translation());
    ASSERT_EQ(nic.invalidated_at.size(), 1u);
    EXPECT_GE(kernel_now(), nic.invalidated_at[0]);
    EXPECT_LE(kernel_now() - nic.invalidated_at[0], 500 * kNs);
    EXPECT_FALSE(nic.translate(iova));
  });
}

TEST_F(Buffers, ADeviceThatDoesNotAnswerKeepsItsBufferForGood) {
  IommuConfig config;
  config.ats_timeout = {kMicrosecond * 50};
  build({}, config);
  IoDomain& domain = driver->create_domain("sv48");
  device(3, false);
  driver->attach(3, domain, {.ats = true});
  run([&] {
    bool released = false;
    const Addr lost = *driver->map(domain, frame(), kPage, DmaDirection::both);
    driver->unmap(domain, lost, [&] { released = true; });
    EXPECT_FALSE(released);
    EXPECT_GE(kernel_now(), 50 * kMicrosecond);
    EXPECT_NE(*driver->map(domain, frame(), kPage, DmaDirection::both), lost);
  });
  EXPECT_EQ(stat("driver.pages_lost"), 1);
  EXPECT_EQ(stat("driver.commands.timeouts"), 1);
}

// Attached while the simulation runs, and attached to something else.
TEST_F(Buffers, ADeviceChangesItsDomain) {
  IoDriverConfig config;
  config.device_id_bits = 7;
  build(config);
  IoDomain& first = driver->create_domain("sv48");
  IoDomain& second = driver->create_domain("x86-64-4");
  TestDevice& nic = device(0x45);
  run([&] {
    const Addr page = frame();
    const Addr other = frame();
    store.write(page, 1);
    store.write(other, 2);
    const Addr iova = *driver->map(first, page, kPage, DmaDirection::both);
    EXPECT_EQ(driver->map(second, other, kPage, DmaDirection::both), iova) << "spaces of their own";
    EXPECT_FALSE(nic.read(iova));
    driver->attach(0x45, first, {.ats = true});
    EXPECT_EQ(nic.read(iova), 1u);
    EXPECT_TRUE(nic.translate(iova));
    driver->attach(0x45, second, {.ats = true});
    EXPECT_FALSE(nic.keeps_translation());
    EXPECT_EQ(nic.read(iova), 2u);
    EXPECT_TRUE(nic.translate(iova));
    driver->unmap(first, iova);
    EXPECT_TRUE(nic.keeps_translation()) << "no business of that device";
    EXPECT_THROW(driver->attach(0x8000, first), UserError) << "the directory has two levels";
  });
}

struct Completions : IoDriverBench, ::testing::WithParamInterface<IoCompletion> {};

// Four entries hold three commands; forty pages need many more.
TEST_P(Completions, AFullCommandQueueMakesSoftwareWait) {
  IoDriverConfig config;
  config.queues.commands = 4;
  config.completion = GetParam();
  build(config);
  IoDomain& domain = driver->create_domain("sv48");
  TestDevice& nic = device(3);
  driver->attach(3, domain);
  run([&] {
    std::vector<Addr> pages;
    for (int i = 0; i < 40; ++i) pages.push_back(frame());
    const Addr iova = *driver->map(domain, pages, DmaDirection::both);
    for (Addr i = 0; i < 40; ++i) EXPECT_TRUE(nic.write(iova + i * kPage, i));
    driver->unmap(domain, iova);
    for (Addr i = 0; i < 40; ++i) EXPECT_FALSE(nic.read(iova + i * kPage));
  });
  EXPECT_EQ(stat("driver.commands.commands"), 41);
  EXPECT_EQ(stat("iommu.commands"), 41);
  EXPECT_GT(stat("driver.commands.queue_full"), 0);
}

// Threads that share the queue, which wraps around many times.
TEST_P(Completions, ThreadsDoNotDisturbEachOther) {
  IoDriverConfig config;
  config.queues.commands = 8;
  config.completion = GetParam();
  build(config);
  IoDomain& domain = driver->create_domain("sv48");
  TestDevice& nic = device(3);
  driver->attach(3, domain);
  int done = 0;
  const auto worker = [&] {
    for (std::uint64_t i = 0; i < 30; ++i) {
      const Addr page = frame();
      const Addr iova = *driver->map(domain, page, kPage, DmaDirection::both);
      EXPECT_TRUE(nic.write(iova, i));
      EXPECT_EQ(store.read(page), i);
      driver->unmap(domain, iova);
      EXPECT_NE(domain.find(iova) == nullptr, nic.read(iova).has_value()) << "unless somebody has it by now";
      ++done;
    }
  };
  run(worker, worker, worker);
  EXPECT_EQ(done, 90);
  EXPECT_EQ(stat("driver.commands.fences"), 90);
  EXPECT_EQ(stat("iommu.commands"), 180);
}

INSTANTIATE_TEST_SUITE_P(Both, Completions, ::testing::Values(IoCompletion::polling, IoCompletion::interrupt));

// 2 MiB of small pages: one invalidation of all.
TEST_F(Buffers, ALargeBufferIsInvalidatedAtOnce) {
  IoDriverConfig config;
  config.largest_page = {kPage};
  build(config);
  IoDomain& domain = driver->create_domain("sv48");
  TestDevice& nic = device(3);
  driver->attach(3, domain);
  run([&] {
    const Addr iova = *driver->map(domain, frame(std::uint64_t{2} << 20), std::uint64_t{2} << 20, DmaDirection::both);
    EXPECT_TRUE(nic.write(iova + 0x1ff000, 1));
    driver->unmap(domain, iova);
    EXPECT_FALSE(nic.read(iova + 0x1ff000));
  });
  EXPECT_EQ(stat("driver.commands.invalidations"), 1);
  EXPECT_EQ(stat("driver.unmapped_pages"), 512);
}

TEST_F(Buffers, AddressesRunOut) {
  IoDriverConfig config;
  config.iova_window = {1 << 20};
  build(config);
  IoDomain& domain = driver->create_domain("sv48");
  device(3);
  driver->attach(3, domain);
  run([&] {
    for (int i = 0; i < 256; ++i) EXPECT_TRUE(driver->map(domain, 0x100000, kPage, DmaDirection::both));
    EXPECT_FALSE(driver->map(domain, 0x100000, kPage, DmaDirection::both));
    driver->unmap(domain, config.iova_base + 17 * kPage);
    EXPECT_EQ(driver->map(domain, 0x100000, kPage, DmaDirection::both), config.iova_base + 17 * kPage);
  });
}

}  // namespace pagoda::io_driver_test

// Control of DMA to pages that a processor goes on using, and what there is without it.
#include "pagoda/base/error.h"
#include "support/io_driver_bench.h"

namespace pagoda::io_driver_control_test {

using testing::ProcessBench;
using testing::TestDevice;

constexpr std::uint64_t kPage = 4096;
constexpr Ps kNs = kNanosecond;
constexpr Addr kBase = 0x3f'0000'0000;

// --- control of DMA -------------------------------------------------------------------------------------------------

TEST_F(ProcessBench, FieldsOfSharedEntriesKeepDevicesOut) {
  build_process();
  run([&] {
    const Addr page = touch(kBase);
    const std::uint64_t entry = store.read(space->editor().find(kBase)->leaf_address);
    EXPECT_TRUE(nic->write(kBase, 1));
    EXPECT_TRUE(driver->set_dma_policy(*domain, kBase, kPage, {.deny = true}));
    EXPECT_TRUE(nic->write(kBase, 2)) << "control is off";
    EXPECT_TRUE(driver->enable_dma_control(true));
    EXPECT_FALSE(nic->write(kBase, 3));
    EXPECT_FALSE(nic->read(kBase));
    EXPECT_EQ(nic->request_page(kBase), PageResponse::invalid_request);
    EXPECT_EQ(store.read(page), 2u);
    const MappedPage found = *space->editor().find(kBase);
    EXPECT_EQ(found.output, page);
    EXPECT_TRUE(has(found.rights, Rights::read | Rights::write)) << "the processor's";
    EXPECT_EQ(store.read(found.leaf_address) ^ entry, std::uint64_t{1} << 8) << "RSW";
    EXPECT_TRUE(driver->enable_dma_control(false));
    EXPECT_TRUE(nic->write(kBase, 4));
    EXPECT_TRUE(driver->enable_dma_control(true));
    EXPECT_FALSE(nic->write(kBase, 5));
    EXPECT_TRUE(driver->set_dma_policy(*domain, kBase, kPage, {}));
    EXPECT_TRUE(nic->write(kBase, 6));
    EXPECT_EQ(store.read(found.leaf_address), entry);
    EXPECT_THROW(driver->set_dma_policy(*domain, kBase, kPage, {.deny_write = true}), UserError) << "not in Sv48";
  });
  EXPECT_EQ(driver->faults().at(IommuCause::dma_denied), 3u);
  EXPECT_EQ(stat("driver.entries_edited"), 2);
}

TEST_F(ProcessBench, X86EntriesDenyWritesAlone) {
  build_process("x86-64-4");
  run([&] {
    const Addr page = touch(kBase);
    EXPECT_TRUE(driver->enable_dma_control(true));
    EXPECT_TRUE(driver->set_dma_policy(*domain, kBase, kPage, {.deny_write = true}));
    EXPECT_FALSE(nic->write(kBase, 3));
    EXPECT_TRUE(nic->read(kBase));
    EXPECT_EQ(nic->request_page(kBase, true), PageResponse::invalid_request);
    EXPECT_EQ(nic->request_page(kBase, false), PageResponse::success);
    EXPECT_TRUE(nic->translate(kBase));
    EXPECT_FALSE(nic->translate(kBase, true));
    EXPECT_EQ(store.read(page), 0u);
  });
}

// Of a superpage, only what is meant, from its first byte to its last.
TEST_F(ProcessBench, ASuperpageIsSplitWhereItsPartsDiffer) {
  build_process("sv48", {}, {.page_shift = 21});
  run([&] {
    const Addr start = touch(kBase);
    EXPECT_EQ(space->editor().find(kBase)->page_shift, 21u);
    EXPECT_TRUE(nic->write(kBase + 0x1ff000, 1));
    EXPECT_TRUE(driver->enable_dma_control(true));
    EXPECT_TRUE(driver->set_dma_policy(*domain, kBase + 0x3001, 0x1fff, {.deny = true}));
    for (Addr page = 0; page < 512; ++page) {
      const bool denied = page == 3 || page == 4;
      EXPECT_EQ(nic->read(kBase + page * kPage).has_value(), !denied) << page;
      const MappedPage found = *space->editor().find(kBase + page * kPage);
      EXPECT_EQ(found.output, start + page * kPage);
      EXPECT_EQ(found.page_shift, 12u);
    }
    EXPECT_EQ(space->pages(21), 0u);
    EXPECT_EQ(space->pages(12), 512u);
    const Addr whole = kBase + (Addr{2} << 20);
    touch(whole);
    EXPECT_TRUE(driver->set_dma_policy(*domain, whole, Addr{2} << 20, {.deny = true}));
    EXPECT_EQ(space->editor().find(whole)->page_shift, 21u) << "one entry will do";
    EXPECT_FALSE(nic->read(whole + 0x1ffff8));
    // Pages that are not mapped stay so.
    EXPECT_TRUE(driver->set_dma_policy(*domain, whole + (Addr{2} << 20), 4 * kPage, {.deny = true}));
    EXPECT_FALSE(space->editor().find(whole + (Addr{2} << 20)));
  });
  EXPECT_EQ(stat("driver.entries_edited"), 3);
}

// --- copies ---------------------------------------------------------------------------------------------------------

TEST_F(ProcessBench, ADeviceReadsACopyThatStaysAsItWas) {
  build_process();
  TestDevice& second = attach(4);
  TestDevice& plain = device(5);
  driver->attach(5, *domain);
  run([&] {
    const Addr live = touch(kBase);
    store.write(live + 16, 100);
    EXPECT_TRUE(driver->enable_dma_control(true));
    EXPECT_EQ(nic->read_by_ats(kBase + 16), 100u) << "the live page";
    EXPECT_TRUE(driver->set_dma_policy(*domain, kBase, kPage, {.copy_on_read = true}));
    EXPECT_FALSE(nic->keeps_translation());
    EXPECT_FALSE(plain.read(kBase + 16)) << "no copy yet, and no way to ask for one";
    store.write(live + 16, 101);
    const Ps asked = kernel_now();
    EXPECT_EQ(nic->read_by_ats(kBase + 16), 101u);
    EXPECT_GE(kernel_now() - asked, 744 * kNs) << "4 KiB at 5.5 GB/s";
    store.write(live + 16, 102);
    EXPECT_EQ(nic->read_by_ats(kBase + 16), 101u);
    EXPECT_EQ(second.read_by_ats(kBase + 16), 101u) << "they share it";
    EXPECT_EQ(plain.read(kBase + 16), 101u);
    EXPECT_FALSE(nic->write(kBase + 16, 1));
    EXPECT_EQ(nic->request_page(kBase, true), PageResponse::invalid_request);
    EXPECT_EQ(store.read(live + 16), 102u);
    EXPECT_EQ(touch(kBase), live) << "the processor's page";

    EXPECT_TRUE(driver->set_dma_policy(*domain, kBase, kPage, {}));
    EXPECT_EQ(nic->read_by_ats(kBase + 16), 102u);
    store.write(live + 16, 103);
    EXPECT_EQ(plain.read(kBase + 16), 103u);
    // Again, it is a new copy.
    EXPECT_TRUE(driver->set_dma_policy(*domain, kBase, kPage, {.copy_on_read = true}));
    store.write(live + 16, 104);
    EXPECT_EQ(nic->read_by_ats(kBase + 16), 104u);
  });
  EXPECT_EQ(stat("driver.copies_made"), 2);
}

TEST_F(ProcessBench, CopiesEndWhenTheirFramesDo) {
  IoDriverConfig config;
  config.copies = 2;
  build_process("sv48", config, {.page_shift = 21});
  run([&] {
    touch(kBase);
    EXPECT_TRUE(driver->enable_dma_control(true));
    EXPECT_TRUE(driver->set_dma_policy(*domain, kBase, Addr{2} << 20, {.copy_on_read = true}));
    EXPECT_EQ(nic->request_page(kBase), PageResponse::success);
    EXPECT_EQ(nic->request_page(kBase + 0x5000), PageResponse::success);
    EXPECT_EQ(nic->request_page(kBase + 0x6000), PageResponse::failure);
    EXPECT_TRUE(nic->translate(kBase + 0x5000)) << "a copy of one page of the superpage";
    EXPECT_FALSE(nic->translate(kBase + 0x6000));
    EXPECT_TRUE(driver->set_dma_policy(*domain, kBase + 0x5000, kPage, {}));
    EXPECT_EQ(nic->request_page(kBase + 0x6000), PageResponse::success) << "its frame is free again";
    EXPECT_TRUE(nic->translate(kBase + 0x6000));
  });
  EXPECT_EQ(stat("driver.copies_refused"), 1);
}

// A first stage in a guest's memory: the copy is of the host's page, and either stage's field counts.
TEST_F(ProcessBench, GuestsPagesAreCopiedToo) {
  build();
  AddressSpace machine(*find_page_format("sv48x4"), {}, {}, store, frames);
  NestedStore guest_store(machine, store);
  FrameAllocator guest_frames({.order = FrameOrder::sequential, .contiguity_2m = 1}, Addr{1} << 20, Addr{64} << 20, 1);
  IoDomain& second = driver->share(machine);
  const IoGuest guest{second, guest_store, guest_frames};
  space.emplace(*find_page_format("sv39"), StageControls{}, PagePolicy{}, guest_store, guest_frames);
  domain = &driver->share(*space, &guest);
  constexpr Addr kAddress = 0x12'3456'7000;
  nic = &attach(3);
  run([&] {
    EXPECT_EQ(nic->request_page(kAddress), PageResponse::success) << "both stages are filled";
    const Addr in_guest = space->editor().find(kAddress)->output;
    guest_store.write(in_guest, 1);
    EXPECT_TRUE(driver->enable_dma_control(true));
    EXPECT_EQ(nic->read_by_ats(kAddress), 1u);
    EXPECT_TRUE(driver->set_dma_policy(second, in_guest, kPage, {.copy_on_read = true}));
    EXPECT_FALSE(nic->keeps_translation()) << "of a second stage all are dropped";
    EXPECT_EQ(nic->read_by_ats(kAddress), 1u);
    guest_store.write(in_guest, 2);
    EXPECT_EQ(nic->read_by_ats(kAddress), 1u);
    EXPECT_TRUE(driver->set_dma_policy(second, in_guest, kPage, {}));
    EXPECT_TRUE(driver->set_dma_policy(*domain, kAddress, kPage, {.deny = true}));
    EXPECT_FALSE(nic->read_by_ats(kAddress));
  });
}

// --- and what there is without it -----------------------------------------------------------------------------------

enum class Way { shared_field, copied_tables, whole_device };
struct Blocking : ProcessBench, ::testing::WithParamInterface<Way> {
  bool set_blocked(bool blocked) {
    switch (GetParam()) {
      case Way::whole_device: return driver->block(3, blocked);
      default: return driver->set_dma_policy(*domain, kBase, kPage, {.deny = blocked});
    }
  }
};

// Whatever the way, nothing gets through once the call has returned, and all that may does again afterwards.
TEST_P(Blocking, HoldsWhenItReturns) {
  build();
  space.emplace(*find_page_format("sv48"), StageControls{}, PagePolicy{.page_shift = 21}, store, frames);
  domain = GetParam() == Way::copied_tables ? &driver->mirror(*space) : &driver->share(*space);
  nic = &attach(3);
  nic->answer_time = 700 * kNs;
  bool over = false;
  bool may = true;
  std::uint64_t reached = 0, refused = 0;
  const std::uint64_t before = driver->structure_bytes();
  run(
      [&] {
        const Addr page = touch(kBase);
        if (GetParam() == Way::copied_tables) {
          EXPECT_TRUE(driver->process_changed(*domain, kBase, Addr{2} << 20));
        }
        EXPECT_TRUE(GetParam() == Way::shared_field ? driver->enable_dma_control(true) : true);
        const std::uint64_t rights = static_cast<std::uint64_t>(space->editor().find(kBase)->rights);
        for (int round = 0; round < 10; ++round) {
          sc_core::wait(to_sc_time(2'000 * kNs + static_cast<Ps>(round) * 13 * kNs));
          EXPECT_TRUE(nic->translate(kBase, true));
          EXPECT_TRUE(set_blocked(true));
          may = false;
          EXPECT_TRUE(GetParam() == Way::whole_device || !nic->keeps_translation());
          EXPECT_FALSE(nic->read(page, true) && GetParam() == Way::whole_device) << "translated requests too";
          store.write(page, 0);
          sc_core::wait(to_sc_time(1'000 * kNs));
          EXPECT_EQ(store.read(page), 0u);
          EXPECT_EQ(nic->read(kBase + kPage).has_value(), GetParam() != Way::whole_device) << "the page beside it";
          EXPECT_EQ(static_cast<std::uint64_t>(space->editor().find(kBase)->rights), rights) << "the processor's";
          may = true;
          EXPECT_TRUE(set_blocked(false));
        }
        over = true;
      },
      [&] {
        while (!over) {
          const bool might = may;
          const bool through = nic->write(kBase, 1);
          EXPECT_TRUE(might || may || !through);
          ++(through ? reached : refused);
          sc_core::wait(to_sc_time(17 * kNs));
        }
      });
  EXPECT_GT(reached, 20u);
  EXPECT_GT(refused, 10u);
  const bool copies = GetParam() == Way::copied_tables;
  EXPECT_EQ(domain->table_bytes(), copies ? 4 * kPage : 0u) << "a copy has tables of its own";
  EXPECT_GE(driver->structure_bytes(), before);
  EXPECT_EQ(stat("driver.block_time.count"), GetParam() == Way::shared_field ? 21 : 20);
}

INSTANTIATE_TEST_SUITE_P(Ways, Blocking, ::testing::Values(Way::shared_field, Way::copied_tables, Way::whole_device));

// Unloaded, from the call to its return, without devices that keep translations. Shared entries and whole devices take
// an edit (50) and a command, the copy maps 512 small pages of a split superpage no more than once.
TEST_F(ProcessBench, TheTimeToBlockIsThatOfItsSteps) {
  build();
  space.emplace(*find_page_format("sv48"), StageControls{}, PagePolicy{}, store, frames);
  IoDomain& shared = driver->share(*space);
  IoDomain& copied = driver->mirror(*space);
  device(3);
  driver->attach(3, shared);
  driver->attach(4, copied);
  run([&] {
    touch(kBase);
    EXPECT_TRUE(driver->process_changed(copied, kBase, kPage));
    EXPECT_EQ(kernel_now(), 190 * kNs) << "an entry, and nothing to invalidate";
    EXPECT_TRUE(driver->enable_dma_control(true));
    const auto time_of = [](auto step) {
      const Ps start = kernel_now();
      EXPECT_TRUE(step());
      return kernel_now() - start;
    };
    // Two commands, the register; 308 ns in the IOMMU, looks every 50 ns.
    const Ps commands = (2 * 10 + 100 + 4 + 350) * kNs;
    EXPECT_EQ(time_of([&] { return driver->set_dma_policy(shared, kBase, kPage, {.deny = true}); }),
              50 * kNs + commands);
    EXPECT_EQ(time_of([&] { return driver->set_dma_policy(copied, kBase, kPage, {.deny = true}); }),
              190 * kNs + commands);
    EXPECT_EQ(time_of([&] { return driver->block(3, true); }), 50 * kNs + commands);
    EXPECT_EQ(copied.table_bytes(), 4 * kPage) << "Sv48, one path";
    EXPECT_EQ(shared.table_bytes(), 0u);
  });
}

}  // namespace pagoda::io_driver_control_test

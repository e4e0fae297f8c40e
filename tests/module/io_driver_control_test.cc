// What the driver makes of page requests and faults, and control of DMA to pages that a processor goes on using.
#include "pagoda/base/error.h"
#include "support/io_driver_bench.h"

namespace pagoda {
namespace {

using testing::IoDriverBench;
using testing::TestDevice;

constexpr std::uint64_t kPage = 4096;
constexpr Ps kNs = kNanosecond;
constexpr Addr kBase = 0x3f'0000'0000;

// A process that a device with translation services works in.
struct ProcessBench : IoDriverBench {
  void build_process(const char* format = "sv48", const IoDriverConfig& config = {}, const PagePolicy& policy = {}) {
    build(config);
    space.emplace(*find_page_format(format), StageControls{}, policy, store, frames);
    domain = &driver->share(*space);
    nic = &attach(3);
  }
  TestDevice& attach(std::uint32_t id) {
    TestDevice& made = device(id);
    driver->attach(id, *domain, {.ats = true, .page_requests = true});
    return made;
  }
  /// The process's page, mapped; where it is in memory.
  Addr touch(Addr address) {
    space->ensure(address);
    const MappedPage page = *space->editor().find(address);
    return page.output + (address - page.input);
  }

  std::optional<AddressSpace> space;
  IoDomain* domain = nullptr;
  TestDevice* nic = nullptr;
};

// --- page requests ----------------------------------------------------------------------------------------------------

TEST_F(ProcessBench, APageThatADeviceAsksForIsMapped) {
  build_process();
  run([&] {
    EXPECT_FALSE(nic->translate(kBase + 0x5000));
    EXPECT_EQ(nic->request_page(kBase + 0x5000, true), PageResponse::success);
    // The fault and clearing 4 KiB at 5.5 GB/s, an interrupt, and what else it takes.
    EXPECT_GE(kernel_now(), (250 + 744 + 1300) * kNs);
    EXPECT_LE(kernel_now(), 5'000 * kNs);
    ASSERT_TRUE(nic->translate(kBase + 0x5000, true));
    const Addr page = touch(kBase + 0x5000);
    EXPECT_TRUE(nic->write(page, 6, true));
    EXPECT_EQ(nic->read(kBase + 0x5000), 6u) << "untranslated";
    EXPECT_EQ(nic->request_page(kBase + 0x5000), PageResponse::success) << "mapped already";
    EXPECT_EQ(nic->request_page(Addr{1} << 60), PageResponse::invalid_request) << "no address of the format";
    EXPECT_EQ(driver->faults().size(), 0u) << "a translation request without result is no fault";
  });
  EXPECT_EQ(stat("driver.page_requests"), 3);
  EXPECT_EQ(stat("driver.pages_in"), 1);
  EXPECT_EQ(stat("driver.page_requests_refused"), 1);
}

TEST_F(ProcessBench, AGroupIsAnsweredOnceWithItsWorst) {
  build_process();
  run([&] {
    nic->send_page_request(kBase, false, 5, false);
    nic->send_page_request(Addr{1} << 60, false, 5, false);
    EXPECT_EQ(nic->request_page(kBase + kPage, false, 5), PageResponse::invalid_request);
    EXPECT_EQ(nic->responses.size(), 1u);
    EXPECT_TRUE(space->editor().find(kBase));
    EXPECT_TRUE(space->editor().find(kBase + kPage));
    EXPECT_EQ(nic->request_page(kBase + kPage, false, 5), PageResponse::success) << "a new group of that number";
  });
}

// A queue of two entries holds one record; the IOMMU answers what it drops, and the device asks again.
TEST_F(ProcessBench, APageRequestQueueThatOverflowsGoesOn) {
  IoDriverConfig config;
  config.queues.page_requests = 2;
  build_process("sv48", config);
  run([&] {
    for (std::uint16_t i = 0; i < 6; ++i) nic->send_page_request(kBase + i * kPage, false, i, true);
    sc_core::wait(to_sc_time(50'000 * kNs));
    EXPECT_EQ(nic->responses.size(), 6u);
    EXPECT_EQ(nic->request_page(kBase + 5 * kPage), PageResponse::success);
    EXPECT_TRUE(nic->translate(kBase + 5 * kPage));
  });
  EXPECT_GE(stat("driver.page_request_queue.overflows"), 1);
}

TEST_F(ProcessBench, SomebodyElseMayResolvePageRequests) {
  struct Handler : PageRequestHandler {
    PageResponse page_requested(IoDomain& of, const PageRequestRecord& request) override {
      sc_core::wait(to_sc_time(10'000 * kNs));
      seen.push_back(request.page);
      return of.space()->ensure(request.page).outcome == AddressSpace::Outcome::mapped ? PageResponse::success
                                                                                       : PageResponse::failure;
    }
    std::vector<Addr> seen;
  } handler;
  build_process();
  driver->handle_page_requests(handler);
  run([&] {
    EXPECT_EQ(nic->request_page(kBase + 0x5000), PageResponse::success);
    EXPECT_GE(kernel_now(), 10'000 * kNs);
    EXPECT_TRUE(nic->translate(kBase + 0x5000));
  });
  EXPECT_EQ(handler.seen, std::vector<Addr>{kBase + 0x5000});
}

TEST_F(ProcessBench, QueuesAreLookedAtWithoutWires) {
  build({}, {}, false);
  space.emplace(*find_page_format("sv48"), StageControls{}, PagePolicy{}, store, frames);
  domain = &driver->share(*space);
  nic = &attach(3);
  run([&] {
    EXPECT_EQ(nic->request_page(kBase), PageResponse::success);
    EXPECT_FALSE(nic->read(kBase + kPage));
    sc_core::wait(to_sc_time(20'000 * kNs));
    EXPECT_EQ(driver->faults().at(IommuCause::read_page_fault), 1u);
    sc_core::sc_stop();
  });
}

// --- faults -----------------------------------------------------------------------------------------------------------

TEST_F(ProcessBench, FaultsAreCountedByCause) {
  IoDriverConfig config;
  config.queues.faults = 8;
  build_process("sv48", config);
  TestDevice& stranger = device(9);
  std::vector<FaultRecord> seen;
  driver->observe_faults([&](const FaultRecord& record) { seen.push_back(record); });
  run([&] {
    for (int i = 0; i < 3; ++i) EXPECT_FALSE(nic->read(kBase));
    EXPECT_FALSE(nic->write(kBase + 8, 1));
    EXPECT_FALSE(stranger.read(kBase));
    sc_core::wait(to_sc_time(20'000 * kNs));
    EXPECT_EQ(driver->faults(), (std::map<IommuCause, std::uint64_t>{{IommuCause::read_page_fault, 3},
                                                                     {IommuCause::write_page_fault, 1},
                                                                     {IommuCause::ddt_entry_invalid, 1}}));
    ASSERT_EQ(seen.size(), 5u);
    EXPECT_EQ(seen[3].iotval, kBase + 8);
    EXPECT_EQ(seen[4].device_id, 9u);
    // More than the queue holds while software is not looking.
    for (int i = 0; i < 200; ++i) EXPECT_FALSE(nic->read(kBase));
    sc_core::wait(to_sc_time(20'000 * kNs));
    EXPECT_FALSE(stranger.read(kBase));
    sc_core::wait(to_sc_time(20'000 * kNs));
    EXPECT_EQ(driver->faults().at(IommuCause::ddt_entry_invalid), 2u) << "the queue goes on after it overflowed";
  });
  EXPECT_GE(stat("driver.fault_queue.overflows"), 1);
  EXPECT_EQ(stat("driver.faults") + stat("iommu.fault_records_dropped"), 3 + 1 + 1 + 200 + 1);
}

// --- control of DMA ---------------------------------------------------------------------------------------------------

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

// --- copies -----------------------------------------------------------------------------------------------------------

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

// --- and what there is without it -------------------------------------------------------------------------------------

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
    // Two commands, the register; 308 ns in the IOMMU, of which 4 while the register is written; looks every 50 ns.
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

}  // namespace
}  // namespace pagoda

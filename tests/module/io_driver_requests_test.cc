// What the driver makes of page requests and faults.
#include "pagoda/base/error.h"
#include "support/io_driver_bench.h"

namespace pagoda::io_driver_requests_test {

using testing::ProcessBench;
using testing::TestDevice;

constexpr std::uint64_t kPage = 4096;
constexpr Ps kNs = kNanosecond;
constexpr Addr kBase = 0x3f'0000'0000;

// --- page requests --------------------------------------------------------------------------------------------------

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

// --- faults ---------------------------------------------------------------------------------------------------------

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

}  // namespace pagoda::io_driver_requests_test

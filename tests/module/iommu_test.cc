// An IOMMU's requests: where they go, when, what is refused and what software is told of it.
#include <numeric>

#include "module/iommu_bench.h"

namespace pagoda::iommu_test {

using namespace iommu_register;
using testing::Dma;
using testing::Guest;
using testing::IommuBench;
using testing::kContextLookUp;
using testing::kCycle;
using testing::kEveryRight;
using testing::kMemory;
using testing::kPageLookUp;
using testing::Reply;

constexpr std::uint32_t kDevice = 5;
constexpr Ps kSv39 = 3 * kMemory;
constexpr Ps kHit = kContextLookUp + kPageLookUp + kMemory;

TEST_F(IommuBench, AColdRequestReadsContextAndTablesAndAWarmOneNothing) {
  build();
  map(add_device(kDevice), 0x7000, 0x4000'0000);
  start();
  const Ps now = kernel_now();
  const Reply cold = read(0x7123);
  ASSERT_TRUE(cold.ok());
  EXPECT_EQ(cold.done - now, kContextLookUp + kMemory + kPageLookUp + kSv39 + kMemory);
  EXPECT_EQ(cold.time[TimePart::tlb], kContextLookUp + kPageLookUp);
  EXPECT_EQ(cold.time[TimePart::walk], kMemory + kSv39);
  EXPECT_EQ(read(0x7fc0, 10'000'000).done - now, 10'000'000 + kHit);
  EXPECT_EQ(stat("iommu.walker.walks"), 1);
  EXPECT_EQ(stat("iommu.iotlb.hits"), 1);
  EXPECT_TRUE(take_faults().empty());
}

TEST_F(IommuBench, BytesGoWhereThePagesSay) {
  build();
  Stage& stage = add_device(kDevice);
  map(stage, 0x7000, 0x4000'0000);
  map(stage, 0x8000, 0x5000'0000);
  start();
  std::vector<unsigned char> out(3000);
  std::iota(out.begin(), out.end(), static_cast<unsigned char>(1));
  ASSERT_TRUE(device.access({.address = 0x7801, .kind = AccessKind::write, .data = out}).ok());
  EXPECT_EQ(bytes.data(0x4000'0801)[0], out[0]);
  EXPECT_EQ(bytes.data(0x5000'0000)[0], out[0x1000 - 0x801]);
  EXPECT_EQ(device.access({.address = 0x7801, .length = 3000, .read_back = true}).data, out);
  EXPECT_EQ(stat("iommu.page_crossings"), 2);
  EXPECT_EQ(bytes.data(0x4000'0800)[0], 0) << "beside it";
}

TEST_F(IommuBench, ARequestThatCrossesPagesIsTranslatedBeforeAnyPartIsCarriedOut) {
  build();
  Stage& stage = add_device(kDevice);
  map(stage, 0x7000, 0x4000'0000);
  map(stage, 0x8000, 0x5000'0000);
  start();
  const Ps now = kernel_now();
  const Reply both = device.access({.address = 0x7fc0, .length = 128});
  EXPECT_EQ(both.done - now, kContextLookUp + kMemory + 2 * (kPageLookUp + kSv39) + kContextLookUp + kMemory);
  const Reply refused =
      device.access({.address = 0x8fc0, .kind = AccessKind::write, .data = std::vector<unsigned char>(128, 0xee)});
  EXPECT_EQ(refused.status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(refused.fault.virtual_address, 0x9000u);
  EXPECT_EQ(bytes.data(0x5000'0fc0)[0], 0) << "no part of it is carried out";
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].iotval, 0x9000u);
}

TEST_F(IommuBench, OddRequests) {
  build();
  Stage& stage = add_device(0);  // which is that of a payload that says nothing
  map(stage, 0x7000, 0x4000'0000, kEveryRight & ~Rights::write);
  start();
  const Ps now = kernel_now();
  const Reply flush = device.access({.device = 0, .address = 0x7000, .length = 0});
  EXPECT_TRUE(flush.ok());
  EXPECT_EQ(flush.done - now, kContextLookUp + kMemory + kPageLookUp + kSv39) << "nothing is moved";
  EXPECT_EQ(device.access({.device = 0, .address = 0x6000, .length = 0}).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);

  std::memset(bytes.data(0x4000'0000), 0x5a, 8);
  tlm::tlm_generic_payload payload;
  std::array<unsigned char, 3> data{};
  payload.set_read();
  payload.set_address(0x7001);
  payload.set_data_ptr(data.data());
  payload.set_data_length(data.size());
  payload.set_streaming_width(data.size());
  payload.set_dmi_allowed(true);
  sc_core::sc_time delay;
  device.out->b_transport(payload, delay);
  EXPECT_EQ(payload.get_response_status(), tlm::TLM_OK_RESPONSE);
  EXPECT_EQ(data[2], 0x5a);
  EXPECT_FALSE(payload.is_dmi_allowed());
  tlm::tlm_dmi region;
  EXPECT_FALSE(device.out->get_direct_mem_ptr(payload, region));
  EXPECT_EQ(device.out->transport_dbg(payload), 0u) << "nobody can say whose it is";
  payload.set_write();
  device.out->b_transport(payload, delay);
  EXPECT_EQ(payload.get_response_status(), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  payload.set_command(tlm::TLM_IGNORE_COMMAND);
  device.out->b_transport(payload, delay);
  EXPECT_EQ(payload.get_response_status(), tlm::TLM_COMMAND_ERROR_RESPONSE) << "it does not get past the IOMMU";
}

TEST_F(IommuBench, OffAndBare) {
  build();
  add_device(kDevice);
  start();
  put(kDdtp, 8, 0);
  run(kMicrosecond);
  EXPECT_EQ(read(0x4000).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  auto records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].cause, IommuCause::all_inbound_disallowed);
  put(kDdtp, 8, 1);
  run(kMicrosecond);
  const Ps now = kernel_now();
  EXPECT_EQ(read(0x4000).done - now, kMemory);
  EXPECT_EQ(device.access({.address = 0x4000, .translated = true}).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].cause, IommuCause::type_disallowed);
}

// When ddtp.busy is 0 again, an IOMMU that has been turned off has let everything out that was on its way.
TEST_F(IommuBench, OffWaitsForWhatIsUnderWay) {
  build();
  map(add_device(kDevice), 0x7000, 0x4000'0000);
  start();
  const Ps done = write(0x7000, 30 * kMicrosecond).done;
  put(kDdtp, 8, directory.ddtp() & ~std::uint64_t{0xf});
  while ((get(kDdtp, 8) & 0x10) != 0) run(kNanosecond);
  EXPECT_GE(kernel_now(), done);
  EXPECT_LE(kernel_now(), done + kMicrosecond);
}

// --- records of faults ---

TEST_F(IommuBench, RecordsAreWrittenAsTheSpecificationHasThem) {
  build();
  Stage& stage = add_device(kDevice);
  testing::ProcessDirectory processes(host, 1);
  directory.put(6, {.tc = kValid | 1 << 5, .fsc = processes.pdtp()});
  processes.put(0x2a, {.ta = 1 | 2 | 9 << 12, .fsc = testing::table_field(stage)});
  start();
  device.access({.address = 0x1234'5678, .kind = AccessKind::write});
  device.access({.device = 6, .address = 0x1234'5000, .kind = AccessKind::fetch, .process = 0x2a});
  device.access({.device = 6, .address = 0x1234'5000, .process = 0x2a, .supervisor = true});
  device.access({.device = 9, .address = 0x1234'5000});
  EXPECT_EQ(get(kFqt, 4), 4u);
  // CAUSE 11:0, PID 31:12, PV 32, PRIV 33, TTYP 39:34, DID 63:40.
  constexpr std::uint64_t kPv = std::uint64_t{1} << 32, kPriv = std::uint64_t{1} << 33;
  const auto ttyp = [](std::uint64_t type) { return type << 34; };
  const auto did = [](std::uint64_t id) { return id << 40; };
  using Words = std::array<std::uint64_t, 4>;
  EXPECT_EQ(fault_words(0), (Words{15 | ttyp(3) | did(5), 0, 0x1234'5678, 0}));
  EXPECT_EQ(fault_words(1), (Words{12 | 0x2a << 12 | kPv | ttyp(1) | did(6), 0, 0x1234'5000, 0}));
  EXPECT_EQ(fault_words(2), (Words{13 | 0x2a << 12 | kPv | kPriv | ttyp(2) | did(6), 0, 0x1234'5000, 0}));
  EXPECT_EQ(fault_words(3), (Words{258 | ttyp(2) | did(9), 0, 0x1234'5000, 0}));
}

TEST_F(IommuBench, AGuestsFaultTellsItsAddress) {
  build();
  Guest guest(host, "sv39x4", 0x10'0000, 0x20'0000);
  Stage stage = guest.space().make_stage("sv39");
  guest.space().map(stage, 0x7000, {.output = 0x6666'7000, .rights = kEveryRight});
  directory.put(kDevice, {.tc = kValid,
                          .iohgatp = testing::table_field(guest.stage, 3),
                          .ta = 7 << 12,
                          .fsc = testing::table_field(stage)});
  start();
  EXPECT_EQ(read(0x7abc).fault.virtual_address, 0x7abcu);
  // Then the page of the root table itself is taken away: an implicit access.
  unmap(guest.stage, stage.root);
  execute({testing::Command::gvma(), testing::Command::vma({}, {}, 3)});
  read(0x7abc);
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].cause, IommuCause::read_guest_page_fault);
  EXPECT_EQ(records[0].iotval, 0x7abcu);
  EXPECT_EQ(records[0].iotval2, 0x6666'7abcu);
  EXPECT_EQ(records[1].iotval2, stage.root | 1) << "of the entry for VPN[2] = 0, implicit, a read";
}

TEST_F(IommuBench, DtfHidesFaultsOfTheDevice) {
  build();
  add_device(kDevice, kValid | kHidesFaults);
  start();
  EXPECT_EQ(read(0x7000).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(device.access({.address = 0x7000, .translated = true}).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_TRUE(take_faults().empty());
  EXPECT_EQ(stat("iommu.refused"), 2);
}

TEST_F(IommuBench, AFullFaultQueueDropsRecordsUntilSoftwareSaysOtherwise) {
  build();
  add_device(kDevice);
  start(1);
  put(kFqcsr, 4, IommuQueue::kEnable | IommuQueue::kInterruptEnable);
  read(0x1000);
  read(0x2000);  // the queue of two holds one
  EXPECT_EQ(get(kFqt, 4), 1u);
  EXPECT_TRUE(get(kFqcsr, 4) & RecordQueue::kOverflow);
  EXPECT_EQ(get(kIpsr, 4), 2u);
  ASSERT_EQ(take_faults().size(), 1u);
  read(0x3000);
  EXPECT_EQ(get(kFqt, 4), 1u) << "the error bit holds it up";
  put(kFqcsr, 4, IommuQueue::kEnable | RecordQueue::kOverflow);
  read(0x4000);
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].iotval, 0x4000u);
  EXPECT_EQ(stat("iommu.fault_records_dropped"), 2);
  EXPECT_EQ(stat("iommu.fault_records"), 2);
}

TEST_F(IommuBench, AFaultQueueBeyondMemory) {
  faults = kMemoryBytes;
  build();
  add_device(kDevice);
  start();
  read(0x1000);
  EXPECT_EQ(get(kFqcsr, 4), IommuQueue::kEnable | IommuQueue::kOn | IommuQueue::kMemoryFault);
  EXPECT_EQ(get(kFqt, 4), 0u);
}

TEST_F(IommuBench, AQueueIsOffWhenItsLastRecordIsWritten) {
  build();
  add_device(kDevice);
  start();
  const Ps now = kernel_now();
  read(0x1000, kMicrosecond);
  const Ps written = now + kMicrosecond + kContextLookUp + kMemory + kPageLookUp + kMemory + kMemory;
  put(kFqcsr, 4, 0);
  EXPECT_EQ(get(kFqcsr, 4), IommuQueue::kOn | IommuQueue::kBusy);
  read(0x2000, kMicrosecond);  // no record any more
  run(written - now - 1);      // sc_start leaves out what is due at its end
  EXPECT_EQ(get(kFqcsr, 4), IommuQueue::kOn | IommuQueue::kBusy);
  run(2);
  EXPECT_EQ(get(kFqcsr, 4), 0u);
  EXPECT_EQ(get(kFqt, 4), 1u);
}

// --- translated requests ---

struct FakeGuard final : TranslatedGuard {
  static constexpr Ps kTime = 33'000;
  std::vector<Request> asked;
  bool allows = true;

  Verdict check(const Request& request) override {
    asked.push_back(request);
    return {allows, request.at + kTime};
  }
};

TEST_F(IommuBench, TranslatedRequestsAreTrustedWithoutAGuard) {
  build();
  add_device(kDevice);
  add_device(6, kValid);  // without ATS
  start();
  const Ps now = kernel_now();
  const Reply passed = device.access({.address = 0x4000'0040, .translated = true});
  EXPECT_TRUE(passed.ok());
  EXPECT_EQ(passed.done - now, kContextLookUp + kMemory + kMemory);
  EXPECT_EQ(device.access({.device = 6, .address = 0x4000'0040, .translated = true}).status,
            tlm::TLM_ADDRESS_ERROR_RESPONSE);
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].cause, IommuCause::type_disallowed);
  EXPECT_EQ(records[0].transaction, IommuTransaction::translated_read);
}

TEST_F(IommuBench, AGuardIsAskedAboutEveryTranslatedRequest) {
  build();
  FakeGuard guard;
  iommu->set_guard(&guard);
  map(add_device(kDevice), 0x7000, 0x4000'0000);
  add_device(6, kValid | kAts | kHidesFaults);
  start();
  read(0x7000);
  EXPECT_TRUE(guard.asked.empty()) << "untranslated requests are not its business";
  const Ps now = kernel_now();
  const Reply passed = device.access(
      {.address = 0x4000'0fc0, .kind = AccessKind::write, .length = 128, .at = kMicrosecond, .translated = true});
  EXPECT_EQ(passed.done - now, kMicrosecond + 2 * (kContextLookUp + FakeGuard::kTime) + kMemory);
  ASSERT_EQ(guard.asked.size(), 2u) << "a page at a time";
  EXPECT_EQ(guard.asked[0].address, 0x4000'0fc0u);
  EXPECT_EQ(guard.asked[1].address, 0x4000'1000u);
  EXPECT_EQ(guard.asked[1].bytes, 64u);
  EXPECT_EQ(guard.asked[1].access, AccessKind::write);
  guard.allows = false;
  const Reply refused =
      device.access({.address = 0x4000'0000, .kind = AccessKind::write, .translated = true, .data = {1, 2, 3, 4}});
  EXPECT_EQ(refused.status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_TRUE(refused.fault);
  EXPECT_EQ(bytes.data(0x4000'0000)[0], 0);
  device.access({.device = 6, .address = 0x4000'0000, .translated = true});
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 1u) << "the other device's faults are hidden";
  EXPECT_EQ(records[0].cause, IommuCause::translated_refused);
  EXPECT_EQ(records[0].transaction, IommuTransaction::translated_write);
  EXPECT_EQ(stat("iommu.refused_by_guard"), 2);
}

// --- DMA control ---

TEST_F(IommuBench, ADeviceReadsASnapshotOfAPage) {
  build();
  Stage& stage = add_device(kDevice);
  map(stage, 0x7000, 0x4000'0000);
  const Stage copies = host.make_stage("sv48");
  host.map(copies, 0x4000'0000, {.output = 0x5000'0000, .rights = Rights::read | Rights::user | kFlags});
  const Addr leaf = host.leaf(stage, 0x7000);
  store.write(leaf, store.read(leaf) | 1 << 9);
  std::memset(bytes.data(0x5000'0000), 1, 4096);
  std::memset(bytes.data(0x4000'0000), 1, 4096);
  start();
  put(kDmaCopies, 8, copies.root);
  put(kDmaControl, 8, 1);
  const auto first_byte = [this] { return device.access({.address = 0x7000, .read_back = true}).data[0]; };
  EXPECT_EQ(first_byte(), 1);
  bytes.data(0x4000'0000)[0] = 2;  // the CPU goes on
  EXPECT_EQ(first_byte(), 1) << "the device does not see it";
  const Reply refused = device.access({.address = 0x7000, .kind = AccessKind::write, .data = {9}});
  EXPECT_EQ(refused.fault.cause, FaultCause::withheld);
  EXPECT_EQ(bytes.data(0x4000'0000)[0], 2);
  EXPECT_EQ(bytes.data(0x5000'0000)[0], 1);
  put(kDmaControl, 8, 0);
  EXPECT_EQ(first_byte(), 2) << "live again";
  EXPECT_TRUE(device.access({.address = 0x7000, .kind = AccessKind::write, .data = {9}}).ok());
  EXPECT_EQ(stat("iommu.denied_by_dma_control"), 1);
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].cause, IommuCause::dma_denied);
}

// --- contention ---

TEST_F(IommuBench, BackPressureLosesAndReordersNothing) {
  IommuConfig config = plain();
  config.requests = 1;
  config.walker.slots = 1;
  build(config);
  Stage& stage = add_device(kDevice);
  for (Addr page = 0; page < 64; ++page) map(stage, page << 12, 0x4000'0000 + (63 - page) * 4096);
  start();
  Ps last = 0;
  for (Addr i = 0; i < 256; ++i) {
    const auto value = static_cast<unsigned char>(i);
    const Reply reply = device.access({.address = (i % 64 << 12) + i, .kind = AccessKind::write, .data = {value}});
    ASSERT_TRUE(reply.ok());
    EXPECT_GE(reply.done, last) << "requests of one device that all come at once leave in their order";
    last = reply.done;
    EXPECT_EQ(bytes.data(0x4000'0000 + (63 - i % 64) * 4096)[i], value);
  }
  // 64 walks one after the other, and 192 hits.
  const Ps walks = kContextLookUp + kMemory + kPageLookUp + kSv39 + 63 * (kContextLookUp + kPageLookUp + kSv39);
  EXPECT_EQ(last - kernel_now(), walks + 192 * (kContextLookUp + kPageLookUp) + kMemory);
  EXPECT_EQ(stat("iommu.translations"), 256);
}

TEST_F(IommuBench, RequestsForTimeAloneTakeTheSameTime) {
  build();
  map(add_device(kDevice), 0x7000, 0x4000'0000);
  start();
  Downlink below;
  below.bind(*device.out.operator->());
  const Ps now = kernel_now();
  const auto ask = [&](Addr address, Ps at) {
    TimeSplit time;
    Fault fault;
    TimedRequest request{
        .address = address, .bytes = 64, .info = {.requester = kDevice}, .floor = now, .time = &time, .fault = &fault};
    const TimedAnswer answer = below.access(request, now + at);
    EXPECT_EQ(time.total(), answer.done - now - at);
    EXPECT_EQ(static_cast<bool>(fault), !answer.ok());
    return answer;
  };
  EXPECT_EQ(ask(0x7000, 0).done - now, kContextLookUp + kMemory + kPageLookUp + kSv39 + kMemory);
  EXPECT_EQ(ask(0x7040, kMicrosecond).done - now, kMicrosecond + kHit);
  EXPECT_EQ(ask(0x9000, kMicrosecond).status(), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(take_faults().size(), 1u);
}

}  // namespace pagoda::iommu_test

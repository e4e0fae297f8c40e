// What an IOMMU and others tell each other beside reads and writes: translations asked for, page requests and their
// answers, MSIs, interrupts, counters.
#include "module/iommu_bench.h"

namespace pagoda::iommu_messages_test {

using namespace iommu_register;
using testing::Command;
using testing::IommuBench;
using testing::kContextLookUp;
using testing::kCycle;
using testing::kEveryRight;
using testing::kMemory;
using testing::kPageLookUp;
using testing::Received;
using testing::Reply;

constexpr std::uint32_t kDevice = 5;

// --- translation requests ---

TEST_F(IommuBench, ATranslationRequestIsGrantedWhatThePagesGrant) {
  build();
  Stage& stage = add_device(kDevice);
  map(stage, 0x7000, 0x4000'0000);
  map(stage, 0x8000, 0x4000'1000, kEveryRight & ~Rights::write);
  map(stage, 0x20'0000, 0x8000'0000, kEveryRight | Rights::global, 21);
  start();
  const Ps now = kernel_now();
  AtsMessage message;
  const Reply cold = device.send(message, {.address = 0x7000});
  EXPECT_TRUE(cold.ok());
  EXPECT_EQ(cold.done - now, kContextLookUp + kMemory + kPageLookUp + 3 * kMemory) << "the page itself is not accessed";
  EXPECT_EQ(message.granted.address, 0x4000'0000u);
  EXPECT_EQ(message.granted.page_shift, 12);
  EXPECT_TRUE(message.granted.readable && message.granted.writable);
  EXPECT_FALSE(message.granted.executable || message.granted.global || message.granted.untranslated_only);
  EXPECT_EQ(device.send(message, {.address = 0x7000, .at = kMicrosecond}).done - now,
            kMicrosecond + kContextLookUp + kPageLookUp);
  device.send(message, {.address = 0x8000});
  EXPECT_TRUE(message.granted.readable && !message.granted.writable);
  device.send(message, {.address = 0x21'3000});
  EXPECT_EQ(message.granted.page_shift, 21);
  EXPECT_EQ(message.granted.address, 0x8001'3000u);
  EXPECT_FALSE(message.granted.global) << "only for a request with a process";
  EXPECT_TRUE(device.send(message, {.address = 0x9000}).ok()) << "a page that is not there is no error";
  EXPECT_FALSE(message.granted.readable || message.granted.writable);
  EXPECT_EQ(message.granted.page_shift, 12) << "of a page";
  EXPECT_TRUE(take_faults().empty());
}

TEST_F(IommuBench, ATranslationRequestThatIsNotSupportedOrFails) {
  build();
  add_device(kDevice, kValid);  // without ATS
  Stage& broken = add_device(6);
  broken.root = kMemoryBytes;
  directory.put(6, {.tc = kValid | kAts, .fsc = testing::table_field(broken)});
  start();
  AtsMessage message;
  EXPECT_EQ(device.send(message, {.address = 0x7000}).status, tlm::TLM_ADDRESS_ERROR_RESPONSE) << "unsupported";
  EXPECT_EQ(device.send(message, {.device = 6, .address = 0x7000}).status, tlm::TLM_GENERIC_ERROR_RESPONSE)
      << "completer abort";
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].cause, IommuCause::type_disallowed);
  EXPECT_EQ(records[1].cause, IommuCause::read_access_fault);
  EXPECT_EQ(records[1].transaction, IommuTransaction::translation_request);
  message.kind = AtsKind::invalidation;
  EXPECT_EQ(device.send(message, {.address = 0x7000}).status, tlm::TLM_COMMAND_ERROR_RESPONSE) << "the other way";
}

// --- page requests ---

AtsMessage page_request(bool read, bool write, bool last, std::uint16_t group) {
  AtsMessage message;
  message.kind = AtsKind::page_request;
  message.wants_read = read;
  message.wants_write = write;
  message.last = last;
  message.group = group;
  return message;
}

TEST_F(IommuBench, APageRequestIsRecordedAndSoftwareAnswersIt) {
  build();
  add_device(kDevice);
  start();
  put(kPqcsr, 4, IommuQueue::kEnable | IommuQueue::kInterruptEnable);
  AtsMessage message = page_request(true, true, true, 0x155);
  message.wants_execute = true;
  const Ps now = kernel_now();
  const Reply asked = device.send(message, {.address = 0x1234'5678, .process = 0x77, .supervisor = true});
  EXPECT_TRUE(asked.ok());
  EXPECT_EQ(asked.done - now, kContextLookUp + kMemory);
  message = page_request(false, true, false, 3);
  message.wants_execute = true;
  device.send(message, {.address = 0x9000});
  EXPECT_EQ(get(kPqt, 4), 2u);
  EXPECT_EQ(get(kIpsr, 4), 8u);
  // PID 31:12, PV 32, PRIV 33, EXEC 34, DID 63:40; then R, W, L, group 11:3, page.
  EXPECT_EQ(bytes.read64(page_requests), 0x77u << 12 | std::uint64_t{7} << 32 | std::uint64_t{kDevice} << 40);
  EXPECT_EQ(bytes.read64(page_requests + 8), 7u | 0x155u << 3 | 0x1234'5000u);
  EXPECT_EQ(bytes.read64(page_requests + 16), std::uint64_t{kDevice} << 40) << "without a process, nothing of it";
  EXPECT_EQ(bytes.read64(page_requests + 24), 2u | 3u << 3 | 0x9000u);
  EXPECT_TRUE(device.received.empty()) << "software has not answered";
  execute({Command::response(kDevice, 0x155, 0, 0x77)});
  ASSERT_EQ(device.received.size(), 1u);
  EXPECT_EQ(device.received[0].group, 0x155);
  EXPECT_EQ(stat("iommu.page_requests"), 2);
}

// What the IOMMU answers itself ("PCIe ATS Page Request handling").
struct AutomaticAnswers : IommuBench {
  Ps ask(std::uint32_t id, bool last = true, bool read = true) {
    device.received.clear();
    AtsMessage message = page_request(read, false, last, 9);
    const Ps done = device.send(message, {.device = id, .address = 0x7000, .process = 0x12}).done;
    run(10 * kMicrosecond);
    return done;
  }
  void expect_answer(PageResponse response, bool with_process) {
    ASSERT_EQ(device.received.size(), 1u);
    const Received& got = device.received[0];
    EXPECT_EQ(got.kind, AtsKind::page_response);
    EXPECT_EQ(got.group, 9);
    EXPECT_EQ(got.response, response);
    EXPECT_EQ(got.process, with_process ? std::optional(0x12u) : std::nullopt);
  }
};

TEST_F(AutomaticAnswers, WhereThePageRequestInterfaceIsOff) {
  build();
  add_device(6, kValid | kAts);
  start();
  const Ps done = ask(6);
  expect_answer(PageResponse::invalid_request, false);
  EXPECT_EQ(device.received[0].at, done) << "as soon as its context is known";
  auto records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].cause, IommuCause::type_disallowed);
  EXPECT_EQ(records[0].transaction, IommuTransaction::message);
  EXPECT_EQ(records[0].iotval, 4u) << "the message's code";
  ask(6, false);
  EXPECT_TRUE(device.received.empty()) << "not the last of its group";
  ask(6, true, false);
  EXPECT_TRUE(device.received.empty()) << "a stop marker";
}

TEST_F(AutomaticAnswers, WhereTheDeviceIsNotKnownOrTheIommuOff) {
  build();
  start();
  ask(9);
  expect_answer(PageResponse::failure, true);
  put(kDdtp, 8, 1);
  run(kMicrosecond);
  ask(9);
  expect_answer(PageResponse::invalid_request, false);
  put(kDdtp, 8, 0);
  run(kMicrosecond);
  ask(9);
  expect_answer(PageResponse::failure, true);
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].cause, IommuCause::ddt_entry_invalid);
  EXPECT_EQ(records[1].cause, IommuCause::type_disallowed);
  EXPECT_EQ(records[2].cause, IommuCause::all_inbound_disallowed);
}

TEST_F(AutomaticAnswers, WhereTheQueueIsFullFailingOrOff) {
  build();
  add_device(kDevice, kValid | kAts | kPri | 1 << 6);  // PRPR: with the process
  start(1);
  ask(kDevice);
  EXPECT_TRUE(device.received.empty()) << "queued";
  ask(kDevice);
  expect_answer(PageResponse::success, true);
  EXPECT_TRUE(get(kPqcsr, 4) & RecordQueue::kOverflow);
  put(kPqh, 4, 1);
  ask(kDevice);
  expect_answer(PageResponse::success, true);
  put(kPqcsr, 4, IommuQueue::kEnable | RecordQueue::kOverflow);
  ask(kDevice);
  EXPECT_TRUE(device.received.empty());
  put(kPqcsr, 4, 0);
  run(kMicrosecond);
  ask(kDevice);
  expect_answer(PageResponse::failure, true);
  put(kPqb, 8, kMemoryBytes >> 2 | 1);
  put(kPqh, 4, 0);
  put(kPqcsr, 4, IommuQueue::kEnable);
  run(kMicrosecond);
  for (int turn = 0; turn < 2; ++turn) {
    ask(kDevice);
    expect_answer(PageResponse::failure, true);
    EXPECT_TRUE(get(kPqcsr, 4) & IommuQueue::kMemoryFault);
  }
  EXPECT_TRUE(take_faults().empty()) << "of none of this a fault is recorded";
  EXPECT_EQ(stat("iommu.page_requests_dropped"), 5);
}

// --- MSIs ---

struct MsiBench : IommuBench {
  static constexpr Addr kFiles = 0x3000'0000;  // guest physical: files 0 to 3
  static constexpr Addr kMrif = 0x4000'0200, kNotice = 0x4001'0000;

  void build_with_files(std::uint32_t tc = kValid | kAts) {
    build();
    const Addr table = host.zeroed();
    directory.put(kDevice, {.tc = tc,
                            .msiptp = std::uint64_t{1} << 60 | table >> 12,
                            .msi_addr_mask = 3,
                            .msi_addr_pattern = kFiles >> 12});
    store.write(table, 0x5555'5000 >> 2 | 7);                               // V, M = 3
    store.write(table + 16, (mrif >> 9) << 7 | 3);                          // V, M = 1
    store.write(table + 24, notice >> 2 | 0x2aa | std::uint64_t{1} << 60);  // NID 0x6aa
    start();
  }
  Reply msi(Addr offset, std::uint32_t data, bool big = false) {
    std::vector<unsigned char> bytes_of(4);
    for (unsigned i = 0; i < 4; ++i) bytes_of[big ? 3 - i : i] = static_cast<unsigned char>(data >> 8 * i);
    return device.access({.address = kFiles + offset, .kind = AccessKind::write, .data = bytes_of});
  }
  std::uint64_t pending(std::uint32_t identity) const {
    return bytes.read64(kMrif + identity / 64 * 16) >> identity % 64 & 1;
  }

  Addr mrif = kMrif;
  Addr notice = kNotice;
};

TEST_F(MsiBench, ToAFlatEntryGoesToTheFileItNames) {
  build_with_files();
  const Ps now = kernel_now();
  const Reply sent = msi(0, 0x123);
  EXPECT_TRUE(sent.ok());
  EXPECT_EQ(bytes.read64(0x5555'5000), 0x123u);
  EXPECT_EQ(sent.done - now, kContextLookUp + kMemory + kMemory + kMemory)
      << "context, entry, file; no page to look up";
}

TEST_F(MsiBench, ToAFileInMemoryIsRecordedAndANoticeGoesOut) {
  build_with_files();
  bytes.write64(kMrif + 0x123 / 64 * 16 + 8, ~std::uint64_t{0});  // enabled, which does not matter
  for (const std::uint32_t identity : {0x123u, 0u, 2047u}) {
    bytes.write64(kNotice, 0);
    run(kMicrosecond);
    const Ps now = kernel_now();
    const Reply sent = msi(0x1000, identity);
    EXPECT_TRUE(sent.ok());
    EXPECT_EQ(pending(identity), 1u);
    EXPECT_EQ(bytes.read64(kNotice), 0x6aau);
    const Ps context = identity == 0x123 ? kMemory : 0;
    EXPECT_EQ(sent.done - now, kContextLookUp + context + kMemory + 3 * kMemory) << "entry; read, write, notice";
  }
  EXPECT_EQ(bytes.read64(kMrif + 0x123 / 64 * 16), std::uint64_t{1} << 0x123 % 64);
  EXPECT_TRUE(msi(0x1004, 77, true).ok());
  EXPECT_EQ(pending(77), 1u) << "big-endian at offset 4";
  EXPECT_EQ(stat("iommu.mrif_stores"), 4);
}

TEST_F(MsiBench, WhatIsNoMsiIsDiscardedOrRefused) {
  build_with_files();
  EXPECT_TRUE(msi(0x1000, 2048).ok()) << "no identity";
  EXPECT_TRUE(msi(0x1008, 5).ok()) << "not where MSIs are written";
  EXPECT_TRUE(msi(0x1000, 5, true).ok()) << "in the wrong order of bytes, no identity";
  const Reply read = device.access({.address = kFiles + 0x1000, .length = 4, .read_back = true});
  EXPECT_TRUE(read.ok());
  EXPECT_EQ(read.data, std::vector<unsigned char>(4)) << "reads give 0";
  const auto refused = [&](Addr offset, unsigned length, AccessKind kind) {
    const Reply reply = device.access({.address = kFiles + offset, .kind = kind, .length = length});
    return reply.status == tlm::TLM_ADDRESS_ERROR_RESPONSE && reply.fault;
  };
  EXPECT_TRUE(refused(0x1000, 8, AccessKind::write));
  EXPECT_TRUE(refused(0x1000, 2, AccessKind::write));
  EXPECT_TRUE(refused(0x1002, 4, AccessKind::write));
  EXPECT_TRUE(refused(0x1000, 8, AccessKind::read));
  EXPECT_TRUE(refused(0xffe, 4, AccessKind::write)) << "straddles two files";
  for (unsigned word = 0; word < 64; ++word) EXPECT_EQ(bytes.read64(kMrif + 8 * word), 0u);
  EXPECT_EQ(bytes.read64(kNotice), 0u);
  EXPECT_EQ(stat("iommu.mrif_stores"), 0);
  EXPECT_TRUE(take_faults().empty());
}

// What was written to memory before says nothing about an MSI whose data nobody tells.
TEST_F(MsiBench, ARequestForTimeAloneRecordsNothing) {
  build_with_files();
  msi(0, 0x123);
  EXPECT_TRUE(device.access({.address = kFiles + 0x1000, .kind = AccessKind::write, .length = 4}).ok());
  EXPECT_EQ(pending(0x123), 0u);
  EXPECT_EQ(stat("iommu.mrif_stores"), 0);
}

TEST_F(MsiBench, AFileBeyondMemoryIsAFault) {
  mrif = kMemoryBytes;
  build_with_files();
  EXPECT_TRUE(msi(0x1000, 5).ok()) << "posted: the device is not told";
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].cause, IommuCause::mrif_access_fault);
  EXPECT_EQ(records[0].transaction, IommuTransaction::untranslated_write);
  EXPECT_EQ(records[0].device_id, kDevice);
  EXPECT_EQ(records[0].iotval, kFiles + 0x1000);
  EXPECT_EQ(bytes.read64(kNotice), 0u) << "no notice of what is not recorded";
}

TEST_F(MsiBench, OfADeviceWithDtfItIsNotReported) {
  mrif = kMemoryBytes;
  build_with_files(kValid | kHidesFaults);
  msi(0x1000, 5);
  EXPECT_TRUE(take_faults().empty());
}

TEST_F(MsiBench, ANoticeThatMemoryRefusesIsAFault) {
  notice = kMemoryBytes;
  build_with_files();
  msi(0x1000, 5);
  EXPECT_EQ(pending(5), 1u);
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].cause, kMessageWriteFault);
  EXPECT_EQ(records[0].transaction, IommuTransaction::none);
  EXPECT_EQ(records[0].iotval, kMemoryBytes);
}

TEST_F(MsiBench, AFileInMemoryHasNoTranslation) {
  build_with_files();
  AtsMessage message;
  EXPECT_TRUE(device.send(message, {.address = kFiles + 0x1000}).ok());
  EXPECT_TRUE(message.granted.untranslated_only && message.granted.readable && message.granted.writable);
  put(kTrReqIova, 8, kFiles + 0x1000);
  put(kTrReqCtl, 8, std::uint64_t{kDevice} << 40 | 1);
  run(10 * kMicrosecond);
  EXPECT_EQ(get(kTrResponse, 8), 1u);
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].cause, IommuCause::type_disallowed);
  EXPECT_EQ(records[0].iotval, kFiles + 0x1000);
}

// --- interrupts ---

TEST_F(IommuBench, InterruptsAreMessages) {
  build();
  add_device(kDevice);
  const Addr file = host.zeroed();
  start();
  put(kIcvec, 8, 0x20);  // faults: vector 2
  put(kMsiCfgTbl + 32, 8, file + 8);
  put(kMsiCfgTbl + 40, 4, 0xabcd);
  put(kMsiCfgTbl + 44, 4, 1);  // masked
  put(kFqcsr, 4, IommuQueue::kEnable | IommuQueue::kInterruptEnable);
  read(0x1000);
  EXPECT_EQ(get(kIpsr, 4), 2u);
  EXPECT_EQ(bytes.read64(file + 8), 0u);
  put(kMsiCfgTbl + 44, 4, 0);
  EXPECT_EQ(bytes.read64(file + 8), 0xabcdu) << "when the mask is taken away";
  bytes.write64(file + 8, 0);
  read(0x2000);
  EXPECT_EQ(bytes.read64(file + 8), 0u) << "still pending";
  put(kIpsr, 4, 2);
  read(0x3000);
  EXPECT_EQ(bytes.read64(file + 8), 0xabcdu);
  EXPECT_EQ(stat("iommu.interrupts"), 2);

  put(kMsiCfgTbl + 32, 8, kMemoryBytes);
  put(kIpsr, 4, 2);
  take_faults();
  read(0x4000);
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].iotval, 0x4000u);
  EXPECT_EQ(records[1].cause, kMessageWriteFault);
  EXPECT_EQ(records[1].iotval, kMemoryBytes);
}

TEST_F(IommuBench, AWireRisesWhenTheRecordIsWritten) {
  build();
  add_device(kDevice);
  put(kFctl, 4, 2);
  start();
  put(kIcvec, 8, 0x20);
  put(kFqcsr, 4, IommuQueue::kEnable | IommuQueue::kInterruptEnable);
  const Ps refused = read(0x1000, kMicrosecond).done - kernel_now();
  run(refused + kMemory - kNanosecond);
  EXPECT_FALSE(iommu->wire(2).read());
  run(2 * kNanosecond);
  EXPECT_TRUE(iommu->wire(2).read());
  put(kIpsr, 4, 2);
  run(kMicrosecond);
  EXPECT_FALSE(iommu->wire(2).read());
}

// Software that reads the registers while a device runs ahead clears an interrupt before its wire has risen: in the end
// it is low.
TEST_F(IommuBench, AWireKeepsTheOrderOfItsChanges) {
  build();
  add_device(kDevice);
  put(kFctl, 4, 2);
  start();
  put(kIcvec, 8, 0x10);
  put(kFqcsr, 4, IommuQueue::kEnable | IommuQueue::kInterruptEnable);
  const Ps risen = read(0x1000, 5 * kMicrosecond).done + kMemory - kernel_now();
  put(kIpsr, 4, 2);
  read(0x2000);  // and again, at once: another record, before the first one's time
  put(kCqcsr, 4, IommuQueue::kEnable | IommuQueue::kInterruptEnable);
  submit({Command{.low = 5}});
  run(kMicrosecond);
  EXPECT_TRUE(iommu->wire(0).read()) << "the wire of the queue of commands does not wait for the other";
  run(risen);
  EXPECT_TRUE(iommu->wire(1).read());
  put(kIpsr, 4, 2);
  run(kMicrosecond);
  EXPECT_FALSE(iommu->wire(1).read());
}

// --- counters ---

TEST_F(IommuBench, EventsAreCounted) {
  build();
  map(add_device(kDevice), 0x7000, 0x4000'0000);
  map(add_device(6, kValid, 8), 0x7000, 0x4000'0000);
  start();
  const auto count = [this](unsigned index, IommuEvent event, std::uint64_t filter = 0) {
    put(kIohpmevt1 + 8 * (index - 1), 8, static_cast<std::uint64_t>(event) | filter);
  };
  count(1, IommuEvent::untranslated_request);
  count(2, IommuEvent::untranslated_request, std::uint64_t{1} << 61 | std::uint64_t{6} << 36);  // of device 6
  count(3, IommuEvent::tlb_miss);
  count(4, IommuEvent::device_directory_walk);
  count(5, IommuEvent::first_stage_walk);
  count(6, IommuEvent::translation_request);
  count(7, IommuEvent::translated_request);
  for (int i = 0; i < 3; ++i) read(0x7000, 10 * kMicrosecond * static_cast<Ps>(i));
  read(0x9000, 40 * kMicrosecond);
  device.access({.device = 6, .address = 0x7000, .at = 50 * kMicrosecond});
  AtsMessage message;
  device.send(message, {.address = 0x7000, .at = 60 * kMicrosecond});
  device.access({.address = 0x4000'0000, .at = 70 * kMicrosecond, .translated = true});
  const auto counter = [this](unsigned index) { return get(kIohpmctr1 + 8 * (index - 1), 8); };
  EXPECT_EQ(counter(1), 5u);
  EXPECT_EQ(counter(2), 1u);
  EXPECT_EQ(counter(3), 3u);
  EXPECT_EQ(counter(4), 2u);
  EXPECT_EQ(counter(5), 3u);
  EXPECT_EQ(counter(6), 1u);
  EXPECT_EQ(counter(7), 1u);
}

TEST_F(IommuBench, AMissThatJoinsAWalkIsAMiss) {
  build();
  map(add_device(kDevice), 0x7000, 0x4000'0000);
  start();
  put(kIohpmevt1, 8, static_cast<std::uint64_t>(IommuEvent::tlb_miss));
  put(kIohpmevt1 + 8, 8, static_cast<std::uint64_t>(IommuEvent::first_stage_walk));
  const Ps first = read(0x7000).done;
  EXPECT_EQ(read(0x7040, 150'000).done, first) << "as early as the walk it joins";
  EXPECT_EQ(get(kIohpmctr1, 8), 2u);
  EXPECT_EQ(get(kIohpmctr1 + 8, 8), 1u);
}

TEST_F(IommuBench, TheCounterOfCyclesOverflowsByItself) {
  build();
  start();
  put(kFctl, 4, 2);
  put(kIcvec, 8, 0x300);  // performance monitor: wire 3
  const Ps now = kernel_now();
  put(kIohpmcycles, 8, low_mask(63) - 999);
  run(4 * kCycle + 1000 * kCycle - kNanosecond);
  EXPECT_FALSE(iommu->wire(3).read());
  run(3 * kNanosecond);
  EXPECT_TRUE(iommu->wire(3).read()) << kernel_now() - now;
  EXPECT_EQ(get(kIpsr, 4), 4u);
  EXPECT_EQ(get(kIocountovf, 4), 1u);
}

}  // namespace pagoda::iommu_messages_test

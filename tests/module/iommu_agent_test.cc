// What an IOMMU does by itself: commands in their order and time, what stops them, debug translations.
#include "module/iommu_bench.h"

namespace pagoda::iommu_agent_test {

using namespace iommu_register;
using testing::Command;
using testing::IommuBench;
using testing::kContextLookUp;
using testing::kCycle;
using testing::kMemory;
using testing::kPageLookUp;

constexpr std::uint32_t kDevice = 5;
constexpr std::uint32_t kQueueOn = IommuQueue::kEnable | IommuQueue::kOn;
constexpr Ps kFetch = kMemory + 4 * kCycle;  // and decode
constexpr Ps kInvalidation = 100'000;        // of a page, or of all
constexpr Ps kRegister = 4 * kCycle;
constexpr Ps kStep = kNanosecond;  // of IommuBench::finish()

TEST_F(IommuBench, AnInvalidationIsInForceWhenHeadHasPassedIt) {
  build();
  Stage& stage = add_device(kDevice);
  map(stage, 0x7000, 0x4000'0000);
  start();
  ASSERT_TRUE(read(0x7000).ok());
  unmap(stage, 0x7000);
  EXPECT_TRUE(read(0x7000).ok()) << "kept until it is invalidated";
  run(kMicrosecond);
  const Ps now = kernel_now();
  const Ps done = execute({Command::vma(0x7000)});
  EXPECT_GE(done, now + kRegister + kFetch + kInvalidation);
  EXPECT_LE(done, now + kRegister + kFetch + kInvalidation + kStep);
  EXPECT_EQ(read(0x7000).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(stat("iommu.commands"), 1);
  EXPECT_EQ(stat("iommu.command_latency.max"), to_ns(kFetch + kInvalidation));
}

// A device that runs ahead of the kernel has used the old translation at a time that is yet to come.
TEST_F(IommuBench, AnInvalidationIsDoneAfterTheRequestsThatUsedTheOldTranslation) {
  for (const bool warm : {false, true}) {
    if (!warm) build();
    Stage& stage = warm ? *stages.front() : add_device(kDevice);
    map(stage, 0x7000, 0x4000'0000);
    if (!warm) start();
    if (warm) read(0x7000);
    const Ps used = read(0x7000, 7 * kMicrosecond).done;
    unmap(stage, 0x7000);
    const Ps done = execute({Command::vma(0x7000)});
    EXPECT_GE(done, used - kMemory) << "it has been translated";
    EXPECT_LE(done, used - kMemory + kStep);
    EXPECT_FALSE(read(0x7000).ok());
    EXPECT_GE(execute({Command::fence().reads()}), used) << "and, for a fence, carried out";
  }
}

TEST_F(IommuBench, CommandsAreExecutedInOrderRoundTheRing) {
  build();
  start(2);
  const Addr flags = host.zeroed();
  for (std::uint32_t i = 0; i < 30; i += 3) {
    submit({Command::fence(flags, i), Command::fence(flags + 4 * (i + 1), i + 100), Command::fence(flags, i + 2)});
    while (!idle()) {
      const std::uint64_t second = bytes.read64(flags + 4 * (i + 1)) & 0xffffffff;
      EXPECT_EQ(second == i + 100, bytes.read64(flags + 4 * (i + 1)) != 0);
      run(10 * kNanosecond);
    }
    EXPECT_EQ(bytes.read64(flags) & 0xffffffff, i + 2) << "the last one";
  }
  EXPECT_EQ(stat("iommu.commands"), 30);
  EXPECT_EQ(head(), 30 % 4u);
}

TEST_F(IommuBench, AnIllegalCommandStopsTheQueueUntilSoftwareClearsIt) {
  build();
  start();
  put(kCqcsr, 4, IommuQueue::kEnable | IommuQueue::kInterruptEnable);
  const Addr flag = host.zeroed();
  submit({Command::fence(), Command{.low = 5}, Command::fence(flag, 1)});
  run(10 * kMicrosecond);
  EXPECT_EQ(head(), 1u) << "at the illegal one";
  EXPECT_EQ(get(kCqcsr, 4), kQueueOn | IommuQueue::kInterruptEnable | CommandQueue::kIllegal);
  EXPECT_EQ(get(kIpsr, 4), 1u);
  EXPECT_EQ(bytes.read64(flag), 0u);
  write_command({});  // beyond the tail that the IOMMU knows: no difference
  tail = 3;
  store.write(commands + 16, Command::fence().low);
  put(kCqcsr, 4, IommuQueue::kEnable | CommandQueue::kIllegal);
  finish();
  EXPECT_EQ(bytes.read64(flag), 1u);
  EXPECT_EQ(get(kCqcsr, 4), kQueueOn);
}

TEST_F(IommuBench, MemoryThatRefusesACommandStopsTheQueue) {
  commands = kMemoryBytes;
  build();
  start();
  put(kCqt, 4, 1);
  run(kMicrosecond);
  EXPECT_EQ(get(kCqcsr, 4), kQueueOn | IommuQueue::kMemoryFault);
  EXPECT_EQ(head(), 0u);
  EXPECT_EQ(stat("iommu.commands"), 0);
  put(kCqcsr, 4, IommuQueue::kEnable | IommuQueue::kMemoryFault);
  EXPECT_EQ(get(kCqcsr, 4), kQueueOn);
  run(kMicrosecond);
  EXPECT_EQ(get(kCqcsr, 4), kQueueOn | IommuQueue::kMemoryFault) << "fetched again, refused again";
}

TEST_F(IommuBench, AFencesStoreThatMemoryRefusesStopsAtTheFence) {
  build();
  start();
  const Addr flag = host.zeroed();
  submit({Command::fence(flag, 3), Command::fence(kMemoryBytes, 4), Command::fence(flag, 5)});
  run(10 * kMicrosecond);
  EXPECT_EQ(head(), 1u);
  EXPECT_EQ(get(kCqcsr, 4), kQueueOn | IommuQueue::kMemoryFault);
  EXPECT_EQ(bytes.read64(flag), 3u);
  store.write(commands + 16, Command::fence().low);
  put(kCqcsr, 4, IommuQueue::kEnable | IommuQueue::kMemoryFault);
  finish();
  EXPECT_EQ(bytes.read64(flag), 5u);
}

TEST_F(IommuBench, AFenceWaitsForWhatItIsAskedToOrder) {
  build();
  map(add_device(kDevice), 0x7000, 0x4000'0000);
  start();
  write(0x7000);
  const auto under_way = [this] {
    return std::pair(read(0x7000, 5 * kMicrosecond).done, write(0x7000, 10 * kMicrosecond).done);
  };
  const auto [r0, w0] = under_way();
  const Ps plain = execute({Command::fence()});
  EXPECT_LT(plain, r0);
  const Ps reads = execute({Command::fence().reads()});
  EXPECT_GE(reads, r0);
  EXPECT_LE(reads, r0 + kMicrosecond);
  const Ps writes = execute({Command::fence().writes()});
  EXPECT_GE(writes, w0);
  EXPECT_LE(writes, w0 + kMicrosecond);
  const auto [r1, w1] = under_way();
  EXPECT_GE(execute({Command::fence().reads().writes()}), std::max(r1, w1));
  EXPECT_EQ(stat("iommu.fence_latency.count"), 4);
}

TEST_F(IommuBench, AFenceWithWsiRaisesItsWire) {
  build();
  put(kFctl, 4, 2);
  start();
  put(kCqcsr, 4, IommuQueue::kEnable | IommuQueue::kInterruptEnable);
  put(kIcvec, 8, 6);
  execute({Command::fence().by_wire()});
  run(kNanosecond);
  EXPECT_EQ(get(kCqcsr, 4), kQueueOn | IommuQueue::kInterruptEnable | CommandQueue::kFenceInterrupt);
  EXPECT_TRUE(iommu->wire(6).read());
  put(kCqcsr, 4, IommuQueue::kEnable | IommuQueue::kInterruptEnable | CommandQueue::kFenceInterrupt);
  put(kIpsr, 4, 1);
  run(kMicrosecond);
  EXPECT_FALSE(iommu->wire(6).read());
  put(kFctl, 4, 0);
  submit({Command::fence().by_wire()});
  run(kMicrosecond);
  EXPECT_TRUE(get(kCqcsr, 4) & CommandQueue::kIllegal) << "reserved without wires";
}

TEST_F(IommuBench, DirectoriesAreReadAgainAfterTheirInvalidation) {
  build();
  Stage& one = add_device(kDevice);
  map(one, 0x7000, 0x4000'0000);
  testing::ProcessDirectory processes(host, 1);
  directory.put(6, {.tc = kValid | 1 << 5, .fsc = processes.pdtp()});
  processes.put(1, {.ta = 1 | 21 << 12, .fsc = testing::table_field(one)});
  processes.put(2, {.ta = 1 | 22 << 12, .fsc = testing::table_field(one)});
  start();
  const auto ask = [this](std::uint32_t id, std::optional<std::uint32_t> process) {
    return device.access({.device = id, .address = 0x7000, .process = process}).ok();
  };
  EXPECT_TRUE(ask(kDevice, {}) && ask(6, 1) && ask(6, 2));
  directory.put(kDevice, {});
  processes.put(1, {});
  processes.put(2, {});
  EXPECT_TRUE(ask(kDevice, {}) && ask(6, 1) && ask(6, 2)) << "kept";
  execute({Command::vma()});
  EXPECT_TRUE(ask(kDevice, {}) && ask(6, 1) && ask(6, 2)) << "which is not about directories";
  execute({Command::pdt(6, 1)});
  EXPECT_TRUE(ask(kDevice, {}) && ask(6, 2));
  EXPECT_FALSE(ask(6, 1));
  execute({Command::ddt(6)});
  EXPECT_TRUE(ask(kDevice, {}));
  EXPECT_FALSE(ask(6, 2)) << "with its processes";
  execute({Command::ddt()});
  EXPECT_FALSE(ask(kDevice, {}));
}

// --- ATS ---

TEST_F(IommuBench, InvalidationsReachTheDeviceAndFencesWaitForTheirCompletion) {
  build();
  start();
  device.completion = 10 * kMicrosecond;
  const Ps now = kernel_now();
  // 16 KiB at 0x7654'0000: the lowest zero of the address says so.
  submit({Command::ats(kDevice, 0x7654'1000 | 1 << 11), Command::ats(kDevice, 0x9000 | 1, 0x33), Command::vma(),
          Command::fence()});
  run(2 * kMicrosecond);
  EXPECT_EQ(head(), 3u) << "what comes after does not wait, but for the fence";
  ASSERT_EQ(device.received.size(), 2u);
  EXPECT_EQ(device.received[0].kind, AtsKind::invalidation);
  EXPECT_EQ(device.received[0].device, kDevice);
  EXPECT_EQ(device.received[0].address, 0x7654'0000u);
  EXPECT_EQ(device.received[0].page_shift, 14u);
  EXPECT_EQ(device.received[0].process, std::nullopt);
  EXPECT_EQ(device.received[0].at, now + kRegister + kFetch);
  EXPECT_EQ(device.received[1].process, 0x33u);
  EXPECT_EQ(device.received[1].page_shift, 12u);
  EXPECT_TRUE(device.received[1].all_processes);
  EXPECT_EQ(device.received[1].at, now + kRegister + 2 * kFetch);
  const Ps done = finish();
  EXPECT_GE(done, device.received[1].at + device.completion);
  EXPECT_LE(done, device.received[1].at + device.completion + kStep);
}

TEST_F(IommuBench, ADeviceThatDoesNotCompleteAnInvalidationTimesOutAtTheFence) {
  build();
  start();
  const Addr flag = host.zeroed();
  for (const bool late : {false, true}) {
    device.answer = late ? tlm::TLM_OK_RESPONSE : tlm::TLM_INCOMPLETE_RESPONSE;
    device.completion = late ? 21 * kMicrosecond : 0;
    const std::uint32_t fence_at = (tail + 1) % entries;
    const Ps now = kernel_now();
    submit({Command::ats(kDevice, 0x7000), Command::fence(flag, 1), Command::fence(flag, 2)});
    run(kRegister + kFetch + 20 * kMicrosecond - kNanosecond);
    EXPECT_EQ(get(kCqcsr, 4), kQueueOn);
    run(2 * kNanosecond);
    EXPECT_EQ(get(kCqcsr, 4), kQueueOn | CommandQueue::kTimedOut) << kernel_now() - now;
    EXPECT_EQ(head(), fence_at);
    run(10 * kMicrosecond);
    EXPECT_EQ(bytes.read64(flag), 0u);
    put(kCqcsr, 4, IommuQueue::kEnable | CommandQueue::kTimedOut);
    finish();
    EXPECT_EQ(bytes.read64(flag), 2u) << "software has been told, the fence is passed";
    bytes.write64(flag, 0);
  }
}

TEST_F(IommuBench, AnInvalidationForNobodyTimesOut) {
  testing::Initiator elsewhere("elsewhere");
  elsewhere.out.bind(device.in);
  iommu.emplace("iommu", plain());
  device.out.bind(iommu->devices);
  software.out.bind(iommu->registers);
  iommu->memory.bind(memory.port);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  start();
  submit({Command::ats(kDevice, 0x7000), Command::fence()});
  run(kMillisecond);
  EXPECT_EQ(get(kCqcsr, 4), kQueueOn | CommandQueue::kTimedOut);
}

TEST_F(IommuBench, MessagesGoToTheDeviceTheyAreFor) {
  testing::TestDevice other("other");
  iommu.emplace("iommu", plain());
  device.out.bind(iommu->devices);
  other.out.bind(iommu->devices);
  software.out.bind(iommu->registers);
  iommu->memory.bind(memory.port);
  iommu->to_devices.bind(device.in);
  iommu->to_devices.bind(other.in);
  iommu->attach(0, 5);
  iommu->attach(1, 6);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  start();
  execute({Command::ats(6, 0x7000), Command::ats(5, 0x8000), Command::fence()});
  ASSERT_EQ(device.received.size(), 1u);
  EXPECT_EQ(device.received[0].address, 0x8000u);
  ASSERT_EQ(other.received.size(), 1u);
  EXPECT_EQ(other.received[0].address, 0x7000u);
  submit({Command::ats(7, 0x7000), Command::fence()});
  run(kMillisecond);
  EXPECT_TRUE(get(kCqcsr, 4) & CommandQueue::kTimedOut) << "nobody's";
}

TEST_F(IommuBench, PageResponsesReachTheDevice) {
  build();
  start();
  execute({Command::response(kDevice, 0x1ab, 0, 0x44), Command::response(kDevice, 3, 1),
           Command::response(kDevice, 4, 15)});
  ASSERT_EQ(device.received.size(), 3u);
  EXPECT_EQ(device.received[0].kind, AtsKind::page_response);
  EXPECT_EQ(device.received[0].group, 0x1ab);
  EXPECT_EQ(device.received[0].response, PageResponse::success);
  EXPECT_EQ(device.received[0].process, 0x44u);
  EXPECT_EQ(device.received[1].response, PageResponse::invalid_request);
  EXPECT_EQ(device.received[1].process, std::nullopt);
  EXPECT_EQ(device.received[2].response, PageResponse::failure);
}

// --- switching ---

TEST_F(IommuBench, AQueueTurnedOffFinishesTheCommandItIsAt) {
  build();
  start();
  const Addr flag = host.zeroed();
  device.completion = 10 * kMicrosecond;
  submit({Command::ats(kDevice, 0x7000), Command::fence(flag, 1), Command::fence(flag, 2)});
  run(kMicrosecond);
  put(kCqcsr, 4, 0);
  run(kMicrosecond);
  EXPECT_EQ(get(kCqcsr, 4), IommuQueue::kOn | IommuQueue::kBusy) << "the fence still waits";
  put(kCqcsr, 4, IommuQueue::kEnable);
  EXPECT_EQ(get(kCqcsr, 4), IommuQueue::kOn | IommuQueue::kBusy) << "not while busy";
  run(10 * kMicrosecond);
  EXPECT_EQ(get(kCqcsr, 4), 0u);
  EXPECT_EQ(bytes.read64(flag), 1u);
  run(kMillisecond);
  EXPECT_EQ(bytes.read64(flag), 1u) << "the next one is not fetched";
  tail = 0;
  put(kCqt, 4, 0);
  put(kCqcsr, 4, IommuQueue::kEnable);
  run(kMicrosecond);
  EXPECT_EQ(get(kCqcsr, 4), kQueueOn);
  EXPECT_EQ(head(), 0u);
  execute({Command::fence(flag, 7)});
  EXPECT_EQ(bytes.read64(flag), 7u);
}

TEST_F(IommuBench, CommandsWaitForTheQueueToBeTurnedOn) {
  build();
  put(kCqb, 8, commands >> 2 | 2);
  entries = 8;
  const Addr flag = host.zeroed();
  submit({Command::fence(flag, 1)});
  run(kMicrosecond);
  EXPECT_EQ(bytes.read64(flag), 0u);
  put(kCqcsr, 4, IommuQueue::kEnable);
  finish();
  EXPECT_EQ(bytes.read64(flag), 1u);
}

// --- debug translations ---

TEST_F(IommuBench, SoftwareAsksForATranslation) {
  build();
  Stage& stage = add_device(kDevice);
  map(stage, 0x7000, 0x4000'3000);
  map(stage, 0x20'0000, 0x8000'0000, testing::kEveryRight, 21);
  start();
  const auto ask = [this](Addr address) {
    put(kTrReqIova, 8, address);
    put(kTrReqCtl, 8, std::uint64_t{kDevice} << 40 | 1);
    EXPECT_EQ(get(kTrReqCtl, 4) & 1, 1u) << "busy";
    const Ps since = kernel_now();
    while ((get(kTrReqCtl, 4) & 1) != 0) run(kNanosecond);
    return std::pair(get(kTrResponse, 8), kernel_now() - since);
  };
  const auto [base, cold] = ask(0x7000);
  EXPECT_EQ(base, 0x4000'3000u >> 2);
  EXPECT_NEAR(static_cast<double>(cold), kRegister + kContextLookUp + kMemory + kPageLookUp + 3 * kMemory, 2 * kStep);
  // 2 MiB: S is set, and PPN ends in a zero below which all are ones.
  EXPECT_EQ(ask(0x21'2000).first, 0x8000'0000u >> 2 | 1u << 9 | low_mask(8) << 10);
  EXPECT_EQ(ask(0x9000).first, 1u) << "a fault";
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 1u) << "reported as ever";
  EXPECT_EQ(records[0].cause, IommuCause::write_page_fault);
  EXPECT_EQ(records[0].iotval, 0x9000u);
}

// --- registers ---

TEST_F(IommuBench, RegistersAreReachedAsTheyMustBe) {
  build();
  std::uint64_t value = 0;
  const auto reach = [&](tlm::tlm_command command, std::uint32_t offset, unsigned length) {
    return IommuBench::reach(command, offset, length, value);
  };
  EXPECT_EQ(reach(tlm::TLM_READ_COMMAND, kCapabilities, 8).done, kernel_now() + kRegister);
  EXPECT_EQ(value & 0xff, 0x10u) << "version 1.0";
  EXPECT_EQ(reach(tlm::TLM_READ_COMMAND, kCapabilities, 2).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(reach(tlm::TLM_READ_COMMAND, kCapabilities + 4, 8).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(reach(tlm::TLM_READ_COMMAND, 4096, 8).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(reach(tlm::TLM_IGNORE_COMMAND, kCapabilities, 8).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(software.debug_read(kCapabilities, 8).size(), 8u);
  tlm::tlm_generic_payload payload;
  payload.set_write();
  payload.set_address(kCqt);
  payload.set_data_length(4);
  payload.set_data_ptr(reinterpret_cast<unsigned char*>(&value));
  EXPECT_EQ(software.out->transport_dbg(payload), 0u) << "a write starts things";
  payload.set_data_ptr(nullptr);
  sc_core::sc_time delay;
  software.out->b_transport(payload, delay);
  EXPECT_EQ(payload.get_response_status(), tlm::TLM_ADDRESS_ERROR_RESPONSE) << "nothing to write";
}

// A write that arrives some time after kernel time starts its work then, not before.
TEST_F(IommuBench, WorkStartsWhenTheWriteArrives) {
  build();
  start();
  const Addr flag = host.zeroed();
  write_command(Command::fence(flag, 1));
  put(kCqt, 4, tail, 5 * kMicrosecond);
  run(5 * kMicrosecond);
  EXPECT_EQ(bytes.read64(flag), 0u);
  run(kRegister + kFetch + kMemory + kNanosecond);
  EXPECT_EQ(bytes.read64(flag), 1u);
}

}  // namespace pagoda::iommu_agent_test

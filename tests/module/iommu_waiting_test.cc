// An IOMMU over memory that waits inside b_transport, as TLM-2.0 allows: other devices, and the IOMMU's own commands,
// come while a request is under way.
#include "module/iommu_bench.h"
#include "support/host_bench.h"

namespace pagoda::iommu_waiting_test {

using namespace iommu_register;
using testing::Command;
using testing::IommuBench;
using testing::Script;

constexpr std::uint32_t kDevice = 5;

// Bytes move at once, and then it waits.
struct SlowMemory : sc_core::sc_module {
  tlm_utils::simple_target_socket<SlowMemory> port{"port"};
  PhysicalMemory& bytes;
  std::function<Ps(Addr)> latency = [](Addr) { return 50 * kNanosecond; };

  SlowMemory(const sc_core::sc_module_name& name, PhysicalMemory& memory) : sc_module(name), bytes(memory) {
    port.register_b_transport(this, &SlowMemory::b_transport);
    port.register_transport_dbg(this, &SlowMemory::move);
  }
  unsigned move(tlm::tlm_generic_payload& payload) {
    const unsigned length = payload.get_data_length();
    if (!bytes.contains(payload.get_address(), length)) return 0;
    unsigned char* const at = bytes.data(payload.get_address());
    payload.is_write() ? std::memcpy(at, payload.get_data_ptr(), length)
                       : std::memcpy(payload.get_data_ptr(), at, length);
    return length;
  }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    wait(delay);
    delay = sc_core::SC_ZERO_TIME;
    const Ps time = latency(payload.get_address());
    const bool held = move(payload) == payload.get_data_length();
    wait(to_sc_time(time));
    payload.set_response_status(held ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  }
};

struct WaitingBench : IommuBench {
  // Structures in slow memory, or what devices access.
  void build_over(bool slow_tables) {
    iommu.emplace("iommu", plain());
    device.out.bind(iommu->devices);
    other.out.bind(iommu->devices);
    software.out.bind(iommu->registers);
    iommu->to_devices.bind(device.in);
    iommu->to_devices.bind(other.in);
    if (slow_tables) {
      iommu->memory.bind(memory.port);
      iommu->tables.bind(slow.port);
    } else {
      device.accounts = other.accounts = false;
      iommu->memory.bind(slow.port);
      iommu->tables.bind(memory.port);
    }
  }
  void in_thread(std::function<void()> what) {
    scripts.push_back(std::make_unique<Script>(sc_core::sc_gen_unique_name("script"), std::move(what)));
  }

  testing::TestDevice other{"other"};
  SlowMemory slow{"slow", bytes};
  std::vector<std::unique_ptr<Script>> scripts;
};

TEST_F(WaitingBench, EveryFaultAndPageRequestIsRecordedOnce) {
  build_over(true);
  add_device(kDevice);
  add_device(6, kValid | kAts | kPri, 8);
  constexpr Ps kStart = 10 * kMicrosecond;
  for (const std::uint32_t id : {kDevice, 6u}) {
    in_thread([this, id] {
      Script::wait_until(kStart);
      auto& own = id == kDevice ? device : other;
      for (Addr page = 1; page <= 3; ++page) own.access({.device = id, .address = page << 12});
      AtsMessage message;
      message.kind = AtsKind::page_request;
      message.wants_read = true;
      for (std::uint16_t group = 0; group < 3; ++group) {
        message.group = group;
        own.send(message, {.device = id, .address = 0x9000});
      }
    });
  }
  start();
  run(kMillisecond);
  const auto records = take_faults();
  ASSERT_EQ(records.size(), 6u);
  for (const std::uint32_t id : {kDevice, 6u}) {
    Addr page = 0;
    for (const FaultRecord& record : records) {
      if (record.device_id != id) continue;
      page += 0x1000;
      EXPECT_EQ(record.iotval, page) << "in order";
    }
    EXPECT_EQ(page, 0x3000u);
  }
  EXPECT_EQ(get(kPqt, 4), 6u);
  for (unsigned i = 0; i < 6; ++i) EXPECT_NE(bytes.read64(page_requests + 16 * i), 0u);
  EXPECT_EQ(stat("iommu.fault_records_dropped"), 0);
}

// The leaf has been read, and while the walk waits for it, it is changed and invalidated: the old translation may be
// used by this request, but by none after the invalidation.
TEST_F(WaitingBench, AnInvalidationWaitsForAWalkAndWhatItKeepsIsForgotten) {
  build_over(true);
  Stage& stage = add_device(kDevice);
  map(stage, 0x7000, 0x4000'0000);
  const Addr leaf = host.leaf(stage, 0x7000);
  slow.latency = [leaf](Addr address) { return address == leaf ? 10 * kMicrosecond : 50 * kNanosecond; };
  bool first = false;
  Ps returned = 0;
  in_thread([&] {
    Script::wait_until(10 * kMicrosecond);
    first = device.access({.address = 0x7000}).ok();
    returned = kernel_now();
  });
  start();
  run(10 * kMicrosecond);
  store.write(leaf, 0);
  submit({Command::vma(0x7000)});
  run(5 * kMicrosecond);
  EXPECT_EQ(returned, 0u);
  EXPECT_FALSE(idle()) << "the walk is still under way";
  const Ps done = finish();
  EXPECT_GT(returned, 0u);
  EXPECT_GE(done, returned);
  EXPECT_TRUE(first);
  EXPECT_EQ(stat("iommu.iotlb.invalidated"), 1) << "what the walk kept";
}

TEST_F(WaitingBench, AFenceWaitsForAWriteThatWaitsInMemory) {
  build_over(false);
  map(add_device(kDevice), 0x7000, 0x4000'0000);
  slow.latency = [](Addr) { return 10 * kMicrosecond; };
  Ps returned = 0;
  in_thread([&] {
    Script::wait_until(10 * kMicrosecond);
    device.access({.address = 0x7000, .kind = AccessKind::write, .data = {1}});
    returned = kernel_now();
  });
  start();
  run(10 * kMicrosecond);
  const Addr flag = host.zeroed();
  submit({Command::fence(), Command::fence(flag, 1).writes()});
  run(5 * kMicrosecond);
  EXPECT_EQ(head(), 1u);
  EXPECT_EQ(bytes.read64(flag), 0u);
  EXPECT_GE(finish(), returned);
  EXPECT_GT(returned, 20 * kMicrosecond);
}

TEST_F(WaitingBench, NoMsiIsLostInAFileInMemory) {
  build_over(true);
  const Addr table = host.zeroed();
  const DeviceContext context{
      .tc = kValid, .msiptp = std::uint64_t{1} << 60 | table >> 12, .msi_addr_pattern = 0x30000};
  directory.put(kDevice, context);
  directory.put(6, context);
  store.write(table, (0x4000'0200ull >> 9) << 7 | 3);
  store.write(table + 8, 0x4001'0000 >> 2);
  for (const std::uint32_t id : {kDevice, 6u}) {
    in_thread([this, id] {
      Script::wait_until(10 * kMicrosecond);
      auto& own = id == kDevice ? device : other;
      for (unsigned char i = 0; i < 30; ++i) {
        const auto identity = static_cast<unsigned char>(2 * i + (id & 1));
        own.access({.device = id, .address = 0x3000'0000, .kind = AccessKind::write, .data = {identity, 0, 0, 0}});
      }
    });
  }
  start();
  run(kMillisecond);
  EXPECT_EQ(bytes.read64(0x4000'0200), low_mask(60));
  EXPECT_EQ(stat("iommu.mrif_stores"), 60);
}

TEST_F(WaitingBench, TurnedOffItWaitsForARequestThatWaitsInMemory) {
  build_over(false);
  map(add_device(kDevice), 0x7000, 0x4000'0000);
  slow.latency = [](Addr) { return 10 * kMicrosecond; };
  Ps returned = 0;
  in_thread([&] {
    Script::wait_until(10 * kMicrosecond);
    device.access({.address = 0x7000, .read_back = true});
    returned = kernel_now();
  });
  start();
  run(10 * kMicrosecond);
  put(kDdtp, 8, 0);
  run(5 * kMicrosecond);
  EXPECT_EQ(get(kDdtp, 8), 0x10u);
  run(10 * kMicrosecond);
  EXPECT_EQ(get(kDdtp, 8), 0u);
  EXPECT_GT(returned, 20 * kMicrosecond);
}

}  // namespace pagoda::iommu_waiting_test

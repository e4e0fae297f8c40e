// An IOMMU between a device and a memory of fixed latency, and software that knows its registers, queues and tables.
#pragma once

#include <cstring>
#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "pagoda/base/transaction.h"
#include "pagoda/iommu/iommu.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "support/bench.h"
#include "support/iommu_software.h"

namespace pagoda::testing {

inline constexpr Ps kMemory = 100'000;
inline constexpr Ps kCycle = 1'000;
// With one look-up each: the device's context, a page.
inline constexpr Ps kContextLookUp = 1 * kCycle;
inline constexpr Ps kPageLookUp = 2 * kCycle;

/// A device's access, as it says it.
struct Dma {
  std::uint32_t device = 5;
  Addr address = 0;
  AccessKind kind = AccessKind::read;
  unsigned length = 64;
  Ps at = 0;  ///< after kernel time
  std::optional<std::uint32_t> process{};
  bool supervisor = false;
  bool translated = false;
  std::vector<unsigned char> data{};  ///< to write; empty: for time alone, unless `read_back`
  bool read_back = false;
};

/// A message that a device got.
struct Received {
  AtsKind kind;
  Addr address;
  std::uint32_t device;
  std::optional<std::uint32_t> process;
  unsigned page_shift;
  bool all_processes;
  std::uint16_t group;
  PageResponse response;
  Ps at;
};

class TestDevice : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<TestDevice> out{"out"};
  tlm_utils::simple_target_socket<TestDevice> in{"in"};
  std::vector<Received> received;
  Ps completion = 0;                                       ///< it takes to complete an invalidation
  tlm::tlm_response_status answer = tlm::TLM_OK_RESPONSE;  ///< to messages
  bool accounts = true;                                    ///< memory says where its time goes

  explicit TestDevice(const sc_core::sc_module_name& name) : sc_module(name) {
    in.register_b_transport(this, &TestDevice::receive);
  }

  Reply access(const Dma& dma) {
    Transaction transaction;
    Reply reply;
    reply.data = dma.data;
    if (dma.read_back) reply.data.resize(dma.length);
    const unsigned length = dma.data.empty() ? dma.length : static_cast<unsigned>(dma.data.size());
    transaction.prepare(dma.kind == AccessKind::write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, dma.address,
                        length, reply.data.empty() ? nullptr : reply.data.data());
    describe(transaction.attributes, dma);
    const Ps start = kernel_now() + dma.at;
    sc_core::sc_time delay = delay_until(start);
    out->b_transport(transaction.payload, delay);
    EXPECT_EQ(transaction.payload.get_address(), dma.address) << "the payload came back changed";
    reply.done = local_time(delay);
    reply.status = transaction.payload.get_response_status();
    reply.fault = transaction.attributes.fault;
    reply.time = transaction.attributes.time;
    if (accounts) {
      EXPECT_EQ(reply.time.total(), reply.done - start) << "every picosecond is accounted for";
    }
    return reply;
  }
  Reply send(AtsMessage& message, const Dma& dma) {
    Transaction transaction;
    transaction.prepare(tlm::TLM_IGNORE_COMMAND, dma.address, 0, nullptr);
    describe(transaction.attributes, dma);
    transaction.payload.set_extension(&message);
    const Ps start = kernel_now() + dma.at;
    sc_core::sc_time delay = delay_until(start);
    out->b_transport(transaction.payload, delay);
    transaction.payload.clear_extension(&message);
    Reply reply;
    reply.done = local_time(delay);
    reply.status = transaction.payload.get_response_status();
    reply.time = transaction.attributes.time;
    EXPECT_EQ(reply.time.total(), reply.done - start) << "every picosecond is accounted for";
    return reply;
  }

 private:
  static void describe(Attributes& attributes, const Dma& dma) {
    attributes.requester = dma.device;
    attributes.access = dma.kind;
    attributes.privilege = dma.supervisor ? Privilege::supervisor : Privilege::user;
    attributes.origin = Origin::dma;
    attributes.translated = dma.translated;
    attributes.has_pasid = dma.process.has_value();
    attributes.pasid = dma.process.value_or(0);
  }
  void receive(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const Attributes& attributes = *payload.get_extension<Attributes>();
    const AtsMessage& message = *payload.get_extension<AtsMessage>();
    received.push_back({.kind = message.kind,
                        .address = payload.get_address(),
                        .device = attributes.requester,
                        .process = attributes.has_pasid ? std::optional(attributes.pasid) : std::nullopt,
                        .page_shift = message.page_shift,
                        .all_processes = message.all_processes,
                        .group = message.group,
                        .response = message.response,
                        .at = local_time(delay)});
    delay += to_sc_time(completion);
    payload.set_response_status(answer);
  }
};

/// Commands of the queue ("Command-Queue (CQ)").
struct Command {
  std::uint64_t low = 0, high = 0;

  static Command vma(std::optional<Addr> address = {}, std::optional<std::uint32_t> process = {},
                     std::optional<std::uint32_t> guest = {}) {
    Command command{.low = 1};
    if (address) command.low |= 1 << 10;
    if (address) command.high = *address >> 12 << 10;
    if (process) command.low |= std::uint64_t{1} << 32 | std::uint64_t{*process} << 12;
    if (guest) command.low |= std::uint64_t{1} << 33 | std::uint64_t{*guest} << 44;
    return command;
  }
  static Command gvma(std::optional<std::uint32_t> guest = {}, std::optional<Addr> address = {}) {
    Command command = vma(address, {}, guest);
    command.low |= 1 << 7;
    return command;
  }
  static Command fence() { return {.low = 2}; }
  static Command fence(Addr address, std::uint32_t data) {
    return {.low = 2 | 1 << 10 | std::uint64_t{data} << 32, .high = address >> 2};
  }
  Command reads() const { return {low | 1 << 12, high}; }
  Command writes() const { return {low | 1 << 13, high}; }
  Command by_wire() const { return {low | 1 << 11, high}; }
  static Command ddt(std::optional<std::uint32_t> device = {}) {
    return {.low = device ? 3 | std::uint64_t{1} << 33 | std::uint64_t{*device} << 40 : 3};
  }
  static Command pdt(std::uint32_t device, std::uint32_t process) {
    return {.low = ddt(device).low | 1 << 7 | std::uint64_t{process} << 12};
  }
  static Command ats(std::uint32_t device, std::uint64_t payload, std::optional<std::uint32_t> process = {}) {
    std::uint64_t low = 4 | std::uint64_t{device & 0xffff} << 40;
    if (process) low |= std::uint64_t{1} << 32 | std::uint64_t{*process} << 12;
    return {low, payload};
  }
  static Command response(std::uint32_t device, std::uint16_t group, unsigned code,
                          std::optional<std::uint32_t> process = {}) {
    Command command = ats(device, std::uint64_t{group} << 32 | std::uint64_t{code} << 44, process);
    command.low |= 1 << 7;
    return command;
  }
};

struct IommuBench : ::testing::Test {
  static constexpr std::uint64_t kMemoryBytes = std::uint64_t{1} << 32;
  static constexpr unsigned kLog2Entries = 3;
  static constexpr std::uint32_t kValid = 1, kAts = 2, kPri = 4, kHidesFaults = 16;  // DC.tc

  /// No caches in front of memory, so that a read of a table costs exactly kMemory.
  static IommuConfig plain() {
    IommuConfig config;
    config.walker.walk_caches = {};
    config.walker.nested_tlb.reset();
    config.ats_timeout = Duration{20'000'000};
    return config;
  }

  void build(const IommuConfig& config = plain()) {
    iommu.emplace("iommu", config);
    device.out.bind(iommu->devices);
    software.out.bind(iommu->registers);
    iommu->memory.bind(memory.port);
    iommu->to_devices.bind(device.in);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  /// On, with all queues, each of 2^log2 entries.
  void start(unsigned log2 = kLog2Entries) {
    put(iommu_register::kDdtp, 8, directory.ddtp());
    put(iommu_register::kCqb, 8, commands >> 2 | (log2 - 1));
    put(iommu_register::kFqb, 8, faults >> 2 | (log2 - 1));
    put(iommu_register::kPqb, 8, page_requests >> 2 | (log2 - 1));
    for (const std::uint32_t csr : {iommu_register::kCqcsr, iommu_register::kFqcsr, iommu_register::kPqcsr}) {
      put(csr, 4, IommuQueue::kEnable);
    }
    entries = 1u << log2;
    run(kMicrosecond);
    for (const std::uint32_t csr : {iommu_register::kCqcsr, iommu_register::kFqcsr, iommu_register::kPqcsr}) {
      ASSERT_EQ(get(csr, 4), IommuQueue::kEnable | IommuQueue::kOn);
    }
  }
  /// A device with a first stage of its own: Sv39, with this PSCID.
  Stage& add_device(std::uint32_t id, std::uint32_t tc = kValid | kAts | kPri, std::uint32_t pscid = 7) {
    stages.push_back(std::make_unique<Stage>(host.make_stage("sv39")));
    directory.put(id, {.tc = tc, .ta = std::uint64_t{pscid} << 12, .fsc = table_field(*stages.back())});
    return *stages.back();
  }
  void map(const Stage& stage, Addr input, Addr output, Rights rights = kEveryRight, unsigned shift = 12) {
    host.map(stage, input, {.output = output, .page_shift = shift, .rights = rights});
  }
  void unmap(const Stage& stage, Addr input, unsigned shift = 12) {
    ASSERT_EQ(PageTableEditor(stage, store, frames).unmap(input, shift), EditStatus::ok);
  }

  // Registers.
  Reply reach(tlm::tlm_command command, std::uint32_t offset, unsigned length, std::uint64_t& value, Ps at = 0) {
    Transaction transaction;
    transaction.prepare(command, offset, length, reinterpret_cast<unsigned char*>(&value));
    const Ps start = kernel_now() + at;
    sc_core::sc_time delay = delay_until(start);
    software.out->b_transport(transaction.payload, delay);
    Reply reply;
    reply.done = local_time(delay);
    reply.status = transaction.payload.get_response_status();
    EXPECT_EQ(transaction.attributes.time.total(), reply.done - start);
    return reply;
  }
  void put(std::uint32_t offset, unsigned length, std::uint64_t value, Ps at = 0) {
    ASSERT_TRUE(reach(tlm::TLM_WRITE_COMMAND, offset, length, value, at).ok()) << offset;
  }
  std::uint64_t get(std::uint32_t offset, unsigned length) {
    std::uint64_t value = 0;
    EXPECT_TRUE(reach(tlm::TLM_READ_COMMAND, offset, length, value).ok()) << offset;
    return value;
  }

  // Commands.
  void write_command(const Command& command) {
    store.write(commands + tail * kCommandBytes, command.low);
    store.write(commands + tail * kCommandBytes + 8, command.high);
    tail = (tail + 1) % entries;
  }
  void submit(std::initializer_list<Command> all) {
    for (const Command& command : all) write_command(command);
    put(iommu_register::kCqt, 4, tail);
  }
  std::uint32_t head() { return static_cast<std::uint32_t>(get(iommu_register::kCqh, 4)); }
  bool idle() { return head() == tail; }
  /// Lets time pass until all commands are executed; when they were, within a nanosecond.
  Ps finish(Ps limit = kMillisecond) {
    const Ps end = kernel_now() + limit;
    while (!idle() && kernel_now() < end) run(kNanosecond);
    EXPECT_TRUE(idle()) << "head " << head() << " tail " << tail << " cqcsr " << std::hex
                        << get(iommu_register::kCqcsr, 4);
    return kernel_now();
  }
  Ps execute(std::initializer_list<Command> all) {
    submit(all);
    return finish();
  }
  static void run(Ps time) { sc_core::sc_start(to_sc_time(time)); }

  // Records that software has not read yet.
  std::vector<FaultRecord> take_faults() {
    std::vector<FaultRecord> records;
    std::uint64_t at = get(iommu_register::kFqh, 4);
    for (const std::uint64_t end = get(iommu_register::kFqt, 4); at != end; at = (at + 1) % entries) {
      std::array<std::uint8_t, FaultRecord::kBytes> record{};
      std::memcpy(record.data(), bytes.data(faults + at * record.size()), record.size());
      records.push_back(FaultRecord::decode(record));
    }
    put(iommu_register::kFqh, 4, at);
    return records;
  }
  std::array<std::uint64_t, 4> fault_words(unsigned index) {
    std::array<std::uint64_t, 4> words{};
    for (unsigned i = 0; i < words.size(); ++i) words[i] = bytes.read64(faults + index * 32 + i * 8);
    return words;
  }
  Reply read(Addr address, Ps at = 0) { return device.access({.address = address, .at = at}); }
  Reply write(Addr address, Ps at = 0) {
    return device.access({.address = address, .kind = AccessKind::write, .at = at});
  }
  static double stat(const char* path) { return all_stats().number(path); }

  PhysicalMemory bytes{{kMemoryBytes}};
  MemoryStore store{bytes};
  BumpFrames frames{0x100'0000, 0x200'0000};
  TableSpace host{store, frames};
  DeviceDirectoryTables directory{host, 1};
  Addr commands = host.zeroed();
  Addr faults = host.zeroed();
  Addr page_requests = host.zeroed();
  std::uint32_t entries = 0;
  std::uint32_t tail = 0;
  std::vector<std::unique_ptr<Stage>> stages;
  TestDevice device{"device"};
  Initiator software{"software"};
  FixedMemory memory{"memory", {.latency = Latency::time(kMemory)}, bytes};
  std::optional<Iommu> iommu;
};

}  // namespace pagoda::testing

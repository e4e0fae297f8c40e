// The I/O link: what a packet costs, how bandwidth, tags and credits bound it, and what passes through it.
#include "pagoda/interconnect/io_link.h"

#include <random>
#include <tuple>

#include <tlm_utils/simple_target_socket.h>

#include "pagoda/memory/fixed_memory.h"
#include "support/bench.h"

namespace pagoda::io_link_test {

using testing::Initiator;
using testing::Reply;

constexpr Ps kMemory = 80'000;
constexpr Ps kLatency = 100'000;
constexpr Ps kByte = 500;            // 2.5 GT/s x 8 lanes x 8/10 = 2 GB/s
constexpr std::uint64_t kFrame = 8;  // STP, sequence number, LCRC
constexpr std::uint64_t kRequest = kFrame + 16;
constexpr std::uint64_t kCompletion = kFrame + 12;
constexpr std::uint64_t kSize = 1 << 20;

// A link on which a byte takes 500 ps.
IoLinkConfig slow_link() {
  return {.transfer_rate = 2.5, .encoding = "8b/10b", .control_share = 0, .latency = {kLatency}};
}

// Whatever is behind the link, as a list of what came when; refuses what touches `hole`.
struct Recorder : sc_core::sc_module {
  struct Seen {
    tlm::tlm_command command;
    Addr address;
    unsigned length;
    Ps at;
  };

  tlm_utils::simple_target_socket<Recorder> port{"port"};
  std::vector<Seen> seen;
  Addr hole = ~Addr{0};
  Ps latency = kMemory;

  explicit Recorder(const sc_core::sc_module_name& name) : sc_module(name) {
    port.register_b_transport(this, &Recorder::b_transport);
  }

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const Addr address = payload.get_address();
    const unsigned length = payload.get_data_length();
    seen.push_back({payload.get_command(), address, length, local_time(delay)});
    const AttributesOf owner(payload);
    owner->time[TimePart::dram] += latency;
    delay += to_sc_time(latency);
    const bool refused = hole - address < length;
    if (auto* message = payload.get_extension<AtsMessage>()) message->granted.readable = true;
    payload.set_response_status(refused ? tlm::TLM_ADDRESS_ERROR_RESPONSE : tlm::TLM_OK_RESPONSE);
  }
};

struct LinkBench : ::testing::Test {
  void build(const IoLinkConfig& config, Ps memory_latency = kMemory) {
    memory.emplace("memory", FixedMemoryConfig{.latency = Latency::time(memory_latency)}, bytes);
    link.emplace("link", config);
    device.out.bind(link->from_device);
    other.out.bind(link->from_device);
    link->to_root.bind(memory->port);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }
  static double stat(const char* path) { return testing::all_stats().number(path); }

  PhysicalMemory bytes{{kSize}};
  Initiator device{"device"};
  Initiator other{"other"};
  std::optional<FixedMemory> memory;
  std::optional<IoLink> link;
};

// --- one request on an idle link ---

TEST_F(LinkBench, AWriteTakesItsPacketsOnTheWireAndOneWay) {
  build(slow_link());
  struct Case {
    Addr address;
    unsigned length;
    std::uint64_t packets;
  };
  Ps at = 0;
  for (const auto [address, length, packets] :
       {Case{0, 0, 1}, Case{0, 1, 1}, Case{0, 64, 1}, Case{0, 256, 1}, Case{0, 257, 2}, Case{0, 4096, 16},
        Case{0xff, 1, 1}, Case{0xff, 2, 2}, Case{0xf80, 256, 2}, Case{0x1f80, 4096, 17}}) {
    at += 100'000'000;
    const Reply reply = device.ask({.address = address, .kind = AccessKind::write, .length = length, .at = at});
    EXPECT_TRUE(reply.ok());
    EXPECT_EQ(reply.done - at, (packets * kRequest + length) * kByte + kLatency + kMemory) << address << '+' << length;
  }
}

TEST_F(LinkBench, AReadTakesItsRequestAndItsCompletions) {
  build(slow_link());
  struct Case {
    Addr address;
    unsigned length;
    std::uint64_t completions;
  };
  Ps at = 0;
  for (const auto [address, length, completions] :  // each within one read request
       {Case{0, 0, 1}, Case{0, 1, 1}, Case{0, 64, 1}, Case{0, 256, 1}, Case{0, 257, 2}, Case{0, 512, 2},
        Case{0x10, 240, 1},     // up to 0x100, a multiple of the boundary
        Case{0x10, 256, 2},     // 240 up to 0x100, then 16
        Case{0x1f, 481, 2}}) {  // 225 up to 0x100, then 256
    at += 100'000'000;
    const Reply reply = device.ask({.address = address, .length = length, .at = at});
    EXPECT_TRUE(reply.ok());
    EXPECT_EQ(reply.done - at, (kRequest + completions * kCompletion + length) * kByte + 2 * kLatency + kMemory)
        << address << '+' << length;
  }
}

// 1024 bytes at 0x1f0: requests of 16, 512 and 496 bytes follow each other on the wire; the first is answered by one
// completion, the others by two each, for which the wire is still busy when their data are there.
TEST_F(LinkBench, ALargeReadIsSeveralRequestsWhoseCompletionsFollowEachOther) {
  build(slow_link());
  const Reply reply = device.ask({.address = 0x1f0, .length = 1024});
  const Ps first_data = kRequest * kByte + kLatency + kMemory;
  const Ps first_on_wire = first_data + (kCompletion + 16) * kByte;
  const Ps second_data = first_data + kRequest * kByte;
  ASSERT_GT(first_on_wire, second_data);
  EXPECT_EQ(reply.done, first_on_wire + (4 * kCompletion + 512 + 496) * kByte + kLatency);
  EXPECT_EQ(stat("link.up.packets"), 3);
  EXPECT_EQ(stat("link.down.packets"), 5);
  EXPECT_EQ(stat("link.down.payload"), 1024);
  EXPECT_EQ(stat("link.down.bytes"), 5 * kCompletion + 1024);
  EXPECT_EQ(stat("memory.reads"), 3);
}

TEST_F(LinkBench, ARootMayAnswerInPiecesOfTheBoundary) {
  IoLinkConfig config = slow_link();
  config.completion_per_boundary = true;
  build(config);
  EXPECT_EQ(device.ask({.address = 0x30, .length = 256}).done,  // 16, 64, 64, 64, 48
            (kRequest + 5 * kCompletion + 256) * kByte + 2 * kLatency + kMemory);
}

// --- bandwidth ---

// Neugebauer et al., SIGCOMM 2018, section 3: goodput is the payload's share of the bytes on the wire.
TEST_F(LinkBench, StreamsReachTheGoodputOfThePublishedModel) {
  IoLinkConfig config;  // Gen3 x8
  config.control_share = 2 * 8.0 / 203 + 4.0 / 1538;
  config.read_tags = config.posted_credits = config.non_posted_credits = 0;
  build(config);
  const double raw = 8 * 8e9 * 128 / 130 / 8 * (1 - config.control_share);  // bytes a second
  constexpr unsigned kRequests = 2000;
  Ps at = 0;
  for (const unsigned size : {64u, 128u, 256u, 512u, 1024u}) {
    for (const AccessKind kind : {AccessKind::write, AccessKind::read}) {
      at += 1'000'000'000;
      Ps first = 0;
      Ps last = 0;
      for (unsigned i = 0; i < kRequests; ++i) {
        last = device.ask({.address = i * size % kSize, .kind = kind, .length = size, .at = at}).done;
        if (i == 0) first = last;
      }
      const unsigned packets = (size + 255) / 256;
      const unsigned overhead = packets * (kind == AccessKind::write ? 24 : 20);
      const double expected = raw * size / (size + overhead);
      const double goodput = (kRequests - 1) * size / to_seconds(last - first);
      EXPECT_NEAR(goodput / expected, 1, 1e-4) << size;
    }
  }
}

TEST_F(LinkBench, TwoDevicesShareTheWire) {
  build(slow_link());
  Ps last = 0;
  for (unsigned i = 0; i < 50; ++i) {
    device.ask({.address = 0, .kind = AccessKind::write, .length = 256});
    last = other.ask({.address = 0, .kind = AccessKind::write, .length = 256}).done;
  }
  EXPECT_EQ(last, 100 * (kRequest + 256) * kByte + kLatency + kMemory);
}

TEST_F(LinkBench, DirectionsDoNotDisturbEachOther) {
  build(slow_link());
  const Ps data = kRequest * kByte + kLatency + kMemory;
  const Reply alone = device.ask({.length = 64});
  // A write whose packet is on its way up when the completion comes down.
  device.ask({.kind = AccessKind::write, .length = 256, .at = data});
  EXPECT_EQ(device.ask({.length = 64, .at = 1'000'000'000}).done - 1'000'000'000, alone.done);
  device.ask({.kind = AccessKind::write, .length = 256, .at = 1'000'000'000 + data});
  EXPECT_EQ(stat("link.up.busy"), to_ns((2 * kRequest + 2 * (kRequest + 256)) * kByte));
}

TEST_F(LinkBench, ARequestEarlyInTimeTakesAGapBeforeLaterOnes) {
  build(slow_link());
  device.ask({.kind = AccessKind::write, .length = 256, .at = 1'000'000});
  EXPECT_EQ(other.ask({.kind = AccessKind::write, .length = 256, .at = 0}).done,
            (kRequest + 256) * kByte + kLatency + kMemory);
}

TEST_F(LinkBench, UtilisationIsTheBusyShareOfTheTime) {
  build(slow_link());
  device.ask({.kind = AccessKind::write, .length = 256});
  sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_US));
  EXPECT_DOUBLE_EQ(stat("link.up.utilisation"), (kRequest + 256) * kByte / 1e6);
  EXPECT_EQ(stat("link.down.utilisation"), 0);
}

// --- tags and credits ---

TEST_F(LinkBench, OneTagMakesReadsFollowEachOther) {
  IoLinkConfig config = slow_link();
  config.read_tags = 1;
  build(config);
  const Ps one = (kRequest + kCompletion + 64) * kByte + 2 * kLatency + kMemory;
  for (unsigned i = 1; i <= 20; ++i) EXPECT_EQ(device.ask({.length = 64}).done, i * one);
  // The first request is on the wire when the others come.
  EXPECT_EQ(stat("link.tag_wait"), to_ns(one * 19 * 20 / 2 - 19 * kRequest * kByte));
}

// Little's law: so many reads under way, each for its latency.
TEST_F(LinkBench, TagsBoundTheThroughputOfReads) {
  IoLinkConfig config;
  config.lanes = 16;
  config.transfer_rate = 32;
  config.control_share = 0;
  config.latency = {kLatency};
  config.read_tags = 16;
  build(config, 1'000'000);
  constexpr unsigned kReads = 4000;
  const Ps begin = 1'000'000'000;
  const Ps latency = device.ask({.length = 64}).done;
  Ps last = 0;
  for (unsigned i = 0; i < kReads; ++i) last = device.ask({.length = 64, .at = begin}).done;
  const double throughput = kReads * 64 / to_seconds(last - begin);
  EXPECT_NEAR(throughput / (config.read_tags * 64 / to_seconds(latency)), 1, 0.01);
}

TEST_F(LinkBench, AWriteHoldsItsCreditUntilItIsCarriedOutAndTheCreditIsBack) {
  IoLinkConfig config = slow_link();
  config.posted_credits = 1;
  build(config);
  const Ps packet = (kRequest + 256) * kByte;
  const Ps held = packet + kLatency + kMemory + kLatency;
  for (unsigned i = 0; i < 20; ++i) {
    EXPECT_EQ(device.ask({.kind = AccessKind::write, .length = 256}).done, i * held + packet + kLatency + kMemory);
  }
  EXPECT_EQ(device.ask({.length = 64}).done, (kRequest + kCompletion + 64) * kByte + 2 * kLatency + kMemory + packet)
      << "a read needs none: it only waits for the wire";
  EXPECT_GT(stat("link.posted_credit_wait"), 0);
}

TEST_F(LinkBench, CreditsBoundTheThroughputOfWrites) {
  IoLinkConfig config = slow_link();
  config.posted_credits = 3;
  build(config, 2'000'000);
  const Ps packet = (kRequest + 64) * kByte;
  const Ps held = packet + 2 * kLatency + 2'000'000;
  Ps last = 0;
  for (unsigned i = 0; i < 300; ++i) last = device.ask({.kind = AccessKind::write, .length = 64}).done;
  EXPECT_EQ(last, 99 * held + 3 * packet + kLatency + 2'000'000);
}

TEST_F(LinkBench, AReadHoldsANonPostedCreditUntilTheRootHasItsData) {
  IoLinkConfig config = slow_link();
  config.non_posted_credits = 1;
  build(config);
  const Ps held = kRequest * kByte + kLatency + kMemory + kLatency;
  const Ps one = (kRequest + kCompletion + 64) * kByte + 2 * kLatency + kMemory;
  for (unsigned i = 0; i < 5; ++i) EXPECT_EQ(device.ask({.length = 64}).done, i * held + one);
}

// --- what passes ---

TEST_F(LinkBench, BytesArriveWhole) {
  build({});
  std::mt19937_64 random(5);
  std::vector<unsigned char> expected(kSize);
  Ps at = 0;
  for (int i = 0; i < 300; ++i) {
    const auto length = static_cast<unsigned>(random() % 3000);
    const Addr address = random() % (kSize - length);
    std::vector<unsigned char> data(length);
    for (unsigned char& byte : data) byte = static_cast<unsigned char>(random());
    std::vector<unsigned char> enables(i % 2 == 0 || length == 0 ? 0 : 3);
    for (unsigned char& enable : enables) enable = random() % 2 == 0 ? 0xff : 0;
    for (unsigned byte = 0; byte < length; ++byte) {
      if (enables.empty() || enables[byte % 3] != 0) expected[address + byte] = data[byte];
    }
    at += 10'000'000;
    ASSERT_TRUE(device
                    .ask({.address = address,
                          .kind = AccessKind::write,
                          .length = length,
                          .at = at,
                          .plain = i % 5 == 0,
                          .data = data,
                          .enables = enables})
                    .ok());
    const auto read = device.ask({.address = address, .length = length, .at = at + 5'000'000, .read_back = true});
    ASSERT_EQ(read.data, std::vector<unsigned char>(expected.begin() + static_cast<std::ptrdiff_t>(address),
                                                    expected.begin() + static_cast<std::ptrdiff_t>(address + length)));
    ASSERT_EQ(device.debug_read(address, length), read.data);
  }
}

TEST_F(LinkBench, DirectPointersAreForThoseWhoKeepTime) {
  build({});
  tlm::tlm_generic_payload payload;
  tlm::tlm_dmi dmi;
  EXPECT_FALSE(device.out->get_direct_mem_ptr(payload, dmi));
  Attributes attributes;
  attributes.keeps_time = true;
  payload.set_extension(&attributes);
  EXPECT_TRUE(device.out->get_direct_mem_ptr(payload, dmi));
  payload.clear_extension(&attributes);
}

// Two links of the same kind, one asked by payloads and one for time alone.
TEST(IoLink, RequestsForTimeAloneTakeTheTimeOfPayloads) {
  IoLinkConfig config;
  config.read_tags = 3;
  config.posted_credits = 2;
  PhysicalMemory bytes({kSize});
  Initiator one("one");
  Initiator two("two");
  IoLink by_payload("by_payload", config);
  IoLink by_time("by_time", config);
  FixedMemory memory_one("memory_one", {}, bytes);
  FixedMemory memory_two("memory_two", {}, bytes);
  one.out.bind(by_payload.from_device);
  by_payload.to_root.bind(memory_one.port);
  two.out.bind(by_time.from_device);
  by_time.to_root.bind(memory_two.port);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  Downlink below;
  below.bind(*two.out.operator->());
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    const auto length = static_cast<unsigned>(random() % 2000);
    const Addr address = random() % (kSize + 1000 - length);
    const AccessKind kind = random() % 2 == 0 ? AccessKind::read : AccessKind::write;
    const Ps at = i * 20'000 + random() % 500'000;
    const Reply reply = one.ask({.address = address, .kind = kind, .length = length, .at = at});
    TimeSplit time;
    Fault fault;
    TimedRequest request{.address = address, .bytes = length, .info = {.access = kind}, .time = &time, .fault = &fault};
    const TimedAnswer answer = below.access(request, at);
    ASSERT_EQ(answer.done, reply.done) << i;
    ASSERT_EQ(answer.status(), reply.status);
    ASSERT_EQ(time.parts, reply.time.parts);
  }
}

// --- refusals ---

struct RecorderBench : ::testing::Test {
  RecorderBench() {
    device.out.bind(link.from_device);
    link.to_root.bind(root.port);
    core.out.bind(link.from_root);
    link.to_device.bind(first.port);
    link.to_device.bind(second.port);
    link.attach(0, 7, 0x1000, 0x100);
    link.attach(1, 8, 0x2000, 0x100);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }

  // Sends a message and returns how long it took.
  Ps send(Initiator& from, AtsKind kind, std::uint32_t requester, bool has_pasid, tlm::tlm_response_status expected) {
    Transaction transaction;
    transaction.prepare(tlm::TLM_IGNORE_COMMAND, 0x7ffc, 0, nullptr);
    transaction.attributes.requester = requester;
    transaction.attributes.has_pasid = has_pasid;
    message = {};
    message.kind = kind;
    transaction.payload.set_extension(&message);
    now += 100'000'000;
    sc_core::sc_time delay = delay_until(now);
    from.out->b_transport(transaction.payload, delay);
    transaction.payload.clear_extension(&message);
    EXPECT_EQ(transaction.payload.get_response_status(), expected);
    EXPECT_EQ(transaction.attributes.time.total(), local_time(delay) - now);
    return local_time(delay) - now;
  }

  Initiator device{"device"};
  Initiator core{"core"};
  Recorder root{"root"};
  Recorder first{"first"};
  Recorder second{"second"};
  IoLink link{"link", slow_link()};
  AtsMessage message;
  Ps now = 0;
};

TEST_F(RecorderBench, PacketsArriveOneByOne) {
  ASSERT_TRUE(device.ask({.address = 0x1f0, .kind = AccessKind::write, .length = 300}).ok());
  ASSERT_EQ(root.seen.size(), 3u);
  const Ps first_at = (kRequest + 16) * kByte + kLatency;
  const Ps second_at = first_at + (kRequest + 256) * kByte;
  const Ps third_at = second_at + (kRequest + 28) * kByte;
  const std::vector<std::tuple<Addr, unsigned, Ps>> expected{
      {0x1f0, 16, first_at}, {0x200, 256, second_at}, {0x300, 28, third_at}};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(std::tuple(root.seen[i].address, root.seen[i].length, root.seen[i].at), expected[i]);
  }
}

TEST_F(RecorderBench, ARefusedPacketEndsTheRequest) {
  root.hole = 0x300;
  const Reply write = device.ask({.address = 0x200, .kind = AccessKind::write, .length = 1024});
  EXPECT_EQ(write.status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(root.seen.size(), 2u) << "the packet refused is the last one sent";
  const Reply read = device.ask({.address = 0x2f0, .length = 64, .at = 100'000'000});
  EXPECT_EQ(read.status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(read.done - 100'000'000, (kRequest + kCompletion) * kByte + 2 * kLatency + kMemory)
      << "it is answered by a completion without data";
  EXPECT_EQ(testing::all_stats().number("link.refused"), 2);
}

// --- messages: the sizes of PCI Express Base Specification, chapter 10 ---

TEST_F(RecorderBench, MessagesAreTheirPackets) {
  constexpr auto kOk = tlm::TLM_OK_RESPONSE;
  EXPECT_EQ(send(device, AtsKind::translation_request, 7, false, kOk),
            (kRequest + kCompletion + 8) * kByte + 2 * kLatency + kMemory);
  EXPECT_TRUE(message.granted.readable) << "the answer comes back in the message";
  EXPECT_EQ(send(device, AtsKind::translation_request, 7, true, kOk),
            (kRequest + 4 + kCompletion + 8) * kByte + 2 * kLatency + kMemory);
  EXPECT_EQ(send(device, AtsKind::page_request, 7, false, kOk), kRequest * kByte + kLatency + kMemory);
  EXPECT_EQ(send(core, AtsKind::page_response, 7, false, kOk), kRequest * kByte + kLatency + kMemory);
  EXPECT_EQ(send(core, AtsKind::invalidation, 7, false, kOk),
            (kRequest + 8 + kRequest) * kByte + 2 * kLatency + kMemory);
  EXPECT_EQ(send(core, AtsKind::invalidation, 8, true, kOk),
            (kRequest + 4 + 8 + kRequest) * kByte + 2 * kLatency + kMemory);
  EXPECT_EQ(root.seen.size(), 3u);
  EXPECT_EQ(first.seen.size(), 2u);
  EXPECT_EQ(second.seen.size(), 1u) << "messages go to their device";
}

TEST_F(RecorderBench, MessagesInTheWrongDirectionOrToNobodyAreRefused) {
  EXPECT_EQ(send(device, AtsKind::invalidation, 7, false, tlm::TLM_COMMAND_ERROR_RESPONSE), 0u);
  EXPECT_EQ(send(core, AtsKind::invalidation, 9, false, tlm::TLM_ADDRESS_ERROR_RESPONSE), 0u);
  EXPECT_TRUE(root.seen.empty());
}

// --- downstream ---

TEST_F(RecorderBench, RegistersOfDevicesAreReachedByAddress) {
  const Reply doorbell = core.ask({.address = 0x1010, .kind = AccessKind::write, .length = 4});
  EXPECT_EQ(doorbell.done, (kRequest + 4) * kByte + kLatency + kMemory);
  const Reply status = core.ask({.address = 0x20f8, .length = 8, .at = 100'000'000});
  EXPECT_EQ(status.done - 100'000'000, (kRequest + kCompletion + 8) * kByte + 2 * kLatency + kMemory);
  EXPECT_EQ(first.seen.size(), 1u);
  EXPECT_EQ(second.seen.size(), 1u);
  EXPECT_EQ(core.ask({.address = 0x2100}).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(core.ask({.address = 0x1000, .length = 257}).status, tlm::TLM_BURST_ERROR_RESPONSE);
}

TEST(IoLinkConfig, ImpossibleSizesAreRefused) {
  EXPECT_ANY_THROW(validated(IoLinkConfig{.max_payload = {200}}));
  EXPECT_ANY_THROW(validated(IoLinkConfig{.max_read_request = {96}}));
  EXPECT_ANY_THROW(validated(IoLinkConfig{.max_payload = {64}, .read_completion_boundary = {128}}));
  EXPECT_ANY_THROW(validated(IoLinkConfig{.encoding = "4b/5b"}));
  EXPECT_NO_THROW(validated(IoLinkConfig{}));
}

}  // namespace pagoda::io_link_test

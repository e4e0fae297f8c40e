// A network interface: its rings as its driver sees them.
#include "pagoda/devices/nic.h"

#include <numeric>

#include "support/ring_bench.h"

namespace pagoda::nic_test {

using testing::RingBench;
using testing::Script;

constexpr Addr kPage = 4096;
constexpr Addr kRing = 0x10 * kPage;     // device addresses
constexpr Addr kBuffers = 0x20 * kPage;  // eight pages
constexpr Addr kReceive = 0x100;
constexpr Addr kSend = 0x140;
constexpr Addr kBase = 0x00, kEntries = 0x08, kTail = 0x10, kHead = 0x18;

struct NicBench : RingBench {
  struct Sent {
    NicFrame frame;
    Ps at;
  };

  void build_nic(const NicConfig& config = {}, const DmaConfig& dma = {}) {
    nic.emplace(config);
    nic->connect([this](const NicFrame& frame, Ps at) { sent.push_back({frame, at}); });
    build(*nic, dma);
    host.map(kRing / kPage, 1, 0x500);
    for (Addr i = 0; i < 8; ++i) host.map(kBuffers / kPage + i, 1, 0x700 - 2 * i);  // nowhere contiguous
  }
  void open(Addr queue, std::uint64_t entries) {
    write(queue + kBase, kRing);
    write_and_wait(queue + kEntries, entries);
  }
  void put(std::uint32_t index, Addr address, std::uint32_t length) {
    std::array<unsigned char, 16> bytes;
    NicDescriptor{.address = address, .length = length}.encode(bytes);
    host.put(kRing + index * 16, bytes);
  }
  NicDescriptor get(std::uint32_t index) {
    return NicDescriptor::decode(host.get<std::array<unsigned char, 16>>(kRing + index * 16));
  }
  void fill(Addr address, std::uint32_t length, unsigned seed) {
    for (std::uint32_t i = 0; i < length; ++i) host.put(address + i, pattern(seed, i));
  }
  static unsigned char pattern(unsigned seed, std::uint32_t i) { return static_cast<unsigned char>(seed * 37 + i * 7); }
  static NicFrame frame_of(std::uint32_t length, unsigned seed) {
    NicFrame frame{.length = length};
    for (std::uint32_t i = 0; i < length; ++i) frame.bytes.push_back(pattern(seed, i));
    return frame;
  }
  std::vector<unsigned char> memory_at(Addr address, std::uint32_t length) {
    std::vector<unsigned char> bytes;
    for (std::uint32_t i = 0; i < length; ++i) bytes.push_back(host.get<unsigned char>(address + i));
    return bytes;
  }

  std::optional<Nic> nic;
  std::vector<Sent> sent;
};

// --- sending ---

TEST_P(NicBench, AFrameTakesItsDescriptorItsDataAndItsRecord) {
  build_nic();
  Ps rung = 0;
  drive([&] {
    open(kSend, 8);
    put(0, kBuffers, 64);
    fill(kBuffers, 64, 1);
    rung = kernel_now();
    write(kSend + kTail, 1);
    settle();
    EXPECT_TRUE(get(0).done);
    EXPECT_EQ(get(0).error, DescriptorError::none);
    EXPECT_EQ(host.read_register(kSend + kHead), 1u);
  });
  ASSERT_EQ(sent.size(), 1u);
  const Ps read = rung + doorbell_time() + read_time(16) + read_time(64);
  EXPECT_EQ(sent[0].at, read);
  EXPECT_EQ(sent[0].frame.bytes, frame_of(64, 1).bytes);
  ASSERT_EQ(interrupts.size(), 1u);
  EXPECT_EQ(interrupts[0].vector, 1u);
  EXPECT_EQ(interrupts[0].at, read + write_time(8)) << "after the record is written";
}

TEST_P(NicBench, FramesLeaveInRingOrderAcrossTheEndOfTheRing) {
  build_nic({.fetch_batch = 3});
  drive([&] {
    open(kSend, 8);
    std::uint32_t tail = 0;
    for (unsigned i = 0; i < 30; ++i) {  // at most seven at a time
      put(tail, kBuffers + i % 7 * 512, 100 + i * 11);
      fill(kBuffers + i % 7 * 512, 100 + i * 11, i);
      tail = (tail + 1) % 8;
      write(kSend + kTail, tail);
      if (i % 7 == 6) wait_for_interrupts(i + 1);
    }
    settle();
    EXPECT_EQ(host.read_register(kSend + kHead), 30u % 8);
  });
  ASSERT_EQ(sent.size(), 30u);
  for (unsigned i = 0; i < 30; ++i) EXPECT_EQ(sent[i].frame.bytes, frame_of(100 + i * 11, i).bytes) << i;
  EXPECT_EQ(stat("engine.send.descriptors"), 30);
  EXPECT_EQ(interrupts.size(), 30u);
}

TEST_P(NicBench, ADoorbellDuringWorkIsTakenUp) {
  build_nic();
  drive([&] {
    open(kSend, 8);
    for (std::uint32_t i = 0; i < 4; ++i) put(i, kBuffers + i * 256, 200);
    write_and_wait(kSend + kTail, 1);
    for (std::uint32_t tail = 2; tail <= 4; ++tail) write_and_wait(kSend + kTail, tail);  // all within the first fetch
    EXPECT_TRUE(sent.empty());
    settle();
  });
  EXPECT_EQ(sent.size(), 4u);
}

TEST_P(NicBench, ABufferMayCrossPages) {
  build_nic();
  drive([&] {
    open(kSend, 4);
    put(0, kBuffers + 1000, 7000);
    fill(kBuffers + 1000, 7000, 5);
    write(kSend + kTail, 1);
    settle();
  });
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame.bytes, frame_of(7000, 5).bytes);
}

TEST_P(NicBench, DescriptorsThatMakeNoSenseAreToldAndTheRingGoesOn) {
  build_nic({.max_frame = {1500}});
  drive([&] {
    open(kSend, 8);
    put(0, kBuffers, 0);
    put(1, kBuffers, 1501);
    put(2, kBuffers + 7 * kPage + 4000, 200);  // its end is not mapped
    put(3, 0xffff'ffff'ffff'fff0, 1500);       // nor this, which wraps around all addresses
    put(4, kBuffers, 60);
    write(kSend + kTail, 5);
    settle();
    EXPECT_EQ(get(0).error, DescriptorError::empty);
    EXPECT_EQ(get(1).error, DescriptorError::too_long);
    EXPECT_EQ(get(2).error, DescriptorError::data);
    EXPECT_EQ(get(3).error, DescriptorError::data);
    EXPECT_EQ(get(4).error, DescriptorError::none);
    for (std::uint32_t i = 0; i < 5; ++i) EXPECT_TRUE(get(i).done);
    EXPECT_EQ(host.read_register(kSend + kHead), 5u);
    EXPECT_TRUE(reported(DeviceError::bad_entry));
    EXPECT_TRUE(reported(DeviceError::data_fault));
    write_and_wait(0, ~0ull);
    EXPECT_EQ(host.read_register(0), 0u) << "writing ones clears them";
  });
  EXPECT_EQ(sent.size(), 1u);
  EXPECT_EQ(stat("engine.send.descriptors_failed"), 4);
}

TEST_P(NicBench, ARingThatCannotBeReadIsClosed) {
  build_nic();
  drive([&] {
    const auto page = host.pages.extract(kRing / kPage);
    open(kSend, 8);
    write_and_wait(kSend + kTail, 1);
    settle();
    EXPECT_TRUE(reported(DeviceError::ring_fault));
    EXPECT_EQ(host.read_register(kSend + kEntries), 0u);
    write_and_wait(kSend + kTail, 1);
    EXPECT_TRUE(reported(DeviceError::bad_index)) << "there is no ring";
    host.pages[page.key()] = page.mapped();
    put(0, kBuffers, 64);
    open(kSend, 8);
    write(kSend + kTail, 1);
    settle();
  });
  EXPECT_EQ(sent.size(), 1u);
}

TEST_P(NicBench, ARecordThatCannotBeWrittenIsReported) {
  build_nic();
  drive([&] {
    open(kSend, 8);
    put(0, kBuffers, 64);
    host.pages[kRing / kPage].writable = false;
    write(kSend + kTail, 1);
    settle();
    EXPECT_TRUE(reported(DeviceError::record_fault));
    EXPECT_EQ(host.read_register(kSend + kHead), 1u);
  });
  EXPECT_EQ(sent.size(), 1u);
}

TEST_P(NicBench, ImpossibleRingsAndIndicesAreReported) {
  build_nic();
  drive([&] {
    for (const std::uint64_t entries : {std::uint64_t{1}, std::uint64_t{65537}, ~std::uint64_t{0}}) {
      open(kSend, entries);
      EXPECT_TRUE(reported(DeviceError::bad_ring)) << entries;
      write_and_wait(0, ~0ull);
    }
    write(kSend + kBase, kRing + 8);
    write_and_wait(kSend + kEntries, 8);
    EXPECT_TRUE(reported(DeviceError::bad_ring)) << "misaligned";
    write_and_wait(0, ~0ull);
    open(kSend, 8);
    EXPECT_EQ(host.read_register(0), 0u);
    for (const std::uint64_t tail : {std::uint64_t{8}, ~std::uint64_t{0}}) {
      write_and_wait(kSend + kTail, tail);
      EXPECT_TRUE(reported(DeviceError::bad_index)) << tail;
      write_and_wait(0, ~0ull);
    }
    put(0, kBuffers, 64);
    write(kSend + kTail, 1);
    settle();
    EXPECT_EQ(host.write_register(kSend + kHead, 0, kernel_now()).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
    EXPECT_EQ(host.write_register(0x180, 0, kernel_now()).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  });
  EXPECT_EQ(sent.size(), 1u) << "the ring works on";
}

TEST_P(NicBench, OpeningARingAnewForgetsWhatIsUnderWay) {
  build_nic();
  drive([&] {
    open(kSend, 8);
    for (std::uint32_t i = 0; i < 4; ++i) put(i, kBuffers + i * 256, 200);
    write_and_wait(kSend + kTail, 4);
    sc_core::wait(to_sc_time(read_time(64) + 10'000));  // the data is being read
    write_and_wait(kSend + kEntries, 4);
    EXPECT_TRUE(sent.empty());
    settle();
    for (std::uint32_t i = 0; i < 4; ++i) EXPECT_FALSE(get(i).done);
    EXPECT_EQ(host.read_register(kSend + kHead), 0u);
    write(kSend + kTail, 2);
    settle();
    EXPECT_EQ(host.read_register(kSend + kHead), 2u);
  });
  EXPECT_EQ(sent.size(), 2u);
}

// --- receiving ---

TEST_P(NicBench, FramesGoIntoBuffersInOrder) {
  build_nic();
  drive([&] {
    open(kReceive, 4);
    std::uint32_t tail = 0;
    for (unsigned round = 0; round < 5; ++round) {  // three at a time, around the ring
      for (unsigned i = 0; i < 3; ++i) {
        put(tail, kBuffers + i * 2048 + 1000, 1600);
        tail = (tail + 1) % 4;
      }
      write(kReceive + kTail, tail);
      for (unsigned i = 0; i < 3; ++i) nic->receive(frame_of(60 + i * 500, round * 3 + i), kernel_now() + i * 1000);
      wait_for_interrupts((round + 1) * 3);
      for (unsigned i = 0; i < 3; ++i) {
        const NicDescriptor written = get((round * 3 + i) % 4);
        EXPECT_TRUE(written.done);
        EXPECT_EQ(written.error, DescriptorError::none);
        EXPECT_EQ(written.length, 60 + i * 500);
        EXPECT_EQ(memory_at(kBuffers + i * 2048 + 1000, written.length), frame_of(60 + i * 500, round * 3 + i).bytes);
      }
    }
    EXPECT_EQ(host.read_register(kReceive + kHead), 15u % 4);
  });
  EXPECT_EQ(stat("engine.receive.bytes"), 5 * (60 + 560 + 1060));
  for (const Interrupt& interrupt : interrupts) EXPECT_EQ(interrupt.vector, 0u);
}

TEST_P(NicBench, AFrameWaitsForItsDescriptor) {
  build_nic();
  Ps rung = 0;
  drive([&] {
    nic->receive(frame_of(64, 1), kernel_now());
    open(kReceive, 4);
    put(0, kBuffers, 2048);
    rung = kernel_now();
    write(kReceive + kTail, 1);
    wait_for_interrupts(1);
  });
  EXPECT_EQ(interrupts[0].at, rung + doorbell_time() + read_time(16) + write_time(64) + write_time(8));
}

TEST_P(NicBench, AFullFrameBufferDropsFrames) {
  build_nic({.frame_buffer = 2});
  drive([&] {
    for (unsigned i = 0; i < 5; ++i) nic->receive(frame_of(64, i), kernel_now() + i * 1000);
    settle();
    EXPECT_TRUE(reported(DeviceError::overrun));
    open(kReceive, 8);
    for (std::uint32_t i = 0; i < 7; ++i) put(i, kBuffers + i * 256, 256);
    write(kReceive + kTail, 7);
    settle();
    EXPECT_EQ(host.read_register(kReceive + kHead), 2u);
    for (std::uint32_t i = 0; i < 2; ++i) EXPECT_EQ(memory_at(kBuffers + i * 256, 64), frame_of(64, i).bytes);
  });
  EXPECT_EQ(stat("engine.receive.frames_dropped"), 3);
}

TEST_P(NicBench, ReceivingTellsOfBuffersThatDoNotDo) {
  build_nic();
  drive([&] {
    open(kReceive, 8);
    put(0, kBuffers, 100);
    put(1, kBuffers + 1024, 0);
    put(2, 0x7000'0000, 2048);
    put(3, kBuffers + 2048, 2048);
    write(kReceive + kTail, 4);
    for (unsigned i = 0; i < 3; ++i) nic->receive(frame_of(300, i), kernel_now() + 5'000'000 + i * 1000);
    settle();
    EXPECT_EQ(get(0).error, DescriptorError::truncated);
    EXPECT_EQ(get(0).length, 100u);
    EXPECT_EQ(memory_at(kBuffers, 100), frame_of(100, 0).bytes);
    EXPECT_EQ(host.get<unsigned char>(kBuffers + 100), 0) << "nothing beyond the buffer";
    EXPECT_EQ(get(1).error, DescriptorError::empty);
    EXPECT_EQ(get(2).error, DescriptorError::data);
    EXPECT_EQ(get(2).length, 0u);
    EXPECT_EQ(get(3).error, DescriptorError::none);
    EXPECT_EQ(memory_at(kBuffers + 2048, 300), frame_of(300, 2).bytes);
    EXPECT_EQ(host.read_register(kReceive + kHead), 4u);
  });
}

// --- interrupts, translation, back-pressure ---

TEST_P(NicBench, CoalescedInterruptsComeAfterSoManyEventsOrSoLong) {
  build_nic({.interrupt = {.events = 4, .delay = {50'000'000}}});
  drive([&] {
    open(kSend, 8);
    for (std::uint32_t i = 0; i < 6; ++i) put(i, kBuffers + i * 256, 64);
    write(kSend + kTail, 6);
    settle();
  });
  ASSERT_EQ(interrupts.size(), 2u);
  EXPECT_EQ(sent.size(), 6u);
  EXPECT_GE(interrupts[1].at, sent[4].at + write_time(8) + 50'000'000);
  EXPECT_LE(interrupts[1].at, sent[4].at + write_time(8) + 51'000'000);
}

TEST_P(NicBench, InterruptsMayBeMessages) {
  build_nic();
  const Addr doorbells = 0x30 * kPage;
  host.map(doorbells / kPage, 1, 0x900);
  drive([&] {
    write(0x008, doorbells + 0x40);
    write(0x010, 0xabcd00);
    open(kSend, 8);
    put(0, kBuffers, 64);
    write(kSend + kTail, 1);
    settle();
    EXPECT_EQ(host.get<std::uint32_t>(doorbells + 0x40), 0xabcd01u) << "the data and the vector";
    write(0x008, 0x7000'0000);
    put(1, kBuffers, 64);
    write(kSend + kTail, 2);
    settle();
    EXPECT_TRUE(reported(DeviceError::message_fault));
    EXPECT_TRUE(get(1).done);
  });
  EXPECT_TRUE(interrupts.empty());
}

TEST_P(NicBench, PagesOfRingAndBuffersAreAskedForWhereTheyAreMissing) {
  DmaConfig dma;
  dma.atc.emplace();
  build_nic({}, dma);
  const auto pages = host.pages;
  host.pages.clear();
  std::size_t asked = 0;
  host.on_page_request = [&](Addr address, bool /*write*/, std::uint16_t group, Ps at) {
    ++asked;
    host.pages[address / kPage] = pages.at(address / kPage);
    host.answer_page_request(group, PageResponse::success, at + 3'000'000);
  };
  drive([&] {
    open(kSend, 8);
    host.pages = pages;
    put(0, kBuffers + 100, 6000);
    fill(kBuffers + 100, 6000, 9);
    host.pages.clear();
    write(kSend + kTail, 1);
    settle();
  });
  EXPECT_EQ(asked, 3u) << "the ring and two pages of the buffer; its record may be written then too";
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame.bytes, frame_of(6000, 9).bytes);
  for (const testing::HostBench::Seen& seen : host.seen) EXPECT_TRUE(seen.translated);
}

TEST_P(NicBench, DescriptorsBeingWorkedOnAreBounded) {
  build_nic({.fetch_batch = 8, .descriptors = 2});
  drive([&] {
    open(kReceive, 16);
    for (std::uint32_t i = 0; i < 15; ++i) put(i, kBuffers + i * 256, 256);
    write(kReceive + kTail, 15);
    settle();
    std::uint32_t descriptor_bytes = 0;
    for (const testing::HostBench::Seen& seen : host.seen) descriptor_bytes += seen.bytes;
    EXPECT_EQ(descriptor_bytes, 2u * 16) << "two are held, the others wait in memory";
    for (unsigned i = 0; i < 15; ++i) nic->receive(frame_of(200, i), kernel_now() + i * 10'000'000);
    settle();
    EXPECT_EQ(host.read_register(kReceive + kHead), 15u);
  });
}

TEST_P(NicBench, WithoutRealDataTheSameTimePasses) {
  build_nic({.real_data = false});
  Ps rung = 0;
  drive([&] {
    open(kSend, 8);
    put(0, kBuffers, 64);
    rung = kernel_now();
    write(kSend + kTail, 1);
    settle();
  });
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame.length, 64u);
  EXPECT_TRUE(sent[0].frame.bytes.empty());
  EXPECT_EQ(sent[0].at, rung + doorbell_time() + read_time(16) + read_time(64));
}

INSTANTIATE_TEST_SUITE_P(Quanta, NicBench, ::testing::Values(0, 1'000'000), testing::quantum_name);

}  // namespace pagoda::nic_test

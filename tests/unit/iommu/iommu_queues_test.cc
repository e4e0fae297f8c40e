// Indices, errors and interrupts of the three queues, without memory.
// RISC-V IOMMU Architecture Specification 1.0, "In-memory queue interface", "PCIe ATS Page Request handling".
#include "pagoda/iommu/iommu_queues.h"

#include <gtest/gtest.h>

namespace pagoda::iommu_queues_test {

using Drop = RecordQueue::Drop;

constexpr unsigned kPhysicalBits = 46;

struct Sent final : IommuInterruptSink {
  std::vector<InterruptRequest> all;
  void interrupt(const InterruptRequest& request) override { all.push_back(request); }
};

/// A queue of 2^log2 entries at `page`, on.
template <class Queue>
struct Running {
  Sent sent;
  IommuInterrupts interrupts{4, kPhysicalBits, false, sent};
  Queue queue{kPhysicalBits, interrupts};

  explicit Running(unsigned log2, Addr page = 0x80000000, std::uint32_t csr = 1) {
    queue.write_base((page >> 12) << 10 | (log2 - 1));
    queue.write_csr(csr);
    queue.switch_done();
  }
  void clear(std::uint32_t flags) { queue.write_csr(queue.csr() | flags); }
};

template <class Queue>
struct AnyQueue : ::testing::Test {};
using Queues = ::testing::Types<CommandQueue, FaultQueue, PageRequestQueue>;
TYPED_TEST_SUITE(AnyQueue, Queues);

TYPED_TEST(AnyQueue, TheBaseKeepsSizeAndPageOnly) {
  Sent sent;
  IommuInterrupts interrupts(4, kPhysicalBits, false, sent);
  TypeParam queue(kPhysicalBits, interrupts);
  queue.write_base(~std::uint64_t{0});
  // LOG2SZ-1 in 4:0, PPN from bit 10: 46 - 12 = 34 bits of it.
  EXPECT_EQ(queue.base(), ((std::uint64_t{1} << 34) - 1) << 10 | 0x1f);
  EXPECT_EQ(queue.entries(), std::uint64_t{1} << 32);
  queue.write_base(0);
  EXPECT_EQ(queue.entries(), 2u);
}

TYPED_TEST(AnyQueue, TheBaseCannotChangeWhileTheQueueIsOnOrBusy) {
  Sent sent;
  IommuInterrupts interrupts(4, kPhysicalBits, false, sent);
  TypeParam queue(kPhysicalBits, interrupts);
  queue.write_base(5 << 10);
  EXPECT_TRUE(queue.write_csr(1));
  queue.write_base(6 << 10);
  EXPECT_EQ(queue.base(), 5u << 10) << "busy";
  queue.switch_done();
  queue.write_base(6 << 10);
  EXPECT_EQ(queue.base(), 5u << 10) << "on";
  EXPECT_TRUE(queue.write_csr(0));
  queue.write_base(6 << 10);
  EXPECT_EQ(queue.base(), 5u << 10) << "going off";
  queue.switch_done();
  queue.write_base(6 << 10);
  EXPECT_EQ(queue.base(), 6u << 10);
}

TYPED_TEST(AnyQueue, TheIndexHasAsManyBitsAsTheQueueEntries) {
  Sent sent;
  IommuInterrupts interrupts(4, kPhysicalBits, false, sent);
  TypeParam queue(kPhysicalBits, interrupts);
  const auto index = [&] { return queue.kind() == IommuQueueKind::commands ? queue.tail() : queue.head(); };
  for (unsigned log2 = 1; log2 <= 32; ++log2) {
    queue.write_base(log2 - 1);
    queue.write_index(0xffffffff);
    EXPECT_EQ(index(), static_cast<std::uint32_t>((std::uint64_t{1} << log2) - 1));
  }
  queue.write_base(1);
  EXPECT_EQ(index(), 3u) << "bits beyond the new size are 0";
}

TYPED_TEST(AnyQueue, ControlBitsFollowTheSwitch) {
  Sent sent;
  IommuInterrupts interrupts(4, kPhysicalBits, false, sent);
  TypeParam queue(kPhysicalBits, interrupts);
  constexpr std::uint32_t kOn = 1u << 16, kBusy = 1u << 17;
  EXPECT_EQ(queue.csr(), 0u);
  EXPECT_TRUE(queue.write_csr(1 | 2));
  EXPECT_EQ(queue.csr(), 3 | kBusy);
  EXPECT_FALSE(queue.write_csr(0)) << "ignored while busy";
  EXPECT_EQ(queue.csr(), 3 | kBusy);
  queue.switch_done();
  EXPECT_EQ(queue.csr(), 3 | kOn);
  EXPECT_FALSE(queue.write_csr(0xffffffff)) << "no change of the enable bit";
  EXPECT_EQ(queue.csr(), 3 | kOn);
  EXPECT_TRUE(queue.write_csr(0));
  EXPECT_EQ(queue.csr(), kOn | kBusy);
  queue.switch_done();
  EXPECT_EQ(queue.csr(), 0u);
}

// --- commands --------------------------------------------------------------------------------------------------------

TEST(CommandQueue, GoesRoundTheRing) {
  Running<CommandQueue> on(2);
  EXPECT_EQ(on.queue.next(), std::nullopt);
  std::uint32_t tail = 0;
  for (std::uint32_t command = 0; command < 11; ++command) {
    on.queue.write_index(tail = (tail + 1) % 4);
    EXPECT_EQ(on.queue.next(), 0x80000000 + 16 * (command % 4));
    on.queue.advance();
    EXPECT_EQ(on.queue.head(), tail);
    EXPECT_EQ(on.queue.next(), std::nullopt);
    on.queue.advance();
    EXPECT_EQ(on.queue.head(), tail) << "nothing to take";
  }
}

TEST(CommandQueue, TakesAllButOneEntryAtOnce) {
  Running<CommandQueue> on(1);
  on.queue.write_index(1);
  on.queue.advance();
  on.queue.write_index(0);
  EXPECT_EQ(on.queue.next(), 0x80000010u);
  on.queue.advance();
  EXPECT_EQ(on.queue.head(), 0u);
}

TEST(CommandQueue, GivesNothingUnlessItIsOnAndStaysOn) {
  Running<CommandQueue> on(4);
  on.queue.write_index(3);
  EXPECT_TRUE(on.queue.next());
  on.queue.write_csr(0);
  EXPECT_FALSE(on.queue.next()) << "going off";
  on.queue.switch_done();
  EXPECT_FALSE(on.queue.next());
  on.queue.write_csr(1);
  EXPECT_FALSE(on.queue.next()) << "not yet on";
  on.queue.switch_done();
  EXPECT_TRUE(on.queue.next());
}

TEST(CommandQueue, TurningOnClearsHeadAndFlagsButNotTheTail) {
  Running<CommandQueue> on(4);
  on.queue.write_index(5);
  on.queue.advance();
  on.queue.advance();
  on.queue.illegal();
  on.queue.write_csr(0);
  on.queue.switch_done();
  EXPECT_EQ(on.queue.head(), 2u);
  EXPECT_EQ(on.queue.csr(), CommandQueue::kIllegal);
  on.queue.write_csr(1);
  EXPECT_EQ(on.queue.head(), 0u);
  EXPECT_EQ(on.queue.tail(), 5u);
  EXPECT_EQ(on.queue.csr(), CommandQueue::kEnable | CommandQueue::kBusy);
}

struct Stop {
  const char* name;
  std::uint32_t flag;
  void (CommandQueue::*event)();
};

TEST(CommandQueue, AnErrorStopsItAtTheCommandUntilSoftwareClearsIt) {
  for (const Stop& stop :
       {Stop{"cqmf", 1u << 8, &CommandQueue::memory_fault}, Stop{"cmd_to", 1u << 9, &CommandQueue::timed_out},
        Stop{"cmd_ill", 1u << 10, &CommandQueue::illegal}}) {
    SCOPED_TRACE(stop.name);
    Running<CommandQueue> on(4, 0x80000000, 3);
    on.queue.write_index(4);
    on.queue.advance();
    (on.queue.*stop.event)();
    EXPECT_EQ(on.queue.csr(), 3 | stop.flag | CommandQueue::kOn);
    EXPECT_EQ(on.interrupts.pending(), 1u);
    EXPECT_EQ(on.sent.all.size(), 1u);
    EXPECT_FALSE(on.queue.next());
    on.queue.advance();
    EXPECT_EQ(on.queue.head(), 1u);
    on.queue.write_csr(3);
    EXPECT_FALSE(on.queue.next()) << "writing 0 clears nothing";
    on.clear(stop.flag);
    EXPECT_EQ(on.queue.next(), 0x80000010u);
  }
}

TEST(CommandQueue, AFencesSignalStopsNothingAndIsForWires) {
  Running<CommandQueue> on(4, 0x80000000, 3);
  on.queue.write_index(1);
  on.queue.signal_fence();
  EXPECT_EQ(on.queue.csr(), 3 | CommandQueue::kOn) << "reserved while interrupts are messages";
  on.interrupts.set_wired(true);
  on.queue.signal_fence();
  EXPECT_EQ(on.queue.csr(), 3 | CommandQueue::kOn | 1u << 11);
  EXPECT_EQ(on.interrupts.pending(), 1u);
  EXPECT_TRUE(on.queue.next());
  on.clear(1u << 11);
  EXPECT_EQ(on.queue.csr(), 3 | CommandQueue::kOn);
}

// --- records ---------------------------------------------------------------------------------------------------------

template <class Queue>
struct AnyRecordQueue : ::testing::Test {
  static constexpr Addr kEntryBytes = std::is_same_v<Queue, FaultQueue> ? 32 : 16;
  static constexpr std::uint32_t kPending = std::is_same_v<Queue, FaultQueue> ? 1u << 1 : 1u << 3;  // fip, pip
};
using RecordQueues = ::testing::Types<FaultQueue, PageRequestQueue>;
TYPED_TEST_SUITE(AnyRecordQueue, RecordQueues);

TYPED_TEST(AnyRecordQueue, GoesRoundTheRing) {
  Running<TypeParam> on(2);
  for (std::uint32_t record = 0; record < 11; ++record) {
    const auto slot = on.queue.claim();
    ASSERT_EQ(slot.drop, Drop::none);
    EXPECT_EQ(slot.address, 0x80000000 + this->kEntryBytes * (record % 4));
    EXPECT_EQ(on.queue.tail(), record % 4) << "not before the record is in memory";
    on.queue.written();
    EXPECT_EQ(on.queue.tail(), (record + 1) % 4);
    on.queue.write_index(on.queue.tail());
  }
}

TYPED_TEST(AnyRecordQueue, OverflowsWhenTheTailIsBeforeTheHead) {
  for (const unsigned log2 : {1u, 2u, 8u}) {
    Running<TypeParam> on(log2, 0x80000000, 3);
    for (std::uint32_t i = 0; i + 1 < 1u << log2; ++i) {
      ASSERT_EQ(on.queue.claim().drop, Drop::none);
      on.queue.written();
    }
    EXPECT_EQ(on.queue.csr() & 0xff00, 0u);
    on.interrupts.clear(~0u);
    EXPECT_EQ(on.interrupts.pending(), 0u);
    EXPECT_EQ(on.queue.claim().drop, Drop::overflow);
    EXPECT_EQ(on.queue.csr() & 0xff00, 1u << 9);
    EXPECT_EQ(on.queue.tail(), (1u << log2) - 1);
    EXPECT_EQ(on.interrupts.pending(), this->kPending);
    on.queue.write_index(on.queue.tail());
    EXPECT_EQ(on.queue.claim().drop, Drop::overflow) << "room alone does not help";
    on.clear(1u << 9);
    EXPECT_EQ(on.queue.claim().drop, Drop::none);
  }
}

TYPED_TEST(AnyRecordQueue, AMemoryFaultDropsTheRecordAndAllThatFollow) {
  Running<TypeParam> on(4, 0x80000000, 3);
  on.queue.claim();
  on.queue.refused();
  EXPECT_EQ(on.queue.tail(), 0u);
  EXPECT_EQ(on.queue.csr() & 0xff00, 1u << 8);
  EXPECT_EQ(on.interrupts.pending(), this->kPending);
  EXPECT_EQ(on.queue.claim().drop, Drop::memory_fault);
  on.clear(1u << 8);
  EXPECT_EQ(on.queue.claim().address, 0x80000000u);
}

TYPED_TEST(AnyRecordQueue, AMemoryFaultCountsMoreThanAnOverflow) {
  Running<TypeParam> on(1);
  on.queue.claim();
  on.queue.refused();
  on.queue.write_index(1);  // full
  EXPECT_EQ(on.queue.claim().drop, Drop::memory_fault);
  EXPECT_EQ(on.queue.csr() & 0xff00, 1u << 8) << "nothing was to be queued";
}

TYPED_TEST(AnyRecordQueue, DropsWhatComesWhileItIsOffOrGoingOff) {
  Running<TypeParam> on(4);
  on.queue.claim();
  on.queue.write_csr(0);
  EXPECT_EQ(on.queue.claim().drop, Drop::off);
  on.queue.written();
  EXPECT_EQ(on.queue.tail(), 1u) << "what was under way is completed";
  on.queue.switch_done();
  EXPECT_EQ(on.queue.claim().drop, Drop::off);
  on.queue.write_csr(1);
  EXPECT_EQ(on.queue.tail(), 0u);
  EXPECT_EQ(on.queue.claim().drop, Drop::off);
  on.queue.switch_done();
  EXPECT_EQ(on.queue.claim().drop, Drop::none);
}

TYPED_TEST(AnyRecordQueue, ARecordRaisesAnInterruptOnlyIfThatIsEnabled) {
  Running<TypeParam> on(4, 0x80000000, 1);
  on.queue.claim();
  on.queue.written();
  EXPECT_EQ(on.interrupts.pending(), 0u);
  on.queue.write_csr(3);
  EXPECT_EQ(on.interrupts.pending(), 0u) << "the record was before";
  on.queue.claim();
  on.queue.written();
  EXPECT_EQ(on.interrupts.pending(), this->kPending);
  on.interrupts.clear(this->kPending);
  EXPECT_EQ(on.interrupts.pending(), 0u) << "a record is an event";
  EXPECT_EQ(on.sent.all.size(), 1u);
}

TYPED_TEST(AnyRecordQueue, AnErrorRaisesTheInterruptAgainUntilItIsCleared) {
  Running<TypeParam> on(1, 0x80000000, 1);
  on.queue.claim();
  on.queue.written();
  on.queue.claim();
  EXPECT_EQ(on.interrupts.pending(), 0u);
  on.queue.write_csr(3);
  EXPECT_EQ(on.interrupts.pending(), this->kPending) << "the condition holds already";
  on.interrupts.clear(this->kPending);
  EXPECT_EQ(on.interrupts.pending(), this->kPending);
  EXPECT_EQ(on.sent.all.size(), 2u);
  on.clear(1u << 9);
  EXPECT_EQ(on.interrupts.pending(), this->kPending) << "stays until cleared itself";
  on.interrupts.clear(this->kPending);
  EXPECT_EQ(on.interrupts.pending(), 0u);
}

// A queue is naturally aligned, but at least to 4 KiB; a base with bits below loses them.
TYPED_TEST(AnyRecordQueue, LargeQueuesAreAlignedToTheirSize) {
  constexpr Addr kOdd = 0x80000000 + 0x7ff000;
  for (unsigned log2 = 1; log2 <= 32; ++log2) {
    Running<TypeParam> on(log2, kOdd);
    const Addr bytes = this->kEntryBytes << log2;
    EXPECT_EQ(on.queue.claim().address, bytes <= 4096 ? kOdd : kOdd / bytes * bytes) << log2;
  }
}

TEST(LargeQueue, HasIndicesOf32Bits) {
  Running<CommandQueue> commands(32, Addr{1} << 40);
  commands.queue.write_index(0xffffffff);
  EXPECT_EQ(commands.queue.next(), Addr{1} << 40);
  Running<FaultQueue> faults(32, Addr{1} << 40);
  faults.queue.write_index(0xffffffff);
  faults.queue.claim();
  faults.queue.written();
  EXPECT_EQ(faults.queue.claim().address, (Addr{1} << 40) + 32);
  faults.queue.write_index(2);
  EXPECT_EQ(faults.queue.claim().drop, Drop::overflow);
}

// --- page requests that are not queued -------------------------------------------------------------------------------

TEST(PageRequests, TheAnswerSaysWhyTheyWereNotQueued) {
  EXPECT_EQ(response_to(Drop::off), PageResponse::failure);
  EXPECT_EQ(response_to(Drop::memory_fault), PageResponse::failure);
  EXPECT_EQ(response_to(Drop::overflow), PageResponse::success);
  EXPECT_EQ(response_to(IommuCause::all_inbound_disallowed), PageResponse::failure);
  EXPECT_EQ(response_to(IommuCause::ddt_load_access_fault), PageResponse::failure);
  EXPECT_EQ(response_to(IommuCause::ddt_entry_invalid), PageResponse::failure);
  EXPECT_EQ(response_to(IommuCause::ddt_entry_misconfigured), PageResponse::failure);
  EXPECT_EQ(response_to(IommuCause::type_disallowed), PageResponse::invalid_request);
}

TEST(PageRequests, OnlyTheLastOfAGroupIsAnswered) {
  const PageRequestRecord last{.read = true, .last = true};
  EXPECT_TRUE(automatic_answer(last, PageResponse::success, false));
  EXPECT_FALSE(automatic_answer({.read = true}, PageResponse::failure, true));
  EXPECT_FALSE(automatic_answer({.has_process = true, .last = true}, PageResponse::failure, true)) << "stop marker";
}

TEST(PageRequests, TheAnswerNamesTheProcessIfTheDeviceWantsIt) {
  struct Row {
    PageResponse response;
    bool prpr, has_process, with_process;
  };
  for (const Row& row :
       {Row{PageResponse::success, false, true, false}, Row{PageResponse::success, true, true, true},
        Row{PageResponse::success, true, false, false}, Row{PageResponse::invalid_request, false, true, false},
        Row{PageResponse::invalid_request, true, true, true}, Row{PageResponse::failure, false, true, true},
        Row{PageResponse::failure, true, true, true}, Row{PageResponse::failure, true, false, false}}) {
    const PageRequestRecord request{.has_process = row.has_process, .write = true, .last = true};
    const PageRequestAnswer expected{.response = row.response, .with_process = row.with_process};
    EXPECT_EQ(automatic_answer(request, row.response, row.prpr), expected);
  }
}

}  // namespace pagoda::iommu_queues_test

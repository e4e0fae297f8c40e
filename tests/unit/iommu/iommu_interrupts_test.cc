// When a message is sent and when a wire is high.
// RISC-V IOMMU Architecture Specification 1.0, ipsr, icvec, msi_cfg_tbl.
#include "pagoda/iommu/iommu_interrupts.h"

#include <vector>

#include <gtest/gtest.h>

namespace pagoda::iommu_interrupts_test {

using enum IommuInterrupt;

struct Interrupts : ::testing::Test, IommuInterruptSink {
  std::vector<InterruptRequest> sent;
  void interrupt(const InterruptRequest& request) override { sent.push_back(request); }

  std::vector<InterruptRequest> take() { return std::exchange(sent, {}); }
  /// The data of every message that was sent.
  std::vector<std::uint32_t> messages() {
    std::vector<std::uint32_t> data;
    for (const InterruptRequest& request : take()) {
      EXPECT_FALSE(request.wired);
      data.push_back(request.data);
    }
    return data;
  }
  /// An entry whose data are 100 + vector.
  static void set_entry(IommuInterrupts& interrupts, unsigned vector, bool masked) {
    interrupts.set_table_word(vector * 2, 0x1000 + 16 * vector);
    interrupts.set_table_word(vector * 2 + 1, std::uint64_t{masked} << 32 | (100 + vector));
  }
  static InterruptRequest wire(unsigned vector, bool level) {
    return {.wired = true, .level = level, .vector = vector};
  }
};

constexpr std::uint64_t kVectors = 0x4321;  // cause c has vector c + 1
using Data = std::vector<std::uint32_t>;

TEST_F(Interrupts, EachCauseHasItsBitAndVector) {
  for (unsigned cause = 0; cause < 4; ++cause) {
    IommuInterrupts interrupts(4, 46, false, *this);
    interrupts.set_vectors(kVectors);
    for (unsigned vector = 0; vector < 16; ++vector) set_entry(interrupts, vector, false);
    interrupts.raise(static_cast<IommuInterrupt>(cause));
    EXPECT_EQ(interrupts.pending(), 1u << cause);
    const unsigned vector = cause + 1;
    EXPECT_EQ(
        take(),
        (std::vector<InterruptRequest>{{.vector = vector, .address = 0x1000 + 16 * vector, .data = 100 + vector}}));
  }
}

TEST_F(Interrupts, VectorsHaveTheirWidthAndNothingElse) {
  constexpr std::uint64_t kByBits[] = {0, 0x1111, 0x3333, 0x7777, 0xffff};
  for (unsigned bits = 0; bits <= 4; ++bits) {
    IommuInterrupts interrupts(bits, 46, false, *this);
    interrupts.set_vectors(~std::uint64_t{0});
    EXPECT_EQ(interrupts.vectors(), kByBits[bits]);
  }
}

TEST_F(Interrupts, TheTableKeepsWhatAnEntryHas) {
  IommuInterrupts interrupts(4, 46, false, *this);
  for (unsigned word = 0; word < 32; ++word) interrupts.set_table_word(word, ~std::uint64_t{0});
  for (unsigned word = 0; word < 32; word += 2) {
    EXPECT_EQ(interrupts.table_word(word), 0x3ffffffffffcu) << "46 bits, multiples of 4";
    EXPECT_EQ(interrupts.table_word(word + 1), 0x1ffffffffu) << "data and M";
  }
}

TEST_F(Interrupts, EntriesWithoutAVectorAreZero) {
  IommuInterrupts interrupts(1, 46, false, *this);
  for (unsigned word = 0; word < 32; ++word) interrupts.set_table_word(word, ~std::uint64_t{0});
  for (unsigned word = 0; word < 32; ++word) EXPECT_EQ(interrupts.table_word(word) != 0, word < 4);
}

TEST_F(Interrupts, AMessageIsSentWhenTheBitRisesOnly) {
  IommuInterrupts interrupts(4, 46, false, *this);
  set_entry(interrupts, 0, false);
  interrupts.raise(fault_queue);
  interrupts.raise(fault_queue);
  EXPECT_EQ(messages(), Data{100});
  interrupts.clear(1);
  EXPECT_EQ(interrupts.pending(), 2u) << "another bit";
  interrupts.clear(2);
  EXPECT_EQ(interrupts.pending(), 0u);
  interrupts.raise(fault_queue);
  EXPECT_EQ(messages(), Data{100});
}

TEST_F(Interrupts, AConditionSetsTheBitAgainWithANewMessage) {
  IommuInterrupts interrupts(4, 46, false, *this);
  set_entry(interrupts, 0, false);
  interrupts.set_condition(command_queue, true);
  EXPECT_EQ(messages(), Data{100});
  interrupts.set_condition(command_queue, true);
  EXPECT_EQ(messages(), Data{});
  interrupts.clear(~0u);
  EXPECT_EQ(interrupts.pending(), 1u);
  EXPECT_EQ(messages(), Data{100});
  interrupts.set_condition(command_queue, false);
  EXPECT_EQ(interrupts.pending(), 1u);
  interrupts.clear(~0u);
  EXPECT_EQ(interrupts.pending(), 0u);
  EXPECT_EQ(messages(), Data{});
}

TEST_F(Interrupts, AMaskedVectorKeepsOneMessage) {
  IommuInterrupts interrupts(4, 46, false, *this);
  interrupts.set_vectors(0x0022);
  set_entry(interrupts, 2, true);
  interrupts.raise(command_queue);
  interrupts.raise(fault_queue);
  interrupts.clear(~0u);
  EXPECT_EQ(messages(), Data{});
  interrupts.set_table_word(5, std::uint64_t{1} << 32 | 7);
  EXPECT_EQ(messages(), Data{}) << "still masked";
  interrupts.set_table_word(5, 8);
  EXPECT_EQ(messages(), Data{8}) << "with the data of now";
  interrupts.set_table_word(5, std::uint64_t{1} << 32);
  interrupts.set_table_word(5, 8);
  EXPECT_EQ(messages(), Data{});
}

TEST_F(Interrupts, AMaskKeepsBackItsOwnVectorOnly) {
  IommuInterrupts interrupts(4, 46, false, *this);
  interrupts.set_vectors(0x0021);
  set_entry(interrupts, 1, true);
  set_entry(interrupts, 2, false);
  interrupts.raise(command_queue);
  interrupts.raise(fault_queue);
  EXPECT_EQ(messages(), Data{102});
  interrupts.set_vectors(0x0033);
  set_entry(interrupts, 1, false);
  EXPECT_EQ(messages(), Data{101}) << "of the vector that the cause had";
}

TEST_F(Interrupts, AWireIsHighWhileAnyOfItsCausesIsPending) {
  IommuInterrupts interrupts(4, 46, true, *this);
  interrupts.set_vectors(0x5077);
  using Wires = std::vector<InterruptRequest>;
  interrupts.raise(command_queue);
  EXPECT_EQ(take(), Wires{wire(7, true)});
  interrupts.raise(fault_queue);
  EXPECT_EQ(take(), Wires{});
  interrupts.raise(page_request_queue);
  EXPECT_EQ(take(), Wires{wire(5, true)});
  interrupts.clear(1);
  EXPECT_EQ(take(), Wires{});
  interrupts.clear(2);
  EXPECT_EQ(take(), Wires{wire(7, false)});
}

TEST_F(Interrupts, AWireDoesNotFallWhileTheConditionHolds) {
  IommuInterrupts interrupts(4, 46, true, *this);
  interrupts.set_condition(fault_queue, true);
  take();
  interrupts.clear(2);
  EXPECT_EQ(interrupts.pending(), 2u);
  EXPECT_TRUE(take().empty());
  interrupts.set_condition(fault_queue, false);
  interrupts.clear(2);
  EXPECT_EQ(take(), std::vector<InterruptRequest>{wire(0, false)});
}

TEST_F(Interrupts, ANewVectorMovesAPendingCauseToItsWire) {
  IommuInterrupts interrupts(4, 46, true, *this);
  interrupts.raise(command_queue);
  take();
  interrupts.set_vectors(0x0003);
  EXPECT_EQ(take(), (std::vector<InterruptRequest>{wire(0, false), wire(3, true)}));
}

TEST_F(Interrupts, TheWayCanBeChanged) {
  IommuInterrupts interrupts(4, 46, false, *this);
  set_entry(interrupts, 0, true);
  interrupts.raise(command_queue);
  interrupts.set_wired(true);
  EXPECT_EQ(take(), std::vector<InterruptRequest>{wire(0, true)});
  interrupts.set_wired(false);
  EXPECT_EQ(take(), std::vector<InterruptRequest>{wire(0, false)});
  set_entry(interrupts, 0, false);
  EXPECT_TRUE(take().empty()) << "the message was dropped";
}

}  // namespace pagoda::iommu_interrupts_test

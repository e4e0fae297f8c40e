// What writing registers starts: queues, interrupts, counters, debug translations.
// RISC-V IOMMU Architecture Specification 1.0, "Memory-mapped register interface", "Debug support".
#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/iommu/iommu_register_file.h"
#include "unit/iommu/recorded_register_file.h"

namespace pagoda::iommu_register_effects_test {

using namespace testing;

// --- queues ----------------------------------------------------------------------------------------------------------

struct QueueRegisters {
  const char* name;
  std::uint32_t base, software_index, iommu_index, csr;
};
constexpr QueueRegisters kQueues[] = {{"cq", 24, 36, 32, 72}, {"fq", 40, 48, 52, 76}, {"pq", 56, 64, 68, 80}};

TEST(QueueRegisters, AreSwitchedThroughTheListener) {
  for (const QueueRegisters& q : kQueues) {
    SCOPED_TRACE(q.name);
    File file;
    file.put(q.base, 8, 5 << 10 | 3);
    file.put(q.software_index, 4, 0xffffffff);
    EXPECT_EQ(file.get(q.software_index, 4), 15u);
    file.put(q.csr, 4, 0xffffffff);
    EXPECT_EQ(file.take(), Told{"on"});
    EXPECT_EQ(file.get(q.csr, 4), 3 | bit(17));
    file.switched->switch_done();
    EXPECT_EQ(file.get(q.csr, 4), 3 | bit(16));
    file.put(q.base, 8, 0);
    EXPECT_EQ(file.get(q.base, 8), 5u << 10 | 3) << "not while on";
    file.put(q.csr, 4, 0);
    EXPECT_EQ(file.take(), Told{"off"});
    EXPECT_EQ(file.get(q.csr, 4), bit(16) | bit(17));
    file.switched->switch_done();
    EXPECT_EQ(file.get(q.csr, 4), 0u);
  }
}

TEST(QueueRegisters, ABaseWrittenCutsTheIndices) {
  for (const QueueRegisters& q : kQueues) {
    File file;
    file.put(q.base, 8, 31);
    file.put(q.software_index, 4, 0xdeadbeef);
    EXPECT_EQ(file.get(q.software_index, 4), 0xdeadbeef);
    file.put(q.base, 4, 7);
    EXPECT_EQ(file.get(q.software_index, 4), 0xefu);
  }
}

TEST(QueueRegisters, TheIommusIndexIsWhereTheRecordsAre) {
  File file;
  for (const QueueRegisters& q : {kQueues[1], kQueues[2]}) {
    file.put(q.base, 8, 1);
    file.put(q.csr, 4, 1);
    file.switched->switch_done();
  }
  file.faults().claim();
  file.faults().written();
  file.page_requests().claim();
  file.page_requests().written();
  EXPECT_EQ(file.get(52, 4), 1u);
  EXPECT_EQ(file.get(68, 4), 1u);
}

TEST(CommandRegisters, TellWhenThereIsACommandToFetch) {
  File file;
  file.put(24, 8, 3);
  file.put(36, 4, 2);
  EXPECT_EQ(file.take(), Told{}) << "off";
  file.put(72, 4, 1);
  file.switched->switch_done();
  EXPECT_EQ(file.take(), Told{"on"});
  EXPECT_EQ(file.commands().next(), 0u);
  file.put(36, 4, 3);
  EXPECT_EQ(file.take(), Told{"commands"});
  file.commands().advance();
  file.commands().illegal();
  EXPECT_EQ(file.get(32, 4), 1u);
  file.put(36, 4, 4);
  EXPECT_EQ(file.take(), Told{}) << "stopped";
  file.put(72, 4, 1);
  EXPECT_EQ(file.take(), Told{});
  file.put(72, 4, 1 | bit(10));
  EXPECT_EQ(file.take(), Told{"commands"});
  while (file.commands().next()) file.commands().advance();
  file.put(36, 4, 4);
  EXPECT_EQ(file.take(), Told{}) << "empty";
}

TEST(CommandRegisters, CommandsAreDecodedAsTheRegistersSay) {
  File file;
  const std::array<std::uint8_t, 16> wired_fence{0x02, 0x08};
  EXPECT_TRUE(std::holds_alternative<IllegalCommand>(file.decode(wired_fence)));
  file.put(8, 4, 2);
  EXPECT_TRUE(std::holds_alternative<IofenceC>(file.decode(wired_fence)));
  file.put(8, 4, 3);
  const std::array<std::uint8_t, 16> big{0, 0, 0, 0, 0, 0, 0x08, 0x02};
  EXPECT_TRUE(std::holds_alternative<IofenceC>(file.decode(big)));
  const std::array<std::uint8_t, 16> device_64{0, 0, 0x40, 2, 0, 0, 0, 3};
  EXPECT_TRUE(std::holds_alternative<IodirInvalDdt>(file.decode(device_64)));
  file.put(16, 8, 2);
  EXPECT_TRUE(std::holds_alternative<IllegalCommand>(file.decode(device_64))) << "6 bits with one level";
}

// --- interrupts and counters -----------------------------------------------------------------------------------------

TEST(InterruptRegisters, WorkTogether) {
  File file;
  file.put(760, 8, 0x0030);  // fiv = 3
  file.put(768 + 48, 8, 0xfee01003);
  file.put(776 + 48, 4, 0x55);
  file.put(40, 8, 0);
  file.put(76, 4, 3);
  file.switched->switch_done();
  file.faults().claim();
  file.faults().written();
  EXPECT_EQ(file.get(84, 4), 2u);
  EXPECT_EQ(file.sent, (std::vector<InterruptRequest>{{.vector = 3, .address = 0xfee01000, .data = 0x55}}));
  file.put(84, 4, 1);
  EXPECT_EQ(file.get(84, 4), 2u);
  file.put(84, 4, 2);
  EXPECT_EQ(file.get(84, 4), 0u);
}

TEST(InterruptRegisters, ClearingThePendingBitDoesNotTouchItsNeighbour) {
  File file;
  file.put(56, 8, 0);
  file.put(80, 4, 3);
  file.switched->switch_done();
  file.put(84, 4, 0xffffffff);
  EXPECT_EQ(file.get(80, 4), 3 | bit(16));
  EXPECT_EQ(file.take(), Told{"on"});
}

TEST(CounterRegisters, ShowWhatWasCounted) {
  File file;
  file.put(104 + 8, 8, ~0ull);
  file.put(352 + 8, 8, 4);
  file.counters().count(IommuEvent::tlb_miss, {});
  file.counters().advance_to(9);
  EXPECT_EQ(file.get(104 + 8, 8), 0u);
  EXPECT_EQ(file.get(88, 4), 1u << 2);
  EXPECT_EQ(file.get(352 + 12, 4), bit(31));
  EXPECT_EQ(file.get(84, 4), 4u);
  EXPECT_EQ(file.get(96, 8), 9u);
  file.put(92, 4, 5);
  EXPECT_EQ(file.get(92, 4), 5u);
}

// --- debug translation -----------------------------------------------------------------------------------------------

TEST(TranslationRegisters, GoUntilAnswered) {
  File file;
  file.put(600, 8, 0x123456789abc);
  file.put(608, 8, ~0ull & ~bit(0));
  EXPECT_EQ(file.take(), Told{});
  constexpr std::uint64_t kFields = bits(3, 1) | bits(32, 12) | bits(63, 40);
  EXPECT_EQ(file.get(608, 8), kFields);
  file.put(608, 4, 1);
  EXPECT_EQ(file.take(), Told{"translation"});
  EXPECT_EQ(file.translation_request().address, 0x123456789000u);
  EXPECT_EQ(file.translation_request().device_id, 0xffffffu);
  file.put(600, 8, 0);
  file.put(608, 8, 0);
  EXPECT_EQ(file.get(608, 8), bits(32, 32) | bits(63, 40) | 1) << "cannot be cleared or changed";
  EXPECT_EQ(file.get(600, 8), 0x123456789000u);
  EXPECT_EQ(file.take(), Told{});
  IommuAnswer answer;
  answer.address = 0x5000;
  file.answer_translation(answer);
  EXPECT_EQ(file.get(608, 4), 0u);
  EXPECT_EQ(file.get(616, 8), 5u << 10);
  answer.address = 0x6000;
  file.answer_translation(answer);
  EXPECT_EQ(file.get(616, 8), 5u << 10) << "nothing was asked";
  file.put(616, 8, ~0ull);
  EXPECT_EQ(file.get(616, 8), 5u << 10);
}

TEST(TranslationRegisters, InHalvesTheLowOneStarts) {
  File file;
  file.put(612, 4, 0x00000701);
  EXPECT_EQ(file.take(), Told{});
  file.put(608, 4, 0x00005001);
  EXPECT_EQ(file.take(), Told{"translation"});
  EXPECT_EQ(file.translation_request().process_id, 5u);
  EXPECT_EQ(file.translation_request().device_id, 7u);
}

TEST(DmaControl, IsTold) {
  File file;
  EXPECT_FALSE(file.setup().dma_control.enabled);
  file.put(688, 4, 1);
  EXPECT_TRUE(file.setup().dma_control.enabled);
  EXPECT_EQ(file.take(), Told{"dma_control"});
  file.put(688, 8, ~0ull & ~bit(0));
  EXPECT_FALSE(file.setup().dma_control.enabled);
  File without(kAll & ~kDmaControl);
  without.put(688, 8, 1);
  EXPECT_FALSE(without.setup().dma_control.enabled);
  EXPECT_EQ(without.take(), Told{});
}

}  // namespace pagoda::iommu_register_effects_test

// Each register's offset and writable bits; fctl and ddtp.
// RISC-V IOMMU Architecture Specification 1.0, "Memory-mapped register interface".
#include "pagoda/iommu/iommu_register_file.h"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "unit/iommu/recorded_register_file.h"

namespace pagoda::iommu_register_file_test {

using namespace testing;

// --- the map ---------------------------------------------------------------------------------------------------------

struct Register {
  const char* name;
  std::uint32_t offset;
  unsigned bytes;
  std::uint64_t writable;   // what reads as 1 after ones were written to all registers
  std::uint64_t needs = 0;  // capability
};

// After a write of ones with everything idle. What is busy then keeps the first value, so queues and ddtp are apart.
const std::vector<Register>& registers() {
  static const std::vector<Register> all{
      {"fctl", 8, 4, 7},
      {"custom", 12, 4, 0},
      {"cqb", 24, 8, bits(43, 10) | 0x1f},
      {"cqh", 32, 4, 0},
      {"fqb", 40, 8, bits(43, 10) | 0x1f},
      {"fqt", 52, 4, 0},
      {"pqb", 56, 8, bits(43, 10) | 0x1f, kAts},
      {"pqt", 68, 4, 0},
      {"ipsr", 84, 4, 0},
      {"iocountinh", 92, 4, 0xffffffff, kHpm},
      {"iohpmcycles", 96, 8, ~0ull, kHpm},
      {"iohpmctr1", 104, 8, ~0ull, kHpm},
      {"iohpmctr31", 344, 8, ~0ull, kHpm},
      {"iohpmevt1", 352, 8, ~0x7fffull, kHpm},
      {"iohpmevt31", 592, 8, ~0x7fffull, kHpm},
      {"tr_req_iova", 600, 8, bits(63, 12), kDbg},
      {"tr_response", 616, 8, 0},
      {"iommu_qosid", 624, 4, 0x0fff0fff, kQosid},
      {"reserved", 628, 4, 0},
      {"reserved", 632, 8, 0},
      {"reserved", 680, 8, 0},
      {"dma_control", 688, 8, 1, kDmaControl},
      {"dma_copies", 696, 8, bits(45, 12), kDmaControl},
      {"custom", 704, 8, 0},
      {"custom", 752, 8, 0},
      {"icvec", 760, 8, 0xffff},
      {"msi_addr_0", 768, 8, bits(45, 2)},
      {"msi_data_0", 776, 4, 0xffffffff},
      {"msi_vec_ctl_0", 780, 4, 1},
      {"msi_addr_15", 1008, 8, bits(45, 2)},
      {"msi_vec_ctl_15", 1020, 4, 1},
      {"reserved", 1024, 8, 0},
      {"reserved", 4088, 8, 0},
  };
  return all;
}

TEST(RegisterMap, OnesStayWhereFieldsAre) {
  File file;
  for (const Register& r : registers()) {
    file.put(r.offset, r.bytes, ~0ull);
    EXPECT_EQ(file.get(r.offset, r.bytes), r.writable) << r.name;
  }
}

TEST(RegisterMap, HalvesOfLongRegistersCanBeWritten) {
  for (const Register& r : registers()) {
    if (r.bytes != 8) continue;
    for (const std::uint32_t half : {0u, 4u}) {
      File file;
      file.put(r.offset + half, 4, 0xffffffff);
      const std::uint64_t mask = half == 0 ? bits(31, 0) : bits(63, 32);
      EXPECT_EQ(file.get(r.offset, 8), r.writable & mask) << r.name;
      EXPECT_EQ(file.get(r.offset + half, 4), (r.writable & mask) >> (8 * half)) << r.name;
      EXPECT_EQ(file.get(r.offset + (half ^ 4), 4), 0u) << r.name;
    }
  }
}

TEST(RegisterMap, WhatIsNotThereReadsAsZero) {
  for (const Register& r : registers()) {
    if (r.needs == 0) continue;
    File file(kAll & ~r.needs);
    file.put(r.offset, r.bytes, ~0ull);
    EXPECT_EQ(file.get(r.offset, r.bytes), 0u) << r.name;
  }
  File file(kBare);
  for (const std::uint32_t offset : {64u, 68u, 80u, 88u}) {  // pqh, pqt, pqcsr, iocountovf
    file.put(offset, 4, 0xffffffff);
    EXPECT_EQ(file.get(offset, 4), 0u) << offset;
  }
  file.put(608, 8, ~0ull);
  EXPECT_EQ(file.get(608, 8), 0u);
  EXPECT_EQ(file.take(), Told{}) << "and starts nothing";
}

TEST(RegisterMap, CapabilitiesAreReadOnly) {
  File file;
  file.put(0, 8, 0);
  EXPECT_EQ(file.get(0, 8), kAll);
  EXPECT_EQ(file.get(0, 4), kAll & 0xffffffff);
  EXPECT_EQ(file.get(4, 4), kAll >> 32);
}

TEST(RegisterMap, ReadOnlyIndicesAndStatusAreUntouched) {
  File file;
  for (const std::uint32_t offset : {32u, 52u, 68u, 88u}) {  // cqh, fqt, pqt, iocountovf
    file.put(offset, 4, 0xffffffff);
    EXPECT_EQ(file.get(offset, 4), 0u) << offset;
  }
}

TEST(RegisterMap, OtherAccessesAreRefused) {
  File file;
  for (const unsigned bytes : {0u, 1u, 2u, 3u, 5u, 16u}) {
    EXPECT_FALSE(file.read(0, bytes));
    EXPECT_FALSE(file.write(0, bytes, 0));
  }
  for (const std::uint32_t offset : {1u, 2u, 6u, 4094u}) EXPECT_FALSE(file.read(offset, 4)) << offset;
  for (const std::uint32_t offset : {4u, 12u, 20u, 36u}) EXPECT_FALSE(file.read(offset, 8)) << offset;
  EXPECT_FALSE(file.read(4096, 4));
  EXPECT_FALSE(file.write(0xfffffffc, 4, 0));
}

TEST(RegisterMap, NoAccessSpansTwoRegisters) {
  File file;
  const std::vector<std::uint32_t> pairs{8, 32, 48, 64, 72, 80, 88, 624};
  for (std::uint32_t offset = 0; offset < 4096; offset += 8) {
    const bool message = offset >= 768 && offset < 1024 && offset % 16 == 8;
    const bool refused = message || std::find(pairs.begin(), pairs.end(), offset) != pairs.end();
    EXPECT_EQ(file.read(offset, 8).has_value(), !refused) << offset;
    EXPECT_EQ(file.write(offset, 8, 0), !refused) << offset;
    EXPECT_TRUE(file.read(offset, 4) && file.read(offset + 4, 4));
  }
}

TEST(RegisterMap, PhysicalAddressesHaveTheirWidth) {
  for (const unsigned width : {32u, 34u, 56u}) {
    File file(0x10 | std::uint64_t{width} << 32);
    for (const std::uint32_t offset : {24u, 40u}) {
      file.put(offset, 8, ~0ull);
      EXPECT_EQ(file.get(offset, 8), bits(width - 3, 10) | 0x1f) << width;
    }
    file.put(16, 8, ~0x1full);
    EXPECT_EQ(file.get(16, 8) & ~0x1full, bits(width - 3, 10)) << width;
    file.put(768, 8, ~0ull);
    EXPECT_EQ(file.get(768, 8), bits(width - 1, 2)) << width;
  }
}

// --- options ---------------------------------------------------------------------------------------------------------

TEST(RegisterFileOptions, AreChecked) {
  Recorder recorder;
  const auto refused = [&](const Options& options) {
    EXPECT_NE(IommuRegisterFile::problem(options), nullptr);
    EXPECT_THROW(IommuRegisterFile(options, recorder), UserError);
  };
  EXPECT_EQ(IommuRegisterFile::problem({.capabilities = {kAll}}), nullptr);
  EXPECT_EQ(IommuRegisterFile::problem({.capabilities = {kBare}}), nullptr);
  refused({.capabilities = {kPas46 | 0x20}});
  refused({.capabilities = {kBare | bit(28) | bit(29)}});
  refused({.capabilities = {kBare | bit(10)}});
  refused({.capabilities = {kBare | bit(9) | bit(11)}});
  refused({.capabilities = {kBare | bit(20)}});
  refused({.capabilities = {kBare | bit(42)}});
  refused({.capabilities = {kBare | bit(43)}});
  refused({.capabilities = {0x10 | 31ull << 32}});
  refused({.capabilities = {0x10 | 57ull << 32}});
  refused({.capabilities = {kBare}, .device_id_bits = 0});
  refused({.capabilities = {kBare}, .device_id_bits = 25});
  refused({.capabilities = {kBare}, .vector_bits = 5});
  refused({.capabilities = {kBare}, .event_counters = 0});
  refused({.capabilities = {kBare}, .event_counters = 32});
}

// --- fctl ------------------------------------------------------------------------------------------------------------

TEST(Fctl, EachFieldIsWritableWithItsCapability) {
  struct Row {
    std::uint64_t capabilities, reset, ones, zeros;
  };
  for (const Row& row : {Row{kBare | kIgsMsi, 0, 0, 0}, Row{kBare | kIgsWsi, 2, 2, 2}, Row{kBare | kIgsBoth, 0, 2, 0},
                         Row{kBare | kEnd, 0, 1, 0}, Row{kBare | kSv32x4, 0, 4, 0}}) {
    File file(row.capabilities);
    EXPECT_EQ(file.get(8, 4), row.reset);
    file.put(8, 4, 0xffffffff);
    EXPECT_EQ(file.get(8, 4), row.ones);
    file.put(8, 4, 0);
    EXPECT_EQ(file.get(8, 4), row.zeros);
  }
}

TEST(Fctl, SaysHowTheIommuWorks) {
  File file;
  EXPECT_EQ(file.byte_order(), std::endian::little);
  file.put(8, 4, 7);
  EXPECT_EQ(file.byte_order(), std::endian::big);
  EXPECT_TRUE(file.interrupts().wired());
  const IommuFeatures features = file.setup().features;
  EXPECT_TRUE(features.big_endian && features.big_endian_writable);
  EXPECT_TRUE(features.guest_32bit && features.guest_32bit_writable);
}

TEST(Fctl, LeavingWiresDropsTheFencesSignal) {
  File file;
  file.put(8, 4, 2);
  file.commands().signal_fence();
  EXPECT_EQ(file.get(72, 4), bit(11));
  file.put(8, 4, 0);
  EXPECT_EQ(file.get(72, 4), 0u);
  file.put(8, 4, 2);
  EXPECT_EQ(file.get(72, 4), 0u);
}

TEST(Fctl, TheMessageTableIsZeroWithWiresOnly) {
  File file(kBare | kIgsWsi);
  for (std::uint32_t offset = 768; offset < 1024; offset += 4) {
    file.put(offset, 4, 0xffffffff);
    EXPECT_EQ(file.get(offset, 4), 0u);
  }
}

// --- ddtp ------------------------------------------------------------------------------------------------------------

TEST(Ddtp, AModeIsLegalIfDevicesNeedItsLevels) {
  struct Row {
    std::uint64_t format;
    unsigned device_id_bits;
    std::uint64_t most;
  };
  for (const Row& row : {Row{0, 7, 2}, Row{0, 8, 3}, Row{0, 16, 3}, Row{0, 17, 4}, Row{0, 24, 4}, Row{kMsiFlat, 6, 2},
                         Row{kMsiFlat, 7, 3}, Row{kMsiFlat, 15, 3}, Row{kMsiFlat, 16, 4}}) {
    for (std::uint64_t mode = 0; mode < 16; ++mode) {
      File file(Options{.capabilities = {kBare | row.format}, .device_id_bits = row.device_id_bits});
      file.put(16, 8, 1);
      file.directory_ready();
      file.put(16, 8, mode);
      EXPECT_EQ(file.get(16, 8) & 0xf, mode <= row.most ? mode : 1) << row.device_id_bits << " bits, mode " << mode;
    }
  }
}

TEST(Ddtp, IsBusyUntilTheOwnerIsReady) {
  File file;
  file.put(16, 8, ~0x1full | 3);
  EXPECT_EQ(file.take(), Told{"directory"});
  EXPECT_EQ(file.before, IommuMode::off);
  EXPECT_EQ(file.get(16, 8), bits(43, 10) | bit(4) | 3);
  EXPECT_EQ(file.setup().directory.mode, IommuMode::two_levels);
  EXPECT_EQ(file.setup().directory.root, bits(45, 12));
  file.put(16, 8, 0);
  EXPECT_EQ(file.take(), Told{}) << "ignored while busy";
  EXPECT_EQ(file.get(16, 8), bits(43, 10) | bit(4) | 3);
  file.directory_ready();
  EXPECT_EQ(file.get(16, 8), bits(43, 10) | 3);
  file.put(16, 8, 0);
  EXPECT_EQ(file.before, IommuMode::two_levels);
  EXPECT_EQ(file.get(16, 8), bit(4));
}

TEST(Ddtp, IsWrittenInHalvesHighOneFirst) {
  File file;
  file.put(20, 4, 0xfff);
  EXPECT_EQ(file.take(), Told{});
  EXPECT_EQ(file.get(16, 8), 0xfffull << 32);
  file.put(16, 4, 0xfffffc02);
  EXPECT_EQ(file.take(), Told{"directory"});
  EXPECT_EQ(file.get(16, 8), 0xffffffffc00 | bit(4) | 2);
}

}  // namespace pagoda::iommu_register_file_test

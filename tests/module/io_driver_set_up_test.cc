// The driver of an IOMMU before time begins: directories, registers, interrupts, and what is refused.
#include "pagoda/base/error.h"
#include "support/io_driver_bench.h"

namespace pagoda::io_driver_set_up_test {

using testing::IoDriverBench;
using testing::TestDevice;

struct Ids {
  MsiTables msi;
  std::uint32_t id;
  unsigned levels;
};
struct SetUp : IoDriverBench, ::testing::WithParamInterface<Ids> {};

// "Device-Directory-Table (DDT)": 6, 15 and 24 bits of ids with MSI page tables, 7, 16 and 24 without.
TEST_P(SetUp, TakesAsManyLevelsAsIdsNeed) {
  IommuConfig config;
  config.capabilities.msi = GetParam().msi;
  build({}, config);
  IoDomain& domain = driver->create_domain("sv48");
  TestDevice& attached = device(GetParam().id);
  TestDevice& stranger = device(GetParam().id ^ 1);
  driver->attach(GetParam().id, domain);
  run([&] {
    EXPECT_EQ(reg(iommu_register::kDdtp, 8) & 0xf, GetParam().levels + 1);
    const Addr page = frame();
    const std::optional<Addr> iova = driver->map(domain, page + 8, 8, DmaDirection::both);
    ASSERT_TRUE(iova);
    EXPECT_TRUE(attached.write(*iova, 0x1234));
    EXPECT_EQ(store.read(page + 8), 0x1234u);
    EXPECT_FALSE(stranger.read(*iova));
  });
  EXPECT_EQ(driver->faults().at(IommuCause::ddt_entry_invalid), 1u);
}

INSTANTIATE_TEST_SUITE_P(Directories, SetUp,
                         ::testing::Values(Ids{MsiTables::mrif, 0x3f, 1}, Ids{MsiTables::mrif, 0x40, 2},
                                           Ids{MsiTables::mrif, 0x7fff, 2}, Ids{MsiTables::mrif, 0x8000, 3},
                                           Ids{MsiTables::flat, 0xfffffe, 3}, Ids{MsiTables::none, 0x7f, 1},
                                           Ids{MsiTables::none, 0x80, 2}, Ids{MsiTables::none, 0xffff, 2},
                                           Ids{MsiTables::none, 0x10000, 3}));

struct SetUpRules : IoDriverBench {};

TEST_F(SetUpRules, AreToldBeforeTimeBegins) {
  build();
  EXPECT_THROW(driver->create_domain("armv8-s1"), UserError);
  IoDomain& domain = driver->create_domain("sv48");
  EXPECT_THROW(driver->attach(1u << 24, domain), UserError);
  EXPECT_THROW(driver->attach_process(1, 1, domain), UserError);
  driver->attach(1, domain, {.process_bits = 8});
  EXPECT_THROW(driver->attach_process(1, 256, domain), UserError);
  EXPECT_THROW(driver->attach_process(1, 0, domain), UserError);
  EXPECT_THROW(driver->attach_process(1, 1, driver->create_domain("sv48x4")), UserError) << "no process";
  IoDriverConfig odd;
  odd.queues.commands = 3;
  EXPECT_THROW(IoDriver("odd", odd, store, frames), UserError);
}

TEST_F(SetUpRules, FormatsOfADeviceAreOfOneFamily) {
  build();
  device(1);
  driver->attach(1, driver->create_domain("sv48"), {.process_bits = 8});
  driver->attach_process(1, 1, driver->create_domain("x86-64-4"));
  EXPECT_THROW(sc_core::sc_start(), UserError);
}

TEST_F(SetUpRules, AWrongPlaceOfRegistersIsTold) {
  IoDriverConfig config;
  config.register_base = 0x10000;
  build(config);
  device(1);
  EXPECT_THROW(sc_core::sc_start(), UserError);
}

TEST_F(SetUpRules, WhatTheIommuLacksIsRefused) {
  IommuConfig small;
  small.capabilities.levels = 3;
  build({}, small);
  device(1);
  driver->attach(1, driver->create_domain("sv48"));
  EXPECT_THROW(sc_core::sc_start(), UserError);
}

TEST_F(SetUpRules, ADeviceWithoutAtsMakesNoPageRequests) {
  build();
  device(1);
  driver->attach(1, driver->create_domain("sv48"), {.page_requests = true});
  EXPECT_THROW(sc_core::sc_start(), UserError);
}

TEST_F(SetUpRules, InterruptsThatCommandsNeedAreConnected) {
  IoDriverConfig config;
  config.completion = IoCompletion::interrupt;
  build(config, {}, false);
  device(1);
  EXPECT_THROW(sc_core::sc_start(), UserError);
}

// Wires, each its vector; where there are none, messages go nowhere.
TEST_F(SetUpRules, InterruptsAreWiresAndNeverMessages) {
  build();
  device(1);
  sc_core::sc_start(1, sc_core::SC_US);
  EXPECT_EQ(reg(iommu_register::kFctl, 4), 2u) << "WSI";
  EXPECT_EQ(reg(iommu_register::kIcvec, 8), 0x3210u);
  EXPECT_EQ(reg(iommu_register::kCqcsr, 4), 0x10001u) << "on, without an interrupt";
  EXPECT_EQ(reg(iommu_register::kFqcsr, 4), 0x10003u);
  EXPECT_EQ(reg(iommu_register::kPqcsr, 4), 0x10003u);
  EXPECT_EQ(reg(iommu_register::kCqb, 8) & 0x1f, 12u) << "2^13 entries";
}

TEST_F(SetUpRules, MessagesAreMasked) {
  build({}, {}, false);
  device(1);
  constexpr std::uint64_t kInterruptKinds = std::uint64_t{3} << 28;  // IGS; 0: messages
  iommu->reset({IommuCapabilitiesConfig{}.capabilities().value & ~kInterruptKinds});
  sc_core::sc_start(1, sc_core::SC_US);
  EXPECT_EQ(reg(iommu_register::kFctl, 4), 0u);
  for (std::uint32_t vector = 0; vector < 16; ++vector) {
    EXPECT_EQ(reg(iommu_register::kMsiCfgTbl + vector * 16 + 12, 4), 1u);
  }
}

}  // namespace pagoda::io_driver_set_up_test

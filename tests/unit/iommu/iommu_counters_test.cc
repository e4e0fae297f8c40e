// Events, filters and overflows of the performance monitor.
// RISC-V IOMMU Architecture Specification 1.0, iocountovf to iohpmevt.
#include "pagoda/iommu/iommu_counters.h"

#include <gtest/gtest.h>

namespace pagoda::iommu_counters_test {

constexpr std::uint64_t bit(unsigned index) { return std::uint64_t{1} << index; }
constexpr std::uint64_t kDmask = bit(15), kPv = bit(60), kDv = bit(61), kIdt = bit(62), kOf = bit(63);
constexpr std::uint64_t process(std::uint64_t id) { return id << 16; }
constexpr std::uint64_t device(std::uint64_t id) { return id << 36; }

struct Sent final : IommuInterruptSink {
  int count = 0;
  void interrupt(const InterruptRequest& /*request*/) override { ++count; }
};

struct Monitor {
  Sent sent;
  IommuInterrupts interrupts{4, 46, false, sent};
  IommuCounters counters;

  explicit Monitor(unsigned event_counters = 31) : counters(event_counters, interrupts) {}
  bool pending() const { return (interrupts.pending() & 4) != 0; }  // pmip
};

struct Case {
  const char* what;
  std::uint64_t selector;
  IommuEvent event;
  IommuEventSource source;
  bool counted;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.what; }

struct Filters : ::testing::TestWithParam<Case> {};

TEST_P(Filters, SayWhatCounts) {
  Monitor monitor;
  monitor.counters.set_selector(3, GetParam().selector);
  monitor.counters.count(GetParam().event, GetParam().source);
  EXPECT_EQ(monitor.counters.counter(3), GetParam().counted ? 1u : 0u);
}

constexpr auto kMiss = IommuEvent::tlb_miss;
const IommuEventSource kSource{.device_id = 0x123456, .process_id = 0xabcde, .gscid = 0x4321, .pscid = 0x54321};
const IommuEventSource kHost{.device_id = 0x123456, .process_id = {}, .gscid = {}, .pscid = {}};
IommuEventSource from(std::uint32_t device_id) {
  return {.device_id = device_id, .process_id = {}, .gscid = {}, .pscid = {}};
}

INSTANTIATE_TEST_SUITE_P(
    Table, Filters,
    ::testing::Values(
        Case{"no filter", 4, kMiss, kHost, true}, Case{"another event", 5, kMiss, kHost, false},
        Case{"no event", 0, kMiss, kHost, false}, Case{"process", 4 | kPv | process(0xabcde), kMiss, kSource, true},
        Case{"another process", 4 | kPv | process(0xabcdf), kMiss, kSource, false},
        Case{"no process", 4 | kPv | process(0), kMiss, kHost, false},
        Case{"device", 4 | kDv | device(0x123456), kMiss, kHost, true},
        Case{"another device", 4 | kDv | device(0x123457), kMiss, kHost, false},
        Case{"device and process", 4 | kDv | kPv | device(0x123456) | process(0xabcde), kMiss, kSource, true},
        Case{"device, another process", 4 | kDv | kPv | device(0x123456) | process(1), kMiss, kSource, false},
        Case{"process, another device", 4 | kDv | kPv | device(1) | process(0xabcde), kMiss, kSource, false},
        Case{"contexts without filter", 4 | kIdt, kMiss, kHost, true},
        Case{"PSCID", 4 | kIdt | kPv | process(0x54321), kMiss, kSource, true},
        Case{"PSCID is not the process", 4 | kIdt | kPv | process(0xabcde), kMiss, kSource, false},
        Case{"no PSCID", 4 | kIdt | kPv, kMiss, kHost, false},
        Case{"GSCID", 4 | kIdt | kDv | device(0x4321), kMiss, kSource, true},
        Case{"GSCID is not the device", 4 | kIdt | kDv | device(0x123456), kMiss, kSource, false},
        Case{"no GSCID", 4 | kIdt | kDv, kMiss, kHost, false},
        Case{"both", 4 | kIdt | kDv | kPv | device(0x4321) | process(0x54321), kMiss, kSource, true},
        Case{"OF does not stop counting", 4 | kOf, kMiss, kHost, true}));

// The table of DMASK: y..y011 any function of a device, y..y01111111 any device of a bus.
INSTANTIATE_TEST_SUITE_P(
    PartialMatch, Filters,
    ::testing::Values(Case{"function 0", 4 | kDv | kDmask | device(0x123453), kMiss, from(0x123450), true},
                      Case{"function 7", 4 | kDv | kDmask | device(0x123453), kMiss, from(0x123457), true},
                      Case{"another device", 4 | kDv | kDmask | device(0x123453), kMiss, from(0x123458), false},
                      Case{"lowest bit only", 4 | kDv | kDmask | device(0x123456), kMiss, from(0x123457), true},
                      Case{"not the second", 4 | kDv | kDmask | device(0x123456), kMiss, from(0x123454), false},
                      Case{"bus", 4 | kDv | kDmask | device(0x12347f), kMiss, from(0x1234ff), true},
                      Case{"another bus", 4 | kDv | kDmask | device(0x12347f), kMiss, from(0x1235ff), false},
                      Case{"segment", 4 | kDv | kDmask | device(0x127fff), kMiss, from(0x12abcd), true},
                      Case{"any", 4 | kDv | kDmask | device(0xffffff), kMiss, from(0x13abcd), true},
                      Case{"without DMASK", 4 | kDv | device(0x123453), kMiss, from(0x123457), false},
                      Case{"GSCID",
                           4 | kIdt | kDv | kDmask | device(0x4001),
                           kMiss,
                           {.device_id = 0, .process_id = {}, .gscid = 0x4002, .pscid = {}},
                           true},
                      Case{"DMASK without DV", 4 | kDmask | device(1), kMiss, from(0x777777), true}));

TEST(Counters, FiltersByContextAreForSomeEventsOnly) {
  constexpr unsigned kWithContext = 1 << 4 | 1 << 7 | 1 << 8;
  for (unsigned event = 1; event <= 8; ++event) {
    Monitor monitor;
    monitor.counters.set_selector(1, event);
    monitor.counters.set_selector(2, event | kIdt);
    monitor.counters.count(static_cast<IommuEvent>(event), kSource);
    EXPECT_EQ(monitor.counters.counter(1), 1u) << event;
    EXPECT_EQ(monitor.counters.counter(2), kWithContext >> event & 1) << event;
  }
}

TEST(Counters, AnEventThatIsNotCountedReadsBackAsZero) {
  Monitor monitor;
  for (const std::uint64_t event : {9u, 16383u, 16384u, 32767u}) {
    monitor.counters.set_selector(1, ~std::uint64_t{0x7fff} | event);
    EXPECT_EQ(monitor.counters.selector(1), ~std::uint64_t{0x7fff});
  }
  monitor.counters.set_selector(1, ~std::uint64_t{0x7fff} | 8);
  EXPECT_EQ(monitor.counters.selector(1), ~std::uint64_t{0x7fff} | 8);
}

TEST(Counters, AnInhibitedCounterStands) {
  Monitor monitor;
  monitor.counters.set_selector(1, 4);
  monitor.counters.set_selector(31, 4);
  monitor.counters.set_inhibited(1u << 31);
  monitor.counters.count(kMiss, kSource);
  EXPECT_EQ(monitor.counters.counter(1), 1u);
  EXPECT_EQ(monitor.counters.counter(31), 0u);
  monitor.counters.set_inhibited(1u << 1);
  monitor.counters.count(kMiss, kSource);
  EXPECT_EQ(monitor.counters.counter(1), 1u);
  EXPECT_EQ(monitor.counters.counter(31), 1u);
}

TEST(Counters, ThoseThatAreNotThereAreZero) {
  Monitor monitor(2);
  monitor.counters.set_inhibited(~0u);
  EXPECT_EQ(monitor.counters.inhibited(), 7u);
  monitor.counters.set_selector(3, 4);
  monitor.counters.set_counter(3, 4);
  EXPECT_EQ(monitor.counters.selector(3), 0u);
  EXPECT_EQ(monitor.counters.counter(3), 0u);
}

TEST(Counters, WithoutAMonitorNothingCounts) {
  Monitor monitor(0);
  monitor.counters.set_inhibited(~0u);
  monitor.counters.set_cycles(kOf - 1);
  monitor.counters.set_selector(1, 4);
  monitor.counters.count(kMiss, kSource);
  monitor.counters.advance_to(10);
  EXPECT_EQ(monitor.counters.cycles(), 0u);
  EXPECT_EQ(monitor.counters.inhibited(), 0u);
  EXPECT_EQ(monitor.counters.overflows(), 0u);
  EXPECT_EQ(monitor.counters.cycles_to_overflow(), std::nullopt);
  EXPECT_FALSE(monitor.pending());
}

TEST(Counters, AnOverflowIsToldOnce) {
  Monitor monitor;
  monitor.counters.set_selector(5, 4);
  monitor.counters.set_counter(5, ~std::uint64_t{0});
  EXPECT_EQ(monitor.counters.overflows(), 0u);
  monitor.counters.count(kMiss, kSource);
  EXPECT_EQ(monitor.counters.counter(5), 0u);
  EXPECT_EQ(monitor.counters.overflows(), 1u << 5);
  EXPECT_EQ(monitor.counters.selector(5), 4 | kOf);
  EXPECT_TRUE(monitor.pending());
  monitor.interrupts.clear(4);
  EXPECT_FALSE(monitor.pending()) << "an event";
  monitor.counters.set_counter(5, ~std::uint64_t{0});
  monitor.counters.count(kMiss, kSource);
  EXPECT_FALSE(monitor.pending()) << "OF is set already";
  monitor.counters.set_selector(5, 4);
  EXPECT_EQ(monitor.counters.overflows(), 0u);
  monitor.counters.set_counter(5, ~std::uint64_t{0});
  monitor.counters.count(kMiss, kSource);
  EXPECT_TRUE(monitor.pending());
}

TEST(Counters, SoftwareSettingOfIsNoOverflow) {
  Monitor monitor;
  monitor.counters.set_selector(1, kOf);
  monitor.counters.set_cycles(kOf);
  EXPECT_EQ(monitor.counters.overflows(), 3u);
  EXPECT_FALSE(monitor.pending());
}

TEST(Counters, CyclesPass) {
  Monitor monitor;
  monitor.counters.advance_to(100);
  EXPECT_EQ(monitor.counters.cycles(), 100u);
  monitor.counters.advance_to(90);
  EXPECT_EQ(monitor.counters.cycles(), 100u) << "time does not go back";
  monitor.counters.set_cycles(7);
  monitor.counters.advance_to(110);
  EXPECT_EQ(monitor.counters.cycles(), 17u);
  monitor.counters.set_inhibited(1);
  monitor.counters.advance_to(200);
  EXPECT_EQ(monitor.counters.cycles(), 17u);
  monitor.counters.set_inhibited(0);
  monitor.counters.advance_to(203);
  EXPECT_EQ(monitor.counters.cycles(), 20u) << "cycles while inhibited are lost";
}

TEST(Counters, CyclesOverflowAfter63Bits) {
  Monitor monitor;
  monitor.counters.set_cycles(kOf - 3);
  EXPECT_EQ(monitor.counters.cycles_to_overflow(), 3u);
  monitor.counters.advance_to(2);
  EXPECT_FALSE(monitor.pending());
  EXPECT_EQ(monitor.counters.cycles_to_overflow(), 1u);
  monitor.counters.advance_to(5);
  EXPECT_TRUE(monitor.pending());
  EXPECT_EQ(monitor.counters.cycles(), kOf | 2);
  EXPECT_EQ(monitor.counters.overflows(), 1u);
  EXPECT_EQ(monitor.counters.cycles_to_overflow(), std::nullopt);
  monitor.interrupts.clear(4);
  monitor.counters.set_cycles(kOf | (kOf - 1));
  monitor.counters.advance_to(6);
  EXPECT_EQ(monitor.counters.cycles(), kOf) << "goes on behind a set OF";
  EXPECT_FALSE(monitor.pending());
}

TEST(Counters, AnInhibitedCycleCounterDoesNotOverflow) {
  Monitor monitor;
  monitor.counters.set_cycles(kOf - 1);
  monitor.counters.set_inhibited(1);
  EXPECT_EQ(monitor.counters.cycles_to_overflow(), std::nullopt);
  monitor.counters.advance_to(10);
  EXPECT_FALSE(monitor.pending());
}

}  // namespace pagoda::iommu_counters_test

// What the values of an axis are, and how results show them.
#include "sc_main/sweep/parameter.h"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sc_main/sweep/plan.h"
#include "unit/sweep/sweep_sources.h"

namespace pagoda::parameter_test {

using testing::sources_of;

SweepPlan plan_of(const std::string& axis) { return SweepPlan(sources_of("axes:\n  - {" + axis + "}\n")); }

std::vector<std::string> texts(const SweepPlan& plan) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < plan.size(); ++i) values.push_back(one_line(plan.values(plan.point(i)).front()));
  return values;
}

std::vector<std::string> shown(const SweepPlan& plan) {
  std::vector<std::string> values;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    values.push_back(plan.parameters().front().shown(plan.values(plan.point(i)).front()));
  }
  return values;
}

using Texts = std::vector<std::string>;

TEST(Range, LinearNumbersHaveEqualDifferences) {
  EXPECT_EQ(texts(plan_of("path: cpus.*.mmu.dtlb.entries, from: 16, to: 64, steps: 4")),
            (Texts{"16", "32", "48", "64"}));
  EXPECT_EQ(texts(plan_of("path: cpus.*.mmu.dtlb.entries, from: 64, to: 16, steps: 4")),
            (Texts{"64", "48", "32", "16"}));
}

TEST(Range, LogarithmicNumbersHaveEqualRatios) {
  EXPECT_EQ(texts(plan_of("path: cpus.*.mmu.dtlb.entries, from: 4, to: 4096, steps: 11, spacing: logarithmic")),
            (Texts{"4", "8", "16", "32", "64", "128", "256", "512", "1024", "2048", "4096"}));
}

TEST(Range, WholeNumbersAreRounded) {
  const SweepPlan plan = plan_of("path: cpus.*.mmu.dtlb.entries, from: 1, to: 1000, steps: 7, spacing: logarithmic");
  for (std::size_t i = 0; i < 7; ++i) {
    EXPECT_EQ(texts(plan)[i], fmt::format("{}", std::lround(std::pow(1000.0, static_cast<double>(i) / 6))));
  }
}

TEST(Range, QuantitiesMixUnits) {
  const SweepPlan sizes =
      plan_of("path: cpus.*.workload.pattern.size, from: 512 KiB, to: 4 MiB, steps: 4, spacing: logarithmic");
  EXPECT_EQ(texts(sizes), (Texts{"512 KiB", "1 MiB", "2 MiB", "4 MiB"}));
  EXPECT_EQ(shown(sizes), (Texts{"524288", "1048576", "2097152", "4194304"}));
  EXPECT_EQ(sizes.parameters().front().unit(), "B");
  const SweepPlan times = plan_of("path: quantum, from: 100 ns, to: 1 us, steps: 4");
  EXPECT_EQ(shown(times), (Texts{"100", "400", "700", "1000"}));
  EXPECT_EQ(times.parameters().front().unit(), "ns");
  const SweepPlan clocks = plan_of("path: cpus.*.clock, from: 1 GHz, to: 3 GHz, steps: 3");
  EXPECT_EQ(shown(clocks), (Texts{"1000000000", "2000000000", "3000000000"}));
}

TEST(Range, LatenciesAreCyclesOrTimes) {
  const SweepPlan cycles = plan_of("path: cpus.*.mmu.stlb.latency, from: 5 cycles, to: 9 cycles, steps: 3");
  EXPECT_EQ(texts(cycles), (Texts{"5 cycles", "7 cycles", "9 cycles"}));
  EXPECT_EQ(cycles.parameters().front().unit(), "cycles");
  const SweepPlan times = plan_of("path: cpus.*.mmu.stlb.latency, from: 500 ps, to: 2 ns, steps: 4");
  EXPECT_EQ(shown(times), (Texts{"0.5", "1", "1.5", "2"}));
  EXPECT_EQ(times.parameters().front().unit(), "ns");
}

TEST(List, ShowsNumbersOfOneUnitAndNone) {
  const SweepPlan sizes = plan_of("path: cpus.*.workload.pattern.size, values: [64 KiB, 1 MiB]");
  EXPECT_EQ(shown(sizes), (Texts{"65536", "1048576"}));
  const SweepPlan mixed = plan_of("path: cpus.*.mmu.stlb.latency, values: [3 cycles, 1 ns]");
  EXPECT_FALSE(mixed.parameters().front().numeric());
  EXPECT_EQ(shown(mixed), (Texts{"3 cycles", "1 ns"}));
}

TEST(List, TakesAnyValue) {
  const SweepPlan words = plan_of("path: os.page_size, values: [4 KiB]");
  EXPECT_EQ(texts(words), (Texts{"4 KiB"}));
  const SweepPlan parts = plan_of("path: cpus.*.mmu.stlb, values: [none, {entries: 512, ways: 4}]");
  EXPECT_EQ(shown(parts), (Texts{"none", "{entries: 512, ways: 4}"}));
  EXPECT_FALSE(parts.parameters().front().numeric());
  EXPECT_EQ(parts.parameters().front().unit(), "");
  EXPECT_FALSE(parts.resolve(parts.point(0)).cpus[0].mmu.stlb);
  EXPECT_EQ(parts.resolve(parts.point(1)).cpus[0].mmu.stlb->entries, 512u);
}

TEST(Parameter, IsDescribedByThePlatform) {
  const SweepPlan plan = plan_of("path: cpus.*.clock, values: [1 GHz]");
  EXPECT_EQ(plan.parameters().front().description(), "clock of core, MMU and private caches");
  EXPECT_EQ(plan.parameters().front().name(), "cpus.*.clock");
  const SweepPlan named = plan_of("path: cpus.*.clock, name: clock, description: how fast, values: [1 GHz]");
  EXPECT_EQ(named.parameters().front().description(), "how fast");
  EXPECT_EQ(named.parameters().front().name(), "clock");
}

}  // namespace pagoda::parameter_test

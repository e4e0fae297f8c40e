// Which points a sweep file gives, and what it is refused for.
#include "sc_main/sweep/plan.h"

#include <cmath>
#include <map>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sc_main/sweep/point_key.h"
#include "unit/sweep/sweep_sources.h"

namespace pagoda::plan_test {

using ::testing::HasSubstr;
using testing::refusal_of;
using testing::sources_of;
using ::testing::StartsWith;

TEST(Plan, LastAxisAndRepeatsGoFastest) {
  const SweepPlan plan(
      sources_of("variants: [b2, a]\nrepeats: 2\naxes:\n"
                 "  - {path: cpus.*.mmu.dtlb.entries, name: entries, values: [16, 32]}\n"
                 "  - {path: cpus.*.clock, name: clock, values: [1 GHz, 2 GHz, 3 GHz]}\n"));
  ASSERT_EQ(plan.size(), 2u * 2 * 3 * 2);
  std::size_t number = 0;
  for (const char* variant : {"b2", "a"}) {
    for (const char* entries : {"16", "32"}) {
      for (const char* clock : {"1 GHz", "2 GHz", "3 GHz"}) {
        for (const char* repeat : {"0", "1"}) {
          EXPECT_EQ(plan.label(plan.point(number++)), std::string("variant=") + variant + ", entries=" + entries +
                                                          ", clock=" + clock + ", repeat=" + repeat);
        }
      }
    }
  }
}

TEST(Plan, PointsAreThePlatformWithTheirValues) {
  const SweepPlan plan(
      sources_of("variants: [\"b*\"]\nset: {cpus.*.clock: 3 GHz, warmup: 5}\nlimit: 7\nrepeats: 3\naxes:\n"
                 "  - {path: cpus.*.mmu.stlb.entries, values: [768, 1536]}\n"));
  ASSERT_EQ(plan.size(), 12u);
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const PlatformConfig config = plan.resolve(plan.point(i));
    EXPECT_EQ(config.cpus[0].mmu.dtlb.entries, i < 6 ? 32u : 128u);
    EXPECT_EQ(config.cpus[0].mmu.stlb->entries, i / 3 % 2 == 0 ? 768u : 1536u);
    EXPECT_EQ(config.seed, 10 + i % 3);
    EXPECT_EQ(config.cpus[0].clock.hz, 3'000'000'000u);
    EXPECT_EQ(config.warmup, 5u);
    EXPECT_EQ(config.cpus[0].workload.limit, 7u);
  }
}

TEST(Plan, CommandLineChangesStandBetweenTheSweepsOwnAndItsAxes) {
  SweepSources sources =
      sources_of("set: {cpus.*.clock: 3 GHz, warmup: 5}\nlimit: 9\naxes:\n  - {path: cpus.*.clock, values: [1 GHz]}\n");
  sources.sets = {"warmup=6", "cpus.*.clock=2 GHz"};
  sources.limit = "8";
  const SweepPlan plan(sources);
  const PlatformConfig config = plan.resolve(plan.point(0));
  EXPECT_EQ(config.warmup, 6u);
  EXPECT_EQ(config.cpus[0].clock.hz, 1'000'000'000u);
  EXPECT_EQ(config.cpus[0].workload.limit, 8u);
}

TEST(Plan, TogetherVariesTogether) {
  const SweepPlan plan(
      sources_of("axes:\n  - together:\n"
                 "      - {path: cpus.*.mmu.stlb.entries, name: entries, values: [512, 1536, 2048]}\n"
                 "      - {path: cpus.*.mmu.stlb.ways, name: ways, values: [8, 12, 16]}\n"
                 "  - {path: cpus.*.clock, name: clock, from: 1 GHz, to: 2 GHz, steps: 2}\n"));
  ASSERT_EQ(plan.size(), 6u);
  EXPECT_EQ(plan.label(plan.point(0)), "entries=512, ways=8, clock=1 GHz");
  EXPECT_EQ(plan.label(plan.point(3)), "entries=1536, ways=12, clock=2 GHz");
  EXPECT_EQ(plan.axis_of(0), plan.axis_of(1));
  EXPECT_NE(plan.axis_of(1), plan.axis_of(2));
}

TEST(Plan, SamplesTakeValuesOfListsAndRanges) {
  const SweepPlan plan(
      sources_of("sampling: {kind: latin_hypercube, points: 12}\naxes:\n"
                 "  - {path: cpus.*.mmu.dtlb.entries, values: [16, 32, 64]}\n"
                 "  - {path: cpus.*.mmu.stlb.latency, from: 1 ns, to: 13 ns}\n"));
  ASSERT_EQ(plan.size(), 12u);
  std::map<std::string, int> entries;
  std::set<int> latencies;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const std::vector<ConfigNode> values = plan.values(plan.point(i));
    ++entries[one_line(values[0])];
    const double latency = std::stod(plan.parameters()[1].shown(values[1]));
    EXPECT_GE(latency, 1);
    EXPECT_LT(latency, 13);
    latencies.insert(static_cast<int>(latency));
  }
  // One sample in each twelfth of each axis.
  EXPECT_EQ(entries, (std::map<std::string, int>{{"16", 4}, {"32", 4}, {"64", 4}}));
  EXPECT_EQ(latencies.size(), 12u);
}

TEST(Plan, LogarithmicSamplesAreUniformInTheLogarithm) {
  const SweepPlan plan(
      sources_of("sampling: {kind: sobol, points: 64}\naxes:\n"
                 "  - {path: cpus.*.workload.pattern.size, from: 64 KiB, to: 4 GiB, spacing: logarithmic}\n"));
  // 16 doublings: each has a sixteenth of the points.
  std::map<int, int> doublings;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const double size = std::stod(plan.parameters()[0].shown(plan.values(plan.point(i))[0]));
    ++doublings[static_cast<int>(std::floor(std::log2(size / 65536) + 1e-9))];
  }
  ASSERT_EQ(doublings.size(), 16u);
  for (const auto& [doubling, count] : doublings) EXPECT_EQ(count, 4) << doubling;
}

TEST(Plan, WithoutAxesThereAreVariantsAndRepeats) {
  EXPECT_EQ(SweepPlan(sources_of("")).size(), 1u);
  EXPECT_EQ(SweepPlan(sources_of("variants: [\"*\"]\nrepeats: 5\n")).size(), 15u);
}

TEST(PointKey, IsThatOfWhatIsRun) {
  KeyMaker keys("program");
  const SweepPlan plan(sources_of("variants: [b1]\naxes:\n  - {path: cpus.*.mmu.dtlb.entries, values: [32, 64]}\n"));
  const SweepPlan same(sources_of("description: text\nset: {cpus.*.mmu.dtlb.entries: 32}\n"));
  const PointKey key = keys.key_of(plan.resolve(plan.point(0)));
  EXPECT_EQ(key.full, keys.key_of(same.resolve(same.point(0))).full) << "whatever way it was written";
  EXPECT_NE(key.full, keys.key_of(plan.resolve(plan.point(1))).full);
  KeyMaker others("another program");
  EXPECT_EQ(key.content, others.key_of(plan.resolve(plan.point(0))).content);
  EXPECT_NE(key.full, others.key_of(plan.resolve(plan.point(0))).full);
}

struct Refusal {
  const char* name;
  const char* text;
  const char* line;  ///< where, and a word of what is wrong
};

class SweepRefusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(SweepRefusals, NameTheLine) {
  const std::string message = refusal_of(GetParam().text);
  EXPECT_THAT(message, StartsWith("/nowhere/sweep.yaml:"));
  EXPECT_THAT(message, HasSubstr(GetParam().line));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Each, SweepRefusals,
    ::testing::Values(
        Refusal{"UnknownKey", "axis: []\n", "sweep.yaml:3: axis: unknown key (did you mean `axes`?)"},
        Refusal{"UnknownPath", "axes:\n  - {path: cpus.*.mmu.dtbl.entries, values: [1]}\n",
                "sweep.yaml:4: cpus.mmu.dtbl: unknown key (did you mean `dtlb`?)"},
        Refusal{"EmptyAxis", "axes:\n  - {path: quantum, values: []}\n",
                "sweep.yaml:4: axes.0.values: this axis is empty"},
        Refusal{"NoValues", "axes:\n  - {path: quantum}\n", "sweep.yaml:4: axes.0.values: this axis is empty"},
        Refusal{"ListAndRange", "axes:\n  - {path: quantum, values: [0], from: 1 ns, to: 2 ns}\n",
                "sweep.yaml:4: axes.0"},
        Refusal{"HalfARange", "axes:\n  - {path: quantum, from: 1 ns, steps: 3}\n", "a range has two ends"},
        Refusal{"OneStep", "axes:\n  - {path: quantum, from: 1 ns, to: 2 ns, steps: 1}\n",
                "sweep.yaml:4: axes.0.steps"},
        Refusal{"EqualSteps", "axes:\n  - {path: cpus.*.mmu.dtlb.ways, from: 1, to: 4, steps: 9}\n",
                "9 steps from 1 to 4 are not all different"},
        Refusal{"GridWithoutSteps", "axes:\n  - {path: quantum, from: 1 ns, to: 2 ns}\n",
                "sweep.yaml:4: axes.0.steps: must be given for a grid"},
        Refusal{"LogarithmOfZero", "axes:\n  - {path: quantum, from: 0, to: 2 ns, steps: 2, spacing: logarithmic}\n",
                "a logarithmic range reaches 0"},
        Refusal{"RangeOfWords", "axes:\n  - {path: os.format, from: sv39, to: sv48, steps: 2}\n",
                "sweep.yaml:4: axes.0.from: os.format has no range"},
        Refusal{"TwoUnits", "axes:\n  - {path: cpus.*.mmu.stlb.latency, from: 1 cycle, to: 2 ns, steps: 2}\n",
                "sweep.yaml:4: axes.0.to"},
        Refusal{"RefusedValue", "axes:\n  - {path: cpus.*.mmu.dtlb.entries, values: [16, 33]}\n",
                "ways must divide entries (point 1: cpus.*.mmu.dtlb.entries=33)"},
        Refusal{"ValueOutOfRange", "axes:\n  - {path: cpus.*.count, values: [1, 5000]}\n",
                "sweep.yaml:4: cpus.*.count"},
        Refusal{"WrongUnit", "axes:\n  - {path: quantum, values: [3 KiB]}\n", "sweep.yaml:4: quantum"},
        Refusal{"SamePathTwice", "axes:\n  - {path: quantum, values: [0]}\n  - {path: quantum, name: q, values: [0]}\n",
                "sweep.yaml:5: path: `quantum` is varied twice"},
        Refusal{"NameOfAColumn", "axes:\n  - {path: quantum, name: seed, values: [0]}\n", "sweep.yaml:4: name"},
        Refusal{"UnequalPairs",
                "axes:\n  - together:\n      - {path: quantum, values: [0]}\n      - {path: warmup, values: [1, 2]}\n",
                "sweep.yaml:6: axes.0.together.1: has 2 values"},
        Refusal{"UnknownVariant", "variants: [a, c]\n", "sweep.yaml:3: variants.1: there is no variant `c`"},
        Refusal{"NoVariant", "variants: [c]\n", "sweep.yaml:3: variants"},
        Refusal{"TwoPlatformKeys", "platforms: [small]\n", "sweep.yaml:3: platforms"},
        Refusal{"UnknownSet", "set: {cpus.*.mmu.dtbl.entries: 3}\n", "sweep.yaml:3: cpus.0.mmu.dtbl"},
        Refusal{"SamplesOfNothing", "sampling: {kind: random, points: 3}\n", "sweep.yaml:3: sampling"},
        Refusal{"NoNumberOfSamples", "sampling: {kind: random}\naxes:\n  - {path: quantum, values: [0]}\n",
                "sweep.yaml:3: sampling.points: must be given"},
        Refusal{"PointsOfAGrid", "sampling: {points: 3}\n", "sweep.yaml:3: sampling.points"},
        Refusal{"NoRepeats", "repeats: 0\n", "sweep.yaml:3: repeats"},
        Refusal{"TimeLimit", "time_limit: 3 KiB\n", "sweep.yaml:3: time_limit"}),
    [](const auto& test) { return test.param.name; });

}  // namespace pagoda::plan_test

#include "pagoda/workload/pattern.h"

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/workload/workload_test_util.h"

namespace pagoda::pattern_test {

using test::drain;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::StartsWith;

constexpr Addr kBase = 0x1'0000'0000;

std::vector<Access> records(const PatternConfig& config) { return drain(*make_pattern(config)); }

std::vector<Addr> addresses(const PatternConfig& config) {
  std::vector<Addr> result;
  for (const Access& access : records(config)) result.push_back(access.address);
  return result;
}

/// One of each kind, small.
std::vector<PatternConfig> one_of_each(std::uint64_t count) {
  std::vector<PatternConfig> all;
  for (const PatternKind kind : {PatternKind::sequential, PatternKind::strided, PatternKind::random, PatternKind::zipf,
                                 PatternKind::chase, PatternKind::hot_cold}) {
    all.push_back({.kind = kind, .count = count, .size = Bytes{100'000}, .element = Bytes{300}, .write_ratio = 0.3});
  }
  PatternConfig mix{.kind = PatternKind::mix, .count = count};
  mix.parts = all;
  mix.parts.push_back(mix);
  all.push_back(mix);
  return all;
}

TEST(Pattern, SequentialGoesFromFrontToBackAndStartsAgain) {
  EXPECT_THAT(addresses({.count = 7, .size = Bytes{40}}),
              ElementsAre(kBase, kBase + 8, kBase + 16, kBase + 24, kBase + 32, kBase, kBase + 8));
  EXPECT_THAT(addresses({.count = 4, .base = 0x1000, .size = Bytes{30}, .access_size = Bytes{10}}),
              ElementsAre(0x1000, 0x100a, 0x1014, 0x1000));
  EXPECT_THAT(addresses({.count = 3, .size = Bytes{15}}), ElementsAre(kBase, kBase, kBase))
      << "what does not fit is left out";
}

TEST(Pattern, StridedTakesStepsAndStartsAgain) {
  EXPECT_THAT(addresses({.kind = PatternKind::strided, .count = 5, .size = Bytes{16384}, .stride = Bytes{4096}}),
              ElementsAre(kBase, kBase + 4096, kBase + 8192, kBase + 12288, kBase));
  EXPECT_THAT(addresses({.kind = PatternKind::strided, .count = 4, .size = Bytes{100}, .stride = Bytes{46}}),
              ElementsAre(kBase, kBase + 46, kBase + 92, kBase));
  EXPECT_THAT(addresses({.kind = PatternKind::strided, .count = 2, .size = Bytes{100}, .stride = Bytes{1ULL << 63}}),
              ElementsAre(kBase, kBase));
}

// The addresses of the next five tests come from an implementation in another language, with integers of arbitrary
// precision, of what the headers and the papers that they name describe; its Mersenne twister gave the 10000th value
// that the C++ standard states.

TEST(Pattern, RandomIsTheSameOnEveryMachine) {
  const PatternConfig config{.kind = PatternKind::random, .seed = 42, .count = 100'000, .size = Bytes{64'000}};
  const std::vector<Addr> got = addresses(config);
  EXPECT_THAT(std::vector<Addr>(got.begin(), got.begin() + 6),
              ElementsAre(0x1000022c0, 0x10000f240, 0x10000f280, 0x100003e00, 0x10000ae40, 0x100009c00));
  std::uint64_t hash = 0;
  for (const Addr address : got) hash = hash * 31 + (address - kBase) / 64;
  EXPECT_EQ(hash, 0xe9142cc17cb33c80);
}

TEST(Pattern, ChaseIsTheSameOnEveryMachine) {
  PatternConfig config{.kind = PatternKind::chase, .seed = 42, .count = 6, .size = Bytes{64'000}};
  EXPECT_THAT(addresses(config),
              ElementsAre(0x10000e640, 0x100000d80, 0x100008a80, 0x100002d00, 0x100009cc0, 0x10000de80));
  config.size = Bytes{4'096'000};
  config.element = Bytes{4096};
  EXPECT_THAT(addresses(config),
              ElementsAre(0x100399600, 0x100036740, 0x10022a800, 0x1000b4780, 0x100273440, 0x10037ac00));
}

TEST(Pattern, ZipfIsTheSameOnEveryMachine) {
  const std::vector<Addr> got = addresses({.kind = PatternKind::zipf,
                                           .seed = 42,
                                           .count = 100'000,
                                           .size = Bytes{64'000'000},
                                           .zipf_exponent = 0.99,
                                           .scattered = false});
  EXPECT_THAT(std::vector<Addr>(got.begin(), got.begin() + 8),
              ElementsAre(0x100000000, 0x102c5ce80, 0x100006d00, 0x10012dc00, 0x10003f480, 0x100000000, 0x100036040,
                          0x100018cc0));
  std::uint64_t hash = 0;
  for (const Addr address : got) hash = hash * 31 + (address - kBase) / 64;
  EXPECT_EQ(hash, 0x868669ebbca358cc);
}

TEST(Pattern, HotColdIsTheSameOnEveryMachine) {
  EXPECT_THAT(
      addresses({.kind = PatternKind::hot_cold, .seed = 42, .count = 8, .size = Bytes{64'000}, .scattered = false}),
      ElementsAre(0x100001800, 0x1000050c0, 0x100000f80, 0x100000bc0, 0x100000340, 0x100000a00, 0x100000e40,
                  0x100000b00));
}

TEST(Pattern, WritesAreTheSameOnEveryMachine) {
  std::string writes;
  for (const Access& access : records({.seed = 42, .count = 24, .write_ratio = 0.25}))
    writes += stores(access.kind) ? '1' : '0';
  EXPECT_EQ(writes, "000100010000110000110000");
}

TEST(Pattern, GivesTheSameInBatchesOfAnySizeAndFromTheStartAgain) {
  for (const PatternConfig& config : one_of_each(5000)) {
    const std::vector<Access> all = records(config);
    EXPECT_EQ(all.size(), 5000U);
    const auto source = make_pattern(config);
    for (const std::size_t batch : {1U, 3U, 127U, 128U, 129U, 10'000U}) {
      EXPECT_EQ(drain(*source, batch), all) << "kind " << static_cast<int>(config.kind) << " by " << batch;
      source->rewind();
    }
    std::vector<Access> some(333);
    source->fill(some);
    source->rewind();
    EXPECT_EQ(drain(*source), all) << "kind " << static_cast<int>(config.kind);
  }
}

TEST(Pattern, DependsOnItsSeed) {
  for (PatternConfig config : one_of_each(1000)) {
    const std::vector<Access> one = records(config);
    config.seed = 2;
    EXPECT_NE(records(config), one) << "kind " << static_cast<int>(config.kind);
  }
}

TEST(Pattern, StaysInItsRegion) {
  for (const PatternConfig& config : one_of_each(20'000)) {
    for (const Access& access : records(config)) {
      ASSERT_GE(access.address, kBase);
      ASSERT_LE(access.address + access.size, kBase + 100'000);
    }
  }
}

TEST(Pattern, HasTheSizeAndTheGapAskedFor) {
  EXPECT_THAT(records({.count = 10, .access_size = Bytes{32}, .gap = 5}),
              Each(AllOf(Field(&Access::size, 32), Field(&Access::gap, 5), Field(&Access::kind, RecordKind::load))));
}

TEST(Pattern, WithoutACountHasNoEnd) {
  const auto source = make_pattern({.count = 0});
  std::vector<Access> batch(100'000);
  for (int i = 0; i < 50; ++i) ASSERT_EQ(source->fill(batch), batch.size());
}

TEST(Pattern, WritesOnlyItsShareAndLeavesTheAddressesAsTheyAre) {
  PatternConfig config{.kind = PatternKind::random, .count = 100'000};
  const std::vector<Addr> all = addresses(config);
  for (const double ratio : {0.0, 0.25, 1.0}) {
    for (const bool read_modify_write : {false, true}) {
      config.write_ratio = ratio;
      config.read_modify_write = read_modify_write;
      EXPECT_EQ(addresses(config), all);
      double written = 0;
      for (const Access& access : records(config)) {
        if (stores(access.kind)) {
          EXPECT_EQ(access.kind, read_modify_write ? RecordKind::modify : RecordKind::store);
          ++written;
        }
      }
      // Five standard deviations of the binomial distribution.
      EXPECT_NEAR(written, ratio * 1e5, 5 * std::sqrt(1e5 * ratio * (1 - ratio)));
    }
  }
}

TEST(Pattern, ChaseLoadsEachAddressOutOfTheOneBefore) {
  const std::vector<Access> chase = records({.kind = PatternKind::chase, .count = 100, .write_ratio = 0.5});
  EXPECT_EQ(chase.front().depends_on, 0);
  for (std::size_t i = 1; i < chase.size(); ++i) {
    EXPECT_EQ(chase[i].depends_on, 1);
    EXPECT_TRUE(loads(chase[i].kind)) << "a write loads the pointer too";
  }
  EXPECT_THAT(records({.kind = PatternKind::random, .count = 100}), Each(Field(&Access::size, 8)));
  for (const Access& access : records({.kind = PatternKind::random, .count = 100})) EXPECT_EQ(access.depends_on, 0);
}

TEST(Pattern, AccessesTheStartOfItsElementsIfLinesAreNotSpread) {
  for (const Addr address :
       addresses({.kind = PatternKind::random, .count = 1000, .element = Bytes{4096}, .spread_lines = false})) {
    EXPECT_EQ(address % 4096, 0U);
  }
}

TEST(Pattern, SpreadsTheLinesOfLargeElementsEvenly) {
  std::array<int, 64> lines{};
  for (const Addr address :
       addresses({.kind = PatternKind::chase, .count = 64'000, .size = Bytes{64'000 * 4096}, .element = Bytes{4096}})) {
    EXPECT_EQ(address % 64, 0U);
    ++lines[address / 64 % 64];
  }
  // Six standard deviations of a binomial distribution around 1000.
  for (const int count : lines) EXPECT_NEAR(count, 1000, 190);
}

TEST(Pattern, SpreadLinesLeaveRoomForTheAccess) {
  for (const Addr address :
       addresses({.kind = PatternKind::random, .count = 1000, .element = Bytes{4096}, .access_size = Bytes{100}})) {
    EXPECT_LE(address % 4096 + 100, 4096U);
  }
}

TEST(PatternMix, DrawsItsPartsByWeight) {
  PatternConfig mix{.kind = PatternKind::mix, .count = 100'000};
  mix.parts = {{.base = 0x1000, .size = Bytes{8}, .weight = 1},
               {.base = 0x2000, .size = Bytes{8}, .weight = 6},
               {.base = 0x3000, .size = Bytes{8}, .weight = 3}};
  std::array<int, 4> count{};
  for (const Addr address : addresses(mix)) ++count[address >> 12];
  EXPECT_NEAR(count[1], 10'000, 5 * 95);  // five standard deviations
  EXPECT_NEAR(count[2], 60'000, 5 * 155);
  EXPECT_NEAR(count[3], 30'000, 5 * 145);
}

TEST(PatternMix, LeavesEachPartInItsOwnOrderAndGivesItAnInstruction) {
  PatternConfig mix{.kind = PatternKind::mix, .count = 10'000};
  mix.parts = {{.base = 0, .size = Bytes{1 << 20}},
               {.kind = PatternKind::strided, .base = 1 << 20, .size = Bytes{1 << 20}}};
  std::array<Addr, 2> next = {0, 1 << 20};
  std::array<Addr, 2> ips{};
  for (const Access& access : records(mix)) {
    const std::size_t part = access.address >> 20;
    ASSERT_EQ(access.address, next[part]);
    next[part] += part == 0 ? 8 : 64;
    ips[part] = access.ip;
  }
  EXPECT_NE(ips[0], ips[1]);
  EXPECT_NE(ips[0], 0U);
}

TEST(PatternMix, KeepsAChaseWaitingForItsOwnLoads) {
  PatternConfig mix{.kind = PatternKind::mix, .count = 10'000};
  mix.parts = {{.kind = PatternKind::chase, .base = 0, .size = Bytes{1 << 20}},
               {.kind = PatternKind::random, .base = 1 << 20, .size = Bytes{1 << 20}, .write_ratio = 0.5},
               {.kind = PatternKind::chase, .base = 2 << 20, .size = Bytes{1 << 20}, .weight = 0.02}};
  std::vector<Addr> loaded;  // by all, in order
  std::array<Addr, 3> last{};
  std::array<bool, 3> seen{};
  int distant = 0;
  for (const Access& access : records(mix)) {
    const std::size_t part = access.address >> 20;
    if (part == 1 || !seen[part]) {
      ASSERT_EQ(access.depends_on, 0);
    } else if (access.depends_on == 0) {
      // Only if the load before lies farther back than a record can say.
      ASSERT_EQ(std::find(loaded.end() - kMaxDependence, loaded.end(), last[part]), loaded.end());
      ++distant;
    } else {
      ASSERT_EQ(loaded[loaded.size() - access.depends_on], last[part]);
    }
    if (loads(access.kind)) loaded.push_back(access.address);
    last[part] = access.address;
    seen[part] = true;
  }
  EXPECT_GT(distant, 5);
}

TEST(PatternMix, PartsDifferThoughTheirSeedsDoNot) {
  PatternConfig mix{.kind = PatternKind::mix, .count = 20'000};
  mix.parts = {{.kind = PatternKind::random, .base = 0, .size = Bytes{1 << 20}},
               {.kind = PatternKind::random, .base = 1 << 20, .size = Bytes{1 << 20}}};
  std::array<std::vector<Addr>, 2> part;
  for (const Addr address : addresses(mix)) part[address >> 20].push_back(address & 0xfffff);
  part[0].resize(1000);
  part[1].resize(1000);
  EXPECT_NE(part[0], part[1]);
}

TEST(Pattern, OwnsItsRegionHoweverFewAccessesAreMade) {
  const auto footprint = [](const PatternConfig& config) { return make_pattern(config)->footprint(); };
  EXPECT_THAT(footprint({.count = 1, .base = 0x1234, .size = Bytes{0x2000}}).data,
              ElementsAre(PageRange{0x1000, 0x3000}));
  EXPECT_THAT(footprint({.count = 0, .base = ~0ULL - 15, .size = Bytes{16}}).data,
              ElementsAre(PageRange{0xffff'ffff'ffff'f000, 0x1000}));
  PatternConfig mix{.kind = PatternKind::mix, .count = 0};
  mix.parts = {{.base = 0x5000, .size = Bytes{0x1000}},
               {.base = 0x1000, .size = Bytes{0x1000}},
               {.base = 0x2000, .size = Bytes{0x1000}}};
  EXPECT_THAT(footprint(mix).data, ElementsAre(PageRange{0x1000, 0x2000}, PageRange{0x5000, 0x1000}));
  EXPECT_EQ(footprint(mix).code_pages(), 0U);
  LimitSource limited(make_pattern({.count = 0, .size = Bytes{1ULL << 40}}), 1);
  EXPECT_EQ(limited.footprint().data_pages(), 1ULL << 28) << "without reading it";
}

TEST(Pattern, WorksAtTheEndOfTheAddressSpace) {
  for (const Addr address :
       addresses({.kind = PatternKind::random, .count = 1000, .base = 0 - 6400ULL, .size = Bytes{6400}})) {
    EXPECT_GE(address, 0 - 6400ULL);
  }
}

TEST(PatternProblem, AConfigOfAProgramIsRefusedWithThePathOfTheField) {
  const auto error = [](const PatternConfig& config) { return test::user_error([&] { make_pattern(config); }); };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(error({.size = Bytes{7}}), "pattern.size: smaller than one access; allowed: at least access_size, 8 B");
  EXPECT_THAT(error({.access_size = Bytes{0}}), StartsWith("pattern.access_size: 0 B is out of range; allowed: "));
  EXPECT_THAT(error({.access_size = Bytes{4097}}), StartsWith("pattern.access_size: 4097 B is out of range"));
  EXPECT_THAT(error({.base = ~0ULL - 100, .size = Bytes{102}}),
              StartsWith("pattern.size: the region goes beyond the last address"));
  EXPECT_EQ(error({.base = ~0ULL - 100, .size = Bytes{101}}), "");
  EXPECT_THAT(error({.kind = PatternKind::strided, .stride = Bytes{0}}), StartsWith("pattern.stride: "));
  EXPECT_THAT(error({.kind = PatternKind::random, .element = Bytes{7}}),
              StartsWith("pattern.element: smaller than one access"));
  EXPECT_EQ(error({.kind = PatternKind::chase, .size = Bytes{63}}),
            "pattern.size: too small for its elements; allowed: at least 1 of 64 B");
  EXPECT_EQ(error({.kind = PatternKind::chase, .size = Bytes{64}}), "");
  EXPECT_THAT(error({.kind = PatternKind::hot_cold, .size = Bytes{127}}), StartsWith("pattern.size: too small"));
  EXPECT_EQ(error({.kind = PatternKind::hot_cold, .size = Bytes{128}}), "");
  EXPECT_EQ(error({.write_ratio = -0.1}), "pattern.write_ratio: -0.1 is out of range; allowed: a number, 0 to 1");
  EXPECT_THAT(error({.write_ratio = nan}), StartsWith("pattern.write_ratio: nan is out of range"));
  EXPECT_THAT(error({.kind = PatternKind::zipf, .zipf_exponent = 4.1}), StartsWith("pattern.zipf_exponent: "));
  EXPECT_THAT(error({.kind = PatternKind::zipf, .zipf_exponent = nan}), StartsWith("pattern.zipf_exponent: "));
  EXPECT_THAT(error({.kind = PatternKind::hot_cold, .hot_fraction = 1.5}), StartsWith("pattern.hot_fraction: "));
  EXPECT_THAT(error({.kind = PatternKind::hot_cold, .hot_share = -1}), StartsWith("pattern.hot_share: "));
  EXPECT_THAT(error({.kind = PatternKind::mix}), StartsWith("pattern.parts: a mix of nothing"));
}

TEST(PatternProblem, IsNamedWithThePartThatHasIt) {
  const auto error = [](const PatternConfig& config) { return test::user_error([&] { make_pattern(config); }); };
  PatternConfig mix{.kind = PatternKind::mix};
  mix.parts = {{}, {.kind = PatternKind::mix}};
  EXPECT_THAT(error(mix), StartsWith("pattern.parts.1.parts: a mix of nothing"));
  for (const double weight : {0.0, std::numeric_limits<double>::infinity()}) {
    mix.parts[1] = {.weight = weight};
    EXPECT_THAT(error(mix), StartsWith("pattern.parts.1.weight: "));
  }
  mix.parts[1] = {};
  EXPECT_EQ(error(mix), "");
  mix.kind = PatternKind::random;
  EXPECT_THAT(error(mix), StartsWith("pattern.parts: parts of a pattern that is no mix"));
}

TEST(PatternProblem, OfAFileIsNamedWithTheLineOfTheKey) {
  const auto error = [](const std::string& yaml) {
    return test::user_error([&] {
      PatternConfig config;
      bind_config(parse_yaml(yaml, "p.yaml"), config);
    });
  };
  EXPECT_EQ(error("kind: chase\nelement: 4 KiB\nsize: 2 KiB\n"),
            "p.yaml:3: size: too small for its elements; allowed: at least 1 of 4 KiB");
  EXPECT_EQ(error("kind: random\nseed: 1\nelement: 4 B\n"),
            "p.yaml:3: element: smaller than one access; allowed: at least access_size, 8 B");
  EXPECT_EQ(error("base: 0xffffffffffffff00\nsize: 4 KiB\n"),
            "p.yaml:2: size: the region goes beyond the last address; allowed: base + size up to 2^64");
  EXPECT_EQ(error("kind: mix\nparts:\n  - {kind: chase}\n  - kind: random\n    access_size: 64 B\n    size: 32 B\n"),
            "p.yaml:6: parts.1.size: smaller than one access; allowed: at least access_size, 64 B");
  EXPECT_EQ(error("kind: mix\nparts:\n  - weight: 0\n").substr(0, 39), "p.yaml:3: parts.0.weight: 0 is out of r");
  EXPECT_EQ(error("kind: mix\nparts: []\n"), "p.yaml:2: parts: a mix of nothing; allowed: at least one part");
  EXPECT_EQ(error("stride: 0\n").substr(0, 34), "p.yaml:1: stride: 0 is out of rang");
}

}  // namespace pagoda::pattern_test

// Bundle access control over real bytes in a memory of fixed latency: decisions, and times as closed forms.
#include "pagoda/iommu/bundle_guard.h"

#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "unit/iommu/guard_bench.h"

namespace pagoda::bundle_guard_test {

using test::FixedMemory;
using test::kCycle;
using test::kRead;
using test::request_of;
using test::stat_of;

constexpr Ps kLook = 2 * kCycle;
constexpr Addr kPage = 4096;
constexpr AccessKind kReads = AccessKind::read;
constexpr AccessKind kWrites = AccessKind::write;

// Answers after a fixed time; logs when it was asked.
struct FixedValidator final : Validator {
  Outcome validate(const TranslatedGuard::Request&, Ps at) override {
    asked.push_back(at);
    return {ok, at + takes};
  }
  std::vector<Ps> asked;
  Ps takes = 0;
  bool ok = true;
};

struct BundleGuardTest : ::testing::Test {
  static BundleGuardConfig config() {
    const GuardCacheConfig cache{.entries = 16, .ways = 4, .latency = Latency::cycles(2), .ports = 1};
    return {.ids = cache, .rights = cache};
  }
  void put(Addr page, BundleId bundle) { write_field(memory.store, layout.id_field(page), bundle); }
  void grant(BundleId bundle, std::uint32_t device, DmaRights rights) {
    write_field(memory.store, layout.rights_field(bundle, device), static_cast<std::uint64_t>(rights));
  }
  BundleGuard make(const BundleGuardConfig& wanted) { return {wanted, layout, kCycle, memory, &validator}; }

  FixedMemory memory;
  FixedValidator validator;
  BundleLayout layout{
      .pages = {.range = {16, 1024}}, .ids = 0x10000, .rows = 0x20000, .id_bits = 16, .bundles = 64, .devices = 40};
};

TEST_F(BundleGuardTest, DecidesByTheBundleOfThePage) {
  put(20, 5);
  put(21, 6);
  grant(5, 3, DmaRights::read);
  grant(5, 39, DmaRights::read_write);
  grant(6, 3, DmaRights::write);
  BundleGuard guard = make(config());
  Ps at = 0;
  const auto allowed = [&](std::uint32_t device, Addr address, AccessKind access) {
    return guard.check(request_of(device, address, access, at += 1'000'000)).allowed;
  };
  EXPECT_TRUE(allowed(3, 20 * kPage, kReads));
  EXPECT_TRUE(allowed(3, 20 * kPage + 4032, AccessKind::fetch));
  EXPECT_FALSE(allowed(3, 20 * kPage, kWrites));
  EXPECT_TRUE(allowed(39, 20 * kPage, kWrites));
  EXPECT_FALSE(allowed(2, 20 * kPage, kReads));
  EXPECT_TRUE(allowed(3, 21 * kPage, kWrites));
  EXPECT_FALSE(allowed(3, 21 * kPage, kReads));
  EXPECT_EQ(stat_of(guard, "checks"), 7);
  EXPECT_EQ(stat_of(guard, "allowed"), 4);
  EXPECT_EQ(stat_of(guard, "blocked"), 3);
  EXPECT_EQ(stat_of(guard, "blocked_rights"), 3);
}

TEST_F(BundleGuardTest, WhatTablesDoNotSayIsBlocked) {
  grant(0, 3, DmaRights::read_write);  // nonsense: bundle 0's row is never read
  put(30, 64);                         // no such bundle
  put(16, 1);
  put(1039, 1);
  grant(1, 3, DmaRights::read_write);
  BundleGuard guard = make(config());
  const auto check = [&](std::uint32_t device, Addr address, Ps at) {
    return guard.check(request_of(device, address, kReads, at));
  };
  EXPECT_FALSE(check(3, 40 * kPage, 0).allowed) << "default entry";
  EXPECT_EQ(memory.loads.size(), 1u);
  EXPECT_FALSE(check(3, 30 * kPage, 1'000'000).allowed) << "corrupt id";
  EXPECT_EQ(memory.loads.size(), 2u);
  const auto before = check(3, 15 * kPage, 2'000'000);
  EXPECT_FALSE(before.allowed);
  EXPECT_EQ(before.done, 2'000'000u);
  EXPECT_FALSE(check(3, 1040 * kPage, 3'000'000).allowed);
  EXPECT_FALSE(check(40, 20 * kPage, 4'000'000).allowed) << "a device beyond the rows";
  EXPECT_FALSE(check(3, ~Addr{0} - 10, 5'000'000).allowed) << "past the end of addresses";
  EXPECT_EQ(memory.loads.size(), 2u);
  EXPECT_TRUE(check(3, 16 * kPage, 6'000'000).allowed);
  EXPECT_TRUE(check(3, 1039 * kPage, 7'000'000).allowed);
  EXPECT_EQ(stat_of(guard, "blocked_no_bundle"), 1);
  EXPECT_EQ(stat_of(guard, "blocked_corrupt"), 1);
  EXPECT_EQ(stat_of(guard, "blocked_outside"), 4);
}

TEST_F(BundleGuardTest, ATableThatMemoryRefusesBlocks) {
  put(16, 1);
  grant(1, 0, DmaRights::read);
  BundleGuard guard = make(config());
  memory.refuses = 0x10000;
  const auto verdict = guard.check(request_of(0, 16 * kPage, kReads, 0));
  EXPECT_FALSE(verdict.allowed);
  EXPECT_EQ(verdict.done, kLook + kRead);
  memory.refuses = layout.rights_field(1, 0).word;
  EXPECT_FALSE(guard.check(request_of(0, 16 * kPage, kReads, 1'000'000)).allowed);
  memory.refuses = ~Addr{0};
  EXPECT_TRUE(guard.check(request_of(0, 16 * kPage, kReads, 2'000'000)).allowed) << "a refusal is not kept";
  EXPECT_EQ(stat_of(guard, "blocked_corrupt"), 2);
}

TEST_F(BundleGuardTest, ARequestOverPagesNeedsTheLeaveOfEach) {
  put(20, 1);
  put(21, 2);
  put(22, 1);
  grant(1, 0, DmaRights::read_write);
  grant(2, 0, DmaRights::read);
  BundleGuard guard = make(config());
  const Addr edge = 21 * kPage - 32;
  EXPECT_TRUE(guard.check(request_of(0, edge, kReads, 0)).allowed);
  EXPECT_FALSE(guard.check(request_of(0, edge, kWrites, 1'000'000)).allowed);
  EXPECT_TRUE(guard.check(request_of(0, edge, kWrites, 2'000'000, 32)).allowed) << "ends with the page";
  EXPECT_FALSE(guard.check(request_of(0, edge, kWrites, 3'000'000, 33)).allowed);
  EXPECT_TRUE(guard.check(request_of(0, 22 * kPage, kWrites, 4'000'000, 0)).allowed) << "no bytes: its address counts";
  EXPECT_FALSE(guard.check(request_of(0, 21 * kPage, kWrites, 5'000'000, 0)).allowed);
  EXPECT_FALSE(guard.check(request_of(0, 20 * kPage, kWrites, 6'000'000, 3 * kPage)).allowed) << "the middle one";
}

// Miss in both, hit in both, and misses in one of them: look-ups of 2 cycles, reads of 60 ns.
TEST_F(BundleGuardTest, LookUpsAndReadsAddUp) {
  for (Addr page = 16; page < 40; ++page) put(page, page < 24 ? 1 : 2);
  grant(1, 0, DmaRights::read);
  grant(2, 0, DmaRights::read);
  BundleGuard guard = make(config());
  const auto takes = [&](Addr page, Ps at) { return guard.check(request_of(0, page * kPage, kReads, at)).done - at; };
  EXPECT_EQ(takes(16, 0), 2 * (kLook + kRead));
  ASSERT_EQ(memory.loads.size(), 2u);
  EXPECT_EQ(memory.loads[0].address, 0x10000u);
  EXPECT_EQ(memory.loads[0].at, kLook);
  EXPECT_EQ(memory.loads[1].address, layout.row(1));
  EXPECT_EQ(memory.loads[1].at, 2 * kLook + kRead);
  EXPECT_EQ(takes(17, 1'000'000), 2 * kLook) << "four ids in a granule";
  EXPECT_EQ(takes(20, 2'000'000), 2 * kLook + kRead) << "table 1 misses";
  EXPECT_EQ(takes(24, 3'000'000), 2 * (kLook + kRead));
  EXPECT_EQ(stat_of(guard, "table1.hits"), 1);
  EXPECT_EQ(stat_of(guard, "table1.misses"), 3);
  EXPECT_EQ(stat_of(guard, "table2.hits"), 2);
  EXPECT_EQ(stat_of(guard, "table2.misses"), 2);
  EXPECT_EQ(stat_of(guard, "latency.count"), 4);
  EXPECT_EQ(stat_of(guard, "latency.max"), to_ns(2 * (kLook + kRead)));
  EXPECT_EQ(stat_of(guard, "latency.min"), to_ns(2 * kLook));
}

TEST_F(BundleGuardTest, AGranuleIsOneReadAndServesItsNeighbours) {
  for (Addr page = 16; page < 80; ++page) put(page, 1);
  grant(1, 0, DmaRights::read);
  for (const std::uint64_t bytes : {8u, 16u, 32u, 64u}) {
    memory.loads.clear();
    BundleGuardConfig wide = config();
    wide.ids.granule = {bytes};
    wide.ids.entries = 32;
    BundleGuard guard = make(wide);
    Ps at = 0;
    for (Addr page = 16; page < 80; ++page) {
      EXPECT_TRUE(guard.check(request_of(0, page * kPage, kReads, at += 1'000'000)).allowed);
    }
    EXPECT_EQ(stat_of(guard, "table1.misses"), 64 * 2 / static_cast<double>(bytes)) << bytes;
    EXPECT_EQ(memory.loads[0].words, bytes / 8);
    EXPECT_EQ(memory.loads.size(), 64 * 2 / bytes + 1) << "and one row";
  }
}

// The second request comes 10 ns after the first and finds table 1's granule on its way, then the row's.
TEST_F(BundleGuardTest, AHitOnAFillUnderWayWaitsForIt) {
  put(16, 1);
  put(17, 1);
  put(18, 1);
  grant(1, 0, DmaRights::read);
  BundleGuard guard = make(config());
  const Ps first_id = kLook + kRead;
  const Ps row = first_id + kLook + kRead;
  EXPECT_EQ(guard.check(request_of(0, 16 * kPage, kReads, 0)).done, row);
  EXPECT_EQ(guard.check(request_of(0, 17 * kPage, kReads, 10'000)).done, row);
  EXPECT_EQ(memory.loads.size(), 2u);
  EXPECT_EQ(stat_of(guard, "table1.merged"), 1);
  EXPECT_EQ(stat_of(guard, "table2.merged"), 1);
  // One that finds id and row just arrived waits for neither.
  EXPECT_EQ(guard.check(request_of(0, 18 * kPage, kReads, row - 2 * kLook)).done, row);
  EXPECT_EQ(stat_of(guard, "table1.hits"), 1);
  EXPECT_EQ(stat_of(guard, "table2.hits"), 1);
}

TEST_F(BundleGuardTest, FillsBeyondTheLimitWaitInTurn) {
  BundleGuardConfig narrow = config();
  narrow.ids.ports = 0;
  for (const std::uint32_t fills : {1u, 2u, 3u}) {
    narrow.ids.fills = fills;
    BundleGuard guard = make(narrow);
    for (Addr i = 0; i < 6; ++i) {  // six granules; nobody has access
      const auto verdict = guard.check(request_of(0, (16 + 4 * i) * kPage, kReads, 0));
      EXPECT_EQ(verdict.done, kLook + (i / fills + 1) * kRead) << i << " of " << fills;
    }
    const Ps waits = (fills == 1 ? 15 : fills == 2 ? 6 : 3) * kRead;
    EXPECT_EQ(stat_of(guard, "table1.fill_wait"), to_ns(waits));
  }
}

TEST_F(BundleGuardTest, APortTakesOneLookUpPerCycle) {
  put(16, 1);
  grant(1, 0, DmaRights::read);
  BundleGuard guard = make(config());
  guard.check(request_of(0, 16 * kPage, kReads, 0));
  for (Ps i = 0; i < 5; ++i) {
    const auto verdict = guard.check(request_of(0, 16 * kPage, kReads, 1'000'000));
    EXPECT_EQ(verdict.done, 1'000'000 + i * kCycle + 2 * kLook);
  }
}

// Sixteen sets of one way: granules 0 and 16 meet in set 0.
TEST_F(BundleGuardTest, CachesAreBounded) {
  BundleGuardConfig direct = config();
  direct.ids.ways = 1;
  BundleGuard guard = make(direct);
  const auto takes = [&](Addr page, Ps at) { return guard.check(request_of(0, page * kPage, kReads, at)).done - at; };
  EXPECT_EQ(takes(16, 0), kLook + kRead);
  EXPECT_EQ(takes(16, 1'000'000), kLook);
  EXPECT_EQ(takes(16 + 16 * 4, 2'000'000), kLook + kRead);
  EXPECT_EQ(takes(16, 3'000'000), kLook + kRead);
  EXPECT_EQ(stat_of(guard, "table1.evictions"), 2);
}

class Validations : public BundleGuardTest, public ::testing::WithParamInterface<Ps> {};

// Shorter and longer than table 1, and than both tables.
TEST_P(Validations, TakeTheSumInSeriesAndTheLongerInParallel) {
  put(16, 1);
  grant(1, 0, DmaRights::read);
  validator.takes = GetParam();
  constexpr Ps kStart = 5'000;
  constexpr Ps kTables = 2 * (kLook + kRead);
  for (const Validation order : {Validation::series, Validation::parallel}) {
    validator.asked.clear();
    BundleGuardConfig wanted = config();
    wanted.validation = order;
    BundleGuard guard = make(wanted);
    const bool series = order == Validation::series;
    const auto time = [&](Ps tables) { return series ? tables + GetParam() : std::max(tables, GetParam()); };
    const auto cold = guard.check(request_of(0, 16 * kPage, kReads, kStart));
    EXPECT_TRUE(cold.allowed);
    EXPECT_EQ(cold.done, kStart + time(kTables));
    const auto warm = guard.check(request_of(0, 16 * kPage, kReads, 9'000'000));
    EXPECT_EQ(warm.done, 9'000'000 + time(2 * kLook));
    EXPECT_EQ(validator.asked, (std::vector<Ps>{kStart, 9'000'000}));
  }
}
INSTANTIATE_TEST_SUITE_P(Times, Validations,
                         ::testing::Values(Ps{1}, kLook, kLook + kRead, 2 * (kLook + kRead), Ps{500'000}));

TEST_F(BundleGuardTest, ARefusalIsKnownAsSoonAsOnePartRefuses) {
  put(16, 1);
  grant(1, 0, DmaRights::read);
  BundleGuardConfig wanted = config();
  wanted.validation = Validation::series;
  BundleGuard series = make(wanted);
  wanted.validation = Validation::parallel;
  BundleGuard parallel = make(wanted);
  constexpr Ps kTables = 2 * (kLook + kRead);
  validator.takes = 10'000;
  validator.ok = false;
  EXPECT_EQ(series.check(request_of(0, 16 * kPage, kReads, 0)).done, 10'000u);
  EXPECT_TRUE(memory.loads.empty()) << "in series, table 1 is not asked any more";
  EXPECT_EQ(parallel.check(request_of(0, 16 * kPage, kReads, 0)).done, 10'000u);
  EXPECT_EQ(memory.loads.size(), 2u);
  EXPECT_EQ(stat_of(series, "blocked_validation"), 1);
  EXPECT_EQ(stat_of(parallel, "blocked_validation"), 1);

  validator.takes = 700'000;  // the tables refuse a write first
  parallel.invalidate_all(0, 1'000'000);
  const auto write = parallel.check(request_of(0, 16 * kPage, kWrites, 2'000'000));
  EXPECT_FALSE(write.allowed);
  EXPECT_EQ(write.done, 2'000'000 + kTables);
  EXPECT_EQ(stat_of(parallel, "blocked_rights"), 1);
  const auto read = parallel.check(request_of(0, 16 * kPage, kReads, 4'000'000));
  EXPECT_FALSE(read.allowed) << "the tables allow it";
  EXPECT_EQ(read.done, 4'700'000u);
  EXPECT_THROW(BundleGuard(wanted, layout, kCycle, memory), std::invalid_argument);
}

TEST_F(BundleGuardTest, CachedRightsHoldUntilTheyAreInvalidated) {
  put(16, 1);
  put(17, 1);
  put(24, 2);
  grant(1, 0, DmaRights::read);
  grant(2, 0, DmaRights::read);
  BundleGuard guard = make(config());
  Ps at = 0;
  const auto allowed = [&](Addr page) {
    return guard.check(request_of(0, page * kPage, kReads, at += 1'000'000)).allowed;
  };
  EXPECT_TRUE(allowed(16) && allowed(24));
  put(16, 0);
  EXPECT_TRUE(allowed(16)) << "stale";
  guard.invalidate_pages({20, 1000}, 0, at);
  EXPECT_TRUE(allowed(16)) << "still: other pages";
  guard.invalidate_pages({0, 17}, 0, at);
  EXPECT_FALSE(allowed(16));
  EXPECT_TRUE(allowed(17)) << "of the same granule";

  grant(1, 0, DmaRights::none);
  EXPECT_TRUE(allowed(17));
  guard.invalidate_bundle(2, 0, at);
  EXPECT_TRUE(allowed(17)) << "another bundle's";
  guard.invalidate_bundle(1, 0, at);
  EXPECT_FALSE(allowed(17));
}

TEST_F(BundleGuardTest, ABundlesInvalidationLeavesNoIdOfIt) {
  for (const unsigned bits : {8u, 16u, 32u}) {
    layout.id_bits = bits;
    memory.store = {};
    put(16, 1);
    put(17, 2);
    put(40, 2);
    put(60, 3);
    for (BundleId bundle = 1; bundle < 4; ++bundle) grant(bundle, 0, DmaRights::read);
    BundleGuardConfig wide = config();
    wide.ids.granule = {16};
    BundleGuard guard = make(wide);
    Ps at = 0;
    for (const Addr page : {16u, 17u, 40u, 60u}) {
      EXPECT_TRUE(guard.check(request_of(0, page * kPage, kReads, at += 1'000'000)).allowed);
    }
    for (const Addr page : {16u, 17u, 40u, 60u}) put(page, 0);
    guard.invalidate_bundle(2, 0, at);
    for (const Addr page : {16u, 17u, 40u}) {
      EXPECT_FALSE(guard.check(request_of(0, page * kPage, kReads, at += 1'000'000)).allowed) << page;
    }
    EXPECT_TRUE(guard.check(request_of(0, 60 * kPage, kReads, at += 1'000'000)).allowed) << "bundle 3 stays";
  }
}

// Four sets of four ways, one visited per cycle: n granules take min(n, 4) cycles.
TEST_F(BundleGuardTest, AnInvalidationTakesACyclePerSet) {
  BundleGuard guard = make(config());
  const auto takes = [&](PageNumbers pages, Ps at) { return guard.invalidate_pages(pages, 0, at) - at; };
  EXPECT_EQ(takes({16, 1}, 0), kCycle);
  EXPECT_EQ(takes({16, 4}, 10'000), kCycle);
  EXPECT_EQ(takes({19, 2}, 20'000), 2 * kCycle) << "in two granules";
  EXPECT_EQ(takes({16, 12}, 30'000), 3 * kCycle);
  EXPECT_EQ(takes({0, 100'000}, 40'000), 4 * kCycle);
  EXPECT_EQ(takes({0, 16}, 50'000), 0u) << "pages that the table does not know";
  EXPECT_EQ(guard.invalidate_bundle(1, 0, 60'000), 60'000 + 4 * kCycle) << "any granule may hold the id";
  EXPECT_EQ(guard.invalidate_all(0, 60'000), 60'000 + 8 * kCycle) << "one at a time";
  EXPECT_EQ(stat_of(guard, "invalidations"), 8);
}

TEST_F(BundleGuardTest, AnInvalidationIsDoneWhenNoOlderVerdictIsOnItsWay) {
  put(16, 1);
  grant(1, 0, DmaRights::read);
  BundleGuard guard = make(config());
  const auto verdict = guard.check(request_of(0, 16 * kPage, kReads, 0));
  EXPECT_TRUE(verdict.allowed);
  put(16, 0);
  EXPECT_EQ(guard.invalidate_pages({16, 1}, 0, 10'000), verdict.done);
  // Whoever asks from then on sees the new tables, also while the old verdict is under way.
  EXPECT_FALSE(guard.check(request_of(0, 16 * kPage, kReads, 20'000)).allowed);
}

// Memory that waits inside its b_transport: an invalidation comes while a granule with old bytes is on its way.
TEST_F(BundleGuardTest, AFillThatAnInvalidationOvertookIsNotKept) {
  struct Overtaken final : GuardMemory {
    FixedMemory* below;
    BundleGuard* guard = nullptr;
    const BundleLayout* layout;
    Answer load(Addr address, std::span<std::uint64_t> words, const TranslatedGuard::Request& cause, Ps at) override {
      const Answer answer = below->load(address, words, cause, at);
      if (guard != nullptr) {
        write_field(below->store, layout->id_field(16), 0);
        std::exchange(guard, nullptr)->invalidate_pages({16, 1}, 0, at);
      }
      return answer;
    }
  } slow;
  slow.below = &memory;
  slow.layout = &layout;
  put(16, 1);
  grant(1, 0, DmaRights::read);
  BundleGuard guard(config(), layout, kCycle, slow);
  slow.guard = &guard;
  EXPECT_TRUE(guard.check(request_of(0, 16 * kPage, kReads, 0)).allowed);
  EXPECT_FALSE(guard.check(request_of(0, 16 * kPage, kReads, 1'000'000)).allowed);
}

TEST(BundleGuardConfigs, SayWhatIsWrong) {
  EXPECT_NO_THROW(validated(BundleGuardConfig{}));
  EXPECT_THROW(validated(BundleGuardConfig{.ids = {.granule = {24}}}), UserError);
  EXPECT_THROW(validated(BundleGuardConfig{.ids = {.granule = {128}}}), UserError);
  EXPECT_THROW(validated(BundleGuardConfig{.rights = {.entries = 48, .ways = 4}}), UserError) << "12 sets";
}

}  // namespace pagoda::bundle_guard_test

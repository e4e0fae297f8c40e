// The walk against an independent recursive translator on millions of random entries: every composition of one to four
// stages out of sixteen formats, with random controls, rights, page sizes and flags.
#include <map>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pagoda/paging/run_walk.h"
#include "unit/paging/oracle.h"
#include "unit/paging/table_memory.h"

namespace pagoda::walk_oracle_test {

// SplitMix64: one is made for each entry, so it must cost nothing to seed.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t operator()() {
    std::uint64_t value = state_ += 0x9e3779b97f4a7c15;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    return value ^ value >> 31;
  }

 private:
  std::uint64_t state_;
};

bool chance(Random& random, unsigned percent) { return random() % 100 < percent; }

// Entries come into being when they are first read: what an entry holds depends on its address, stage and level, so
// both translators see the same memory without anybody laying out tables.
class RandomMemory {
 public:
  RandomMemory(const std::vector<Stage>& stages, std::uint64_t seed) : stages_(stages), seed_(seed) {
    // A walk of many stages reads hundreds of entries: the more, the rarer an entry may spoil it.
    constexpr std::array<unsigned, 5> kSpoiling{100, 100, 40, 6, 1};
    spoiling_ = kSpoiling.at(stages.size());
  }

  std::uint64_t& entry(Addr address, unsigned stage, unsigned level) {
    const auto [at, fresh] = entries_.try_emplace({address, stage, level}, 0);
    if (fresh) at->second = make(address, stage, level);
    return at->second;
  }
  EntryRead read(const Step& step) {
    if (!step.for_update) ++reads;
    return {.value = entry(step.address, step.stage, step.level)};
  }
  EntryUpdate update(const Step& step) {
    std::uint64_t& word = entry(step.address, step.stage, step.level);
    if (word != step.expected) return {.success = false, .current = word};
    updates.push_back(fmt::format("{}:{}:{:x}:{:x}>{:x}", step.stage, step.level, step.address, word, step.desired));
    word = step.desired;
    return {};
  }

  unsigned reads = 0;
  std::vector<std::string> updates;

 private:
  // True in `percent` of the entries that may spoil a walk.
  bool spoil(Random& random, unsigned percent) const { return chance(random, percent) && chance(random, spoiling_); }

  std::uint64_t make(Addr address, unsigned stage, unsigned level) const {
    Random random(seed_ ^ address * 0x9e3779b97f4a7c15ULL ^ (stage * 8 + level));
    const std::string name(stages_[stage].format->name());
    const bool leaf = level == 0 || (level <= 2 && chance(random, 12));
    // What the next stage accepts, so that most addresses do not fault there at once.
    const unsigned address_bits = spoil(random, 2) ? 50 : 38;
    Addr frame = random() & low_mask(address_bits) & ~low_mask(kPageShift);
    if (leaf && !spoil(random, 3)) frame &= ~low_mask(PageFormat::shift(level));
    if (spoil(random, 2)) return random();
    if (name.starts_with("sv")) return riscv(random, frame, leaf, level);
    return name.starts_with("arm") ? arm(random, frame, leaf, level) : intel(random, frame, leaf, level, name);
  }

  std::uint64_t arm(Random& random, Addr frame, bool leaf, unsigned level) const {
    std::uint64_t value = frame | (leaf && level > 0 ? 1 : 3);
    if (!leaf) return spoil(random, 10) ? value | 1ULL << (59 + random() % 4) : value;
    value |= 0xf << 2;
    // AP[1] or S2AP read; AP[2] clear or S2AP write cannot both be likely, so it is left to chance with DBM.
    if (!spoil(random, 30)) value |= 1U << 6;
    if (chance(random, 50)) value |= 1U << 7;
    if (!spoil(random, 30)) value |= 1U << 10;
    if (chance(random, 80)) value |= 1ULL << 51;
    if (chance(random, 15)) value |= 1ULL << 52;
    if (spoil(random, 30)) value |= (random() & 3) << 53;
    if (spoil(random, 3)) value |= 1ULL << (random() % 48);
    return value;
  }

  std::uint64_t riscv(Random& random, Addr frame, bool leaf, unsigned level) const {
    std::uint64_t value = frame >> 2 | 1;
    if (chance(random, 10)) value |= 1U << 5;
    if (!leaf) return spoil(random, 2) ? value | 1U << (random() % 4 + 4) : value;
    constexpr std::array<std::uint64_t, 5> kRights{0b111, 0b011, 0b101, 0b001, 0b100};  // XWR
    value |= kRights.at(spoil(random, 40) ? random() % kRights.size() : 0) << 1;
    if (!spoil(random, 20)) value |= 1U << 4;
    if (!spoil(random, 30)) value |= 1U << 6;
    if (!spoil(random, 40)) value |= 1U << 7;
    if (spoil(random, 10)) value |= (random() & 3) << 61;
    if (level == 0 ? chance(random, 10) : spoil(random, 2)) {
      value = (value & ~(0xfULL << 10)) | 1ULL << 63 | (spoil(random, 20) ? random() % 16 : 8) << 10;
    }
    if (spoil(random, 10)) value |= 1ULL << (54 + random() % 7);
    if (spoil(random, 2)) value &= ~1ULL;
    return value;
  }

  std::uint64_t intel(Random& random, Addr frame, bool leaf, unsigned level, const std::string& name) const {
    const bool ept = name.starts_with("ept");
    std::uint64_t value = frame | (spoil(random, 12) ? random() & 7 : 7);
    if (leaf && level > 0) value |= 1U << 7;
    if (ept && leaf) value |= (spoil(random, 5) ? random() & 7 : 6U) << 3;
    if (ept && !spoil(random, 20)) value |= 1U << 10;
    if (chance(random, 70)) value |= ept ? 1U << 8 : 1U << 5;
    if (leaf && chance(random, 60)) value |= ept ? 1U << 9 : 1U << 6;
    if (!ept && spoil(random, 8)) value |= 1ULL << 63;
    if (spoil(random, 3)) value |= 1ULL << (random() % 52);
    return value;
  }

  const std::vector<Stage>& stages_;
  std::uint64_t seed_;
  unsigned spoiling_;
  std::map<std::tuple<Addr, unsigned, unsigned>, std::uint64_t> entries_;
};

Stage random_stage(Random& random, unsigned stage) {
  constexpr std::array kFirst{"x86-64-4", "x86-64-5", "sv39", "sv48", "sv57", "armv8-s1", "armv8-s1-39"};
  constexpr std::array kAny{"x86-64-4", "x86-64-5", "ept-4",  "ept-5",    "sv39",           "sv48",          "sv57",
                            "sv39x4",   "sv48x4",   "sv57x4", "armv8-s2", "armv8-s2-40-l1", "armv8-s2-43-l1"};
  const char* name =
      stage == 0 && chance(random, 90) ? kFirst.at(random() % kFirst.size()) : kAny.at(random() % kAny.size());
  Stage made = test::stage_of(name, (random() & low_mask(38)) & ~low_mask(14));
  StageControls& controls = made.controls;
  controls.physical_bits = chance(random, 80) ? 52 : 44;
  const auto flip = [&](bool& flag, unsigned percent) { flag = chance(random, percent); };
  flip(controls.riscv.svnapot, 70);
  flip(controls.riscv.svrsw60t59b, 50);
  flip(controls.riscv.pbmte, 60);
  flip(controls.riscv.adue, 75);
  flip(controls.riscv.sum, 50);
  flip(controls.riscv.mxr, 50);
  flip(controls.x86.wp, 50);
  flip(controls.x86.nxe, 80);
  flip(controls.x86.smep, 30);
  flip(controls.x86.smap, 30);
  flip(controls.arm.ha, 80);
  controls.arm.hd = controls.arm.ha && chance(random, 80);
  flip(controls.arm.hpd, 30);
  flip(controls.arm.wxn, 20);
  flip(controls.arm.pan, 20);
  flip(controls.arm.epan, 50);
  made.upper_root = made.root + 0x10'0000;
  flip(controls.ept.accessed_dirty, 60);
  flip(controls.ept.execute_only, 50);
  flip(controls.ept.mode_based_execute, 40);
  return made;
}

std::string class_of(const Fault& fault, const Stage& stage) {
  const std::string_view name = stage.format->name();
  if (name.starts_with("sv")) return "page";
  if (name.starts_with("arm")) {
    switch (fault.cause) {
      case FaultCause::address_size: return "address-size";
      case FaultCause::access_flag: return "access-flag";
      case FaultCause::permission: return "permission";
      default: return "translation";
    }
  }
  if (name.starts_with("ept")) return fault.cause == FaultCause::misconfiguration ? "misconfig" : "violation";
  switch (fault.cause) {
    case FaultCause::non_canonical: return "canonical";
    case FaultCause::not_present: return "not-present";
    case FaultCause::reserved_bits: return "reserved";
    default: return "permission";
  }
}

struct Outcome {
  unsigned translated = 0;
  unsigned faulted = 0;
  unsigned with_updates = 0;
};

void compare_one(std::uint64_t seed, unsigned stage_count, Outcome& outcome) {
  Random random(seed);
  std::vector<Stage> stages;
  for (unsigned s = 0; s < stage_count; ++s) stages.push_back(random_stage(random, s));
  if (chance(random, 5)) stages[random() % stage_count].format = nullptr;
  constexpr std::string_view kAccesses = "rwx";
  test::OracleRequest request{.address = chance(random, 95) ? random() & low_mask(38) : random(),
                              .access = kAccesses[random() % 3],
                              .user = chance(random, 60),
                              .ac = chance(random, 50)};
  request.hlvx = request.access == 'r' && chance(random, 15);
  RandomMemory oracle_memory(stages, seed);
  const test::OracleResult expected = test::oracle_translate(
      stages, request, [&](Addr a, unsigned s, unsigned l) -> std::uint64_t& { return oracle_memory.entry(a, s, l); });

  RandomMemory memory(stages, seed);
  const AccessKind access = request.access == 'r'   ? AccessKind::read
                            : request.access == 'w' ? AccessKind::write
                                                    : AccessKind::fetch;
  Walk walk(stages, {.address = request.address,
                     .access = access,
                     .privilege = request.user ? Privilege::user : Privilege::supervisor,
                     .allow_user_data = request.ac,
                     .execute_to_read = request.hlvx});
  const bool done = run_walk(walk, memory);
  ASSERT_EQ(done, expected.done) << "seed " << seed << ", expected " << expected.fault;
  ASSERT_EQ(memory.updates, expected.updates) << "seed " << seed;
  if (done) {
    ++outcome.translated;
    ASSERT_EQ(walk.translation().output, expected.output) << "seed " << seed;
    ASSERT_EQ(walk.translation().page_shift, expected.page_shift) << "seed " << seed;
    ASSERT_EQ(memory.reads, expected.reads) << "seed " << seed;
    std::array<Rights, kMaxStages> rights{};
    for (unsigned s = 0; s < stage_count; ++s) rights.at(s) = walk.translation().stages[s].rights;
    ASSERT_EQ(check_translation(stages, rights, walk.request()), FaultCause::none) << "seed " << seed;
  } else {
    ++outcome.faulted;
    const Fault& fault = walk.fault();
    ASSERT_EQ(fault.stage, expected.fault_stage) << "seed " << seed;
    ASSERT_EQ(class_of(fault, stages[fault.stage]), expected.fault) << "seed " << seed;
    ASSERT_EQ(fault.table != TableAccess::none, expected.implicit) << "seed " << seed;
    ASSERT_EQ(fault.table == TableAccess::write, expected.implicit_write) << "seed " << seed;
    ASSERT_EQ(fault.stage_address, expected.stage_address) << "seed " << seed;
    ASSERT_EQ(fault.virtual_address, request.address);
  }
  if (!memory.updates.empty()) ++outcome.with_updates;
}

class AgainstOracle : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Stages, AgainstOracle, testing::Values(1, 2, 3, 4));

TEST_P(AgainstOracle, RandomTablesTranslateAlike) {
  const unsigned stages = GetParam();
  const unsigned runs = stages == 1 ? 60000 : stages == 2 ? 30000 : stages == 3 ? 8000 : 2000;
  Outcome outcome;
  for (unsigned run = 0; run < runs && !HasFatalFailure(); ++run) {
    compare_one(std::uint64_t{stages} << 32 | run, stages, outcome);
  }
  // The comparison means something only if both outcomes and updates occur.
  EXPECT_GT(outcome.translated, runs / 200);
  EXPECT_GT(outcome.faulted, runs / 200);
  EXPECT_GT(outcome.with_updates, runs / 20);
}

}  // namespace pagoda::walk_oracle_test

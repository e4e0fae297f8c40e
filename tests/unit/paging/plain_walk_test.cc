// The short way through a walk against Walk, on the same tables: the same questions in the same order, and the same
// result, whatever an entry holds.
#include "pagoda/paging/plain_walk.h"

#include <map>
#include <random>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "pagoda/paging/page_table_editor.h"
#include "unit/paging/table_memory.h"

namespace pagoda::plain_walk_test {

constexpr Addr kFirst = 0x4000'0000;
constexpr unsigned kPages = 64;

// Tables with a walk cache that knows every pointer it has been told; lists what it is asked.
class Tables {
 public:
  EntryRead read(const Step& step) {
    log.push_back(fmt::format("read {} {:x} {}", step.level, step.address, step.for_update));
    last_read = step.address;
    if (step.address == refuses) return {.refused = FaultCause::access_error};
    return {.value = store.read(step.address)};
  }
  EntryUpdate update(const Step& step) {
    log.push_back(fmt::format("update {:x} {:x} {:x}", step.address, step.expected, step.desired));
    std::uint64_t current = step.expected;
    const bool success = store.compare_and_swap(step.address, current, step.desired);
    return {.success = success, .current = current};
  }
  WalkHint lookup(const Step& step) {
    const TablePointer* const found = lookup_table(step);
    return found == nullptr ? WalkHint() : WalkHint(*found);
  }
  const TablePointer* lookup_table(const Step& step) {
    log.push_back(fmt::format("lookup {} {:x}", step.stage, step.address));
    for (unsigned level = 0; caching && level + 1 < kMaxLevels; ++level) {
      const auto found = known.find({level, step.address >> PageFormat::shift(level + 1)});
      if (found != known.end()) return &found->second;
    }
    return nullptr;
  }
  void learned(const Learned& learned) {
    if (learned.kind != Learned::Kind::table) return;  // a walk cache keeps nothing else of a single stage
    log.push_back(
        fmt::format("table {} {:x} {}", learned.table.level, learned.table.table, to_string(learned.table.rights)));
    known[{learned.table.level, learned.input >> PageFormat::shift(learned.table.level + 1U)}] = learned.table;
  }

  SparseStore store;
  std::vector<std::string> log;
  std::map<std::pair<unsigned, Addr>, TablePointer> known;
  bool caching = true;
  Addr refuses = ~Addr{0};
  Addr last_read = 0;
};

std::string described(bool found, const Translation& translation, const Fault& fault) {
  if (!found) {
    return fmt::format("fault {} level {} granted {:x} entry {:x}", to_string(fault.cause), fault.level, fault.granted,
                       fault.entry_address);
  }
  const StageTranslation& own = translation.stages[0];
  return fmt::format("{:x} shift {} {} {} leaf {:x} at {:x} level {}", translation.output, translation.page_shift,
                     to_string(translation.rights), static_cast<int>(translation.memory_type), own.leaf,
                     own.leaf_address, own.level);
}

std::string walked(const std::vector<Stage>& stages, const WalkRequest& request, Tables& tables) {
  Walk walk(stages, request, Lookups::on);
  const bool found = run_walk(walk, tables);
  return described(found, walk.translation(), found ? Fault{} : walk.fault());
}

std::string walked_plainly(const std::vector<Stage>& stages, const WalkRequest& request, Tables& tables,
                           unsigned& plain_ones) {
  if (!PlainWalk::fits(stages, request)) return walked(stages, request, tables);
  PlainWalk plain(stages.front(), request);
  if (plain.run(tables)) {
    ++plain_ones;
    return described(true, plain.translation(), {});
  }
  Walk walk(stages, request, Lookups::on);
  plain.hand_over(walk);
  const bool found = run_walk(walk, tables);
  return described(found, walk.translation(), found ? Fault{} : walk.fault());
}

// Maps the pages, some without flags or permission to write; the same for the same seed.
void lay_out(Stage& stage, unsigned seed, Tables& tables) {
  std::mt19937_64 random(seed);
  BumpFrames frames{0x10'0000, 0x80'0000};
  stage.root = PageTableEditor::make_root(*stage.format, tables.store, frames).value();
  PageTableEditor editor(stage, tables.store, frames);
  for (unsigned page = 0; page < kPages; ++page) {
    const Rights flags = random() % 4 == 0 ? Rights::none : kFlags;
    const Rights write = random() % 4 == 0 ? Rights::none : Rights::write;
    const Mapping mapping{.output = 0x9000'0000 + page * Addr{0x1000},
                          .rights = Rights::read | Rights::user | write | flags};
    ASSERT_EQ(editor.map(kFirst + page * Addr{0x1000}, mapping), EditStatus::ok);
  }
}

class PlainWalks : public testing::TestWithParam<const char*> {};

TEST_P(PlainWalks, AskAndAnswerWhatWalkDoes) {
  std::mt19937_64 random(3);
  unsigned plain_ones = 0;
  unsigned walks = 0;
  for (unsigned round = 0; round < 40; ++round) {
    Stage stage = test::stage_of(GetParam(), 0);
    stage.controls.riscv.adue = stage.controls.arm.ha = stage.controls.arm.hd = round % 2 == 0;
    stage.controls.withheld = {.no_read = 0, .no_write = round % 4 == 0 ? 1ULL << 55 : 0};
    Tables expected;
    Tables tables;
    lay_out(stage, round, expected);
    lay_out(stage, round, tables);
    expected.caching = tables.caching = round % 8 < 4;
    const std::vector<Stage> stages{stage};
    for (unsigned i = 0; i < 100; ++i, ++walks) {
      if (random() % 8 == 0) {
        const std::uint64_t spoilt = expected.store.read(expected.last_read) ^ 1ULL << random() % 64;
        for (Tables* both : {&expected, &tables}) both->store.write(expected.last_read, spoilt);
      }
      expected.refuses = tables.refuses = random() % 32 == 0 ? expected.last_read : ~Addr{0};
      const Addr far = random() % 16 == 0 ? random() : 0;
      const WalkRequest request{.address = kFirst + random() % (kPages * Addr{0x1000}) + far,
                                .access = static_cast<AccessKind>(random() % 3),
                                .privilege = random() % 4 == 0 ? Privilege::supervisor : Privilege::user,
                                .rights_only = random() % 16 == 0};
      ASSERT_EQ(walked_plainly(stages, request, tables, plain_ones), walked(stages, request, expected)) << walks;
      ASSERT_EQ(tables.log, expected.log) << walks;
      tables.log.clear();
      expected.log.clear();
    }
  }
  EXPECT_GT(plain_ones, walks / 10);  // else nothing was compared
}

INSTANTIATE_TEST_SUITE_P(Formats, PlainWalks,
                         testing::Values("x86-64-4", "x86-64-5", "ept-4", "sv39", "sv48", "armv8-s1", "armv8-s2"));

}  // namespace pagoda::plain_walk_test

// How many table entries a walk reads with nothing cached, and what it makes of superpages at every level, offset and
// stage: closed forms and addresses computed by hand.
#include <gtest/gtest.h>

#include "pagoda/paging/page_table_editor.h"
#include "unit/paging/table_memory.h"

namespace pagoda::walk_count_test {

using test::TableMemory;

// Every stage maps the memory that the stages before it use, with 4 KiB pages, scattered so that no two output
// addresses equal their input. Stage s lays out tables in its own output space.
class Nest {
 public:
  static constexpr Addr kInput = 0x12'3456'7000;

  explicit Nest(const std::vector<const char*>& formats) {
    for (const char* format : formats) stages_.push_back(test::stage_of(format, 0));
    build(0, kInput);
  }

  Walk walk() const { return Walk(stages_, {.address = kInput | 0xabc, .privilege = Privilege::user}); }
  std::vector<Stage>& stages() { return stages_; }
  TableMemory memory;

 private:
  // Lays the path of entries for `input` in stage s and, recursively, of each address that stage's output space needs.
  // Returns the memory address behind it.
  Addr build(std::size_t s, Addr input) {
    if (s == stages_.size()) return input;
    Stage& stage = stages_[s];
    if (stage.root == 0) stage.root = new_frame();
    const PageFormat& format = *stage.format;
    Addr table = stage.root;
    for (unsigned level = format.root_level(); level > 0; --level) {
      const Addr entry = build(s + 1, format.entry_address(level, table, input));
      if (memory.store.read(entry) == 0) memory.store.write(entry, encode_table(format, new_frame()));
      table = decode(format, stage.controls, level, memory.store.read(entry)).address;
    }
    const Addr entry = build(s + 1, format.entry_address(0, table, input));
    if (memory.store.read(entry) == 0) {
      const Rights all = kPermissions | kFlags;
      memory.store.write(entry,
                         encode_leaf(format, stage.controls, 0, {.address = new_frame(), .rights = all}).value());
    }
    const Addr page = decode(format, stage.controls, 0, memory.store.read(entry)).address;
    return build(s + 1, page | (input & low_mask(kPageShift)));
  }

  // Aligned for x4 roots, and within 40 bits.
  Addr new_frame() { return next_ += 0x10'4000; }

  std::vector<Stage> stages_;
  Addr next_ = 0x4000'0000;
};

struct Count {
  std::vector<const char*> formats;
  std::size_t reads;
};

class Counts : public testing::TestWithParam<Count> {};

// A walk of L levels whose entries each need a translation of R reads makes L * (R + 1) + R reads.
INSTANTIATE_TEST_SUITE_P(
    ClosedForms, Counts,
    testing::Values(Count{{"x86-64-4"}, 4}, Count{{"x86-64-5"}, 5}, Count{{"sv39"}, 3}, Count{{"sv48"}, 4},
                    Count{{"sv57"}, 5}, Count{{"ept-4"}, 4}, Count{{"armv8-s1-39"}, 3}, Count{{"armv8-s2-40-l1"}, 3},
                    Count{{"x86-64-4", "ept-4"}, 24}, Count{{"x86-64-5", "ept-5"}, 35},
                    Count{{"x86-64-4", "x86-64-4"}, 24}, Count{{"sv39", "sv39x4"}, 15}, Count{{"sv48", "sv48x4"}, 24},
                    Count{{"sv57", "sv57x4"}, 35}, Count{{"sv48", "sv39x4"}, 19}, Count{{"armv8-s1", "armv8-s2"}, 24},
                    Count{{"armv8-s1", "armv8-s2-40-l1"}, 19}, Count{{"x86-64-4", "ept-4", "ept-4"}, 124},
                    Count{{"sv48", "sv48x4", "sv48x4"}, 124}, Count{{"sv39", "sv39x4", "sv39x4", "sv39x4"}, 255}));

TEST_P(Counts, AreReached) {
  Nest nest(GetParam().formats);
  Walk walk = nest.walk();
  ASSERT_TRUE(run_walk(walk, nest.memory)) << static_cast<int>(walk.fault().cause);
  EXPECT_EQ(nest.memory.reads.size(), GetParam().reads);
  EXPECT_TRUE(nest.memory.updates.empty() || GetParam().formats[0][0] == 'x');
  EXPECT_EQ(walk.translation().page_shift, 12);
  EXPECT_EQ(walk.translation().output & 0xfff, 0xabcU);
}

TEST(Walk, EachEntryIsReadForTheStageAndLevelThatNeedsIt) {
  Nest nest({"sv39", "sv39x4"});
  Walk walk = nest.walk();
  ASSERT_TRUE(run_walk(walk, nest.memory));
  std::string order;
  for (const Step& step : nest.memory.reads) {
    order += static_cast<char>('a' + step.stage);
    order += static_cast<char>('0' + step.level);
    EXPECT_EQ(step.table, step.stage == 1 && order.size() <= 24 ? TableAccess::read : TableAccess::none);
  }
  EXPECT_EQ(order, "b2b1b0a2b2b1b0a1b2b1b0a0b2b1b0");
}

TEST(Walk, StagesWithoutFormatPassAddressesThrough) {
  Walk none({}, {.address = 0xffff'0000'1234'5678});
  EXPECT_EQ(none.step().kind, StepKind::done);
  EXPECT_EQ(none.translation().output, 0xffff'0000'1234'5678U);
  EXPECT_EQ(none.translation().page_shift, kUnlimitedShift);

  // Stage 1 only, as a guest with paging off; and stage 0 only, with a second stage that is off.
  for (const bool first : {true, false}) {
    TableMemory memory;
    std::vector<Stage> stages(2);
    stages[first ? 0 : 1] = test::stage_of("sv39x4", 0x10000);
    memory.store.write(0x10000 + 8 * 5, test::rv(0x8000'0000, 0xdf));
    Walk walk(stages, {.address = 5 * 0x4000'0000ULL + 0x1234});
    ASSERT_TRUE(run_walk(walk, memory));
    EXPECT_EQ(walk.translation().output, 0x8000'1234U);
    EXPECT_EQ(walk.translation().page_shift, 30);
    EXPECT_EQ(memory.reads.size(), 1U);
  }
}

TEST(Walk, HasAtMostEightStages) {
  const std::vector<Stage> stages(kMaxStages + 1);
  const std::vector<Stage> fewer(kMaxStages);
  Walk most(fewer, {.address = 5});
  EXPECT_EQ(most.translation().output, 5U);
  EXPECT_THROW(Walk(stages, {}), std::length_error);
}

// --- superpages ------------------------------------------------------------------------------------------------------

struct SuperpageCase {
  const char* format;
  unsigned shift;
};
class Superpages : public testing::TestWithParam<SuperpageCase> {};

INSTANTIATE_TEST_SUITE_P(
    EveryLevel, Superpages,
    testing::Values(SuperpageCase{"x86-64-4", 12}, SuperpageCase{"x86-64-4", 21}, SuperpageCase{"x86-64-4", 30},
                    SuperpageCase{"x86-64-5", 30}, SuperpageCase{"ept-4", 21}, SuperpageCase{"ept-5", 30},
                    SuperpageCase{"sv39", 21}, SuperpageCase{"sv39", 30}, SuperpageCase{"sv48", 39},
                    SuperpageCase{"sv57", 48}, SuperpageCase{"sv57", 39}, SuperpageCase{"sv57", 30},
                    SuperpageCase{"sv57", 21}, SuperpageCase{"sv57", 12}, SuperpageCase{"sv39x4", 30},
                    SuperpageCase{"sv48x4", 39}, SuperpageCase{"sv57x4", 48}, SuperpageCase{"armv8-s1", 21},
                    SuperpageCase{"armv8-s1", 30}, SuperpageCase{"armv8-s2", 30}, SuperpageCase{"sv39", 16},
                    SuperpageCase{"sv39x4", 16}, SuperpageCase{"armv8-s1", 16}, SuperpageCase{"armv8-s1", 25},
                    SuperpageCase{"armv8-s2", 34}));

Stage superpage_stage(const char* format, BumpFrames& frames, ByteStore& store) {
  Stage stage = test::stage_of(format, 0);
  stage.controls.riscv.svnapot = true;
  stage.root = PageTableEditor::make_root(*stage.format, store, frames).value();
  return stage;
}

std::vector<Addr> offsets(unsigned shift) {
  std::vector<Addr> all{0, 7, 0xfff, low_mask(shift), low_mask(shift) - 0xfff};
  for (unsigned bit = 12; bit < shift; ++bit) all.push_back(Addr{1} << bit | 0x18);
  return all;
}

TEST_P(Superpages, KeepTheOffsetAtEveryOffset) {
  const auto [name, shift] = GetParam();
  TableMemory memory;
  BumpFrames frames(0x10'0000, 0x80'0000);
  const Stage stage = superpage_stage(name, frames, memory.store);
  PageTableEditor editor(stage, memory.store, frames);
  const Addr input = Addr{3} << shift;
  const Addr output = shift >= 48 ? Addr{1} << shift : Addr{0x5} << shift;
  const Addr in_range = stage.format->accepts(input) ? input : 0;
  ASSERT_EQ(editor.map(in_range, {.output = output, .page_shift = shift, .rights = kPermissions | kFlags}),
            EditStatus::ok);
  for (const Addr offset : offsets(shift)) {
    Walk walk({&stage, 1}, {.address = in_range | offset, .privilege = Privilege::user});
    ASSERT_TRUE(run_walk(walk, memory)) << std::hex << offset;
    EXPECT_EQ(walk.translation().output, output | offset);
    EXPECT_EQ(walk.translation().page_shift, shift);
    EXPECT_EQ(walk.translation().page(), output);
  }
}

// The page size of two stages is the smaller one, and the offset inside the larger page selects the smaller one's
// place.
TEST(Superpages, OfTwoStagesGiveTheSmallerSize) {
  for (const unsigned first : {12U, 16U, 21U, 30U}) {
    for (const unsigned second : {12U, 16U, 21U, 30U}) {
      TableMemory memory;
      BumpFrames table_frames(0x10'0000, 0x80'0000);  // identity-mapped by the second stage
      Stage guest = superpage_stage("sv39", table_frames, memory.store);
      Stage host = superpage_stage("sv39x4", table_frames, memory.store);
      PageTableEditor guest_editor(guest, memory.store, table_frames);
      PageTableEditor host_editor(host, memory.store, table_frames);
      const Addr va = 0x18'0000'0000;
      const Addr gpa = 0x40'0000'0000;
      const Addr pa = 0x100'0000'0000;
      const Rights all = kPermissions | kFlags;
      ASSERT_EQ(guest_editor.map(va, {.output = gpa, .page_shift = first, .rights = all}), EditStatus::ok);
      const Addr size = Addr{1} << second;
      for (Addr at = 0; at < std::min(Addr{1} << first, 4 * size); at += size) {
        // Pages of the second stage in reverse order, so that a wrong offset cannot go unnoticed.
        const Addr page = pa + (Addr{1} << 35) - at;
        ASSERT_EQ(host_editor.map(gpa + at, {.output = page, .page_shift = second, .rights = all}), EditStatus::ok);
      }
      ASSERT_EQ(host_editor.map(0, {.output = 0, .page_shift = 30, .rights = all}), EditStatus::ok);
      const std::array stages{guest, host};
      for (const Addr offset : {Addr{0}, low_mask(first), low_mask(first) & low_mask(second + 1)}) {
        if (offset >= 4 * size) continue;
        Walk walk(stages, {.address = va + offset, .privilege = Privilege::user});
        ASSERT_TRUE(run_walk(walk, memory)) << first << ' ' << second << ' ' << std::hex << offset;
        const Addr at = offset & ~low_mask(second);
        EXPECT_EQ(walk.translation().output, pa + (Addr{1} << 35) - at + (offset & low_mask(second)));
        EXPECT_EQ(walk.translation().page_shift, std::min(first, second));
      }
    }
  }
}

TEST(Walk, RootOfFourTablesIsIndexedByElevenBits) {
  TableMemory memory;
  const Stage stage = test::stage_of("sv39x4", 0x4000);
  for (const Addr index : {Addr{0}, Addr{511}, Addr{512}, Addr{1024}, Addr{1537}, Addr{2047}}) {
    memory.store.write(0x4000 + index * 8, test::rv((index + 1) << 30, 0xdf));
    Walk walk({&stage, 1}, {.address = index << 30 | 0x123});
    ASSERT_TRUE(run_walk(walk, memory)) << index;
    EXPECT_EQ(walk.translation().output, (index + 1) << 30 | 0x123);
  }
}

TEST(Walk, ConcatenatedArmRootsAreOneTable) {
  // 40-bit input starting at level 1: two tables of 512 entries; 43-bit input: sixteen (Arm ARM D8.2, concatenation).
  for (const auto& [name, entries] : {std::pair{"armv8-s2-40-l1", 1024}, std::pair{"armv8-s2-43-l1", 8192}}) {
    TableMemory memory;
    const Stage stage = test::stage_of(name, 0x10'0000);
    const Addr last = static_cast<Addr>(entries) - 1;
    for (const Addr index : {Addr{0}, Addr{511}, Addr{512}, last}) {
      // A 1 GiB block: valid, AF, S2AP read and write, normal memory.
      memory.store.write(0x10'0000 + index * 8, (index << 30) | 0x7fd);
      Walk walk({&stage, 1}, {.address = index << 30 | 0x77});
      ASSERT_TRUE(run_walk(walk, memory)) << name << ' ' << index;
      EXPECT_EQ(walk.translation().output, index << 30 | 0x77);
    }
    Walk beyond({&stage, 1}, {.address = (last + 1) << 30});
    EXPECT_FALSE(run_walk(beyond, memory));
    EXPECT_EQ(beyond.fault().cause, FaultCause::non_canonical);
  }
}

}  // namespace pagoda::walk_count_test

// Every edit is checked by walking: what was mapped translates, what was unmapped faults, and what was split, promoted
// or protected translates as before or grants as told. All formats, all their page sizes.
#include "pagoda/paging/page_table_editor.h"

#include <random>

#include <gtest/gtest.h>

#include "unit/paging/table_memory.h"

namespace pagoda::page_table_editor_test {

using test::TableMemory;

constexpr Rights kAll = kPermissions | kFlags;
constexpr Rights kReadOnly = Rights::read | Rights::user | kFlags;

// Takes back what it gave and can run dry.
class CountingFrames : public FrameSource {
 public:
  std::optional<Addr> allocate(std::uint64_t bytes) override {
    if (live.size() >= limit) return {};
    const std::optional<Addr> frame = frames_.allocate(bytes);
    if (frame) live[*frame] = bytes;
    return frame;
  }
  void release(Addr address, std::uint64_t bytes) override {
    EXPECT_TRUE(live.contains(address)) << std::hex << address;
    EXPECT_EQ(live[address], bytes);
    live.erase(address);
  }
  std::map<Addr, std::uint64_t> live;
  std::size_t limit = 1000;

 private:
  BumpFrames frames_{0x10'0000, 0x1000'0000};
};

class Editor : public testing::TestWithParam<const char*> {
 public:
  Editor() {
    stage.format = find_page_format(GetParam());
    stage.controls.riscv = {.svnapot = true, .adue = true};
    stage.controls.arm = {.ha = true, .hd = true};
    stage.controls.ept.accessed_dirty = true;
    stage.root = PageTableEditor::make_root(*stage.format, memory.store, frames).value();
  }
  PageTableEditor editor() { return {stage, memory.store, frames}; }
  std::vector<unsigned> sizes() const {
    std::vector<unsigned> all;
    for (unsigned level = 0; level < stage.format->levels; ++level) {
      if (!leaf_level(*stage.format, stage.controls, level)) continue;
      all.push_back(PageFormat::shift(level));
      if (group_allowed(*stage.format, stage.controls, level)) all.push_back(PageFormat::shift(level) + kGroupShift);
    }
    // What fits into the smallest input space used here.
    std::erase_if(all, [this](unsigned shift) { return shift + 2 > stage.format->input_bits; });
    return all;
  }
  std::optional<Addr> translate(Addr input, AccessKind access = AccessKind::read) {
    Walk walk({&stage, 1}, {.address = input, .access = access, .privilege = Privilege::user});
    if (!run_walk(walk, memory)) return {};
    last_shift = walk.translation().page_shift;
    return walk.translation().output;
  }
  // The first, the last and a middle byte of a page.
  void expect_mapped(Addr input, Addr output, unsigned shift) {
    for (const Addr offset : {Addr{0}, low_mask(shift), low_mask(shift) / 3}) {
      EXPECT_EQ(translate(input + offset), output + offset) << shift;
    }
  }

  Stage stage;
  TableMemory memory;
  CountingFrames frames;
  unsigned last_shift = 0;
};

INSTANTIATE_TEST_SUITE_P(AllFormats, Editor,
                         testing::Values("x86-64-4", "x86-64-5", "ept-4", "ept-5", "sv39", "sv48", "sv57", "sv39x4",
                                         "sv48x4", "sv57x4", "armv8-s1", "armv8-s2", "armv8-s1-39", "armv8-s2-40-l1"));

TEST_P(Editor, MapsAndUnmapsEveryPageSize) {
  for (const unsigned shift : sizes()) {
    const Addr input = Addr{1} << shift;
    const Addr output = shift > 40 ? 0 : Addr{6} << shift;
    EXPECT_EQ(translate(input), std::nullopt);
    ASSERT_EQ(editor().map(input, {.output = output, .page_shift = shift, .rights = kAll}), EditStatus::ok) << shift;
    expect_mapped(input, output, shift);
    EXPECT_EQ(last_shift, shift);
    EXPECT_EQ(translate(input - 1), std::nullopt);
    EXPECT_EQ(translate(input + (Addr{1} << shift)), std::nullopt);
    const std::optional<MappedPage> found = editor().find(input + low_mask(shift));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->input, input);
    EXPECT_EQ(found->output, output);
    EXPECT_EQ(found->page_shift, shift);
    EXPECT_EQ(memory.store.read(found->leaf_address), found->leaf);
    ASSERT_EQ(editor().unmap(input, shift), EditStatus::ok);
    EXPECT_EQ(translate(input), std::nullopt);
    EXPECT_EQ(translate(input + low_mask(shift)), std::nullopt);
    EXPECT_EQ(editor().find(input), std::nullopt);
  }
  editor().release_tables();
  EXPECT_EQ(frames.live.size(), 1U);  // the root
}

TEST_P(Editor, ProtectChangesPermissionsAndKeepsFlags) {
  for (const unsigned shift : sizes()) {
    const Addr input = Addr{1} << shift;
    ASSERT_EQ(editor().map(input, {.output = 0, .page_shift = shift, .rights = kAll}), EditStatus::ok);
    EXPECT_TRUE(translate(input + 8, AccessKind::write));
    ASSERT_EQ(editor().protect(input, shift, kReadOnly), EditStatus::ok);
    EXPECT_TRUE(translate(input + low_mask(shift)));
    EXPECT_FALSE(translate(input, AccessKind::write));
    EXPECT_FALSE(translate(input + low_mask(shift), AccessKind::write));
    EXPECT_FALSE(translate(input, AccessKind::fetch));
    EXPECT_TRUE(has(editor().find(input)->rights, Rights::accessed));
    ASSERT_EQ(editor().protect(input, shift, kAll), EditStatus::ok);
    EXPECT_TRUE(translate(input + low_mask(shift), AccessKind::write));
    ASSERT_EQ(editor().unmap(input, shift), EditStatus::ok);
  }
}

TEST_P(Editor, SplitAndPromoteAreInverse) {
  for (const unsigned shift : sizes()) {
    if (shift == kPageShift) {
      ASSERT_EQ(editor().map(0, {.rights = kAll}), EditStatus::ok);
      EXPECT_EQ(editor().split(0), EditStatus::no_such_size);
      EXPECT_EQ(editor().promote(0, kPageShift), EditStatus::no_such_size);
      ASSERT_EQ(editor().unmap(0, kPageShift), EditStatus::ok);
      continue;
    }
    const Addr input = Addr{1} << shift;
    const Addr output = shift > 40 ? 0 : Addr{6} << shift;
    const Rights rights = kReadOnly & ~Rights::dirty;
    ASSERT_EQ(editor().map(input, {.output = output, .page_shift = shift, .rights = rights}), EditStatus::ok);
    const std::size_t tables = frames.live.size();
    const std::uint64_t leaf = editor().find(input)->leaf;
    const bool group = (shift - kPageShift) % kIndexBits != 0;
    ASSERT_EQ(editor().split(input + 0x123), EditStatus::ok) << shift;
    EXPECT_EQ(frames.live.size(), tables + (group ? 0 : 1));
    expect_mapped(input, output, shift);
    EXPECT_EQ(last_shift, group ? shift - kGroupShift : shift - kIndexBits);
    EXPECT_FALSE(translate(input, AccessKind::write));
    EXPECT_EQ(editor().unmap(input, shift), EditStatus::size_differs);

    ASSERT_EQ(editor().promote(input, shift), EditStatus::ok) << shift;
    EXPECT_EQ(frames.live.size(), tables);
    expect_mapped(input, output, shift);
    EXPECT_EQ(last_shift, shift);
    EXPECT_EQ(editor().find(input)->leaf, leaf);
    EXPECT_EQ(editor().promote(input, shift), EditStatus::size_differs);
    ASSERT_EQ(editor().unmap(input, shift), EditStatus::ok);
  }
}

TEST_P(Editor, PromoteRefusesWhatIsNotOnePage) {
  const Addr base = 1U << 21;
  const auto fill = [&] {
    for (Addr i = 0; i < 512; ++i) {
      ASSERT_EQ(editor().map(base + i * 0x1000, {.output = 0x4000'0000 + i * 0x1000, .rights = kAll}), EditStatus::ok);
    }
  };
  EXPECT_EQ(editor().promote(base, 21), EditStatus::not_mapped);
  fill();
  const Addr odd = base + 300 * 0x1000;
  const auto with_odd = [&](const Mapping& mapping) {
    ASSERT_EQ(editor().unmap(odd, 12), EditStatus::ok);
    ASSERT_EQ(editor().map(odd, mapping), EditStatus::ok);
    EXPECT_EQ(editor().promote(base, 21), EditStatus::incompatible);
  };
  const Addr right = 0x4000'0000 + 300 * 0x1000;
  with_odd({.output = right + 0x1000, .rights = kAll});
  with_odd({.output = right, .rights = kReadOnly});
  with_odd({.output = right, .rights = kAll, .extra = 1ULL << std::countr_zero(stage.format->software_mask)});
  ASSERT_EQ(editor().unmap(odd, 12), EditStatus::ok);
  EXPECT_EQ(editor().promote(base, 21), EditStatus::incompatible);
  EXPECT_EQ(editor().promote(base + 0x1000, 21), EditStatus::misaligned);
  // Flags may differ; the superpage has them if any page had them.
  ASSERT_EQ(editor().map(odd, {.output = right, .rights = kAll & ~kFlags}), EditStatus::ok);
  ASSERT_EQ(editor().promote(base, 21), EditStatus::ok);
  EXPECT_TRUE(has(editor().find(base)->rights, kFlags));
  // Frames in a row that do not start at a superpage boundary.
  ASSERT_EQ(editor().unmap(base, 21), EditStatus::ok);
  for (Addr i = 0; i < 512; ++i) {
    ASSERT_EQ(editor().map(base + i * 0x1000, {.output = 0x4000'1000 + i * 0x1000, .rights = kAll}), EditStatus::ok);
  }
  EXPECT_EQ(editor().promote(base, 21), EditStatus::misaligned);
}

TEST_P(Editor, ErrorsChangeNothing) {
  ASSERT_EQ(editor().map(1U << 21, {.output = 1U << 21, .page_shift = 21, .rights = kAll}), EditStatus::ok);
  const Addr inside = (1U << 21) + 0x5000;
  EXPECT_EQ(editor().map(inside, {.rights = kAll}), EditStatus::already_mapped);
  EXPECT_EQ(editor().map(1U << 21, {.page_shift = 21, .rights = kAll}), EditStatus::already_mapped);
  EXPECT_EQ(editor().map(0x1000, {.output = 0x800, .rights = kAll}), EditStatus::misaligned);
  EXPECT_EQ(editor().map(0x1800, {.rights = kAll}), EditStatus::misaligned);
  EXPECT_EQ(editor().map(0, {.page_shift = 13, .rights = kAll}), EditStatus::no_such_size);
  EXPECT_EQ(editor().map(0, {.rights = kAll, .extra = 1}), EditStatus::not_expressible);
  EXPECT_EQ(editor().map(1ULL << 60, {.rights = kAll}), EditStatus::out_of_range);
  EXPECT_EQ(editor().unmap(0x1000, 12), EditStatus::not_mapped);
  EXPECT_EQ(editor().unmap(inside, 12), EditStatus::size_differs);
  EXPECT_EQ(editor().unmap(1U << 21, 12), EditStatus::size_differs);
  EXPECT_EQ(editor().protect(0x1000, 12, kAll), EditStatus::not_mapped);
  if (stage.format->family != Family::armv8_stage2) {  // which can say "nothing allowed"
    EXPECT_EQ(editor().map(0, {.rights = Rights::none}), EditStatus::not_expressible);
    EXPECT_EQ(editor().protect(1U << 21, 21, Rights::none), EditStatus::not_expressible);
  }
  EXPECT_EQ(editor().split(0x1000), EditStatus::not_mapped);
  EXPECT_EQ(editor().split(1ULL << 60), EditStatus::out_of_range);
  expect_mapped(1U << 21, 1U << 21, 21);
  for (int status = 0; status <= static_cast<int>(EditStatus::out_of_frames); ++status) {
    EXPECT_NE(to_string(static_cast<EditStatus>(status)), "unknown");
  }
}

TEST_P(Editor, WithoutFramesNothingIsLeftBehind) {
  const std::size_t tables = frames.live.size();
  const unsigned needed = stage.format->levels - 1U;
  for (unsigned given = 0; given < needed; ++given) {
    frames.limit = tables + given;
    EXPECT_EQ(editor().map(0x1000, {.rights = kAll}), EditStatus::out_of_frames);
    EXPECT_EQ(frames.live.size(), tables);
  }
  frames.limit = tables + needed;
  EXPECT_EQ(editor().map(0x1000, {.rights = kAll}), EditStatus::ok);
  ASSERT_EQ(editor().unmap(0x1000, 12), EditStatus::ok);
  // The tables have stayed; a superpage takes the place of the empty one, which is given back.
  ASSERT_EQ(editor().map(0, {.page_shift = 21, .rights = kAll}), EditStatus::ok);
  EXPECT_EQ(frames.live.size(), tables + needed - 1);
  frames.limit = frames.live.size();
  EXPECT_EQ(editor().split(0), EditStatus::out_of_frames);
  expect_mapped(0, 0, 21);
}

TEST_P(Editor, RandomEditsAgreeWithAMapOfPages) {
  std::mt19937_64 random(7);
  std::map<Addr, Addr> pages;  // 4 KiB input page to output page
  const Addr space = 1U << 23;
  for (unsigned round = 0; round < 600; ++round) {
    const unsigned shift = random() % 3 == 0 ? 21 : 12;
    const Addr input = random() % space & ~low_mask(shift);
    const Addr output = random() % (1ULL << 32) & ~low_mask(shift);
    const auto first = pages.lower_bound(input);
    const bool vacant = first == pages.end() || first->first >= input + (Addr{1} << shift);
    switch (random() % 4) {
      case 0:
      case 1: {
        const EditStatus status = editor().map(input, {.output = output, .page_shift = shift, .rights = kAll});
        ASSERT_EQ(status, vacant ? EditStatus::ok : EditStatus::already_mapped);
        for (Addr at = 0; vacant && at < Addr{1} << shift; at += 0x1000) pages[input + at] = output + at;
        break;
      }
      case 2: {
        const std::optional<MappedPage> found = editor().find(input);
        ASSERT_EQ(found.has_value(), pages.contains(input));
        if (!found) break;
        ASSERT_EQ(editor().unmap(found->input, found->page_shift), EditStatus::ok);
        for (Addr at = 0; at < Addr{1} << found->page_shift; at += 0x1000) pages.erase(found->input + at);
        break;
      }
      default: {
        const std::optional<MappedPage> found = editor().find(input);
        if (!found || found->page_shift == 12) break;
        ASSERT_EQ(editor().split(input), EditStatus::ok);
        break;
      }
    }
    const Addr probe = random() % space;
    const auto expected = pages.find(probe & ~0xfffULL);
    if (expected == pages.end()) {
      ASSERT_EQ(translate(probe), std::nullopt);
    } else {
      ASSERT_EQ(translate(probe), expected->second | (probe & 0xfff));
    }
  }
}

TEST(ArmEditor, UsesTheUpperRootForHighAddresses) {
  TableMemory memory;
  CountingFrames frames;
  Stage stage = test::stage_of("armv8-s1-39", 0);
  stage.root = PageTableEditor::make_root(*stage.format, memory.store, frames).value();
  stage.upper_root = PageTableEditor::make_root(*stage.format, memory.store, frames).value();
  PageTableEditor editor(stage, memory.store, frames);
  const Addr high = 0xffff'ffff'ffe0'0000;
  ASSERT_EQ(editor.map(high, {.output = 0x20'0000, .page_shift = 21, .rights = kAll}), EditStatus::ok);
  ASSERT_EQ(editor.map(0x20'0000, {.output = 0x40'0000, .page_shift = 21, .rights = kAll}), EditStatus::ok);
  Walk walk({&stage, 1}, {.address = high + 0x1234});
  ASSERT_TRUE(run_walk(walk, memory));
  EXPECT_EQ(walk.translation().output, 0x20'1234U);
  editor.release_tables();
  EXPECT_EQ(frames.live.size(), 2U);
}

TEST(X86Editor, KeepsAttributesItDoesNotKnow) {
  // Protection key and software bits survive protect and split; so does EPT's ignore-PAT.
  for (const auto& [name, extra] :
       {std::pair{"x86-64-4", 0x5ULL << 59 | 1ULL << 52 | 1ULL << 9}, std::pair{"ept-4", 1ULL << 6 | 1ULL << 52}}) {
    TableMemory memory;
    CountingFrames frames;
    Stage stage = test::stage_of(name, 0);
    stage.root = PageTableEditor::make_root(*stage.format, memory.store, frames).value();
    PageTableEditor editor(stage, memory.store, frames);
    ASSERT_EQ(editor.map(0, {.page_shift = 21, .rights = kAll, .extra = extra}), EditStatus::ok);
    ASSERT_EQ(editor.protect(0, 21, kReadOnly), EditStatus::ok);
    EXPECT_EQ(editor.find(0)->leaf & extra, extra);
    ASSERT_EQ(editor.split(0), EditStatus::ok);
    EXPECT_EQ(editor.find(0x5000)->leaf & extra, extra);
    ASSERT_EQ(editor.promote(0, 21), EditStatus::ok);
    EXPECT_EQ(editor.find(0)->leaf & extra, extra);
  }
}

TEST(SparseStore, ReadsZeroWhereNothingWasWritten) {
  SparseStore store;
  EXPECT_EQ(store.read(0xffff'ffff'ffff'fff8), 0U);
  store.write(0x1008, 5);
  store.write(0xffff'ffff'ffff'fff8, 6);
  EXPECT_EQ(store.read(0x1000), 0U);
  EXPECT_EQ(store.read(0x1008), 5U);
  EXPECT_EQ(store.read(0xffff'ffff'ffff'fff8), 6U);
  std::uint64_t expected = 4;
  EXPECT_FALSE(store.compare_and_swap(0x1008, expected, 7));
  EXPECT_EQ(expected, 5U);
  EXPECT_TRUE(store.compare_and_swap(0x1008, expected, 7));
  EXPECT_EQ(store.read(0x1008), 7U);
  store.write(0x1ff8, 1);
  store.write(0x2000, 2);
  store.write(0x3000, 3);
  store.clear(0x1ff8, 0x1008);
  EXPECT_EQ(store.read(0x1ff8), 0U);
  EXPECT_EQ(store.read(0x2000), 0U);
  EXPECT_EQ(store.read(0x3000), 3U);
  EXPECT_EQ(store.read(0x1008), 7U);
}

TEST(BumpFrames, AlignsAndRunsOut) {
  BumpFrames frames(0x1800, 0x9000);
  EXPECT_EQ(frames.allocate(0x1000), 0x2000U);
  EXPECT_EQ(frames.allocate(0x4000), 0x4000U);
  EXPECT_EQ(frames.bytes_in_use(), 0x5000U);
  EXPECT_EQ(frames.allocate(0x4000), std::nullopt);
  EXPECT_EQ(frames.allocate(0x1000), 0x8000U);
  EXPECT_EQ(frames.allocate(0x1000), std::nullopt);
  BumpFrames top(0xffff'ffff'ffff'f000, 0xffff'ffff'ffff'ffff);
  EXPECT_EQ(top.allocate(0x1000), std::nullopt);
}

}  // namespace pagoda::page_table_editor_test

// Address spaces: which page size a touch gets, what tables it leaves, and memory inside memory.
#include "pagoda/software/address_space.h"

#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "pagoda/paging/run_walk.h"
#include "unit/paging/table_memory.h"

namespace pagoda::address_space_test {

using Outcome = AddressSpace::Outcome;

constexpr std::uint64_t kFrame = 4096;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr FrameConfig kWhole{.order = FrameOrder::sequential, .contiguity_2m = 1, .contiguity_1g = 1};
constexpr FrameConfig kBroken{.order = FrameOrder::sequential, .contiguity_2m = 0};

const PageFormat& format(const char* name) { return *find_page_format(name); }

struct Spaces : ::testing::Test {
  AddressSpace space(const PagePolicy& policy, const FrameConfig& config = kWhole, const char* name = "x86-64-4") {
    frames.emplace(config, 0, 8 * kGiB, 1);
    return {format(name), {}, policy, store, *frames};
  }

  SparseStore store;
  std::optional<FrameAllocator> frames;
};

// The address that the tables in `store` give, by a walk of its own.
std::optional<Addr> walked(const AddressSpace& space, SparseStore& store, Addr input) {
  test::TableMemory port;
  port.store = std::move(store);
  const std::vector<Stage> stages{space.stage()};
  Walk walk(stages, {.address = input, .privilege = Privilege::user});
  const bool found = run_walk(walk, port);
  store = std::move(port.store);
  if (!found) return {};
  return walk.translation().output;
}

TEST_F(Spaces, GroupedTablesLieApartFromPages) {
  const FrameConfig config{.contiguity_2m = 0, .tables = TablePlaces::grouped};
  AddressSpace s = space({.page_shift = kPageShift}, config);
  const FrameRange tables = frames->table_range();
  EXPECT_EQ(tables.end - tables.begin, Addr{8} << 21) << "2 MiB for each GiB";
  const auto among_them = [&](Addr address) { return address >= tables.begin && address < tables.end; };
  EXPECT_TRUE(among_them(s.stage().root));
  for (Addr address = 0; address < 4 * kGiB; address += 64 * 4096 + (1u << 21)) {
    const AddressSpace::Ensured ensured = s.ensure(address);
    ASSERT_EQ(ensured.outcome, Outcome::mapped);
    EXPECT_TRUE(among_them(ensured.page.leaf_address)) << "the entry that maps " << address;
    EXPECT_FALSE(among_them(ensured.page.output));
  }
}

TEST_F(Spaces, ATouchMapsTheLargestAllowedPage) {
  for (const unsigned shift : {12u, 21u, 30u}) {
    AddressSpace s = space({.page_shift = shift});
    const AddressSpace::Ensured first = s.ensure(0x7f12'3456'7abc);
    ASSERT_EQ(first.outcome, Outcome::mapped);
    EXPECT_EQ(first.page.page_shift, shift);
    EXPECT_EQ(first.page.input, 0x7f12'3456'7abcu & ~low_mask(shift));
    EXPECT_EQ(first.page.output & low_mask(shift), 0u);
    EXPECT_EQ(s.mapped_bytes(), std::uint64_t{1} << shift);
    EXPECT_EQ(s.pages(shift), 1u);
    EXPECT_EQ(walked(s, store, 0x7f12'3456'7abc), first.page.output | (0x7f12'3456'7abcu & low_mask(shift)));
    const Addr last = first.page.input | low_mask(shift);
    EXPECT_EQ(s.ensure(last).outcome, Outcome::already_mapped);
    EXPECT_EQ(s.ensure(last + 1).outcome, Outcome::mapped);
    EXPECT_EQ(s.pages(shift), 2u);
  }
}

TEST_F(Spaces, WithoutAWholeBlockTheNextSmallerSizeIsUsed) {
  AddressSpace broken = space({.page_shift = 30}, kBroken);
  EXPECT_EQ(broken.ensure(0x40000000).page.page_shift, 12u);
  // Whole 2 MiB blocks, but no whole GiB.
  AddressSpace blocks = space({.page_shift = 30}, {.contiguity_2m = 1, .contiguity_1g = 0});
  EXPECT_EQ(blocks.ensure(0x40000000).page.page_shift, 21u);
}

TEST_F(Spaces, ASuperpageNeverCoversWhatIsMappedAlready) {
  AddressSpace large = space({.page_shift = 30});
  ASSERT_EQ(large.editor().map(0x201000, {.output = 0x1000'0000}), EditStatus::ok);
  const std::uint64_t before = frames->bytes_in_use();
  const AddressSpace::Ensured neighbour = large.ensure(0x202000);
  EXPECT_EQ(neighbour.page.page_shift, 12u);
  EXPECT_EQ(frames->bytes_in_use(), before + kFrame) << "blocks that did not fit were given back";
  EXPECT_EQ(large.ensure(0x400000).page.page_shift, 21u) << "in the same GiB";
  EXPECT_EQ(large.ensure(kGiB).page.page_shift, 30u);
}

TEST_F(Spaces, AddressesThatTheFormatDoesNotTranslateAreOutOfRange) {
  AddressSpace x86 = space({});
  EXPECT_EQ(x86.ensure(0x0000'8000'0000'0000).outcome, Outcome::out_of_range);
  EXPECT_EQ(x86.ensure(0xffff'7fff'ffff'f000).outcome, Outcome::out_of_range);
  EXPECT_EQ(x86.ensure(0xffff'8000'0000'0000).outcome, Outcome::mapped);
  EXPECT_EQ(x86.ensure(0x0000'7fff'ffff'f000).outcome, Outcome::mapped);
  AddressSpace sv39x4 = space({}, kWhole, "sv39x4");
  EXPECT_EQ(sv39x4.ensure(Addr{1} << 41).outcome, Outcome::out_of_range);
  EXPECT_EQ(sv39x4.ensure((Addr{1} << 41) - 1).outcome, Outcome::mapped);
  AddressSpace arm = space({}, kWhole, "armv8-s1");
  EXPECT_EQ(arm.ensure(Addr{1} << 48).outcome, Outcome::out_of_range);
  EXPECT_EQ(arm.ensure(~Addr{0}).outcome, Outcome::mapped) << "through the upper root";
}

TEST_F(Spaces, FlagsAreSetBeforehandOrOnRequest) {
  AddressSpace preset = space({.preset_flags = true});
  EXPECT_TRUE(has(preset.ensure(0x1000).page.rights, kFlags));
  AddressSpace later = space({.preset_flags = false});
  EXPECT_EQ(later.ensure(0x1000).page.rights & kFlags, Rights::none);
  EXPECT_TRUE(later.set_flags(0x1008, false));
  EXPECT_EQ(later.editor().find(0x1000)->rights & kFlags, Rights::accessed);
  EXPECT_TRUE(later.set_flags(0x1008, true));
  EXPECT_EQ(later.editor().find(0x1000)->rights & kFlags, kFlags);
  EXPECT_FALSE(later.set_flags(0x9000, true)) << "nothing is mapped there";
}

TEST_F(Spaces, ARemovedPageGivesItsFrameBack) {
  AddressSpace s = space({.page_shift = 21});
  const AddressSpace::Ensured page = s.ensure(0x40123456);
  const std::uint64_t before = frames->bytes_in_use();
  const std::optional<MappedPage> removed = s.remove(0x401fffff);
  ASSERT_TRUE(removed);
  EXPECT_EQ(removed->input, 0x40000000u);
  EXPECT_EQ(removed->output, page.page.output);
  EXPECT_EQ(frames->bytes_in_use(), before - (1 << 21));
  EXPECT_EQ(s.mapped_bytes(), 0u);
  EXPECT_EQ(s.pages(21), 0u);
  EXPECT_FALSE(walked(s, store, 0x40123456));
  EXPECT_FALSE(s.remove(0x40000000)) << "it is gone";
  EXPECT_EQ(s.ensure(0x40000000).page.output, page.page.output) << "the frame that was freed last";
}

TEST(AddressSpace, MemoryThatIsTooSmallIsSaid) {
  SparseStore store;
  FrameAllocator nothing(kBroken, 0x100000, 0x100000, 1);
  EXPECT_THROW(AddressSpace(format("x86-64-4"), {}, {}, store, nothing), UserError);
  // A page needs a leaf's frame and three tables below the root.
  for (const std::uint64_t count : {1u, 2u, 3u, 4u}) {
    FrameAllocator few(kBroken, 0x100000, 0x100000 + count * kFrame, 1);
    AddressSpace space(format("x86-64-4"), {}, {}, store, few);
    EXPECT_EQ(space.ensure(0x1000).outcome, Outcome::out_of_memory) << count;
    EXPECT_EQ(few.bytes_in_use(), kFrame) << "the root; a failed touch costs nothing";
    EXPECT_EQ(space.mapped_bytes(), 0u);
  }
  FrameAllocator enough(kBroken, 0x100000, 0x100000 + 5 * kFrame, 1);
  AddressSpace space(format("x86-64-4"), {}, {}, store, enough);
  EXPECT_EQ(space.ensure(0x1000).outcome, Outcome::mapped);
  EXPECT_EQ(space.ensure(0x2000).outcome, Outcome::out_of_memory);
}

// --- Memory inside an address space ----------------------------------------------------------------------------------

TEST(NestedStore, WordsLieWhereTheSpaceMapsThem) {
  for (const unsigned shift : {12u, 21u}) {
    SparseStore host;
    FrameAllocator frames(kWhole, 0, 8 * kGiB, 1);
    AddressSpace space(format("ept-4"), {}, {.page_shift = shift}, host, frames);
    NestedStore guest(space, host);
    for (const Addr address : {Addr{0x1ff8}, Addr{0x2000}, Addr{0x5000'0ff8}, Addr{0x1ff0}}) {
      guest.write(address, address + 1);
      const MappedPage page = *space.editor().find(address);
      EXPECT_EQ(page.page_shift, shift);
      EXPECT_EQ(host.read(page.output | (address & low_mask(shift))), address + 1) << std::hex << address;
    }
    EXPECT_EQ(guest.read(0x2000), 0x2001u);
    EXPECT_EQ(guest.read(0x1ff8), 0x1ff9u);
    EXPECT_EQ(space.pages(shift), shift == 12 ? 3u : 2u) << "a page for each that was touched";
    std::uint64_t expected = 5;
    EXPECT_FALSE(guest.compare_and_swap(0x2000, expected, 9));
    EXPECT_EQ(expected, 0x2001u);
    EXPECT_TRUE(guest.compare_and_swap(0x2000, expected, 9));
    EXPECT_EQ(guest.read(0x2000), 9u);
    guest.clear(0x1ff0, 0x18);  // across pages
    EXPECT_EQ(guest.read(0x1ff8) | guest.read(0x2000) | guest.read(0x1ff0), 0u);
  }
}

// A guest in a guest: what its program's tables say, walked through all three stages, is where its bytes are.
TEST(NestedStore, NestsAsDeepAsWanted) {
  SparseStore host;
  FrameAllocator host_frames({.contiguity_2m = 0.5}, 0, 8 * kGiB, 1);
  AddressSpace outer(format("ept-4"), {}, {.page_shift = 21}, host, host_frames);
  NestedStore outer_memory(outer, host);
  FrameAllocator outer_frames({}, 0x100000, 4 * kGiB, 2);
  AddressSpace inner(format("ept-4"), {}, {}, outer_memory, outer_frames);
  NestedStore inner_memory(inner, outer_memory);
  FrameAllocator inner_frames({}, 0x100000, 2 * kGiB, 3);
  AddressSpace program(format("x86-64-4"), {}, {}, inner_memory, inner_frames);
  const Addr page = program.ensure(0x7fff'0000'1234).page.output;
  inner_memory.write(page | 0x238, 42);

  test::TableMemory port;
  port.store = std::move(host);
  const std::vector<Stage> stages{program.stage(), inner.stage(), outer.stage()};
  Walk walk(stages, {.address = 0x7fff'0000'1238, .privilege = Privilege::user});
  ASSERT_TRUE(run_walk(walk, port)) << to_string(walk.fault().cause) << " stage " << int{walk.fault().stage};
  EXPECT_EQ(port.store.read(walk.translation().output), 42u);
}

TEST(NestedStore, AHostThatIsFullIsSaid) {
  SparseStore host;
  FrameAllocator frames(kBroken, 0x100000, 0x100000 + 5 * kFrame, 1);
  AddressSpace space(format("ept-4"), {}, {}, host, frames);
  NestedStore guest(space, host);
  guest.write(0x1000, 1);
  EXPECT_THROW(guest.write(0x2000, 1), UserError);
  EXPECT_EQ(guest.read(0x1000), 1u);
  EXPECT_THROW(guest.read(Addr{1} << 48), UserError) << "outside what the format translates";
}

}  // namespace pagoda::address_space_test

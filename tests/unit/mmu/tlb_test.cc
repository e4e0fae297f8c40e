// A TLB without its MMU: which entry answers, which gives way, what maintenance drops.
#include "pagoda/mmu/tlb.h"

#include <vector>

#include <gtest/gtest.h>

namespace pagoda::tlb_test {

constexpr Ps kCycle = 1000;
constexpr Bytes k4K{std::uint64_t{1} << 12};
constexpr Bytes k2M{std::uint64_t{1} << 21};
constexpr Bytes k1G{std::uint64_t{1} << 30};

TlbEntry page_at(Addr output, unsigned shift, AddressSpaceTag tag = {}, bool global = false) {
  TlbEntry entry{};
  entry.page = output;
  entry.page_shift = static_cast<std::uint8_t>(shift);
  entry.program_shift = shift & 0x7f;
  entry.tag = tag;
  entry.global = global;
  return entry;
}

TlbConfig unified(std::uint32_t entries, std::uint32_t ways) { return {.entries = entries, .ways = ways, .ports = 0}; }

TlbConfig split() {
  TlbConfig config = unified(64, 4);
  config.page_sizes = {k4K};
  config.superpages = {{.page_sizes = {k2M}, .entries = 32, .ways = 4}, {.page_sizes = {k1G}, .entries = 4, .ways = 4}};
  return config;
}

double stat(Tlb& tlb, const char* name) {
  StatNode node;
  StatReader reader(node);
  tlb.visit_stats(reader);
  return node.number(name);
}

// Every page size, unified and split, at every 4 KiB of the page and at its ends, filled from anywhere inside.
TEST(Tlb, ASuperpageIsFoundAtEveryOffset) {
  for (const TlbConfig& config : {unified(64, 4), split()}) {
    for (const unsigned shift : {12u, 21u, 30u}) {
      Tlb tlb(config, kCycle);
      const Addr size = Addr{1} << shift;
      const Addr input = 5 * size;
      const Addr output = 0x1234 * size;
      tlb.fill(input + size / 2 + 0x7f8, page_at(output, shift));
      for (Addr offset = 0; offset < size; offset += 4096) {
        const TlbEntry* entry = tlb.find(input + offset + 0x123, {});
        ASSERT_NE(entry, nullptr) << shift << " at " << std::hex << offset;
        ASSERT_EQ(entry->output(input + offset + 0x123), output + offset + 0x123);
      }
      EXPECT_EQ(tlb.find(input + size - 1, {})->output(input + size - 1), output + size - 1);
      EXPECT_EQ(tlb.find(input - 1, {}), nullptr);
      EXPECT_EQ(tlb.find(input + size, {}), nullptr);
    }
  }
}

TEST(Tlb, SizesInBetweenArePagesToo) {
  Tlb tlb(unified(64, 4), kCycle);  // a NAPOT page of 64 KiB
  tlb.fill(0x23'4000, page_at(0x90'0000, 16));
  EXPECT_EQ(tlb.find(0x23'fff8, {})->output(0x23'fff8), 0x90'fff8u);
  EXPECT_EQ(tlb.find(0x22'ffff, {}), nullptr);
  EXPECT_EQ(tlb.find(0x24'0000, {}), nullptr);
}

TEST(Tlb, APageThatNoArrayTakesIsKeptInPieces) {
  Tlb tlb(split(), kCycle);
  tlb.fill(0x12'5000, page_at(0x70'0000, 16));  // 64 KiB, in an array of 4 KiB pages
  EXPECT_EQ(tlb.find(0x12'5ff8, {})->output(0x12'5ff8), 0x70'5ff8u);
  EXPECT_EQ(tlb.find(0x12'6000, {}), nullptr);

  TlbConfig no_gigabytes = unified(64, 4);
  no_gigabytes.page_sizes = {k4K, k2M};
  Tlb pieces(no_gigabytes, kCycle);
  pieces.fill(0x4030'0000, page_at(0x1'8000'0000, 30));
  EXPECT_EQ(pieces.find(0x403f'f000, {})->output(0x403f'f000), 0x1'803f'f000u);
  EXPECT_EQ(pieces.find(0x4020'0000, {})->page_shift, 21u);
  EXPECT_EQ(pieces.find(0x4040'0000, {}), nullptr);
}

TEST(Tlb, SplitArraysDoNotCompete) {
  Tlb tlb(split(), kCycle);
  for (Addr page = 0; page < 64; ++page) tlb.fill(page << 12, page_at(page << 12, 12));
  for (Addr page = 1; page <= 32; ++page) tlb.fill(page << 21, page_at(page << 21, 21));
  for (Addr page = 1; page <= 4; ++page) tlb.fill(page << 30, page_at(page << 30, 30));
  EXPECT_EQ(stat(tlb, "evictions"), 0);
  tlb.fill(Addr{5} << 30, page_at(0, 30));
  EXPECT_EQ(stat(tlb, "evictions"), 1);
  EXPECT_EQ(tlb.find(Addr{1} << 30, {}), nullptr);
  for (Addr page = 0; page < 64; ++page) EXPECT_NE(tlb.find(page << 12, {}), nullptr);
  for (Addr page = 1; page <= 32; ++page) EXPECT_NE(tlb.find(page << 21, {}), nullptr);
}

TEST(Tlb, TagsDecideWhoFindsAnEntry) {
  Tlb tlb(unified(64, 8), kCycle);
  tlb.fill(0x1000, page_at(0xa000, 12, {.asid = 1, .vmid = 1}));
  tlb.fill(0x1000, page_at(0xb000, 12, {.asid = 2, .vmid = 1}));
  tlb.fill(0x1000, page_at(0xc000, 12, {.asid = 1, .vmid = 2}));
  const auto output = [&](AddressSpaceTag tag, Addr input = 0x1000) -> Addr {
    const TlbEntry* entry = tlb.find(input, tag);
    return entry == nullptr ? 0 : entry->output(input);
  };
  // In turn, so that the entry found last is never the right one.
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(output({.asid = 1, .vmid = 1}), 0xa000u);
    EXPECT_EQ(output({.asid = 2, .vmid = 1}), 0xb000u);
    EXPECT_EQ(output({.asid = 1, .vmid = 2}), 0xc000u);
    EXPECT_EQ(output({.asid = 2, .vmid = 2}), 0u);
    EXPECT_EQ(output({.asid = 3, .vmid = 1}), 0u);
  }
  tlb.fill(0x2000, page_at(0xd000, 12, {.asid = 1, .vmid = 1}, true));
  EXPECT_EQ(output({.asid = 1, .vmid = 1}, 0x2000), 0xd000u);
  EXPECT_EQ(output({.asid = 9, .vmid = 1}, 0x2000), 0xd000u) << "global";
  EXPECT_EQ(output({.asid = 1, .vmid = 2}, 0x2000), 0u) << "but of its machine only";
}

TEST(Tlb, AFillReplacesTheSamePageAndNothingElse) {
  Tlb tlb(unified(4, 4), kCycle);
  for (Addr page = 1; page <= 4; ++page) tlb.fill(page << 12, page_at(page << 12, 12));
  tlb.fill(0x2000, page_at(0x9000, 12));
  EXPECT_EQ(tlb.find(0x2000, {})->page, 0x9000u);
  EXPECT_EQ(stat(tlb, "evictions"), 0);
  for (const Addr page : {Addr{1}, Addr{3}, Addr{4}}) EXPECT_NE(tlb.find(page << 12, {}), nullptr);
}

TEST(Tlb, InvalidationDropsWhatAgreesWithAllThatIsGiven) {
  struct Case {
    TlbInvalidation what;
    std::vector<bool> left;  // of the entries below, in order
  };
  const auto fill_all = [](Tlb& tlb) {
    tlb.fill(0x1000, page_at(0xa000, 12, {.asid = 1, .vmid = 1}));
    tlb.fill(0x1000, page_at(0xb000, 12, {.asid = 2, .vmid = 1}));
    tlb.fill(0x2000, page_at(0xc000, 12, {.asid = 1, .vmid = 1}));
    tlb.fill(0x3000, page_at(0xd000, 12, {.asid = 1, .vmid = 1}, true));
    tlb.fill(0x1000, page_at(0xe000, 12, {.asid = 1, .vmid = 2}));
    tlb.fill(0x4020'0000, page_at(0x4000'0000, 21, {.asid = 1, .vmid = 1}));
  };
  const std::vector<std::pair<Addr, AddressSpaceTag>> entries{
      {0x1000, {1, 1}}, {0x1000, {2, 1}}, {0x2000, {1, 1}}, {0x3000, {1, 1}}, {0x1000, {1, 2}}, {0x4020'0000, {1, 1}}};
  const std::vector<Case> cases{
      {{}, {false, false, false, false, false, false}},
      {{.globals = false}, {false, false, false, true, false, false}},
      {{.asid = 1}, {false, true, false, false, false, false}},
      {{.asid = 1, .globals = false}, {false, true, false, true, false, false}},
      {{.asid = 1, .vmid = 1}, {false, true, false, false, true, false}},
      {{.vmid = 1}, {false, false, false, false, true, false}},
      {{.vmid = 3}, {true, true, true, true, true, true}},
      {{.address = 0x1fff}, {false, false, true, true, false, true}},
      {{.address = 0x1000, .asid = 2}, {true, false, true, true, true, true}},
      {{.address = 0x1000, .asid = 1, .vmid = 2}, {true, true, true, true, false, true}},
      {{.address = 0x3000, .asid = 7}, {true, true, true, false, true, true}},
      {{.address = 0x3000, .asid = 7, .globals = false}, {true, true, true, true, true, true}},
      {{.address = 0x403f'f123}, {true, true, true, true, true, false}},
      {{.address = 0x4040'0000}, {true, true, true, true, true, true}}};
  for (std::size_t i = 0; i < cases.size(); ++i) {
    for (const bool separate : {false, true}) {
      Tlb tlb(separate ? split() : unified(64, 8), kCycle);
      fill_all(tlb);
      std::size_t dropped = 0;
      for (const bool left : cases[i].left) dropped += !left;
      EXPECT_EQ(tlb.invalidate(cases[i].what), dropped) << "case " << i;
      for (std::size_t e = 0; e < entries.size(); ++e) {
        EXPECT_EQ(tlb.find(entries[e].first, entries[e].second) != nullptr, cases[i].left[e])
            << "case " << i << " entry " << e;
      }
      EXPECT_EQ(stat(tlb, "invalidated"), static_cast<double>(dropped));
    }
  }
}

// Intel SDM vol. 3A, 4.10.4.1: INVLPG of an address in a larger page drops all entries that were made of it.
TEST(Tlb, AnAddressTakesAllPiecesOfItsPageAlong) {
  TlbConfig config = unified(64, 4);
  config.page_sizes = {k4K};
  Tlb pieces(config, kCycle);
  for (const Addr offset : {Addr{0}, Addr{0x5000}, Addr{0x1ff000}})
    pieces.fill(0x4020'0000 + offset, page_at(0x8000'0000, 21));
  pieces.fill(0x4040'0000, page_at(0x1000, 12));
  pieces.fill(0x401f'f000, page_at(0x2000, 12));
  EXPECT_EQ(pieces.invalidate({.address = 0x4020'7000}), 3u) << "the address itself is not cached";
  EXPECT_NE(pieces.find(0x4040'0000, {}), nullptr);
  EXPECT_NE(pieces.find(0x401f'f000, {}), nullptr);

  // A guest's page of 2 MiB on a host's pages of 4 KiB.
  Tlb nested(unified(64, 4), kCycle);
  TlbEntry part = page_at(0x9000, 12);
  part.program_shift = 21;
  nested.fill(0x4020'3000, part);
  EXPECT_EQ(nested.invalidate({.address = 0x4020'0000}), 1u);
  EXPECT_EQ(nested.find(0x4020'3000, {}), nullptr);
}

// Closed form: a cycle over one page more than a set holds misses always under LRU, over as many as it holds only at
// first.
TEST(Tlb, CyclesFollowTheLruClosedForm) {
  struct Shape {
    std::uint32_t entries, ways;
    Addr stride;  // pages that fall into one set
  };
  for (const Shape shape : {Shape{16, 16, 1}, Shape{64, 4, 16}, Shape{1, 1, 1}, Shape{12, 12, 7}}) {
    for (const std::uint32_t pages : {shape.ways, shape.ways + 1}) {
      Tlb tlb(unified(shape.entries, shape.ways), kCycle);
      std::uint32_t hits = 0;
      for (int round = 0; round < 20; ++round) {
        for (Addr page = 0; page < pages; ++page) {
          const Addr input = page * shape.stride << 12;
          if (tlb.find(input, {}) != nullptr) {
            ++hits;
          } else {
            tlb.fill(input, page_at(input, 12));
          }
        }
      }
      EXPECT_EQ(hits, pages == shape.ways ? 19 * pages : 0) << shape.entries << " entries, " << pages << " pages";
    }
  }
}

// Two start in the cycle in which all arrive, in its middle, and two in each cycle that follows.
TEST(Tlb, LookUpsBeyondThePortsWaitForTheNextCycle) {
  TlbConfig config = unified(64, 4);
  config.latency = Latency::cycles(7);
  config.ports = 2;
  Tlb tlb(config, kCycle);
  for (Ps i = 0; i < 6; ++i) {
    TimeSplit time;
    const Ps start = std::max<Ps>(500, i / 2 * kCycle);
    EXPECT_EQ(tlb.look(500, time), start + 7 * kCycle);
    EXPECT_EQ(time[TimePart::queue], start - 500);
    EXPECT_EQ(time[TimePart::tlb], 7 * kCycle);
  }
  config.ports = 0;
  Tlb unlimited(config, kCycle);
  for (int i = 0; i < 6; ++i) {
    TimeSplit time;
    EXPECT_EQ(unlimited.look(500, time), 7500u);
  }
}

// A fill that follows a miss need not look for an older translation; one that follows another fill must.
TEST(Tlb, APageThatTwoMissesFillIsThereOnce) {
  Tlb tlb(unified(4, 4), kCycle);
  EXPECT_EQ(tlb.find(0x1000, {}), nullptr);
  EXPECT_EQ(tlb.find(0x1000, {}), nullptr);
  tlb.fill(0x1000, page_at(0x8000, 12));
  tlb.fill(0x1000, page_at(0x9000, 12));
  EXPECT_EQ(tlb.find(0x2000, {}), nullptr);
  tlb.fill(0x1000, page_at(0xa000, 12));
  EXPECT_EQ(tlb.find(0x1000, {})->output(0x1000), 0xa000u);
  const AddressSpaceTag other{.asid = 7};
  EXPECT_EQ(tlb.find(0x1000, other), nullptr);
  tlb.fill(0x1000, page_at(0xb000, 12));
  EXPECT_EQ(tlb.invalidate({}), 1u) << "what another address space misses is there nevertheless";
}

}  // namespace pagoda::tlb_test

// The IOTLB against the tables of RISC-V IOMMU 1.0, "IOMMU Page-Table cache invalidation commands", written down again
// here, entry by entry and command by command.
#include "pagoda/iommu/iotlb.h"

#include <vector>

#include <gtest/gtest.h>

namespace pagoda::iotlb_test {

constexpr Ps kCycle = 1000;
constexpr Ps kLatency = 2 * kCycle;
constexpr std::uint32_t kBare = IommuSpace::kNoProcess;
constexpr std::uint32_t kHost = IommuSpace::kNoGuest;
constexpr Rights kPlain = kPermissions | kFlags;

TlbConfig large() { return {.entries = 128, .ways = 128, .latency = Latency::cycles(2), .ports = 0}; }

struct Sizes {
  std::uint8_t guest, host;
};

// What a walk from `address` to these output addresses gives.
IommuPage page_at(Addr guest, Addr host, Sizes sizes, Rights guest_rights = kPlain) {
  return {.guest = guest & ~low_mask(sizes.guest),
          .host = host & ~low_mask(sizes.host),
          .guest_shift = sizes.guest,
          .host_shift = sizes.host,
          .host_leaf_shift = sizes.host,
          .guest_rights = guest_rights};
}

struct Bench {
  Iotlb tlb{large(), kCycle};
  Ps now = 0;

  const IommuPage* find(Addr address, AddressSpaceTag tag) {
    TimeSplit time;
    return tlb.find(address, tag, now, time);
  }
  double stat(const char* name) {
    StatNode node;
    StatReader reader(node);
    tlb.visit_stats(reader);
    return node.number(name);
  }
};

// --- pages ---

TEST(Iotlb, APageOfAnySizeIsFoundAtEveryOffsetAndNotBeside) {
  constexpr std::array<std::uint8_t, 7> kShifts{12, 16, 21, 30, 39, 48, 63};
  constexpr Addr kInput = 0x00ab'cdef'1234'5000, kOutput = 0x0012'3456'789a'b000;
  for (const std::uint8_t first : kShifts) {
    for (const std::uint8_t second : kShifts) {
      if (first == 63 && second == 63) continue;
      Bench bench;
      const AddressSpaceTag tag{first == 63 ? kBare : 1, second == 63 ? kHost : 2};
      // Where the first stage leads to; without a first stage, to the same.
      const Addr guest_page = first == 63 ? 0 : kOutput;
      const unsigned shift = std::min(first, second);
      const Addr begin = kInput & ~low_mask(shift);
      const Addr through = first == 63 ? kInput : (kOutput & ~low_mask(first)) | (kInput & low_mask(first));
      IommuPage page = page_at(guest_page, 0x0044'0000'0000'0000 | through, {first, second});
      if (second == 63) page.host = 0;
      bench.tlb.fill(kInput, tag, page, 0);
      for (const Addr offset : {Addr{0}, Addr{0xfff}, low_mask(shift) / 2 & ~Addr{0xfff}, low_mask(shift)}) {
        const Addr address = begin | offset;
        const IommuPage* const known = bench.find(address, tag);
        ASSERT_NE(known, nullptr) << int{first} << " on " << int{second} << " at " << std::hex << offset;
        const Addr guest = first == 63 ? address : (kOutput & ~low_mask(first)) | (address & low_mask(first));
        EXPECT_EQ(known->guest_address(address), guest);
        EXPECT_EQ(known->host_address(address),
                  second == 63 ? guest : (page.host & ~low_mask(second)) | (guest & low_mask(second)));
      }
      EXPECT_EQ(bench.find(begin - 1, tag), nullptr);
      EXPECT_EQ(bench.find(begin + low_mask(shift) + 1, tag), nullptr);
    }
  }
}

TEST(Iotlb, SizesThatItDoesNotTakeAreKeptInPieces) {
  TlbConfig config = large();
  config.page_sizes = {{4096}, {std::uint64_t{1} << 21}};
  Iotlb tlb(config, kCycle);
  const AddressSpaceTag tag{1, kHost};
  tlb.fill(0x4020'0000, tag, page_at(0x8000'0000, 0, {30, 63}), 0);
  Ps now = 0;
  TimeSplit time;
  EXPECT_NE(tlb.find(0x403f'f000, tag, now, time), nullptr);
  EXPECT_EQ(tlb.find(0x4040'0000, tag, now, time), nullptr);
  // Software invalidates the page as it mapped it: by any address of it.
  EXPECT_EQ(tlb.invalidate({.address = 0x7fff'f000}), 1u);
}

// --- spaces ---

TEST(Iotlb, SpacesAreKeptApart) {
  // PSCID 0 is not "no first stage", nor GSCID 0 the host.
  const std::vector<AddressSpaceTag> tags{{0, kHost}, {1, kHost}, {0, 0}, {1, 0}, {kBare, 0}, {0, 1}, {kBare, 1}};
  Bench bench;
  for (const AddressSpaceTag& tag : tags) {
    const Sizes sizes{static_cast<std::uint8_t>(tag.asid == kBare ? 63 : 12),
                      static_cast<std::uint8_t>(tag.vmid == kHost ? 63 : 12)};
    bench.tlb.fill(0x5000, tag, page_at(0x1000 * tag.vmid, 0, sizes), 0);
  }
  for (const AddressSpaceTag& tag : tags) {
    const IommuPage* const known = bench.find(0x5000, tag);
    ASSERT_NE(known, nullptr);
    EXPECT_EQ(known->guest_shift == 63, tag.asid == kBare);
    EXPECT_EQ(known->host_shift == 63, tag.vmid == kHost);
  }
  EXPECT_EQ(bench.find(0x5000, {2, kHost}), nullptr);
  EXPECT_EQ(bench.find(0x5000, {0, 2}), nullptr);
}

TEST(Iotlb, AGlobalPageServesEveryProcessOfItsGuest) {
  Bench bench;
  bench.tlb.fill(0x5000, {1, 3}, page_at(0x9000, 0xa000, {12, 12}, kPlain | Rights::global), 0);
  EXPECT_NE(bench.find(0x5000, {2, 3}), nullptr);
  EXPECT_EQ(bench.find(0x5000, {2, 4}), nullptr) << "not another guest's";
  EXPECT_EQ(bench.find(0x5000, {1, kHost}), nullptr) << "nor the host's";
  EXPECT_EQ(bench.find(0x5000, {kBare, 3}), nullptr) << "nor a device's without a first stage";
}

// --- time ---

TEST(Iotlb, ALookUpTakesItsLatencyAndAPort) {
  TlbConfig config = large();
  config.ports = 1;
  Iotlb tlb(config, kCycle);
  Ps first = 10 * kCycle, second = 10 * kCycle;
  TimeSplit time;
  tlb.find(0x5000, {1, kHost}, first, time);
  EXPECT_EQ(first, 10 * kCycle + kLatency);
  EXPECT_EQ(time[TimePart::tlb], kLatency);
  tlb.find(0x6000, {1, kHost}, second, time);
  EXPECT_EQ(second, 11 * kCycle + kLatency);
  EXPECT_EQ(time[TimePart::queue], kCycle);
  EXPECT_EQ(time.total(), 2 * kLatency + kCycle);
}

TEST(Iotlb, AMissJoinsTheWalkUnderWay) {
  Bench bench;
  const AddressSpaceTag tag{1, kHost};
  bench.tlb.fill(0x5000, tag, page_at(0x9000, 0, {12, 63}), 100 * kCycle);
  TimeSplit time;
  Ps now = 40 * kCycle;
  EXPECT_NE(bench.tlb.find(0x5fff, tag, now, time), nullptr);
  EXPECT_EQ(now, 100 * kCycle);
  EXPECT_EQ(time[TimePart::walk], 60 * kCycle - kLatency);
  EXPECT_FALSE(bench.tlb.was_hit());
  now = 100 * kCycle - kLatency;
  EXPECT_NE(bench.tlb.find(0x5000, tag, now, time), nullptr);
  EXPECT_EQ(now, 100 * kCycle) << "there exactly by then";
  EXPECT_TRUE(bench.tlb.was_hit());
  EXPECT_EQ(bench.stat("hits"), 1);
  EXPECT_EQ(bench.stat("misses"), 1);
  EXPECT_EQ(bench.stat("merged"), 1);
  bench.tlb.reject();
  EXPECT_EQ(bench.stat("hits"), 0) << "it did not suit the request";
  EXPECT_EQ(bench.stat("misses"), 2);
}

TEST(Iotlb, OldestGivesWay) {
  Iotlb tlb({.entries = 4, .ways = 4, .ports = 0}, kCycle);
  const AddressSpaceTag tag{1, kHost};
  Ps now = 0;
  TimeSplit time;
  for (Addr page = 1; page <= 4; ++page) tlb.fill(page << 12, tag, page_at(page << 12, 0, {12, 63}), 0);
  EXPECT_NE(tlb.find(0x1000, tag, now, time), nullptr);
  tlb.fill(0x5000, tag, page_at(0x5000, 0, {12, 63}), 0);
  EXPECT_EQ(tlb.find(0x2000, tag, now, time), nullptr);
  EXPECT_NE(tlb.find(0x1000, tag, now, time), nullptr);
}

// --- invalidation ---

// An entry as software thinks of it: whose, and the leaves of both stages that it is made of.
struct Known {
  AddressSpaceTag tag;
  Addr iova;
  Addr gpa;
  Sizes sizes;
  bool global = false;
  std::uint8_t copied_from = 0;  // shift of the second stage's leaf, if the entry leads to a base page's copy

  bool has_first() const { return tag.asid != kBare; }
  bool has_second() const { return tag.vmid != kHost; }
  unsigned second_leaf() const { return copied_from != 0 ? copied_from : sizes.host; }
};

std::vector<Known> population() {
  std::vector<Known> all;
  for (const std::uint32_t guest : {kHost, 0u, 3u}) {
    for (const std::uint32_t process : {kBare, 0u, 7u}) {
      if (guest == kHost && process == kBare) continue;
      const AddressSpaceTag tag{process, guest};
      std::vector<Sizes> sizes{{12, 12}, {21, 12}, {12, 21}, {16, 30}, {30, 21}};
      Addr where = 0;
      for (Sizes size : sizes) {
        if (process == kBare) size.guest = 63;
        if (guest == kHost) size.host = 63;
        const Addr iova = 0x10'4321'5000 + (where += 0x1'0000'0000);
        // The first stage's page is aligned to its size, on both sides.
        const Addr base = (0x33'0765'4000 + where) & ~low_mask(size.guest);
        const Addr gpa = process == kBare ? iova : base | (iova & low_mask(size.guest));
        all.push_back({tag, iova, gpa, size});
        if (guest != kHost && size.host > 12) {
          all.push_back({tag,
                         iova + 0x80'0000'0000,
                         gpa + (process == kBare ? 0x80'0000'0000 : 0),
                         {size.guest, 12},
                         false,
                         size.host});
        }
      }
      if (process != kBare) {  // a page of its own, so that it hides no other process's
        const Addr own = (process == 0 ? 0x70'0000'0000 : 0x71'0000'0000);
        all.push_back({tag, own, own | 0x5000'0000, {21, static_cast<std::uint8_t>(guest == kHost ? 63 : 12)}, true});
      }
    }
  }
  return all;
}

bool same_page(Addr a, Addr b, unsigned shift) { return a >> shift == b >> shift; }

// The tables of the two commands.
bool dropped_by(const IotlbInvalidation& command, const Known& entry) {
  if (command.guest_tables) {  // GV, AV
    if (!entry.has_second()) return false;
    if (!command.guest) return true;
    if (entry.tag.vmid != *command.guest) return false;
    // GPA of the entry: that of the piece of its first-stage page that the entry covers.
    return !command.address || same_page(*command.address, entry.gpa, entry.second_leaf());
  }
  if (command.guest ? entry.tag.vmid != *command.guest : entry.has_second()) return false;
  if (command.process && (entry.tag.asid != *command.process || entry.global)) return false;
  return !command.address || (entry.has_first() && same_page(*command.address, entry.iova, entry.sizes.guest));
}

void fill(Iotlb& tlb, const Known& entry) {
  IommuPage page = page_at(entry.has_first() ? entry.gpa : 0, entry.has_second() ? entry.gpa ^ 0x7'0000'0000 : 0,
                           entry.sizes, entry.global ? kPlain | Rights::global : kPlain);
  page.host_leaf_shift = static_cast<std::uint8_t>(entry.second_leaf());
  page.copied = entry.copied_from != 0;
  tlb.fill(entry.iova, entry.tag, page, 0);
}

TEST(Iotlb, ACommandDropsWhatItNamesAndNothingElse) {
  const std::vector<Known> all = population();
  std::vector<std::optional<Addr>> addresses{std::nullopt, 0x1000};
  for (const Known& entry : all) {
    for (const Addr distance : {Addr{0}, Addr{0x1000}, Addr{0x20'0000}}) {
      addresses.push_back((entry.iova ^ distance) & ~Addr{0xfff});
      addresses.push_back((entry.gpa ^ distance) & ~Addr{0xfff});
    }
  }
  int commands = 0;
  std::size_t total = 0;
  for (const bool guest_tables : {false, true}) {
    for (const std::optional<std::uint32_t> guest : {std::optional<std::uint32_t>{}, {0u}, {3u}, {9u}}) {
      for (const std::optional<std::uint32_t> process : {std::optional<std::uint32_t>{}, {0u}, {7u}, {9u}}) {
        if (guest_tables && process) continue;
        for (const std::optional<Addr>& address : addresses) {
          if (guest_tables && !guest && address) continue;
          const IotlbInvalidation command{guest_tables, guest, process, address};
          Bench bench;
          for (const Known& entry : all) fill(bench.tlb, entry);
          std::size_t expected = 0;
          for (const Known& entry : all) expected += dropped_by(command, entry) ? 1 : 0;
          ASSERT_EQ(bench.tlb.invalidate(command), expected);
          for (const Known& entry : all) {
            ASSERT_EQ(bench.find(entry.iova, entry.tag) == nullptr, dropped_by(command, entry))
                << (guest_tables ? "GVMA" : "VMA") << " guest " << guest.value_or(99) << " process "
                << process.value_or(99) << std::hex << " address " << address.value_or(0) << " entry " << entry.iova
                << " gpa " << entry.gpa << " of " << entry.tag.asid << " in " << entry.tag.vmid;
          }
          ++commands;
          total += expected;
        }
      }
    }
  }
  EXPECT_GT(commands, 1000);
  EXPECT_GT(total, 2000u);
}

}  // namespace pagoda::iotlb_test

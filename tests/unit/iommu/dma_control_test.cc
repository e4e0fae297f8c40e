// Fields of leaf entries that only the IOMMU heeds (dma_control.h), against the rule they stand for: with the control
// off they are ignored; with it on, a clear field leaves the ordinary permissions in force and a set one withholds
// them; of two stages the most restrictive wins; a page that devices read a copy of is never read itself, nor written.
#include <gtest/gtest.h>

#include "pagoda/iommu/iommu_config.h"
#include "support/iommu_software.h"
#include "unit/iommu/fake_structures.h"

namespace pagoda::dma_control_test {

using testing::DeviceDirectoryTables;
using testing::FakeStructures;
using testing::Guest;
using testing::kEveryRight;
using testing::ProcessDirectory;
using testing::TableSpace;
using testing::Untimed;

constexpr std::uint32_t kDevice = 5, kOther = 6, kProcess = 9;
constexpr Addr kIova = 0x1234'5000, kGpa = 0x6543'2000, kLive = 0x2'3456'7000, kCopy = 0x7'0011'2000;
constexpr Addr kOffset = 0x9a8;  // in the page

// Which of the fields are set.
enum Field : unsigned { kDeny = 1, kDenyRead = 2, kDenyWrite = 4, kCopyOnRead = 8, kFields = 16 };

constexpr DmaControlLayout kLayout{.riscv = {.deny = 8, .deny_read = 59, .deny_write = 60, .copy_on_read = 9}};

std::uint64_t entry_bits(Family family, unsigned fields) {
  const DmaControlBits& bits = kLayout.of(family);
  const std::array places{bits.deny, bits.deny_read, bits.deny_write, bits.copy_on_read};
  std::uint64_t word = 0;
  for (unsigned i = 0; i < places.size(); ++i) word |= std::uint64_t{fields >> i & 1} << *places[i];
  return word;
}

// Accessed and dirty of an entry: bits 6 and 7 (RISC-V), 5 and 6 (x86), 8 and 9 (EPT).
std::uint64_t accessed_bit(Family family) { return 1u << (family == Family::x86 ? 5 : family == Family::ept ? 8 : 6); }
std::uint64_t dirty_bit(Family family) { return accessed_bit(family) << 1; }

struct Offer {
  bool read = true, write = true, execute = true;

  bool allows(AccessKind access) const {
    return access == AccessKind::read ? read : access == AccessKind::write ? write : execute;
  }
  Offer operator&(const Offer& other) const {
    return {read && other.read, write && other.write, execute && other.execute};
  }
};

// One stage's leaf: what it grants to everybody, and which fields are set.
struct Leaf {
  Rights rights = kEveryRight;
  unsigned fields = 0;

  Offer ordinary() const {
    return {has(rights, Rights::read), has(rights, Rights::write), has(rights, Rights::execute)};
  }
  Offer to_devices(bool enabled) const {
    if (!enabled) return ordinary();
    const Offer left{(fields & (kDeny | kDenyRead)) == 0, (fields & (kDeny | kDenyWrite | kCopyOnRead)) == 0,
                     (fields & (kDeny | kDenyRead)) == 0};
    return ordinary() & left;
  }
};

std::vector<Rights> all_rights(Family family) {
  constexpr Rights kExecute = kExecuteBoth;
  std::vector<Rights> all{Rights::read, Rights::read | Rights::write, Rights::read | kExecute,
                          Rights::read | Rights::write | kExecute};
  if (family != Family::x86) all.push_back(kExecute);
  return all;
}

struct Ask {
  IommuRequestType type;
  AccessKind access;
  bool no_write = false;
};
constexpr Ask kAsks[] = {{IommuRequestType::untranslated, AccessKind::read},
                         {IommuRequestType::untranslated, AccessKind::write},
                         {IommuRequestType::untranslated, AccessKind::fetch},
                         {IommuRequestType::translation_request, AccessKind::read},
                         {IommuRequestType::translation_request, AccessKind::read, true},
                         {IommuRequestType::translation_request, AccessKind::fetch},
                         {IommuRequestType::translation_request, AccessKind::fetch, true}};

struct Formats {
  const char* first;  // null: Bare
  const char* second;
};
void PrintTo(const Formats& formats, std::ostream* out) {
  *out << (formats.first != nullptr ? formats.first : "bare") << " on "
       << (formats.second != nullptr ? formats.second : "bare");
}

// A page through one or two stages, for two devices with the same process.
struct World {
  explicit World(const Formats& formats, unsigned page_shift = 12) {
    if (formats.second != nullptr) {
      guest.emplace(host, formats.second, 0x10'0000, 0x20'0000);
      guest->stage.controls.ept.accessed_dirty = true;
    }
    const TableSpace own = guest ? guest->space() : host;
    if (formats.first != nullptr) first = own.make_stage(formats.first);
    const Addr output = guest ? kGpa : kLive;
    const Addr offset = (Addr{1} << page_shift) - 1;
    if (formats.first != nullptr) {
      own.map(first, kIova & ~offset, {output & ~offset, page_shift, kEveryRight});
    }
    if (guest) host.map(guest->stage, input_of_second() & ~offset, {kLive & ~offset, page_shift, kEveryRight});
    put_contexts(own);
    copies = host.make_stage("sv48");
    host.map(copies, kLive, {.output = kCopy, .rights = Rights::read | Rights::user | kFlags});
    setup.dma_control = {.layout = kLayout, .enabled = true, .copies = copies.root};
    if (formats.first != nullptr) first_leaf = host_address(own, own.leaf(first, kIova));
    if (guest) second_leaf = host.leaf(guest->stage, input_of_second());
  }

  void put_contexts(TableSpace own) {
    ProcessDirectory processes(own, 1);
    DeviceContext device{.tc = 1 | 2 | 1 << 5 | 1 << 7 | 1 << 8, .fsc = processes.pdtp()};  // V, ATS, PDTV, GADE, SADE
    if (is(first, Family::x86)) device.tc |= 1 << 24;
    if (guest && is(guest->stage, Family::ept)) device.tc |= 1 << 25;
    if (guest) device.iohgatp = testing::table_field(guest->stage, 3);
    processes.put(kProcess, {.ta = 1 | 7 << 12, .fsc = testing::table_field(first)});
    DeviceDirectoryTables devices(host, 1);
    devices.put(kDevice, device);
    devices.put(kOther, device);
    setup.capabilities = IommuCapabilitiesConfig{}.capabilities();
    setup.directory = DeviceDirectory::of(devices.ddtp());
    setup.custom_formats = true;
  }

  static bool is(const Stage& stage, Family family) {
    return stage.format != nullptr && stage.format->family == family;
  }
  Addr input_of_second() const { return first.format != nullptr ? kGpa : kIova; }
  Addr host_address(const TableSpace& space, Addr address) const {
    return guest && &space.store == &*guest ? address + Guest::kOffset : address;
  }
  // The stages that there are.
  struct Part {
    const Stage& stage;
    Addr leaf;
    Addr output;
  };
  std::vector<Part> parts() const {
    std::vector<Part> all;
    if (first.format != nullptr) all.push_back({first, first_leaf, guest ? kGpa : kLive});
    if (guest) all.push_back({guest->stage, second_leaf, kLive});
    return all;
  }
  std::uint64_t encode(const Part& part, const Leaf& leaf) const {
    return *encode_leaf(*part.stage.format, part.stage.controls, 0,
                        {.address = part.output, .rights = leaf.rights | Rights::user}) |
           entry_bits(part.stage.format->family, leaf.fields);
  }

  IommuRequest request(const Ask& ask, std::uint32_t device = kDevice) const {
    return {.device_id = device,
            .process_id = kProcess,
            .has_process = true,
            .type = ask.type,
            .access = ask.access,
            .no_write = ask.no_write,
            .address = kIova | kOffset};
  }
  IommuAnswer untimed(const Ask& ask) {
    Untimed port(memory);
    return translate(setup, request(ask), port);
  }
  IommuAnswer timed(const Ask& ask, std::uint32_t device = kDevice) {
    engine.set_setup(setup);
    TimeSplit time;
    now += 1'000'000;
    return engine.translate({.request = request(ask, device), .floor = now, .at = now}, memory, time).answer;
  }

  FakeStructures memory;
  BumpFrames frames{0x100'0000, 0x200'0000};
  TableSpace host{memory.store, frames};
  std::optional<Guest> guest;
  Stage first;
  Stage copies;
  Addr first_leaf = 0, second_leaf = 0;
  IommuSetup setup;
  IommuEngine engine{small(), 1000};
  Ps now = 0;

 private:
  static IommuConfig small() {
    IommuConfig config;
    config.device_cache = config.process_cache = {.entries = 4, .ways = 4};
    config.iotlb = {.entries = 4, .ways = 4};
    return config;
  }
};

struct Expected {
  IommuCause cause = IommuCause::none;
  std::size_t refused_by = 2;  // which of the stages that there are
  Addr address = kLive | kOffset;
  Offer granted{false, false, false};  // to a translation request
};

IommuCause page_fault(bool second, AccessKind access) {
  const int base = second ? 20 : 12;  // fetch, read, write: 12, 13, 15, and 20, 21, 23
  return static_cast<IommuCause>(base + (access == AccessKind::fetch ? 0 : access == AccessKind::read ? 1 : 3));
}

Expected expect(const World& world, const Ask& ask, std::span<const Leaf> leaves) {
  const bool on = world.setup.dma_control.enabled;
  const auto parts = world.parts();
  Expected expected;
  Offer offered;
  bool copied = false;
  for (const Leaf& leaf : leaves) {
    offered = offered & leaf.to_devices(on);
    copied |= on && (leaf.fields & kCopyOnRead) != 0;
  }
  if (copied) expected.address = kCopy | kOffset;
  const bool no_copy = copied && world.setup.dma_control.copies == 0;
  if (ask.type == IommuRequestType::translation_request) {
    if (no_copy) return expected;
    // Write permission goes with the dirty flag, which is set only if writing is asked for; execute with read.
    expected.granted = {offered.read, offered.write && !ask.no_write,
                        offered.execute && offered.read && ask.access == AccessKind::fetch};
    return expected;
  }
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    expected.refused_by = i;
    const bool second = world.guest && &parts[i].stage == &world.guest->stage;
    if (!leaves[i].ordinary().allows(ask.access))
      expected.cause = page_fault(second, ask.access);
    else if (!leaves[i].to_devices(on).allows(ask.access))
      expected.cause = IommuCause::dma_denied;
    if (expected.cause != IommuCause::none) return expected;
  }
  expected.refused_by = leaves.size();
  if (no_copy) expected.cause = IommuCause::copy_missing;
  return expected;
}

std::string wrong(const Expected& expected, const Ask& ask, const IommuAnswer& answer) {
  if (ask.type == IommuRequestType::translation_request) {
    const Offer& granted = expected.granted;
    if (answer.status != IommuStatus::success || answer.reported) return "a translation request is answered";
    if (answer.readable != granted.read) return "read permission";
    if (answer.writable != granted.write) return "write permission";
    if (answer.executable != granted.execute) return "execute permission";
    if ((granted.read || granted.write) && answer.address != expected.address) return "address of the grant";
    return {};
  }
  if (answer.cause != expected.cause) {
    return "cause " + std::to_string(static_cast<int>(answer.cause)) + " instead of " +
           std::to_string(static_cast<int>(expected.cause));
  }
  if (answer.cause != IommuCause::none) return answer.reported ? "" : "a fault is reported";
  return answer.address == expected.address ? "" : "address";
}

// An access leaves its flags in the stages that let it through, and none where it was refused.
std::string wrong_flags(World& world, const Expected& expected, const Ask& ask, std::span<const Leaf> leaves) {
  const bool asks = ask.type == IommuRequestType::translation_request;
  const auto parts = world.parts();
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    const std::uint64_t before = world.encode(parts[i], leaves[i]);
    const Family family = parts[i].stage.format->family;
    const std::uint64_t set = world.memory.store.read(parts[i].leaf) ^ before;
    if ((set & ~(accessed_bit(family) | dirty_bit(family))) != 0) return "other bits than flags have changed";
    const bool offers_write = leaves[i].to_devices(world.setup.dma_control.enabled).write;
    const bool writes = asks ? !ask.no_write : ask.access == AccessKind::write;
    if ((set & dirty_bit(family)) != 0 && !(writes && offers_write)) return "dirty without write permission";
    if (asks) continue;
    if (i >= expected.refused_by && set != 0) return "a flag is set by a denied access";
    const std::uint64_t flags = accessed_bit(family) | (writes ? dirty_bit(family) : 0);
    if (expected.cause == IommuCause::none && set != flags) return "flags of an access";
  }
  return {};
}

struct TruthTable : ::testing::TestWithParam<Formats> {
  World world{GetParam()};
  int failures = 0;

  void write(std::span<const Leaf> leaves) {
    const auto parts = world.parts();
    for (std::size_t i = 0; i < leaves.size(); ++i) {
      world.memory.store.write(parts[i].leaf, world.encode(parts[i], leaves[i]));
    }
  }
  void complain(const std::string& what, const char* who, const Ask& ask, std::span<const Leaf> leaves) {
    if (what.empty() || ++failures > 10) return;
    std::ostringstream text;
    text << who << ": " << what << "; type " << static_cast<int>(ask.type) << " access " << static_cast<int>(ask.access)
         << (ask.no_write ? " no_write" : "") << " control " << world.setup.dma_control.enabled << " copies "
         << (world.setup.dma_control.copies != 0);
    for (const Leaf& leaf : leaves) text << " leaf " << to_string(leaf.rights) << " fields " << leaf.fields;
    ADD_FAILURE() << text.str();
  }

  void check(std::span<const Leaf> leaves) {
    for (const Ask& ask : kAsks) {
      const Expected expected = expect(world, ask, leaves);
      write(leaves);
      complain(wrong(expected, ask, world.untimed(ask)), "process", ask, leaves);
      complain(wrong_flags(world, expected, ask, leaves), "process", ask, leaves);
      write(leaves);
      world.engine.forget();
      complain(wrong(expected, ask, world.timed(ask)), "engine", ask, leaves);
      complain(wrong_flags(world, expected, ask, leaves), "engine", ask, leaves);
      complain(wrong(expected, ask, world.timed(ask)), "engine, warm", ask, leaves);
    }
  }
  // With the control off, on, and on without copies.
  void check_all(std::span<const Leaf> leaves) {
    unsigned fields = 0;
    for (const Leaf& leaf : leaves) fields |= leaf.fields;
    DmaControl& control = world.setup.dma_control;
    control.enabled = false;
    check(leaves);
    control.enabled = true;
    check(leaves);
    if ((fields & kCopyOnRead) == 0) return;
    const Addr root = std::exchange(control.copies, 0);
    check(leaves);
    control.copies = root;
  }
};

TEST_P(TruthTable, HoldsForEveryLeafAndRequest) {
  const auto parts = world.parts();
  for (const Rights rights : all_rights(parts[0].stage.format->family)) {
    for (unsigned fields = 0; fields < kFields; ++fields) {
      if (parts.size() == 1) {
        check_all(std::array{Leaf{rights, fields}});
        continue;
      }
      for (const Rights second : all_rights(parts[1].stage.format->family)) {
        if (rights != second && fields != 0 && second != (Rights::read | Rights::write | kExecuteBoth)) continue;
        for (unsigned seconds = 0; seconds < kFields; ++seconds) {
          check_all(std::array{Leaf{rights, fields}, Leaf{second, seconds}});
        }
      }
    }
  }
}

TEST_P(TruthTable, ACpusWalkHeedsNoField) {
  std::vector<Stage> stages;
  for (const World::Part& part : world.parts()) stages.push_back(part.stage);
  for (Stage& stage : stages) stage.controls.riscv.adue = true;
  for (unsigned fields = 0; fields < kFields; ++fields) {
    const Leaf leaf{Rights::read | Rights::write | kExecuteBoth, fields};
    const std::vector<Leaf> leaves(stages.size(), leaf);
    for (const AccessKind access : {AccessKind::read, AccessKind::write, AccessKind::fetch}) {
      write(leaves);
      Walk walk(stages, {.address = kIova | kOffset, .access = access, .privilege = Privilege::user});
      Untimed port(world.memory);
      ASSERT_TRUE(run_walk(walk, port)) << fields;
      EXPECT_EQ(walk.translation().output, kLive | kOffset);
    }
  }
}

TEST_P(TruthTable, EntriesThatPointToTablesHaveNoFields) {
  const Leaf open{Rights::read | Rights::write | kExecuteBoth, 0};
  const std::vector<Leaf> leaves(world.parts().size(), open);
  write(leaves);
  for (const World::Part& part : world.parts()) {
    const bool in_guest = world.guest && &part.stage == &world.first;
    Addr table = part.stage.root;
    const Addr input = in_guest || !world.guest ? kIova : world.input_of_second();
    for (unsigned level = part.stage.format->root_level(); level > 0; --level) {
      const Addr entry = level == part.stage.format->root_level()
                             ? part.stage.format->entry_address(level, table, input)
                             : PageFormat::inner_entry_address(level, table, input);
      const Addr at = in_guest ? entry + Guest::kOffset : entry;
      const std::uint64_t value = world.memory.store.read(at);
      table = part.stage.format->address_shift == 2 ? value >> 10 << 12 : value & ~Addr{0xfff};
      world.memory.store.write(at, value | entry_bits(part.stage.format->family, kFields - 1));
    }
  }
  for (const Ask& ask : kAsks) {
    write(leaves);
    EXPECT_EQ(wrong(expect(world, ask, leaves), ask, world.untimed(ask)), "");
    world.engine.forget();
    EXPECT_EQ(wrong(expect(world, ask, leaves), ask, world.timed(ask)), "");
  }
}

// The control is switched while translations are kept: what is on must be in force once pages are forgotten, and a copy
// must not be used once it is off, forgotten or not.
TEST_P(TruthTable, SwitchedLive) {
  DmaControl& control = world.setup.dma_control;
  for (unsigned fields = 0; fields < kFields; ++fields) {
    const std::vector<Leaf> leaves(world.parts().size(), Leaf{Rights::read | Rights::write | kExecuteBoth, fields});
    write(leaves);
    world.engine.forget();
    for (int turn = 0; turn < 4; ++turn) {
      control.enabled = turn % 2 == 1;
      if (control.enabled) world.engine.forget_pages();
      for (const Ask& ask : kAsks) {
        if (ask.no_write) continue;  // by now the pages are dirty
        complain(wrong(expect(world, ask, leaves), ask, world.timed(ask)), "engine", ask, leaves);
      }
    }
  }
}

TEST_P(TruthTable, DevicesShareOneCopy) {
  const std::vector<Leaf> leaves(world.parts().size(), Leaf{Rights::read | Rights::write, kCopyOnRead});
  write(leaves);
  for (const std::uint32_t device : {kDevice, kOther, kDevice}) {
    EXPECT_EQ(world.timed(kAsks[0], device).address, kCopy | kOffset);
    EXPECT_EQ(world.timed(kAsks[3], device).address, kCopy | kOffset);
    EXPECT_EQ(world.timed(kAsks[1], device).cause, IommuCause::dma_denied);
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, TruthTable,
                         ::testing::Values(Formats{"sv39", nullptr}, Formats{"x86-64-4", nullptr},
                                           Formats{nullptr, "sv39x4"}, Formats{nullptr, "ept-4"},
                                           Formats{"sv39", "sv39x4"}, Formats{"sv39", "ept-4"},
                                           Formats{"x86-64-4", "sv39x4"}, Formats{"x86-64-4", "ept-4"}));

// A superpage is copied by base pages, as devices read them; each is granted by itself.
TEST(CopyOnRead, OfASuperpageIsOfItsBasePages) {
  for (const Formats& formats : {Formats{"sv39", nullptr}, Formats{nullptr, "sv39x4"}}) {
    World world(formats, 21);
    const World::Part part = world.parts().front();
    const std::uint64_t open = world.memory.store.read(part.leaf);
    const auto live = [](Addr iova) { return (kLive & ~low_mask(21)) | (iova & low_mask(21)); };
    const Ask read = kAsks[0], asks = kAsks[3];
    EXPECT_EQ(world.timed(asks).page_shift, 21);
    EXPECT_EQ(world.timed(asks).address, live(kIova | kOffset));

    world.host.map(world.copies, live(kIova), {.output = kCopy, .rights = Rights::read | Rights::user | kFlags});
    world.memory.store.write(part.leaf, open | entry_bits(part.stage.format->family, kCopyOnRead));
    world.engine.forget();
    for (int turn = 0; turn < 2; ++turn) {
      const IommuAnswer granted = world.timed(asks);
      EXPECT_EQ(granted.page_shift, 12);
      EXPECT_EQ(granted.address, kCopy | kOffset);
      EXPECT_FALSE(granted.writable);
      IommuRequest neighbour = world.request(read);
      neighbour.address += 0x1000;
      TimeSplit time;
      EXPECT_EQ(world.engine.translate({.request = neighbour}, world.memory, time).answer.cause,
                IommuCause::copy_missing);
    }
  }
}

TEST(CopyOnRead, ATableOfCopiesThatMemoryRefusesIsAFault) {
  World world({"sv39", nullptr});
  const World::Part part = world.parts().front();
  world.memory.store.write(part.leaf, world.encode(part, {Rights::read | Rights::write, kCopyOnRead}));
  const Addr entry = world.host.leaf(world.copies, kLive);
  world.memory.refused[entry] = FaultCause::access_error;
  EXPECT_EQ(world.timed(kAsks[0]).cause, IommuCause::read_access_fault);
  world.memory.refused[entry] = FaultCause::poison;
  EXPECT_EQ(world.timed(kAsks[0]).cause, IommuCause::page_table_corrupt);
  const IommuAnswer asked = world.timed(kAsks[3]);
  EXPECT_EQ(asked.status, IommuStatus::completer_abort);
  EXPECT_TRUE(asked.reported);
  world.memory.refused.clear();
  EXPECT_EQ(world.timed(kAsks[0]).address, kCopy | kOffset) << "nothing of it is kept";
}

}  // namespace pagoda::dma_control_test

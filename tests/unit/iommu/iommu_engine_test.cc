// The IOMMU's engine over structures in a memory of fixed latency: times by counting what an architecture has to read,
// contention by closed forms.
#include "pagoda/iommu/iommu_engine.h"

#include <gtest/gtest.h>

#include "unit/iommu/engine_bench.h"

namespace pagoda::iommu_engine_test {

using testing::bare_engine;
using testing::DeviceDirectoryTables;
using testing::EngineBench;
using testing::FakeStructures;
using testing::Guest;
using testing::kEveryRight;
using testing::ProcessDirectory;
using testing::table_field;
using testing::TableSpace;

constexpr Ps kCycle = 1000;
constexpr Ps kRead = FakeStructures::kLatency;
constexpr Ps kDeviceLookUp = 1 * kCycle, kProcessLookUp = 1 * kCycle, kPageLookUp = 2 * kCycle;
constexpr Addr kIova = 0x1234'5000, kGpa = 0x6543'2000, kOutput = 0x2'3456'7000;
constexpr std::uint32_t kDevice = 5;

// --- how long a lone request takes ---

struct Shape {
  unsigned directory_levels;
  unsigned process_levels;  // 0: no process
  const char* first;        // null: Bare
  const char* second;
  bool extended = true;
};
void PrintTo(const Shape& shape, std::ostream* out) {
  *out << shape.directory_levels << " levels, processes " << shape.process_levels << ", "
       << (shape.first != nullptr ? shape.first : "bare") << " on "
       << (shape.second != nullptr ? shape.second : "bare");
}

bool is(const Stage& stage, Family family) { return stage.format != nullptr && stage.format->family == family; }
unsigned levels_of(const char* format) { return format == nullptr ? 0 : find_page_format(format)->levels; }

struct LoneRequest : ::testing::TestWithParam<Shape> {
  // A device and, if there are any, a process, whose numbers need all levels of the directories.
  LoneRequest() : bench(config()) {
    const Shape& shape = GetParam();
    if (shape.second != nullptr) guest.emplace(bench.host, shape.second, 0x10'0000, 0x20'0000);
    const TableSpace own = guest ? guest->space() : bench.host;
    Stage first;
    if (shape.first != nullptr) {
      first = own.make_stage(shape.first);
      own.map(first, kIova, {.output = guest ? kGpa : kOutput, .rights = kEveryRight});
    }
    if (guest) {
      bench.host.map(guest->stage, shape.first != nullptr ? kGpa : kIova, {.output = kOutput, .rights = kEveryRight});
    }
    device = std::array<std::uint32_t, 4>{0, 5, 0x1234, 0x12'3456}[shape.directory_levels];
    process = std::array<std::uint32_t, 4>{0, 0x99, 0x1'2345, 0xa'bcde}[shape.process_levels];
    DeviceContext context{.tc = 1, .ta = 7 << 12, .fsc = table_field(first)};
    if (is(first, Family::x86)) context.tc |= 1 << 24;
    if (guest) context.iohgatp = table_field(guest->stage, 3);
    if (guest && is(guest->stage, Family::ept)) context.tc |= 1 << 25;
    if (shape.process_levels > 0) {
      ProcessDirectory processes(own, shape.process_levels);
      processes.put(process, {.ta = 1 | 7 << 12, .fsc = context.fsc});
      context.tc |= 1 << 5;
      context.fsc = processes.pdtp();
      context.ta = 0;
    }
    DeviceDirectoryTables directory(bench.host, shape.directory_levels, shape.extended);
    directory.put(device, context);
    bench.use(directory);
  }
  static IommuConfig config() {
    IommuConfig config = bare_engine();
    if (!GetParam().extended) config.capabilities.msi = MsiTables::none;
    return config;
  }
  IommuRequest request() const {
    IommuRequest made{.device_id = device, .address = kIova | 0x678};
    made.has_process = GetParam().process_levels > 0;
    made.process_id = process;
    return made;
  }

  EngineBench bench;
  std::optional<Guest> guest;
  std::uint32_t device = 0;
  std::uint32_t process = 0;
};

TEST_P(LoneRequest, TakesItsLookUpsAndOneReadForEveryEntry) {
  const Shape& shape = GetParam();
  const unsigned first = levels_of(shape.first), second = levels_of(shape.second);
  // An address of the guest's costs a second-stage walk before it can be read, or be the answer.
  const unsigned directory = shape.directory_levels + shape.process_levels * (1 + second);
  const unsigned tables = first * (1 + second) + second;
  const bool keeps_pages = first + second > 0;
  const Ps look_ups = kDeviceLookUp + (shape.process_levels > 0 ? kProcessLookUp : 0) + (keeps_pages ? kPageLookUp : 0);
  TimeSplit time;
  const auto cold = bench.ask(request(), 5 * kCycle, &time);
  ASSERT_EQ(cold.answer.cause, IommuCause::none);
  EXPECT_EQ(cold.answer.address, (keeps_pages ? kOutput : kIova) | 0x678);
  EXPECT_EQ(cold.done, 5 * kCycle + look_ups + (directory + tables) * kRead);
  EXPECT_EQ(bench.memory.loads.size(), directory + tables);
  EXPECT_EQ(time[TimePart::tlb], look_ups);
  EXPECT_EQ(time[TimePart::walk], (directory + tables) * kRead);
  for (std::size_t i = 1; i < bench.memory.loads.size(); ++i) {
    EXPECT_GE(bench.memory.loads[i].at, bench.memory.loads[i - 1].at + kRead) << "one after the other";
  }
  const auto warm = bench.ask(request(), 10'000 * kCycle);
  EXPECT_EQ(warm.answer.address, cold.answer.address);
  EXPECT_EQ(warm.done, 10'000 * kCycle + look_ups);
  EXPECT_EQ(bench.memory.loads.size(), directory + tables) << "nothing is read again";
  EXPECT_EQ(bench.engine.busy_until(), warm.done);
}

// Where a directory's entry is not there, its leaf is not read, and nothing of it is kept.
TEST_P(LoneRequest, ThatIsRefusedIsLookedForAgain) {
  IommuRequest unknown = request();
  unknown.device_id ^= 1;
  const unsigned levels = GetParam().directory_levels;
  for (int turn = 0; turn < 2; ++turn) {
    const Ps at = 10'000 * kCycle * static_cast<Ps>(turn + 1);
    const auto outcome = bench.ask(unknown, at);
    EXPECT_EQ(outcome.answer.cause, IommuCause::ddt_entry_invalid);
    EXPECT_EQ(outcome.done, at + kDeviceLookUp + levels * kRead);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, LoneRequest,
    ::testing::Values(Shape{1, 0, nullptr, nullptr}, Shape{2, 0, nullptr, nullptr}, Shape{3, 0, nullptr, nullptr},
                      Shape{3, 0, "sv39", nullptr, false}, Shape{1, 0, "sv39", nullptr}, Shape{2, 0, "sv48", nullptr},
                      Shape{1, 0, "sv57", nullptr}, Shape{1, 0, nullptr, "sv39x4"}, Shape{1, 0, nullptr, "sv48x4"},
                      Shape{1, 0, nullptr, "sv57x4"}, Shape{1, 0, "sv39", "sv39x4"}, Shape{1, 0, "sv48", "sv48x4"},
                      Shape{3, 0, "sv57", "sv57x4"}, Shape{1, 1, "sv39", nullptr}, Shape{1, 2, "sv48", nullptr},
                      Shape{3, 3, "sv57", nullptr}, Shape{1, 1, "sv39", "sv39x4"}, Shape{1, 2, "sv39", "sv48x4"},
                      Shape{3, 3, "sv57", "sv57x4"}, Shape{1, 3, nullptr, "sv39x4"}, Shape{1, 3, nullptr, nullptr},
                      Shape{1, 0, "x86-64-4", nullptr}, Shape{1, 0, nullptr, "ept-4"}, Shape{1, 0, "x86-64-5", "ept-5"},
                      Shape{1, 1, "x86-64-4", "sv39x4"}, Shape{1, 2, "sv48", "ept-4"}));

// A leaf l levels up saves l reads of its stage's, and l walks of the next one's.
TEST(IommuEngine, SuperpagesSaveReads) {
  for (const char* const format : {"sv57", "sv57x4", "x86-64-5", "ept-5"}) {
    const Family family = find_page_format(format)->family;
    const bool second = family == Family::riscv_guest || family == Family::ept;
    for (unsigned level = 0; level < (find_page_format(format)->address_shift == 2 ? 5 : 3); ++level) {
      const unsigned shift = PageFormat::shift(level);
      EngineBench bench;
      const Stage stage = bench.host.make_stage(format);
      const Addr output = Addr{1} << 50;
      const auto options = Mapping{.output = output, .page_shift = shift, .rights = kEveryRight};
      bench.host.map(stage, 0, options);
      DeviceContext context{.tc = 1 | 1 << 24 | 1 << 25};
      if (find_page_format(format)->address_shift == 2) context.tc = 1;
      (second ? context.iohgatp : context.fsc) = table_field(stage);
      DeviceDirectoryTables directory(bench.host, 1);
      directory.put(kDevice, context);
      bench.use(directory);
      for (const Addr offset : {Addr{0}, low_mask(shift), low_mask(shift) / 3}) {
        const std::size_t reads = offset == 0 ? 1 + 5 - level : 0;
        const std::size_t before = bench.memory.loads.size();
        const auto outcome = bench.read(offset, 1'000'000'000);
        EXPECT_EQ(outcome.answer.address, output | offset) << format << " level " << level;
        EXPECT_EQ(bench.memory.loads.size() - before, reads) << format << " level " << level;
      }
    }
  }
}

// --- contention ---

// Many pages of a device whose context is known from the beginning.
struct Pages : EngineBench {
  explicit Pages(const IommuConfig& config, std::uint32_t count = 32) : EngineBench(config) {
    Stage stage = host.make_stage("sv39");
    for (Addr page = 0; page < count; ++page)
      host.map(stage, page << 12, {.output = kOutput + (page << 16), .rights = kEveryRight});
    DeviceDirectoryTables directory(host, 1);
    directory.put(kDevice, {.tc = 1, .ta = 7 << 12, .fsc = table_field(stage)});
    use(directory);
    read(0x7fff'f000);  // is not mapped, but the context is kept
    memory.loads.clear();
  }
  static constexpr Ps kStart = 1'000'000;
  static constexpr Ps kLookUps = kDeviceLookUp + kPageLookUp;
  static constexpr Ps kWalk = 3 * kRead;
};

TEST(IommuEngine, MissesBeyondTheWalkersWaitInTurn) {
  for (const std::uint32_t walkers : {1u, 2u, 4u, 12u}) {
    Pages bench(bare_engine(walkers));
    for (Addr i = 0; i < 12; ++i) {
      TimeSplit time;
      const auto outcome = bench.ask({.device_id = kDevice, .address = i << 12}, Pages::kStart, &time);
      EXPECT_EQ(outcome.done, Pages::kStart + Pages::kLookUps + (i / walkers + 1) * Pages::kWalk)
          << i << " of " << walkers;
      EXPECT_EQ(time[TimePart::queue], i / walkers * Pages::kWalk);
    }
    EXPECT_EQ(bench.stat("walker.walks"), 13);
    EXPECT_EQ(bench.read(0, 2 * Pages::kStart).done, 2 * Pages::kStart + Pages::kLookUps) << "hits need no walker";
  }
}

TEST(IommuEngine, AMissJoinsTheWalkUnderWay) {
  Pages bench(bare_engine());
  const Ps first = bench.read(0x3000, Pages::kStart).done;
  const std::size_t loads = bench.memory.loads.size();
  for (const Ps later : {Ps{0}, Ps{kRead}, Pages::kWalk - 1}) {
    EXPECT_EQ(bench.read(0x3abc, Pages::kStart + later).done, first) << later;
  }
  EXPECT_EQ(bench.read(0x3abc, first).done, first + Pages::kLookUps);
  EXPECT_EQ(bench.memory.loads.size(), loads);
  EXPECT_EQ(bench.stat("iotlb.merged"), 3);
  EXPECT_EQ(bench.stat("walker.walks"), 2);
}

TEST(IommuEngine, AMissJoinsTheFillOfAContextUnderWay) {
  Pages bench(bare_engine());
  bench.engine.invalidate_device(kDevice);
  bench.read(0x3000, Pages::kStart);
  const auto second = bench.read(0x4000, Pages::kStart);
  EXPECT_EQ(second.done, Pages::kStart + kDeviceLookUp + kRead + kPageLookUp + Pages::kWalk);
  EXPECT_EQ(bench.memory.loads.size(), 1 + 3 + 3u);
  EXPECT_EQ(bench.stat("device_cache.merged"), 1);
}

TEST(IommuEngine, RequestsBeyondItsEntriesWaitOutside) {
  for (const std::uint32_t entries : {1u, 3u}) {
    IommuConfig config = bare_engine();
    config.requests = entries;
    Pages bench(config);
    bench.read(0x3000, 1000);
    for (Addr i = 0; i < 9; ++i) {
      EXPECT_EQ(bench.read(0x3000, Pages::kStart).done, Pages::kStart + (i / entries + 1) * Pages::kLookUps);
    }
    EXPECT_GT(bench.stat("request_wait"), 0);
  }
}

TEST(IommuEngine, AMissHoldsItsEntryUntilItIsTranslated) {
  IommuConfig config = bare_engine();
  config.requests = 1;
  Pages bench(config);
  bench.read(0x3000, 1000);
  const Ps miss = bench.read(0x4000, Pages::kStart).done;
  EXPECT_EQ(miss, Pages::kStart + Pages::kLookUps + Pages::kWalk);
  EXPECT_EQ(bench.read(0x3000, Pages::kStart + 1).done, miss + Pages::kLookUps) << "back-pressure";
}

TEST(IommuEngine, SoManyRequestsStartPerCycle) {
  for (const std::uint32_t ports : {1u, 2u}) {
    IommuConfig config = bare_engine();
    config.ports = ports;
    Pages bench(config);
    bench.read(0x3000, 1000);
    for (Ps i = 0; i < 6; ++i) {
      EXPECT_EQ(bench.read(0x3000, Pages::kStart).done, Pages::kStart + i / ports * kCycle + Pages::kLookUps);
    }
  }
}

TEST(IommuEngine, APageRequestsContextIsUnderWayToo) {
  Pages bench(bare_engine());
  bench.engine.invalidate_device({});
  TimeSplit time;
  const auto found = bench.engine.find_device(kDevice, 0, Pages::kStart, bench.memory, time);
  EXPECT_EQ(found.cause, IommuCause::none);
  EXPECT_EQ(found.done, Pages::kStart + kDeviceLookUp + kRead);
  EXPECT_EQ(time.total(), kDeviceLookUp + kRead);
  EXPECT_EQ(bench.engine.busy_until(), found.done);
}

// --- walk caches and what commands leave of them ---

IommuConfig cached() {
  IommuConfig config = bare_engine();
  for (const std::uint32_t level : {1u, 2u}) config.walker.walk_caches.push_back({.level = level, .ports = 0});
  config.walker.nested_tlb = AssocConfig{.ports = 0};
  return config;
}

TEST(IommuEngine, AnInvalidationByAddressLeavesTablesAboveLeaves) {
  Pages bench(cached());
  const auto reads = [&](Addr address) {
    const std::size_t before = bench.memory.loads.size();
    EXPECT_EQ(bench.read(address, Pages::kStart).answer.cause, IommuCause::none);
    return bench.memory.loads.size() - before;
  };
  EXPECT_EQ(reads(0x3000), 3u);
  EXPECT_EQ(reads(0x4000), 1u);
  bench.engine.invalidate({.address = 0x3000});
  EXPECT_EQ(reads(0x4000), 0u);
  EXPECT_EQ(reads(0x3000), 1u);
  bench.engine.invalidate({.guest = 0});
  EXPECT_EQ(reads(0x3000), 0u) << "a guest's";
  bench.engine.invalidate({.guest_tables = true});
  EXPECT_EQ(reads(0x5000), 1u) << "second stages";
  bench.engine.invalidate({.process = 8});
  EXPECT_EQ(reads(0x6000), 1u) << "another process";
  bench.engine.invalidate({.process = 7});
  EXPECT_EQ(reads(0x3000), 3u);
  bench.engine.invalidate({});
  EXPECT_EQ(reads(0x3000), 3u);
}

TEST(IommuEngine, AnInvalidationOfGuestPhysicalPages) {
  EngineBench bench(cached());
  Guest guest(bench.host, "sv39x4", 0x10'0000, 0x20'0000);
  Stage stage = guest.space().make_stage("sv39");
  for (Addr i = 0; i < 4; ++i) {
    guest.space().map(stage, kIova + i * 4096, {.output = kGpa + i * 4096, .rights = kEveryRight});
    bench.host.map(guest.stage, kGpa + i * 4096, {.output = kOutput + i * 4096, .rights = kEveryRight});
  }
  DeviceDirectoryTables directory(bench.host, 1);
  directory.put(kDevice, {.tc = 1, .iohgatp = table_field(guest.stage, 3), .ta = 7 << 12, .fsc = table_field(stage)});
  bench.use(directory);
  const auto reads = [&](Addr page) {
    const std::size_t before = bench.memory.loads.size();
    EXPECT_EQ(bench.read(kIova + page * 4096, 0).answer.address, kOutput + page * 4096);
    return bench.memory.loads.size() - before;
  };
  reads(0);
  // The first-stage leaf, whose table's page is in the nested TLB, and the second-stage leaf of the page itself.
  EXPECT_EQ(reads(1), 2u);
  bench.engine.invalidate({.guest_tables = true, .guest = 3, .address = kGpa});
  EXPECT_EQ(reads(1), 0u);
  EXPECT_EQ(reads(0), 2u) << "what was named has to be read, what leads there not";
  bench.engine.invalidate({.guest_tables = true, .guest = 4});
  EXPECT_EQ(reads(0), 0u) << "another guest";
  bench.engine.invalidate({.guest = 3, .address = kIova});
  EXPECT_EQ(reads(0), 1u) << "the first-stage leaf; its page is in the nested TLB";
  bench.engine.invalidate({.guest_tables = true, .guest = 3});
  EXPECT_EQ(reads(0), 3 + 1 + 3u) << "where the first stage's leaves are is still known, but not as the host's address";
  bench.engine.invalidate({.guest = 3});
  bench.engine.invalidate({.guest_tables = true});
  EXPECT_EQ(reads(0), (3 + 1) + (1 + 1) + (1 + 1) + 3u) << "the guest's tables lie in one 2 MiB, met with the first";
}

// --- spaces ---

TEST(IommuEngine, HostsAndGuestsSpacesWithTheSameNumbersAreApart) {
  IommuConfig config = bare_engine();
  config.iotlb.ways = 16;  // they share a set
  EngineBench bench(config);
  DeviceDirectoryTables directory(bench.host, 1);
  std::vector<std::unique_ptr<Guest>> guests;
  std::uint32_t device = 1;
  const auto output_of = [](std::uint32_t id) { return kOutput + id * 0x10'0000; };
  for (const std::uint32_t gscid : {0xffffffffu, 0u, 1u}) {  // first the host
    for (const std::uint32_t pscid : {0xffffffffu, 0u, 1u}) {
      if (gscid == 0xffffffff && pscid == 0xffffffff) continue;
      Guest* guest = nullptr;
      if (gscid != 0xffffffff) {
        guests.push_back(std::make_unique<Guest>(bench.host, "sv39x4", 0x10'0000 * device, 0x10'0000 * (device + 1)));
        guest = guests.back().get();
        bench.host.map(guest->stage, pscid == 0xffffffff ? kIova : kGpa,
                       {.output = output_of(device), .rights = kEveryRight});
      }
      DeviceContext context{.tc = 1};
      if (pscid != 0xffffffff) {
        const TableSpace own = guest != nullptr ? guest->space() : bench.host;
        Stage stage = own.make_stage("sv39");
        own.map(stage, kIova, {.output = guest != nullptr ? kGpa : output_of(device), .rights = kEveryRight});
        context.fsc = table_field(stage);
        context.ta = std::uint64_t{pscid} << 12;
      }
      if (guest != nullptr) context.iohgatp = table_field(guest->stage, gscid);
      directory.put(device++, context);
    }
  }
  bench.use(directory);
  for (int turn = 0; turn < 2; ++turn) {
    for (std::uint32_t id = 1; id < device; ++id) {
      EXPECT_EQ(bench.read(kIova, 0, id).answer.address, output_of(id)) << id;
    }
  }
  EXPECT_EQ(bench.stat("iotlb.hits") + bench.stat("iotlb.merged"), device - 1.0);
}

}  // namespace pagoda::iommu_engine_test

// The manager of migrations with a process that does what a test says: how long copying takes, what ends it, and that a
// page which is lost never goes unnoticed.
#include "pagoda/software/migration.h"

#include <set>

#include "pagoda/base/error.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/software/os_config.h"
#include "support/bench.h"
#include "support/host_bench.h"

namespace pagoda::migration_test {

using testing::Script;
using Outcome = Migration::Outcome;

constexpr Addr kBase = 0x10'0000'0000;
constexpr std::uint64_t kPages = 64;
constexpr Ps kStart = 10 * kMicrosecond;

// A kernel that does what a test says.
struct TestOs final : FaultHandler {
  Outcome handle_fault(Processor& /*processor*/, const Fault& /*fault*/, Ps at) override {
    return handle ? handle(at) : Outcome{};
  }
  std::function<Outcome(Ps)> handle;
};

struct NoProcessor final : Processor {
  unsigned number() const override { return 0; }
  Mmu& mmu() override { throw std::logic_error("it has none"); }
  Ps interrupt(Ps at, Ps duration) override { return at + duration; }
};

// Tells of the pages that a test has put down.
struct ListedPages final : DirtySource {
  explicit ListedPages(bool devices) : devices_(devices) {}
  bool of_devices() const override { return devices_; }
  void begin() override { ++begun; }
  void collect(PageSet& dirty) override {
    for (const std::uint64_t page : std::exchange(pages, {})) dirty.insert(page);
  }
  void end() override { ++ended; }

  std::set<std::uint64_t> pages;
  int begun = 0, ended = 0;
  bool devices_;
};

struct MigrationBench : ::testing::Test, MigratedGuest {
  MigrationBench() {
    for (std::uint64_t page = 0; page < kPages; ++page) space.ensure(kBase + page * kPageBytes);
    guest.pages().add(kBase, kPages * kPageBytes);
    for (std::uint64_t page = 0; page < kPages; ++page) write(page, page + 1, nullptr);
  }
  void build(const MigrationConfig& config, const NetworkLinkConfig& link_config = lossless()) {
    link.emplace("network", link_config);
    MigrationConfig own = config;
    own.start = {kStart};
    manager.emplace("migration", own, guest, static_cast<MigratedGuest&>(*this), *link, bytes, os);
    manager->add(processors);
    manager->add(devices);
  }
  // 1 GB/s without headers, 10 us one way: a page and its header take 4.104 us.
  static NetworkLinkConfig lossless() {
    return {.rate = {1e9}, .latency = {10 * kMicrosecond}, .headers = {0}, .framing = {0}};
  }
  static MigrationConfig plain() {
    MigrationConfig config;
    config.state = {0};
    config.resume = {0};
    config.downtime = {0};
    config.zero_pages = false;
    config.window = 1;
    return config;
  }
  // Bytes change; `told` is who will say so.
  void write(std::uint64_t page, std::uint64_t value, ListedPages* told) {
    const Addr frame = *guest.frame_of(page);
    bytes.write64(frame + 8 * (value % 512), value * 0x9e3779b97f4a7c15);
    if (told == &devices) {
      guest.witness().written_by_device(frame);
    } else {
      guest.witness().written(frame);
    }
    if (told != nullptr) told->pages.insert(page);
  }
  void run(std::function<void()> script = {}) {
    const Script other(
        "script", script ? std::move(script) : [] {});
    sc_core::sc_start();
    manager->rethrow_failure();
  }
  static double stat(const char* path) { return testing::all_stats().number(path); }

  void pause() override { paused_at = kernel_now(); }
  void resume_processors() override { ++resumed; }
  void resume_devices() override { ++devices_resumed; }
  void forget_translations() override {}
  double progress() override { return static_cast<double>(kernel_now()); }

  PhysicalMemory bytes{{std::uint64_t{64} << 20}};
  MemoryStore store{bytes};
  FrameAllocator frames{{.order = FrameOrder::sequential, .contiguity_2m = 0}, 0, std::uint64_t{64} << 20, 1};
  AddressSpace space{
      *find_page_format("sv48"), controls_for(*find_page_format("sv48"), FlagSetting::hardware), {}, store, frames};
  GuestMemory guest{space, bytes};
  TestOs os;
  ListedPages processors{false}, devices{true};
  std::optional<NetworkLink> link;
  std::optional<Migration> manager;
  Ps paused_at = 0;
  int resumed = 0, devices_resumed = 0;
};

constexpr Ps kPageTime = 4104 * kNanosecond;
constexpr Ps kWay = 10 * kMicrosecond;

TEST_F(MigrationBench, StoppingAndCopyingTakesWhatTheBytesTake) {
  MigrationConfig config = plain();
  config.mode = MigrationMode::stop_and_copy;
  config.state = {999};
  build(config);
  run();
  EXPECT_EQ(manager->outcome(), Outcome::done);
  // All pages, 1000 bytes of state, there and (one byte) back.
  const Ps expected = kPages * kPageTime + 1000 * kNanosecond + 2 * kWay + kNanosecond;
  EXPECT_EQ(stat("migration.downtime"), to_ns(expected));
  EXPECT_EQ(stat("migration.bytes_sent"), kPages * 4104 + 1000);
  EXPECT_EQ(stat("migration.verified_pages"), kPages);
  EXPECT_EQ(processors.begun, 0);
}

// A round of n pages takes n page times; what is written in it is the next round's.
TEST_F(MigrationBench, RoundsCopyWhatWasWritten) {
  MigrationConfig config = plain();
  config.downtime = {4 * kPageTime};
  build(config);
  run([this] {
    Script::wait_until(kStart + kPageTime);
    for (std::uint64_t page = 0; page < 20; ++page) write(page, 100 + page, page % 2 == 0 ? &processors : &devices);
    Script::wait_until(kStart + (kPages + 1) * kPageTime);
    for (std::uint64_t page = 30; page < 33; ++page) write(page, 200 + page, &devices);
  });
  EXPECT_EQ(manager->outcome(), Outcome::done);
  EXPECT_EQ(stat("migration.rounds"), 2);
  EXPECT_EQ(stat("migration.round01.pages"), kPages);
  EXPECT_EQ(stat("migration.round01.time"), to_ns(kPages * kPageTime));
  EXPECT_EQ(stat("migration.round02.pages"), 20) << "processors' and devices' together";
  EXPECT_EQ(stat("migration.round02.time"), to_ns(20 * kPageTime));
  EXPECT_EQ(stat("migration.final_pages"), 3);
  EXPECT_EQ(paused_at, kStart + (kPages + 20) * kPageTime);
  EXPECT_EQ(processors.ended + devices.ended, 2);
  EXPECT_EQ(stat("migration.device_dirty"), 13);
  EXPECT_EQ(stat("migration.device_false"), 0);
}

TEST_F(MigrationBench, AFalseAlarmCostsACopyAndIsCounted) {
  build(plain());
  devices.pages = {5};
  run();
  EXPECT_EQ(manager->outcome(), Outcome::done);
  EXPECT_EQ(stat("migration.device_false"), 1);
  EXPECT_EQ(stat("migration.pages_sent"), kPages + 1);
}

TEST_F(MigrationBench, ABandwidthLimitHoldsWhileTheProcessRuns) {
  MigrationConfig config = plain();
  config.bandwidth = {0.25e9};
  config.window = 8;
  build(config);
  run();
  EXPECT_EQ(stat("migration.round01.time"), to_ns(kPages * 4 * kPageTime));
}

TEST_F(MigrationBench, APageThatNobodyTellsOfFailsTheRun) {
  build(plain());
  const auto lose = [this] {
    Script::wait_until(kStart + 10 * kPageTime);
    write(3, 77, nullptr);
  };
  EXPECT_THROW(run(lose), InvariantError);
}

// Not even the oracle was told.
TEST_F(MigrationBench, ADifferingByteFailsTheRun) {
  build(plain());
  const auto corrupt = [this] {
    Script::wait_until(kStart + 10 * kPageTime);
    *bytes.data(*guest.frame_of(3) + 4000) = 1;
  };
  EXPECT_THROW(run(corrupt), InvariantError);
}

// The kernel of a machine that has moved.
struct MovedKernel : MigrationBench {
  MovedKernel() {
    os.handle = [this](Ps at) -> FaultHandler::Outcome {
      at_work();
      return {.resolved = true, .resume = at + kMicrosecond};
    };
    MigrationConfig config = plain();
    config.mode = MigrationMode::post_copy;
    build(config);
  }
  // How long the kernel waits, beside its own time, for a fault of a stage that is not migration's.
  Ps wait_for_fault() {
    const Ps at = kernel_now();
    const auto outcome = manager->faults().handle_fault(processor, {.cause = FaultCause::not_present, .stage = 3}, at);
    EXPECT_TRUE(outcome.resolved);
    return outcome.resume - at - kMicrosecond;
  }

  NestedStore tables{space, store,
                     [this](Addr, Addr output, std::uint64_t value) { guest.table_written(output, value); }};
  NestedStore untold{space, store};
  std::function<void()> at_work;
  NoProcessor processor;
};

TEST_F(MovedKernel, WaitsForPagesThatItReachesInto) {
  constexpr Addr kWord = kBase + 40 * kPageBytes + 41 * 8;  // of the constructor's write
  std::uint64_t seen = 0;
  at_work = [&] { seen = tables.read(kWord); };
  std::vector<Ps> waits;
  run([&] {
    Script::wait_until(kStart + 50 * kMicrosecond);
    waits.push_back(wait_for_fault());
    waits.push_back(wait_for_fault());
    Script::wait_until(kernel_now() + waits.front());
    waits.push_back(wait_for_fault());
  });
  EXPECT_EQ(manager->outcome(), Outcome::done);
  EXPECT_EQ(seen, 41 * 0x9e3779b97f4a7c15);
  // A microsecond of the hypervisor's, 16 bytes there, the page that is being sent, this one, and the way back.
  const Ps least = kMicrosecond + 16 * kNanosecond + 2 * kWay + kPageTime;
  EXPECT_GE(waits[0], least);
  EXPECT_LE(waits[0], least + kPageTime);
  EXPECT_EQ(waits[1], waits[0]) << "it is on its way";
  EXPECT_EQ(waits[2], 0) << "it is there";
  EXPECT_EQ(stat("migration.post_copy.software_waits"), 2);
  EXPECT_EQ(stat("migration.pages_sent"), kPages) << "each once";
}

TEST_F(MovedKernel, WritesWherePagesAreThen) {
  at_work = [&] {
    for (std::uint64_t page = 0; page < kPages; page += 3) tables.write(kBase + page * kPageBytes + 8 * page, ~page);
  };
  run([&] {
    Script::wait_until(kStart + 50 * kMicrosecond);
    EXPECT_GT(wait_for_fault(), kPages / 6 * kPageTime);
  });
  EXPECT_EQ(manager->outcome(), Outcome::done);
}

TEST_F(MovedKernel, FailsTheRunIfAWordIsLost) {
  at_work = [&] { untold.write(kBase + 3 * kPageBytes, 77); };
  EXPECT_THROW(run([&] {
                 Script::wait_until(kStart + 50 * kMicrosecond);
                 wait_for_fault();
               }),
               InvariantError);
}

TEST_F(MigrationBench, PagesOfZerosAreMarks) {
  MigrationConfig config = plain();
  config.mode = MigrationMode::stop_and_copy;
  config.zero_pages = true;
  build(config);
  for (std::uint64_t page = 10; page < 30; ++page) bytes.discard(*guest.frame_of(page), kPageBytes);
  run();
  EXPECT_EQ(manager->outcome(), Outcome::done);
  EXPECT_EQ(stat("migration.zero_pages"), 20);
  EXPECT_EQ(stat("migration.bytes_sent"), (kPages - 20) * 4104 + 20 * 9 + 1);
}

// Half of the pages are written in every round.
struct NoProgress : MigrationBench {
  void migrate(NoConvergence what) {
    MigrationConfig config = plain();
    config.patience = 2;
    config.no_convergence = what;
    build(config);
    run([this] {
      for (std::uint64_t value = 1000; paused_at == 0 && devices.ended == 0; ++value) {
        write(value % 32, value, &devices);
        sc_core::wait(sc_core::sc_time(1, sc_core::SC_US));
      }
    });
    EXPECT_EQ(stat("migration.rounds"), 3) << "of 64, 32 and 32 pages, with 32 left";
  }
};

TEST_F(NoProgress, ItStops) {
  migrate(NoConvergence::stop_and_copy);
  EXPECT_EQ(manager->outcome(), Outcome::done);
  EXPECT_EQ(stat("migration.final_pages"), 32);
}

TEST_F(NoProgress, ItGivesUp) {
  migrate(NoConvergence::cancel);
  EXPECT_EQ(manager->outcome(), Outcome::not_converged);
}

TEST_F(MigrationBench, AFailingLinkLeavesTheProcessWhereItIs) {
  NetworkLinkConfig failing = lossless();
  failing.fails_at = Duration{kStart + 20 * kPageTime};
  build(plain(), failing);
  run();
  EXPECT_EQ(manager->outcome(), Outcome::link_failed);
  EXPECT_EQ(processors.ended + devices.ended, 2) << "nobody is watched any more";
  EXPECT_EQ(resumed, 0) << "it was never stopped";
  EXPECT_GT(stat("migration.rate_after_failure"), 0);
}

TEST_F(MigrationBench, ALinkThatFailsInTheLastCopyLetsTheProcessGoOn) {
  MigrationConfig config = plain();
  config.mode = MigrationMode::stop_and_copy;
  NetworkLinkConfig failing = lossless();
  failing.fails_at = Duration{kStart + 20 * kPageTime};
  build(config, failing);
  run();
  EXPECT_EQ(manager->outcome(), Outcome::link_failed);
  EXPECT_EQ(resumed, 1);
  EXPECT_EQ(devices_resumed, 1);
}

TEST_F(MigrationBench, AnotherAttemptStartsAnew) {
  MigrationConfig config = plain();
  config.attempts = 3;
  config.retry = {kMillisecond};
  NetworkLinkConfig failing = lossless();
  failing.fails_at = Duration{kStart + 20 * kPageTime};
  failing.repaired_after = Duration{500 * kMicrosecond};
  build(config, failing);
  run();
  EXPECT_EQ(manager->outcome(), Outcome::done);
  EXPECT_EQ(stat("migration.attempts"), 2);
  EXPECT_EQ(stat("migration.verified_pages"), kPages);
}

TEST_F(MigrationBench, ACancelledMigrationCanBeginAgain) {
  MigrationConfig config = plain();
  config.cancel_after = Duration{10 * kPageTime};
  config.attempts = 2;
  build(config);
  run();
  EXPECT_EQ(manager->outcome(), Outcome::done);
  EXPECT_EQ(stat("migration.attempts"), 2);
  EXPECT_EQ(devices.begun, 2);
  EXPECT_EQ(devices.ended, 2);
}

TEST_F(MigrationBench, AMachineWithoutRoomIsGivenUp) {
  MigrationConfig config = plain();
  config.memory = {20 * kPageBytes};
  build(config);
  run();
  EXPECT_EQ(manager->outcome(), Outcome::no_memory);
  EXPECT_EQ(devices.ended, 1);
}

TEST(NetworkLink, TakesWhatItsBytesTake) {
  NetworkLink link("network",
                   {.rate = {1e9}, .latency = {5 * kMicrosecond}, .frame = {1500}, .headers = {40}, .framing = {38}});
  EXPECT_EQ(link.wire_bytes(1460), 1460u + 78);
  EXPECT_EQ(link.wire_bytes(1461), 1461u + 2 * 78);
  const auto first = link.send(1460, 0);
  EXPECT_EQ(first.sent, 1538 * kNanosecond);
  EXPECT_EQ(first.arrived, first.sent + 5 * kMicrosecond);
  EXPECT_EQ(link.send(1460, 0).sent, 2 * first.sent) << "one after the other";
  EXPECT_EQ(link.reply(1460, 0).sent, first.sent) << "the other way is free";
}

TEST(NetworkLink, LosesWhatIsUnderWayWhenItFails) {
  NetworkLink link("network", {.rate = {1e9},
                               .latency = {5 * kMicrosecond},
                               .headers = {0},
                               .framing = {0},
                               .fails_at = Duration{20 * kMicrosecond},
                               .repaired_after = Duration{30 * kMicrosecond},
                               .detection = {7 * kMicrosecond}});
  EXPECT_TRUE(link.send(1000, 13 * kMicrosecond).ok) << "arrives at 19 us";
  const auto lost = link.send(1000, 14 * kMicrosecond);
  EXPECT_FALSE(lost.ok) << "would arrive at 20 us";
  EXPECT_EQ(lost.arrived, 27 * kMicrosecond);
  EXPECT_FALSE(link.send(1000, 49 * kMicrosecond).ok);
  EXPECT_TRUE(link.send(1000, 50 * kMicrosecond).ok);
  EXPECT_EQ(link.up_again(30 * kMicrosecond), 50 * kMicrosecond);
  EXPECT_EQ(link.up_again(60 * kMicrosecond), 60 * kMicrosecond);
}

}  // namespace pagoda::migration_test

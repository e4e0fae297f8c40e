// What a dirty logger does in the corners: around the end of a pass, with full queues, in words that queues share.
#include "pagoda/devices/dirty_logger.h"

#include <algorithm>

#include "unit/devices/dirty_bench.h"

namespace pagoda::dirty_logger_test {

using testing::DirtyBench;
using Command = DirtyLogger::Command;
using Marks = std::vector<std::uint64_t>;

constexpr Ps kAccess = 100'000;
constexpr Ps kTranslation = 300'000;
constexpr Addr kPage = 4096;

struct DirtyLoggerTest : ::testing::Test, DirtyBench {
  DirtyLoggerTest() { memory.resize(kMemory); }

  static DmaConfig config(DirtyLogConfig log = {}, bool atc = true) {
    DmaConfig dma;
    dma.dirty_log = log;
    dma.issue_interval = Latency::cycles(1);
    if (atc) {
      dma.atc = AtcConfig{};
      dma.atc->page_requests = 0;
    }
    return dma;
  }
  std::uint64_t state_of(std::uint64_t region) {
    EXPECT_TRUE(logger->write_register(DirtyLogger::kRegion, region, now + 1));
    run();
    return *logger->read_register(DirtyLogger::kState, now);
  }
};

TEST_F(DirtyLoggerTest, AMissIsLoggedAndHitsAreNot) {
  build(config());
  const RegionSetting region;
  start(0, 0, region);
  write(1000, 3 * kPage, 256, 1);
  write(2 * kMicrosecond, 3 * kPage + 512, 256, 2);
  write(4 * kMicrosecond, 9 * kPage, 256, 3);
  run();
  EXPECT_EQ(stat("logged"), 2);
  EXPECT_EQ(stat("suppressed"), 1);
  EXPECT_EQ(marks(0, 0, region), (Marks{3, 9})) << "gathered for a while, then written";
  command(now + 1, 0, Command::new_pass);
  run();
  EXPECT_EQ(record(0), 1u);
  EXPECT_EQ(interrupts, 1u);
  EXPECT_EQ(marks(0, 1, region), Marks{});
}

// The trap of logging on a miss: a translation that was logged in the pass before must be logged again.
TEST_F(DirtyLoggerTest, AHitInANewPassIsLogged) {
  build(config());
  const RegionSetting region;
  start(0, 0, region);
  write(1000, 0, 64, 1);
  command(5 * kMicrosecond, 0, Command::new_pass);
  write(9 * kMicrosecond, 0, 64, 2);
  run();
  command(now + 1, 0, Command::new_pass);
  run();
  EXPECT_EQ(marks(0, 0, region), Marks{0});
  EXPECT_EQ(marks(0, 1, region), Marks{0});
  EXPECT_EQ(record(0), 2u);
}

// A translation for all processes says nothing of whose region it was logged in.
TEST_F(DirtyLoggerTest, AGlobalTranslationIsLoggedEachTime) {
  build(config());
  global = true;
  start(0, 0, {});
  write(1000, 0, 64, 1);
  write(3 * kMicrosecond, 0, 64, 2);
  run();
  EXPECT_EQ(stat("logged"), 2);
}

TEST_F(DirtyLoggerTest, EveryWriteIsLoggedExactly) {
  build(config({}, false));
  const RegionSetting region{.shape = {.granule_shift = 6}, .logging = DirtyLogging::write};
  start(0, 0, region);
  write(1000, 0x1000 - 32, 256, 1);  // crosses a page
  write(3 * kMicrosecond, 0x40, 1, 2);
  write(5 * kMicrosecond, 0x40, 1, 3);
  run();
  EXPECT_EQ(stat("logged"), 4) << "two parts, and two writes of one granule";
  EXPECT_EQ(marks(0, 0, region), (Marks{1, 63, 64, 65, 66, 67}));
}

TEST_F(DirtyLoggerTest, ASuperpageMarksAllItsGranulesInTheRegion) {
  build(config());
  page_shift = [](Addr) { return 21u; };
  const RegionSetting region{.base = 0x10'0000, .bytes = 0x20'0000};
  start(0, 0, region);
  write(1000, 0x12'3000, 64, 1);
  run();
  Marks expected(256);
  for (std::uint64_t i = 0; i < 256; ++i) expected[i] = i;
  EXPECT_EQ(marks(0, 0, region), expected) << "from the region's beginning to the end of the 2 MiB";
}

// At a granule of 2 MiB one bit is all there is.
TEST_F(DirtyLoggerTest, ALargeGranuleTakesInWritesAnywhereInIt) {
  build(config());
  const RegionSetting region{.bytes = 0x40'0000, .shape = {.granule_shift = 21}};
  start(0, 0, region);
  write(1000, 0x20'0000 - 64, 128, 1);
  run();
  EXPECT_EQ(marks(0, 0, region), (Marks{0, 1}));
}

TEST_F(DirtyLoggerTest, TheRecordWaitsForDmaInFlight) {
  build(config());
  Ps takes = 0;
  latency = [&takes] { return takes; };
  takes = kTranslation;
  const RegionSetting region;
  start(0, 0, region);
  write(1000, 0, 64, 1);
  run();
  takes = 20 * kMicrosecond;  // the next write is on its way for long
  const Ps issued = now + 1000;
  write(issued, 8, 8, 2);
  at(issued + 1, [&takes](Ps) { takes = 50'000; });
  const Ps ordered = now + 2000;
  command(ordered, 0, Command::new_pass);
  Ps told = 0;
  on_interrupt = [&](Ps when) { told = when; };
  run();
  EXPECT_GE(told, issued + 20 * kMicrosecond);
  EXPECT_LT(told, issued + 20 * kMicrosecond + kMicrosecond);
  EXPECT_EQ(marks(0, 0, region), Marks{0});
  EXPECT_EQ(marks(0, 1, region), Marks{});
}

// A write after the command belongs to the next pass, however long the old one takes to end.
TEST_F(DirtyLoggerTest, WritesDuringADrainGoToTheOtherMapAndDoNotDelayIt) {
  DirtyLogConfig log;
  log.service = Latency::cycles(2000);
  build(config(log));
  const RegionSetting region;
  start(0, 0, region);
  for (Addr i = 0; i < 4; ++i) write(1000 + i, i * kPage, 64, 1);
  command(kMicrosecond, 0, Command::new_pass);
  for (Addr i = 0; i < 50; ++i) write(kMicrosecond + 1000 + i * 200'000, (i % 4) * kPage, 64, 2);
  Ps told = 0;
  on_interrupt = [&](Ps when) { told = when; };
  run();
  EXPECT_GT(told, 8 * kMicrosecond) << "four entries of 2 us each";
  EXPECT_LT(told, 11 * kMicrosecond) << "writes went on until 11 us";
  EXPECT_EQ(marks(0, 0, region), (Marks{0, 1, 2, 3}));
  EXPECT_EQ(marks(0, 1, region), (Marks{0, 1, 2, 3}));
}

TEST_F(DirtyLoggerTest, AFullQueueHoldsWritesUp) {
  DirtyLogConfig log;
  log.queue_depth = 1;
  log.service = Latency::cycles(3000);
  build(config(log));
  start(0, 0, {});
  std::vector<DmaJob*> made;
  for (Addr i = 0; i < 5; ++i) made.push_back(&write(1000, i * kPage, 64, 1));
  run();
  EXPECT_GT(stat("queue_full"), 0);
  EXPECT_EQ(stat("queue_max"), 1);
  EXPECT_EQ(marks(0, 0, {}), (Marks{0, 1, 2, 3, 4}));
  // An entry's place is free when it has been served, 3 us after it came; the next write then goes to memory, after a
  // look-up in the ATC.
  const Ps first = 1000 + kTranslation;
  for (std::size_t i = 1; i < 5; ++i) {
    EXPECT_GE(made[i]->done, first + i * 3 * kMicrosecond) << i;
    EXPECT_LE(made[i]->done, first + i * 3 * kMicrosecond + kAccess + 20'000) << i;
    EXPECT_EQ(made[i]->status, DmaStatus::ok);
  }
}

// All places of the channel are taken by writes that wait: the log's own traffic must get through all the same.
TEST_F(DirtyLoggerTest, AChannelFullOfWaitingWritesDoesNotHang) {
  DirtyLogConfig log;
  log.queue_depth = 1;
  log.words = 1;
  log.outstanding = 1;
  DmaConfig dma = config(log);
  dma.outstanding = 2;
  build(dma);
  start(0, 0, {});
  for (Addr i = 0; i < 16; ++i) write(1000, i * kPage, 64, 1);
  run();
  EXPECT_EQ(jobs_done, 16u);
  EXPECT_EQ(marks(0, 0, {}).size(), 16u);
}

TEST_F(DirtyLoggerTest, TwoQueuesShareAWordOfTheMap) {
  DirtyLogConfig log;
  log.queues = 2;
  log.gather = {0};  // each update starts at once: the second comes while the first is under way
  build(config(log));
  start(0, 0, {});
  for (Addr i = 0; i < 8; ++i) write(1000 + i * 37'000, i * kPage, 64, 1);
  run();
  EXPECT_EQ(marks(0, 0, {}), (Marks{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_GT(stat("updates"), 1);
  EXPECT_LT(stat("updates"), 8) << "what came meanwhile went together";
}

TEST_F(DirtyLoggerTest, BytesNeedNoReading) {
  build(config());
  const RegionSetting region{.shape = {.kind = DirtyMapKind::byte}};
  start(0, 0, region);
  for (const Addr page : {1, 2, 5}) write(1000, page * kPage, 64, 1);
  run();
  EXPECT_EQ(marks(0, 0, region), (Marks{1, 2, 5}));
  EXPECT_EQ(stat("map_bytes_read"), 0);
  EXPECT_EQ(stat("map_bytes_written"), 3) << "two runs";
}

TEST_F(DirtyLoggerTest, AnInvalidationBetweenWriteAndLogLosesNothing) {
  DirtyLogConfig log;
  log.queue_depth = 1;
  log.service = Latency::cycles(2000);
  build(config(log));
  start(0, 0, {});
  write(1000, 0, 64, 1);
  DmaJob& waits = write(1000, kPage, 64, 2);
  at(500'000, [this](Ps when) {  // both translations go while one is queued and the other waits for room
    ASSERT_TRUE(data_channel().invalidate(
        {.address = 0, .page_shift = 64, .has_pasid = true, .pasid = kPasid, .all_processes = true}, when));
  });
  run();
  EXPECT_EQ(marks(0, 0, {}), (Marks{0, 1}));
  EXPECT_EQ(waits.status, DmaStatus::ok);
  StatNode root;
  StatReader reader(root);
  data_channel().visit_stats(reader);
  EXPECT_EQ(root.number("atc.translation_requests"), 3) << "what waited was translated again";
}

TEST_F(DirtyLoggerTest, StoppingWritesWhatIsPending) {
  DirtyLogConfig log;
  log.gather = {kMillisecond};
  build(config(log));
  start(0, 0, {});
  write(1000, 7 * kPage, 64, 1);
  command(500'000, 0, Command::stop);
  write(2 * kMicrosecond, 8 * kPage, 64, 1);  // no longer monitored
  run();
  EXPECT_EQ(marks(0, 0, {}), Marks{7});
  EXPECT_EQ(record(0), 1 | DirtyLogger::kEnded);
  EXPECT_EQ(state_of(0), 0u);
}

TEST_F(DirtyLoggerTest, RegionsEndTheirPassesAlone) {
  build(config());
  const RegionSetting low{.bytes = 0x8000}, high{.base = 0x8000, .bytes = 0x8000};
  start(0, 0, low);
  start(0, 1, high);
  write(1000, 0, 64, 1);
  write(1000, 0x9000, 64, 1);
  command(5 * kMicrosecond, 0, Command::new_pass);
  run();
  EXPECT_EQ(record(0), 1u);
  EXPECT_EQ(record(1), 0u);
  write(now + 1000, 0x9000, 64, 1);  // its translation counts as not logged: the other region has a new pass
  run();
  EXPECT_EQ(marks(1, 0, high), Marks{1});
}

// Software finds out by the generation, and takes everything for written.
TEST_F(DirtyLoggerTest, AResetInMidPassForgetsAllAndStartsCleanly) {
  DirtyLogConfig log;
  log.gather = {0};
  build(config(log));
  start(0, 0, {});
  write(1000, 0, 64, 1);
  write(1000, kPage, 64, 1);
  command(450'000, 0, Command::new_pass);
  command(500'000, 0, Command::reset);  // an update of the map is under way
  std::uint64_t state_then = ~std::uint64_t{0};
  at(500'001, [&](Ps when) { state_then = *logger->read_register(DirtyLogger::kState, when); });
  run();
  EXPECT_EQ(state_then, 4u) << "what is under way comes to its end first";
  EXPECT_EQ(jobs_done, 2u);
  EXPECT_EQ(interrupts, 0u);
  EXPECT_EQ(record(0), 0u);
  EXPECT_EQ(*logger->read_register(DirtyLogger::kGeneration, now), 1u);
  EXPECT_EQ(state_of(0), 0u);
  start(now + 1, 0, {});
  write(now + 1000, kPage, 64, 2);
  run();
  EXPECT_EQ(marks(0, 0, {}), Marks{1});
}

TEST_F(DirtyLoggerTest, AResetLetsWaitingWritesGo) {
  DirtyLogConfig log;
  log.queue_depth = 1;
  log.service = Latency::cycles(1'000'000);
  build(config(log));
  start(0, 0, {});
  for (Addr i = 0; i < 4; ++i) write(1000, i * kPage, 64, 1);
  command(5 * kMicrosecond, 0, Command::reset);
  run();
  EXPECT_EQ(jobs_done, 4u);
}

TEST_F(DirtyLoggerTest, MarksThatCannotBeWrittenAreReported) {
  build(config());
  start(0, 0, {});
  refuses = [](Addr address) { return address >= map_of(0, 0) && address < map_of(0, 1); };
  write(1000, 0, 64, 1);
  command(5 * kMicrosecond, 0, Command::new_pass);
  run();
  EXPECT_EQ(record(0), 1 | DirtyLogger::kLost);
  EXPECT_TRUE(reported(DeviceError::data_fault));
  command(now + 1, 0, Command::new_pass);
  run();
  EXPECT_EQ(record(0), 2u) << "the other map is whole";
}

TEST_F(DirtyLoggerTest, ImpossibleCommandsAreReported) {
  build(config());
  const auto refused = [&](const char* why, DeviceError error = DeviceError::bad_entry) {
    run();
    EXPECT_TRUE(reported(error)) << why;
    EXPECT_TRUE(logger->write_register(0, ~std::uint64_t{0}, now + 1));
    run();
  };
  command(1, 0, Command::new_pass);
  refused("not started");
  command(now + 1, 9, Command::start);
  refused("no such region", DeviceError::bad_index);
  start(now + 1, 0, {.base = 100});
  refused("base");
  start(now + 1, 0, {.bytes = 0});
  refused("length");
  start(now + 1, 0, {.bytes = 0x1000, .shape = {.granule_shift = 13}});
  refused("length of no whole granules");
  start(now + 1, 0, {.shape = {.granule_shift = 5}});
  refused("granule");
  start(now + 1, 0, {});
  run();
  EXPECT_EQ(status(), 0u);
  EXPECT_TRUE(logger->write_register(DirtyLogger::kBase, 0, now + 1));
  refused("changed while it is monitored");
  command(now + 1, 0, Command::start);
  refused("started twice");
  command(now + 1, 0, Command::new_pass);
  command(now + 2, 0, Command::new_pass);
  refused("a pass is ending");
  EXPECT_FALSE(logger->write_register(DirtyLogger::kState, 1, now));
  EXPECT_FALSE(logger->write_register(0x80, 1, now));
}

TEST(DirtyMap, SizesAreThoseOfTheArithmetic) {
  constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
  EXPECT_EQ((DirtyMapShape{12, DirtyMapKind::bit}).map_bytes(64 * kGiB), 2u << 20);
  EXPECT_EQ((DirtyMapShape{12, DirtyMapKind::byte}).map_bytes(64 * kGiB), 16u << 20);
  EXPECT_EQ((DirtyMapShape{21, DirtyMapKind::bit}).map_bytes(64 * kGiB), 4096u);
  EXPECT_EQ((DirtyMapShape{6, DirtyMapKind::bit}).map_bytes(4096), 8u);
}

TEST(DirtyMap, GranulesAreCutToTheRegion) {
  const DirtyMapShape pages{12, DirtyMapKind::bit};
  EXPECT_EQ(granules_touched(pages, 0x4000, 0xfff, 2), (GranuleRange{0, 2}));
  EXPECT_EQ(granules_touched(pages, 0x4000, Addr{0} - 0x1000, 0x2000), (GranuleRange{0, 1}));
  EXPECT_EQ(granules_touched(pages, 0x4000, 0x3000, 0x9000), (GranuleRange{3, 4}));
  EXPECT_EQ(granules_touched(pages, 0x4000, 0x4000, 1), GranuleRange{});
  EXPECT_EQ(granules_touched(pages, 0x4000, Addr{0} - 1, 1), GranuleRange{});
}

}  // namespace pagoda::dirty_logger_test

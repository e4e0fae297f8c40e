// Pages moved through contexts of a coherent adapter: times, contents, back-pressure, errors.
#include "pagoda/software/capi_volume.h"

#include <random>

#include "support/capi_bench.h"
#include "support/probe_log.h"

namespace pagoda::capi_volume_test {

using testing::CapiBench;
using testing::ProbeLog;
using testing::Results;
using testing::SpaceBench;

constexpr Addr kFrame = 0x10'0000;
constexpr Ps kStart = kMicrosecond;  // queues have been opened

// From order to answer, less what the medium and the data take.
constexpr Ps overhead() {
  return CapiBench::kBuild + CapiBench::doorbell_time() + CapiBench::read_time(64) + CapiBench::write_time(16) +
         CapiBench::write_time(8);
}
constexpr Ps kMediumPage = CapiBench::kMedium + 2 * 4096;  // a picosecond for a byte, twice
constexpr Ps kLinesIn = 32 * (24 + 128) * CapiBench::kByte + CapiBench::kWay + CapiBench::kMemory;
constexpr Ps kLinesOut = (24 + 32 * (20 + 128)) * CapiBench::kByte + 2 * CapiBench::kWay + CapiBench::kMemory;

TEST_F(CapiBench, APageInIsCommandMediumLinesAndAnswer) {
  build();
  CapiContext* context = volume->open();
  start();
  put(7, 3);
  const MoveResult result = context->move(in(7, kFrame), kStart);
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.done, kStart + overhead() + kMediumPage + kLinesIn);
  EXPECT_TRUE(holds(kFrame, 3));
  check(result);
  EXPECT_EQ(result.time.media, kMediumPage);
  EXPECT_EQ(result.time.software, kBuild);
  EXPECT_EQ(result.time.translation, 0u);
}

TEST_F(CapiBench, APageOutIsCommandLinesMediumAndAnswer) {
  build();
  CapiContext* context = volume->open();
  start();
  fill(kFrame, 5);
  const MoveResult result = context->move(out(9, kFrame), kStart);
  EXPECT_EQ(result.done, kStart + overhead() + kMediumPage + kLinesOut);
  EXPECT_TRUE(stored(9, 5));
  check(result);
}

TEST_F(CapiBench, TheSubmittingThreadIsFreeWhenItHasStoredTheDoorbell) {
  build();
  CapiContext* context = volume->open();
  start();
  Results results;
  const auto submission = context->submit(in(0, kFrame), kStart, results);
  EXPECT_TRUE(submission.accepted);
  EXPECT_EQ(submission.until, kStart + kBuild + 100'000);
  ASSERT_EQ(results.all.size(), 1u) << "what will come is known";
  EXPECT_GT(results.all[0].done, submission.until);
}

TEST_F(CapiBench, OutAndInOverlap) {
  build();
  CapiContext* context = volume->open();
  start();
  fill(kFrame, 1);
  put(2, 2);
  Results results;
  context->submit(in(2, kFrame + kPage), kStart, results);
  context->submit(out(1, kFrame), kStart, results);
  const Ps serial = 2 * (overhead() + kMediumPage) + kLinesIn + kLinesOut;
  EXPECT_LT(std::max(results.all[0].done, results.all[1].done), kStart + serial - kMediumPage);
  EXPECT_TRUE(stored(1, 1));
  EXPECT_TRUE(holds(kFrame + kPage, 2));
}

TEST_F(CapiBench, AFullQueueHoldsOrdersBack) {
  build(adapter_config(), {.queue_entries = 4});
  CapiContext* context = volume->open();
  start();
  EXPECT_EQ(context->room(kStart), 3u);
  Results results;
  for (std::uint64_t page = 0; page < 3; ++page) {
    EXPECT_TRUE(context->submit(in(page, kFrame + page * kPage), kStart, results).accepted);
  }
  EXPECT_EQ(context->room(kStart + 1000), 0u);
  const auto refused = context->submit(in(3, kFrame), kStart + 1000, results);
  EXPECT_FALSE(refused.accepted);
  EXPECT_EQ(results.all.size(), 3u);
  const Ps first = std::min({results.all[0].done, results.all[1].done, results.all[2].done});
  EXPECT_EQ(refused.until, first);
  EXPECT_EQ(context->room(first - 1), 0u);
  EXPECT_TRUE(context->submit(in(3, kFrame + 3 * kPage), first, results).accepted);
  const MoveResult waited = context->move(in(4, kFrame + 4 * kPage), first);
  check(waited);
  EXPECT_GT(waited.time.queue, 0u);
  EXPECT_EQ(stat("volume.refused"), 2);
}

TEST_F(CapiBench, ManyRoundsThroughTheQueuesKeepInStep) {
  build(adapter_config(), {.queue_entries = 3});
  CapiContext* context = volume->open();
  start();
  Ps at = kStart;
  for (unsigned i = 0; i < 40; ++i) {
    fill(kFrame, i);
    at = context->move(out(i % 9, kFrame), at).done;
    fill(kFrame, 99);
    at = context->move(in(i % 9, kFrame), at).done;
    ASSERT_TRUE(holds(kFrame, i)) << i;
  }
}

TEST_F(CapiBench, ThereAreSoManyContextsAndNoMore) {
  build();
  for (int i = 0; i < 4; ++i) EXPECT_NE(volume->open(), nullptr);
  EXPECT_EQ(volume->open(), nullptr);
  EXPECT_EQ(volume->contexts(), 4u);
  EXPECT_EQ(volume->pages(), 256u);
}

TEST_F(CapiBench, CommandsBeyondWhatTheAdapterWorksOnWait) {
  CapiAdapterConfig config = adapter_config();
  config.commands = 1;
  build(config);
  CapiContext* first = volume->open();
  CapiContext* second = volume->open();
  start();
  const MoveResult before = first->move(in(0, kFrame), kStart);
  const MoveResult after = second->move(in(1, kFrame + kPage), kStart);
  check(after);
  EXPECT_GE(after.done, before.done + kMediumPage + kLinesIn);
  EXPECT_GE(after.time.queue, kMediumPage);
}

TEST_F(CapiBench, WhatGoesWrongInTheMediumComesBack) {
  CapiAdapterConfig config = adapter_config();
  config.medium.faults = {.recovery = {kMillisecond}, .timeout = {7 * kMillisecond}};
  build(config);
  CapiContext* context = volume->open();
  start();
  fill(kFrame, 1);
  put(4, 44);
  adapter->medium().inject(MediumStatus::read_error);
  MoveResult result = context->move(in(4, kFrame), kStart);
  EXPECT_EQ(result.status, MoveStatus::media_error);
  EXPECT_EQ(result.done, kStart + overhead() + kMillisecond);
  EXPECT_TRUE(holds(kFrame, 1)) << "nothing has reached memory";
  adapter->medium().inject(MediumStatus::write_error);
  result = context->move(out(4, kFrame), result.done);
  EXPECT_EQ(result.status, MoveStatus::media_error);
  EXPECT_TRUE(stored(4, 44)) << "what was there is still there";
  adapter->medium().inject(MediumStatus::timed_out);
  result = context->move(in(4, kFrame), result.done);
  EXPECT_EQ(result.status, MoveStatus::timed_out);
  check(result);
  result = context->move(in(4, kFrame), result.done);
  EXPECT_TRUE(result.ok()) << "the next try is as any other";
  EXPECT_TRUE(holds(kFrame, 44));
  EXPECT_EQ(context->move(in(256, kFrame), result.done).status, MoveStatus::out_of_range);
  EXPECT_EQ(stat("volume.failed"), 4);
}

TEST_F(CapiBench, ACommandWhoseTimePassesIsGivenUp) {
  build(adapter_config(), {.timeout = {5 * kMicrosecond}});
  CapiContext* context = volume->open();
  start();
  fill(kFrame, 1);
  put(4, 44);
  const MoveResult result = context->move(in(4, kFrame), kStart);
  EXPECT_EQ(result.status, MoveStatus::timed_out);
  EXPECT_EQ(result.done, kStart + overhead() + 5 * kMicrosecond);
  EXPECT_TRUE(holds(kFrame, 1));
  check(result);
}

TEST_F(CapiBench, AWornOutVolumeIsFull) {
  CapiAdapterConfig config = adapter_config();
  config.medium.flash = {.channels = 1, .dies = 1, .pages_per_block = 8, .over_provision = 0.1, .endurance = 2};
  build(config);
  CapiContext* context = volume->open();
  start();
  Ps at = kStart;
  MoveStatus status = MoveStatus::ok;
  for (unsigned i = 0; i < 5000 && status == MoveStatus::ok; ++i) {
    fill(kFrame, i);
    const MoveResult result = context->move(out(i % 200, kFrame), at);
    status = result.status;
    at = result.done;
  }
  EXPECT_EQ(status, MoveStatus::volume_full);
}

TEST_F(CapiBench, DiscardedPagesReadAsZero) {
  build();
  CapiContext* context = volume->open();
  start();
  put(3, 9);
  const auto submission = context->discard(3, kStart);
  EXPECT_TRUE(submission.accepted);
  fill(kFrame, 5);
  EXPECT_TRUE(context->move(in(3, kFrame), kStart + kMillisecond).ok());
  for (Addr i = 0; i < kPage; ++i) ASSERT_EQ(*bytes.data(kFrame + i), 0);
}

TEST_F(CapiBench, RemoteMemoryIsTheSamePathWithANetworkInPlaceOfFlash) {
  CapiAdapterConfig config = adapter_config();
  config.medium = {.kind = MediumKind::remote,
                   .capacity = {256 * kPage},
                   .block = {4096},
                   .remote = {.rate = {1e10}, .latency = {kMicrosecond}, .headers = {60}, .service = {200'000}}};
  build(config);
  CapiContext* context = volume->open();
  start();
  fill(kFrame, 8);
  constexpr Ps kExchange = 2 * kMicrosecond + 200'000 + (4096 + 120) * 100;
  EXPECT_EQ(context->move(out(1, kFrame), kStart).done, kStart + overhead() + kLinesOut + kExchange);
  fill(kFrame, 9);
  const Ps later = kMillisecond;
  EXPECT_EQ(context->move(in(1, kFrame), later).done, later + overhead() + kLinesIn + kExchange);
  EXPECT_TRUE(holds(kFrame, 8));
}

TEST_F(CapiBench, PublishedLinksMoveAPageInTheirTime) {
  EXPECT_NEAR(1000 / capi1_link().ps_per_byte(), 7.24, 0.01);  // GB/s: PCI Express 3.0 x8 less control packets
  EXPECT_NEAR(1000 / opencapi_link().ps_per_byte(), 25, 0.01);
  EXPECT_NO_THROW(validated(capi1_link()));
  EXPECT_NO_THROW(validated(opencapi_link()));
}

// Contexts ahead of each other in time, with programs, collecting and suspensions: nothing is busy twice, nothing is more
// than it is configured to be, and in the end all is at rest.
struct Watching {
  ProbeLog log;  // outlives the bench, whose signals change until its end
};
class CapiSignals : public Watching, public CapiBench, public ::testing::WithParamInterface<const char*> {};

TEST_P(CapiSignals, AreBoundedAndEndAtRest) {
  CapiAdapterConfig config = adapter_config();
  config.commands = 3;
  config.outstanding = 20;
  config.medium.flash = find_flash_preset(GetParam())->config;
  config.medium.flash.channels = config.medium.flash.dies = 2;
  config.medium.flash.pages_per_block = 8;
  config.medium.flash.over_provision = 0.1;
  build(config, {.queue_entries = 4});
  log.watch(*adapter);
  log.watch(link);
  std::vector<CapiContext*> contexts;
  for (int i = 0; i < 4; ++i) contexts.push_back(volume->open());
  start();
  std::mt19937 random(5);
  Results results;
  std::vector<Ps> at(contexts.size(), kStart);
  for (int i = 0; i < 3000; ++i) {
    const auto user = static_cast<std::size_t>(std::min_element(at.begin(), at.end()) - at.begin());
    if (at[user] > kernel_now() + kMicrosecond) sc_core::sc_start(delay_until(at[user] - kMicrosecond));
    at[user] = std::max(at[user], kernel_now());
    const auto page = static_cast<std::uint64_t>(random() % 256);
    const MoveOrder order = random() % 2 == 0 ? out(page, kFrame + page * kPage) : in(page, kFrame + page * kPage);
    const auto submission = contexts[user]->submit(order, at[user], results);
    at[user] = submission.until + random() % 3000 * kNanosecond;
  }
  sc_core::sc_start(1, sc_core::SC_SEC);
  EXPECT_LE(log.most("adapter.commands"), 3);
  EXPECT_LE(log.most("adapter.lines"), 24) << "who comes late but earlier in time finds gaps that are a little short";
  EXPECT_GE(log.most("adapter.lines"), 15);
  for (int i = 0; i < 4; ++i) {
    const std::string context = "adapter.context" + std::to_string(i);
    EXPECT_LE(log.most(context + ".depth"), 3);
    EXPECT_EQ(log.values(context + ".state").back(), 2) << "its queues are open";
    EXPECT_EQ(log.most("adapter.medium.die" + std::to_string(i) + "_busy"), 1);
  }
  for (const char* lane :
       {"link.up.busy", "link.down.busy", "adapter.medium.channel0_busy", "adapter.medium.channel1_busy"}) {
    EXPECT_EQ(log.most(lane), 1) << lane;
  }
  EXPECT_LE(log.most("adapter.medium.commands"), 3);
  EXPECT_LE(stat("adapter.medium.die_utilisation"), 1);
  EXPECT_GT(stat("adapter.medium.die_utilisation"), 0.001);
  EXPECT_GT(stat("link.up.utilisation"), 0.001);
  EXPECT_GT(stat("adapter.latency.mean"), 0);
}

INSTANTIATE_TEST_SUITE_P(Presets, CapiSignals, ::testing::Values("z-nand", "tlc-nvme", "3d-xpoint"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

// Pages go out and come back over several contexts, in any order, through real page tables; errors in between.
class CapiContents : public CapiBench, public ::testing::WithParamInterface<unsigned> {};

TEST_P(CapiContents, AreWhatWasMovedOut) {
  std::mt19937 engine(GetParam());
  const auto random = [&engine](unsigned below) { return static_cast<unsigned>(engine() % below); };
  CapiAdapterConfig config = adapter_config();
  config.medium.flash = {.channels = 2, .dies = 2, .pages_per_block = 8, .over_provision = 0.1};
  config.medium.faults = {.read_errors = 0.03, .write_errors = 0.03, .timeouts = 0.02, .seed = GetParam()};
  config.commands = 1 + random(8);
  config.outstanding = 1 + random(70);
  build(config, {.queue_entries = 2 + random(8)});
  constexpr Addr kBase = 0x4000'0000;
  constexpr unsigned kPages = 64;
  std::vector<std::unique_ptr<SpaceBench>> spaces;
  std::vector<CapiContext*> contexts;
  for (std::uint32_t i = 0; i < 3; ++i) {
    spaces.push_back(std::make_unique<SpaceBench>(bytes, frames, i + 1));
    for (unsigned page = 0; page < kPages; ++page) {
      spaces[i]->map(kBase + page * kPage, kFrame + (page * 3 + i) * kPage);
    }
    const Addr queues = *frames.allocate(kPage);
    spaces[i]->map(0x7000'0000, queues);
    contexts.push_back(volume->open({.space = spaces[i]->context(), .queues = {0x7000'0000, queues}}));
  }
  start();
  std::vector<std::optional<unsigned>> on_volume(256);
  Ps at = kStart;
  for (unsigned step = 0; step < 400; ++step) {
    const unsigned user = random(3);
    const unsigned page = random(kPages);
    const Addr frame = kFrame + (page * 3 + user) * kPage;
    const unsigned where = random(256);
    if (random(2) == 0) {
      fill(frame, step);
      const MoveResult result = contexts[user]->move(out(where, kBase + page * kPage), at);
      check(result);
      if (result.ok()) on_volume[where] = step;
      at = random(3) == 0 ? result.done : at + 1000;
    } else if (on_volume[where]) {
      fill(frame, 1'000'000);
      const MoveResult result = contexts[user]->move(in(where, kBase + page * kPage), at);
      check(result);
      ASSERT_TRUE(holds(frame, result.ok() ? *on_volume[where] : 1'000'000)) << step;
      at = random(3) == 0 ? result.done : at + 1000;
    }
  }
  for (unsigned where = 0; where < 256; ++where) {
    EXPECT_TRUE(!on_volume[where] || stored(where, *on_volume[where])) << where;
  }
  EXPECT_EQ(stat("adapter.translation.walker.faults"), 0);
}

INSTANTIATE_TEST_SUITE_P(Seeds, CapiContents, ::testing::Range(0u, 24u));

}  // namespace pagoda::capi_volume_test

// How transfers become requests, and what bounds them.
#include "pagoda/devices/dma_channel.h"

#include <deque>

#include <gtest/gtest.h>

#include "unit/devices/host_stub.h"

namespace pagoda::dma_channel_test {

using testing::HostStub;

constexpr Ps kCycle = 1000;
constexpr Addr kPage = 4096;

struct ChannelTest : ::testing::Test, DmaClient {
  struct Task final : AgendaTask {
    void run(Ps at) override { what(at); }
    std::function<void(Ps)> what;
  };

  void build(DmaConfig config) {
    config.request_size = {256};
    channel.emplace(validated(config), agenda, host);
  }
  static DmaConfig with_atc(std::uint32_t page_requests) {
    DmaConfig config;
    config.atc = AtcConfig{};
    config.atc->page_requests = page_requests;
    return config;
  }
  void at(Ps when, std::function<void(Ps)> what) {
    Task& task = tasks.emplace_back();
    task.what = std::move(what);
    agenda.add(when, task);
  }
  DmaJob& start(Ps when, Addr address, std::uint64_t bytes, bool write = false) {
    DmaJob& job = jobs.emplace_back();
    job.client = this;
    job.address = address;
    job.bytes = bytes;
    job.write = write;
    at(when, [this, &job](Ps now) { channel->start(job, now); });
    return job;
  }
  void respond(Ps when, std::uint16_t group, PageResponse response = PageResponse::success) {
    at(when, [this, group, response](Ps now) { EXPECT_TRUE(channel->answer_page_request(group, response, now)); });
  }
  void run() {
    while (!agenda.empty()) agenda.run_next(0);
    EXPECT_EQ(channel->summed_latency(), channel->accounted_time());
  }
  void dma_done(DmaJob& job, Ps now) override {
    EXPECT_EQ(now, job.done);
    ended.push_back(&job);
  }
  double stat(const char* path) {
    StatNode root;
    StatReader reader(root);
    channel->visit_stats(reader);
    return root.number(path);
  }

  Agenda agenda;
  HostStub host;
  std::optional<DmaChannel> channel;
  std::deque<Task> tasks;
  std::deque<DmaJob> jobs;
  std::vector<DmaJob*> ended;
};

TEST_F(ChannelTest, ATransferIsCutAtMultiplesOfTheRequestSize) {
  build({.requester = 7, .pasid = 5, .supervisor = true});
  start(0, 0x1f0, 300, true);
  run();
  ASSERT_EQ(host.accesses.size(), 3u);
  const std::vector<std::pair<Addr, std::uint32_t>> expected{{0x1f0, 16}, {0x200, 256}, {0x300, 28}};
  for (std::size_t i = 0; i < 3; ++i) {
    const TimedRequest& request = host.accesses[i].request;
    EXPECT_EQ(std::pair(request.address, request.bytes), expected[i]);
    EXPECT_EQ(host.accesses[i].at, i * kCycle) << "one request a cycle";
    EXPECT_EQ(request.info.requester, 7u);
    EXPECT_EQ(request.info.pasid, 5u);
    EXPECT_TRUE(request.info.has_pasid && request.is_write() && !request.info.translated);
    EXPECT_EQ(request.info.privilege, Privilege::supervisor);
    EXPECT_EQ(request.info.origin, Origin::dma);
  }
  EXPECT_EQ(jobs[0].done, 2 * kCycle + HostStub::kAccess);
  EXPECT_EQ(jobs[0].status, DmaStatus::ok);
}

TEST_F(ChannelTest, ATransferOfNothingEndsAtOnce) {
  build({});
  start(5'000, 0x1000, 0);
  run();
  EXPECT_TRUE(host.accesses.empty());
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(jobs[0].done, 5'000u);
}

TEST_F(ChannelTest, TransfersAreIssuedInTheOrderInWhichTheyStart) {
  build({});
  start(0, 0, 512);
  start(0, kPage, 256);
  run();
  ASSERT_EQ(host.accesses.size(), 3u);
  EXPECT_EQ(host.accesses[2].request.address, kPage);
  EXPECT_EQ(ended, (std::vector<DmaJob*>{&jobs[0], &jobs[1]}));
}

// Little's law: with n requests under way the k-th is issued when the (k-n)-th is answered.
TEST_F(ChannelTest, RequestsUnderWayAreBounded) {
  build({.outstanding = 4});
  start(0, 0, 256 * 20);
  run();
  ASSERT_EQ(host.accesses.size(), 20u);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(host.accesses[i].at, i / 4 * HostStub::kAccess + i % 4 * kCycle);
  EXPECT_EQ(stat("outstanding_max"), 4);
  EXPECT_EQ(stat("requests"), 20);
  EXPECT_EQ(stat("bytes"), 256 * 20);
}

TEST_F(ChannelTest, TheRestOfARefusedTransferIsNotIssued) {
  build({.outstanding = 1});
  host.hole = 1;
  start(0, kPage - 256, 1024, true);
  start(0, 8 * kPage, 64);
  run();
  EXPECT_EQ(jobs[0].status, DmaStatus::refused);
  EXPECT_EQ(jobs[1].status, DmaStatus::ok);
  EXPECT_EQ(host.accesses.size(), 3u);
  EXPECT_EQ(stat("faults"), 1);
}

// --- with an address translation cache ---

TEST_F(ChannelTest, TranslatedRequestsCarryTheHostsAddress) {
  build(with_atc(0));
  host.map(1, 40);
  host.map(2, 30);
  start(0, 2 * kPage - 256, 512);
  run();
  ASSERT_EQ(host.accesses.size(), 2u);
  EXPECT_EQ(host.accesses[0].request.address, 41 * kPage - 256);
  EXPECT_EQ(host.accesses[1].request.address, 30 * kPage);
  EXPECT_TRUE(host.accesses[0].request.info.translated && host.accesses[1].request.info.translated);
}

TEST_F(ChannelTest, AJobMayPassTheCacheBy) {
  build(with_atc(0));
  start(0, kPage, 4, true).uses_atc = false;
  run();
  ASSERT_EQ(host.accesses.size(), 1u);
  EXPECT_FALSE(host.accesses[0].request.info.translated);
  EXPECT_TRUE(host.asked.empty());
}

TEST_F(ChannelTest, ADeviceThatMakesNoPageRequestsGivesUp) {
  build(with_atc(0));
  start(0, kPage, 64);
  run();
  EXPECT_EQ(jobs[0].status, DmaStatus::not_granted);
  EXPECT_TRUE(host.accesses.empty() && host.page_requests.empty());
  EXPECT_EQ(stat("not_granted"), 1);
}

TEST_F(ChannelTest, AnInvalidationWaitsForARequestUnderWayAndForNoOther) {
  build(with_atc(0));
  host.map(1, 1);
  host.map(2, 2);
  start(0, kPage, 64);
  start(0, 2 * kPage, 64);
  const Ps arrives = 350'000;  // the translations are there, the data not yet
  Ps mapped = 0, other = 0;
  at(arrives, [&](Ps now) {
    other = *channel->invalidate({.address = 5 * kPage}, now);
    mapped = *channel->invalidate({.address = kPage}, now);
  });
  run();
  EXPECT_EQ(mapped, jobs[0].done);
  EXPECT_GT(mapped, arrives + 2 * kCycle);
  EXPECT_LT(other, mapped);
}

TEST_F(ChannelTest, WithoutACacheThereIsNothingToInvalidate) {
  build({});
  EXPECT_EQ(channel->invalidate({}, 0), std::nullopt);
}

// --- page requests ---

constexpr Ps kFirstAsked = kCycle + HostStub::kTranslation;  // when the page request of a transfer begun at 0 goes out

TEST_F(ChannelTest, ARequestWaitsForItsPageAndAsksAgain) {
  build(with_atc(4));
  start(0, 3 * kPage + 0x40, 64, true);
  const Ps answered = 5'000'000;
  at(answered, [&](Ps now) {
    host.map(3, 9);
    channel->answer_page_request(host.page_requests.at(0).group, PageResponse::success, now);
  });
  run();
  ASSERT_EQ(host.page_requests.size(), 1u);
  EXPECT_EQ(host.page_requests[0].at, kFirstAsked);
  EXPECT_TRUE(host.page_requests[0].write);
  EXPECT_EQ(jobs[0].status, DmaStatus::ok);
  EXPECT_EQ(jobs[0].done, answered + kCycle + HostStub::kTranslation + HostStub::kAccess);
  EXPECT_EQ(host.accesses.at(0).request.address, 9 * kPage + 0x40);
  EXPECT_EQ(stat("page_wait"), to_ns(answered - kFirstAsked));
}

TEST_F(ChannelTest, OthersPassARequestThatWaits) {
  build(with_atc(4));
  host.map(5, 5);
  start(0, 3 * kPage, 64);
  start(0, 5 * kPage, 64);
  at(5'000'000, [&](Ps now) {
    EXPECT_EQ(ended, (std::vector<DmaJob*>{&jobs[1]}));
    host.map(3, 3);
    channel->answer_page_request(0, PageResponse::success, now);
  });
  run();
  EXPECT_EQ(ended.size(), 2u);
}

TEST_F(ChannelTest, RequestsForOnePageShareAPageRequest) {
  build(with_atc(4));
  start(0, 3 * kPage, 1024);
  at(5'000'000, [&](Ps now) {
    host.map(3, 3);
    channel->answer_page_request(0, PageResponse::success, now);
  });
  run();
  EXPECT_EQ(host.page_requests.size(), 1u);
  EXPECT_EQ(host.accesses.size(), 4u);
  EXPECT_EQ(jobs[0].status, DmaStatus::ok);
  EXPECT_EQ(stat("atc.page_requests_joined"), 3);
}

TEST_F(ChannelTest, AWriteDoesNotJoinAPageRequestForReading) {
  build(with_atc(4));
  start(0, 3 * kPage, 64, false);
  start(0, 3 * kPage, 64, true);
  respond(5'000'000, 0, PageResponse::invalid_request);
  respond(5'000'000, 1, PageResponse::invalid_request);
  run();
  EXPECT_EQ(host.page_requests.size(), 2u);
}

TEST_F(ChannelTest, PageRequestsUnderWayAreBounded) {
  build(with_atc(1));
  start(0, 3 * kPage, 64);
  start(0, 4 * kPage, 64);
  start(0, 5 * kPage, 64);
  Ps when = 5'000'000;
  for (const Addr page : {3, 4, 5}) {
    at(when, [&, page](Ps now) {
      ASSERT_EQ(host.page_requests.size(), page - 2);
      EXPECT_EQ(host.page_requests.back().address, page * kPage);
      host.map(page, page);
      channel->answer_page_request(0, PageResponse::success, now);
    });
    when += 5'000'000;
  }
  run();
  EXPECT_EQ(host.page_requests.at(1).at, 5'000'000u) << "as soon as the first is answered";
  EXPECT_EQ(ended.size(), 3u);
}

TEST_F(ChannelTest, RequestsThatWaitForPagesFillTheWindow) {
  DmaConfig config = with_atc(8);
  config.outstanding = 2;
  build(config);
  host.map(9, 9);
  start(0, 3 * kPage, 64);
  start(0, 4 * kPage, 64);
  start(0, 9 * kPage, 64);
  const Ps answered = 5'000'000;
  at(answered, [&](Ps now) {
    EXPECT_TRUE(host.accesses.empty());
    channel->answer_page_request(0, PageResponse::invalid_request, now);
    channel->answer_page_request(1, PageResponse::invalid_request, now);
  });
  run();
  EXPECT_EQ(jobs[2].status, DmaStatus::ok);
  EXPECT_GE(host.accesses.at(0).at, answered);
}

TEST_F(ChannelTest, ARefusedPageRequestEndsTheRequest) {
  build(with_atc(4));
  start(0, 3 * kPage, 64);
  respond(5'000'000, 0, PageResponse::invalid_request);
  start(6'000'000, 4 * kPage, 64);
  at(7'000'000, [&](Ps now) {
    host.map(4, 4);
    channel->answer_page_request(0, PageResponse::success, now);
  });
  run();
  EXPECT_EQ(jobs[0].status, DmaStatus::not_granted);
  EXPECT_EQ(jobs[0].done, 5'000'000u);
  EXPECT_EQ(jobs[1].status, DmaStatus::ok) << "another page may still be asked for";
}

TEST_F(ChannelTest, AfterAFailureNoPageIsAskedForAnyMore) {
  build(with_atc(1));
  start(0, 3 * kPage, 64);
  start(0, 4 * kPage, 64);  // waits until the first is answered
  respond(5'000'000, 0, PageResponse::failure);
  start(6'000'000, 5 * kPage, 64);
  run();
  for (const DmaJob& job : jobs) EXPECT_EQ(job.status, DmaStatus::not_granted);
  EXPECT_EQ(jobs[1].done, 5'000'000u);
  EXPECT_EQ(host.page_requests.size(), 1u);
}

TEST_F(ChannelTest, AHostThatTakesNoPageRequestsRefusesThem) {
  build(with_atc(4));
  host.takes_page_requests = false;
  start(0, 3 * kPage, 64);
  run();
  EXPECT_EQ(jobs[0].status, DmaStatus::not_granted);
  EXPECT_EQ(jobs[0].done, kFirstAsked + HostStub::kPageRequest);
}

TEST_F(ChannelTest, AResponseMayComeBeforeTheMessageReturns) {
  build(with_atc(4));
  host.on_page_request = [&](const HostStub::Page& page) {
    host.map(page.address >> 12, 6);
    EXPECT_TRUE(channel->answer_page_request(page.group, PageResponse::success, page.at + 1000));
  };
  start(0, 3 * kPage, 64);
  run();
  EXPECT_EQ(jobs[0].status, DmaStatus::ok);
  EXPECT_EQ(jobs[0].done, kFirstAsked + 1000 + kCycle + HostStub::kTranslation + HostStub::kAccess);
}

TEST_F(ChannelTest, AHostThatGrantsThePageNeverIsNotAskedForEver) {
  DmaConfig config = with_atc(4);
  config.atc->page_request_attempts = 3;
  build(config);
  host.on_page_request = [&](const HostStub::Page& page) {
    channel->answer_page_request(page.group, PageResponse::success, page.at + 1000);
  };
  start(0, 3 * kPage, 64);
  run();
  EXPECT_EQ(jobs[0].status, DmaStatus::not_granted);
  EXPECT_EQ(host.page_requests.size(), 3u);
}

TEST_F(ChannelTest, AResponseToNothingIsNoticed) {
  build(with_atc(4));
  EXPECT_FALSE(channel->answer_page_request(0, PageResponse::success, 0));
  EXPECT_FALSE(channel->answer_page_request(511, PageResponse::success, 0));
}

}  // namespace pagoda::dma_channel_test

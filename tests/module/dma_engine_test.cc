// A DMA engine with a stream of transfers: its time on a link, its translations and pages, and what comes from the
// host.
#include "pagoda/devices/dma_engine.h"

#include <map>
#include <numeric>

#include "pagoda/base/error.h"
#include "pagoda/devices/dma_stream.h"
#include "pagoda/interconnect/io_link.h"
#include "support/bench.h"
#include "support/host_bench.h"
#include "support/waiting_memory.h"

namespace pagoda::dma_engine_test {

using testing::HostBench;
using testing::Script;

constexpr Addr kPage = 4096;
constexpr Ps kRegister = 10'000;  // ten cycles at 1 GHz

// A list of transfers.
struct List final : DmaTraffic {
  struct End {
    DmaTransfer transfer;
    DmaStatus status;
    Ps at;
  };

  std::vector<DmaTransfer> transfers;
  std::vector<End> ends;
  std::size_t taken = 0;

  std::optional<DmaTransfer> next() override {
    if (taken == transfers.size()) return std::nullopt;
    return transfers[taken++];
  }
  void ended(const DmaTransfer& transfer, DmaStatus status, Ps at) override { ends.push_back({transfer, status, at}); }
};

// 2.5 GT/s x 8 lanes: a byte takes 500 ps.
constexpr Ps kByte = 500;
constexpr Ps kLatency = 100'000;
IoLinkConfig slow_link() {
  return {.transfer_rate = 2.5, .encoding = "8b/10b", .control_share = 0, .latency = {kLatency}};
}

// A device on a link, at a quantum.
struct EngineBench : ::testing::TestWithParam<Ps> {
  EngineBench() { tlm::tlm_global_quantum::instance().set(to_sc_time(GetParam())); }

  void build(const DmaConfig& config, std::uint32_t transfers = 64) {
    engine.emplace("engine", config);
    engine->dma.bind(link.from_device);
    link.to_root.bind(host.port);
    host.to_device.bind(link.from_root);
    link.to_device.bind(engine->control);
    stream.emplace(traffic, transfers);
    engine->run(*stream);
  }
  static DmaConfig with_atc() {
    DmaConfig config;
    config.atc.emplace();
    return config;
  }
  void run() {
    sc_core::sc_start();
    engine->rethrow_failure();
    EXPECT_EQ(engine->summed_latency(), engine->accounted_time());
  }
  static double stat(const char* path) { return testing::all_stats().number(path); }

  List traffic;
  HostBench host{"host"};
  IoLink link{"link", slow_link()};
  std::optional<DmaEngine> engine;
  std::optional<DmaStream> stream;
};

TEST_P(EngineBench, AStreamOfWritesSaturatesTheLink) {
  build({});
  host.map(0, 64, 100);
  for (Addr i = 0; i < 1000; ++i) traffic.transfers.push_back({.address = i % 1024 * 256, .bytes = 256, .write = true});
  Ps finished = 0;
  engine->on_finish([&] { finished = kernel_now(); });
  run();
  const Ps packet = (24 + 256) * kByte;
  EXPECT_EQ(finished, 1000 * packet + kLatency + HostBench::kMemory);
  EXPECT_EQ(traffic.ends.size(), 1000u);
  EXPECT_EQ(stat("engine.requests"), 1000);
  EXPECT_EQ(stat("engine.transfers"), 1000);
  EXPECT_EQ(stat("engine.bytes"), 256'000);
}

TEST_P(EngineBench, TransfersStartWhenTheyAreDue) {
  build({});
  host.map(0, 1, 100);
  for (int i = 0; i < 5; ++i) traffic.transfers.push_back({.bytes = 64, .gap = 10'000'000});
  run();
  const Ps alone = (24 + 20 + 64) * kByte + 2 * kLatency + HostBench::kMemory;
  ASSERT_EQ(traffic.ends.size(), 5u);
  for (Ps i = 0; i < 5; ++i) EXPECT_EQ(traffic.ends[i].at, (i + 1) * 10'000'000 + alone);
}

TEST_P(EngineBench, BytesGoWhereThePagesSay) {
  build(with_atc());
  host.map(1, 3, 50);
  std::swap(host.pages[1], host.pages[2]);
  std::vector<unsigned char> out(5000), in(5000);
  std::iota(out.begin(), out.end(), static_cast<unsigned char>(3));
  traffic.transfers.push_back({.address = kPage + 700, .bytes = 5000, .write = true, .data = out.data()});
  traffic.transfers.push_back({.address = kPage + 700, .bytes = 5000, .gap = 100'000'000, .data = in.data()});
  run();
  EXPECT_EQ(in, out);
  EXPECT_EQ(host.memory.data(51 * kPage)[700], out[0]);
  EXPECT_EQ(host.memory.data(50 * kPage)[0], out[kPage - 700]);
  EXPECT_GT(stat("engine.atc.hits"), stat("engine.atc.translation_requests"));
}

TEST_P(EngineBench, AFaultingTransferIsToldAndOthersGoOn) {
  build({});
  host.map(1, 1, 50);
  traffic.transfers = {
      {.address = kPage, .bytes = 64}, {.address = 7 * kPage, .bytes = 64}, {.address = kPage, .bytes = 64}};
  run();
  int refused = 0;
  for (const List::End& end : traffic.ends) refused += end.status == DmaStatus::refused ? 1 : 0;
  EXPECT_EQ(refused, 1);
  EXPECT_EQ(traffic.ends.size(), 3u);
  EXPECT_EQ(stat("engine.faults"), 1);
  EXPECT_EQ(stat("engine.transfers_failed"), 1);
}

// While a device keeps using a page, the host takes it away: every request that used the old translation has been
// carried out when the invalidation is answered, and none comes after.
TEST_P(EngineBench, AnInvalidationIsAnsweredAfterTheLastUseOfThePage) {
  build(with_atc());
  host.map(1, 1, 50);
  for (int i = 0; i < 2000; ++i) traffic.transfers.push_back({.address = kPage, .bytes = 64, .write = i % 3 == 0});
  Ps answered = 0;
  const Script script("script", [&] {
    Script::wait_until(20'000'000);
    host.pages[1].number = 60;
    const auto reply = host.invalidate(kPage, 12, kernel_now());
    EXPECT_EQ(reply.status, tlm::TLM_OK_RESPONSE);
    answered = reply.done;
  });
  run();
  ASSERT_GT(answered, 20'000'000 + 2 * kLatency);
  std::size_t before = 0, after = 0;
  for (const HostBench::Seen& seen : host.seen) {
    ASSERT_TRUE(seen.translated);
    if (seen.address / kPage == 50) {
      ++before;
      EXPECT_LE(seen.at + HostBench::kMemory, answered);
    } else {
      EXPECT_EQ(seen.address / kPage, 60u);
      ++after;
    }
  }
  EXPECT_GT(before, 100u);
  EXPECT_GT(after, 100u);
  EXPECT_EQ(traffic.ends.size(), 2000u);
  EXPECT_EQ(stat("engine.atc.invalidations"), 1);
}

TEST_P(EngineBench, APageRequestIsAnsweredAndTheTransferGoesOn) {
  build(with_atc());
  traffic.transfers = {{.address = 3 * kPage + 64, .bytes = 64, .write = true}};
  struct Asked {
    Addr address;
    bool write;
    std::uint16_t group;
    Ps at;
  };
  std::optional<Asked> asked;
  sc_core::sc_event event;
  host.on_page_request = [&](Addr address, bool write, std::uint16_t group, Ps at) {
    asked = {address, write, group, at};
    event.notify(delay_until(at + 50'000'000));
  };
  Ps responded = 0;
  const Script script("script", [&] {
    sc_core::wait(event);
    host.map(3, 1, 80);
    const auto reply = host.answer_page_request(asked->group, PageResponse::success, kernel_now());
    EXPECT_EQ(reply.status, tlm::TLM_OK_RESPONSE);
    responded = reply.done;
  });
  run();
  // Look-up; translation request and its answer; page request.
  const Ps look = 1000;
  const Ps translation = (24 + 28) * kByte + 2 * kLatency + HostBench::kTranslation;
  ASSERT_TRUE(asked);
  EXPECT_EQ(asked->at, look + translation + 24 * kByte + kLatency);
  EXPECT_EQ(asked->address, 3 * kPage);
  EXPECT_TRUE(asked->write);
  EXPECT_EQ(responded, asked->at + 50'000'000 + 24 * kByte + kLatency);
  ASSERT_EQ(traffic.ends.size(), 1u);
  EXPECT_EQ(traffic.ends[0].status, DmaStatus::ok);
  EXPECT_EQ(traffic.ends[0].at, responded + look + translation + (24 + 64) * kByte + kLatency + HostBench::kMemory);
}

TEST_P(EngineBench, AHostMayRefuseThePage) {
  build(with_atc());
  traffic.transfers = {{.address = 3 * kPage, .bytes = 64}};
  host.on_page_request = [&](Addr, bool, std::uint16_t group, Ps at) {  // at once, within the request's own call
    host.answer_page_request(group, PageResponse::invalid_request, at + 1'000'000);
  };
  run();
  ASSERT_EQ(traffic.ends.size(), 1u);
  EXPECT_EQ(traffic.ends[0].status, DmaStatus::not_granted);
  EXPECT_EQ(host.answer_page_request(0, PageResponse::success, kernel_now()).status, tlm::TLM_ADDRESS_ERROR_RESPONSE)
      << "nothing is asked for any more";
}

TEST_P(EngineBench, MessagesToADeviceWithoutAtcAreRefused) {
  build({});
  run();
  EXPECT_EQ(host.invalidate(0, 12, kernel_now()).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(host.answer_page_request(0, PageResponse::success, kernel_now()).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

// The signals of engine and link, in order of time: bounded as configured, and back at nothing in the end.
TEST_P(EngineBench, ProbesShowWhatIsUnderWay) {
  struct Signals final : ProbeVisitor, ProbeSink {
    std::map<std::string, std::uint32_t> ids;
    std::map<std::uint32_t, std::multimap<Ps, std::int64_t>> changes;
    void probe(const char* name, Probe& probe, int, const char*) override {
      const auto id = static_cast<std::uint32_t>(ids.size());
      ids[group + name] = id;
      probe.record_to(this, id);
    }
    void enter(const char* name) override { group = name + std::string("."); }
    void leave() override { group.clear(); }
    void change(std::uint32_t id, Ps time, ProbeChange, std::uint64_t value) override {
      changes[id].emplace(time, static_cast<std::int64_t>(value));
    }
    std::int64_t most(const std::string& name) {
      std::int64_t now = 0, highest = 0;
      const auto& all = changes[ids.at(name)];
      for (auto it = all.begin(); it != all.end();) {
        const Ps time = it->first;
        for (; it != all.end() && it->first == time; ++it) now += it->second;
        highest = std::max(highest, now);
      }
      EXPECT_EQ(now, 0) << name;
      return highest;
    }
    std::string group;
  } signals;
  DmaConfig config;
  config.outstanding = 8;
  build(config);
  engine->visit_probes(signals);
  link.visit_probes(signals);
  host.map(0, 64, 100);
  for (Addr i = 0; i < 200; ++i) traffic.transfers.push_back({.address = i * 256, .bytes = 256, .write = i % 2 == 0});
  run();
  EXPECT_EQ(signals.most("outstanding"), 8);
  EXPECT_EQ(signals.most("up.busy"), 1);
  EXPECT_EQ(signals.most("down.busy"), 1);
  EXPECT_GT(signals.most("tags"), 1);
  EXPECT_LE(signals.most("tags") + signals.most("posted_credits"), 16);
}

TEST_P(EngineBench, AFunctionWithoutRegistersHasNone) {
  build({});
  run();
  const Ps now = kernel_now();
  EXPECT_EQ(host.write_register(0, 1, now).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  const Ps later = now + 1'000'000;
  EXPECT_EQ(host.write_register(0, 1, later).done - later, (24 + 8) * kByte + kLatency + kRegister);
  EXPECT_EQ(host.write_register(4096, 1, now).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(host.write_register(2, 1, now, 4).status, tlm::TLM_BURST_ERROR_RESPONSE);
  EXPECT_EQ(host.write_register(0, 1, now, 2).status, tlm::TLM_BURST_ERROR_RESPONSE);
}

TEST_P(EngineBench, WhatTheTrafficThrowsEndsTheSimulationAndIsToldLater) {
  struct Broken final : DmaTraffic {
    int left = 3;
    std::optional<DmaTransfer> next() override {
      if (left-- == 0) throw UserError("the trace is damaged");
      return DmaTransfer{.bytes = 64};
    }
  } broken;
  build({});
  DmaStream other(broken, 1);
  engine->run(other);
  sc_core::sc_start();
  EXPECT_THROW(engine->rethrow_failure(), UserError);
}

INSTANTIATE_TEST_SUITE_P(Quanta, EngineBench, ::testing::Values(0, 1'000'000),
                         [](const auto& test) { return test.param == 0 ? "Reference" : "Microsecond"; });

TEST(DmaEngines, ShareALinkFairlyAndGetTheirOwnMessages) {
  List traffic[2];
  HostBench host("host");
  IoLink link("link", slow_link());
  DmaConfig config;
  config.atc.emplace();
  DmaEngine one("one", config);
  config.requester = 1;
  DmaEngine two("two", config);
  DmaStream streams[2] = {{traffic[0], 64}, {traffic[1], 64}};
  DmaEngine* const engines[2] = {&one, &two};
  host.to_device.bind(link.from_root);
  link.to_root.bind(host.port);
  host.map(0, 2, 30);
  for (std::uint32_t i = 0; i < 2; ++i) {
    engines[i]->dma.bind(link.from_device);
    link.to_device.bind(engines[i]->control);
    link.attach(static_cast<int>(i), i, i * kPage, kPage);
    for (int n = 0; n < 500; ++n) traffic[i].transfers.push_back({.address = i * kPage, .bytes = 256, .write = true});
    engines[i]->run(streams[i]);
  }
  const Script script("script", [&] {
    Script::wait_until(10'000'000);
    EXPECT_EQ(host.invalidate(0, 12, kernel_now(), 1).status, tlm::TLM_OK_RESPONSE);
  });
  sc_core::sc_start();
  const Ps first = traffic[0].ends.back().at;
  const Ps second = traffic[1].ends.back().at;
  const double packets = 1000.0 * (24 + 256) * kByte;
  EXPECT_NEAR(static_cast<double>(std::max(first, second)) / packets, 1, 0.02);
  EXPECT_NEAR(static_cast<double>(first) / static_cast<double>(second), 1, 0.02);
  EXPECT_EQ(testing::all_stats().number("one.atc.invalidations"), 0);
  EXPECT_EQ(testing::all_stats().number("two.atc.invalidations"), 1);
  for (const HostBench::Seen& seen : host.seen) EXPECT_EQ(seen.address / kPage, 30 + seen.requester);
}

// Memory that waits inside b_transport: a request is under way until it returns.
TEST(DmaEngines, AnInvalidationWaitsForARequestThatWaitsInMemory) {
  struct Gate : sc_core::sc_module {  // translates, and lets the rest through
    tlm_utils::simple_target_socket<Gate> port{"port"};
    tlm_utils::simple_initiator_socket<Gate> memory{"memory"};
    explicit Gate(const sc_core::sc_module_name& name) : sc_module(name) {
      port.register_b_transport(this, &Gate::b_transport);
    }
    void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
      auto* message = payload.get_extension<AtsMessage>();
      if (message == nullptr) return memory->b_transport(payload, delay);
      message->granted = {.page_shift = 12, .readable = true};
      payload.set_response_status(tlm::TLM_OK_RESPONSE);
    }
  };
  List traffic;
  traffic.transfers = {{.bytes = 64}};
  DmaConfig config;
  config.atc.emplace();
  DmaEngine engine("engine", config);
  Gate gate("gate");
  testing::WaitingMemory memory("memory");
  testing::Initiator host("host");
  engine.dma.bind(gate.port);
  gate.memory.bind(memory.port);
  host.out.bind(engine.control);
  DmaStream stream(traffic, 1);
  engine.run(stream);
  Ps answered = 0;
  const Script script("script", [&] {
    Script::wait_until(20'000);
    ASSERT_TRUE(traffic.ends.empty());
    Transaction transaction;
    transaction.prepare(tlm::TLM_IGNORE_COMMAND, 0, 0, nullptr);
    AtsMessage message;
    message.kind = AtsKind::invalidation;
    transaction.payload.set_extension(&message);
    sc_core::sc_time delay;
    host.out->b_transport(transaction.payload, delay);
    transaction.payload.clear_extension(&message);
    answered = local_time(delay);
  });
  sc_core::sc_start();
  ASSERT_EQ(traffic.ends.size(), 1u);
  EXPECT_EQ(traffic.ends[0].at, 1000 + testing::WaitingMemory::kLatency);
  EXPECT_EQ(answered, traffic.ends[0].at);
}

}  // namespace pagoda::dma_engine_test

// A dirty logger in a device on a link: its traffic, its registers, and suspending the device.
#include <cstring>

#include "pagoda/devices/dma_engine.h"
#include "pagoda/devices/dma_stream.h"
#include "pagoda/interconnect/io_link.h"
#include "support/bench.h"
#include "support/host_bench.h"

namespace pagoda::device_log_test {

using testing::HostBench;
using testing::Script;
using Logger = DirtyLogger;

constexpr Addr kPage = 4096;
constexpr Addr kRegisters = 0x4000'0000;
constexpr Addr kLog = kRegisters + DmaEngine::kLog;
constexpr Addr kMap = 0x80'0000, kRecord = 0x81'0000;

// Writes page after page, one each microsecond.
struct Pages final : DmaTraffic {
  std::optional<DmaTransfer> next() override {
    if (made == count) return std::nullopt;
    return DmaTransfer{.address = (made++ % 16) * kPage, .bytes = 64, .write = true, .gap = kMicrosecond, .data = data};
  }
  std::uint64_t count = 16, made = 0;
  unsigned char data[64] = {1};
};

struct LogBench : ::testing::TestWithParam<Ps>, InterruptSink {
  LogBench() { tlm::tlm_global_quantum::instance().set(to_sc_time(GetParam())); }
  void build(std::uint64_t writes) {
    DmaConfig config;
    config.register_base = kRegisters;
    config.atc = AtcConfig{};
    config.dirty_log = DirtyLogConfig{};
    engine.emplace("engine", config);
    engine->dma.bind(link.from_device);
    link.to_root.bind(host.port);
    host.to_device.bind(link.from_root);
    link.to_device.bind(engine->control);
    engine->connect_interrupts(*this);
    traffic.count = writes;
    stream.emplace(traffic, 1);
    engine->run(*stream);
    host.map(0, 16, 0);
    host.map(kMap >> 12, 32, kMap >> 12);  // the log's own, untranslated
  }
  void interrupt(std::uint32_t /*requester*/, std::uint32_t vector, Ps at) override {
    EXPECT_EQ(vector, DmaEngine::kLogInterrupt);
    told = at;
  }
  void drive(std::function<void()> what) {
    const Script script("driver", std::move(what));
    sc_core::sc_start();
    engine->rethrow_failure();
  }
  void write(Addr address, std::uint64_t value) {
    const auto reply = host.write_register(address, value, kernel_now());
    EXPECT_EQ(reply.status, tlm::TLM_OK_RESPONSE);
    Script::wait_until(reply.done + kNanosecond);
  }
  void start_logging() {
    write(kLog + Logger::kLength, 16 * kPage);
    write(kLog + Logger::kMap0, kMap);
    write(kLog + Logger::kMap1, kMap + kPage);
    write(kLog + Logger::kRecord, kRecord);
    write(kLog + Logger::kCommand, 1);
    EXPECT_EQ(host.read_register(kLog + Logger::kState), 1u);
  }
  static double stat(const char* path) { return testing::all_stats().number(path); }

  HostBench host{"host"};
  IoLink link{"link", {}};
  Pages traffic;
  std::optional<DmaEngine> engine;
  std::optional<DmaStream> stream;
  Ps told = 0;
};

TEST_P(LogBench, LogsThroughTheLink) {
  build(16);
  drive([this] {
    start_logging();
    Script::wait_until(40 * kMicrosecond);
    write(kLog + Logger::kCommand, 2);
    Script::wait_until(60 * kMicrosecond);
  });
  EXPECT_GT(told, 40 * kMicrosecond);
  EXPECT_EQ(host.get<std::uint64_t>(kRecord), 1u);
  EXPECT_EQ(stat("engine.requests"), 16);
  const auto marks = host.get<std::uint64_t>(kMap);
  EXPECT_EQ(marks >> 16, 0u);
  // The first writes came before the log was switched on; the rest are all there.
  const auto logged = static_cast<unsigned>(stat("engine.dirty_log.logged"));
  EXPECT_GE(logged, 10u);
  EXPECT_EQ(marks, 0xffffu & ~((1u << (16 - logged)) - 1));
  EXPECT_EQ(stat("engine.dirty_log.dma.writes"), stat("engine.dirty_log.updates") + 1) << "and a record";
  EXPECT_EQ(stat("link.writes"), 16 + stat("engine.dirty_log.updates") + 1) << "on the link as any other";
  EXPECT_EQ(stat("link.reads"), stat("engine.dirty_log.updates"));
}

TEST_P(LogBench, SuspendsWhenAllIsDone) {
  build(1000);
  drive([this] {
    Script::wait_until(20 * kMicrosecond);
    EXPECT_EQ(host.read_register(kRegisters + DmaEngine::kSuspend), 0u);
    write(kRegisters + DmaEngine::kSuspend, 1);
    while (host.read_register(kRegisters + DmaEngine::kSuspend) != 2)
      sc_core::wait(sc_core::sc_time(10, sc_core::SC_NS));
    const std::size_t seen = host.seen.size();
    EXPECT_LT(seen, 60u);
    Script::wait_until(100 * kMicrosecond);
    EXPECT_EQ(host.seen.size(), seen) << "quiet means quiet";
    write(kRegisters + DmaEngine::kSuspend, 0);
  });
  EXPECT_EQ(stat("engine.requests"), 1000) << "and it goes on where it was";
}

TEST_P(LogBench, WithoutALoggerThereAreNoRegistersOfIt) {
  DmaConfig config;
  DmaEngine plain("plain", config);
  HostBench other("other");
  plain.dma.bind(other.port);
  other.to_device.bind(plain.control);
  build(0);
  drive([&other] {
    EXPECT_EQ(other.write_register(DmaEngine::kLog + Logger::kCommand, 1, kernel_now()).status,
              tlm::TLM_ADDRESS_ERROR_RESPONSE);
  });
}

INSTANTIATE_TEST_SUITE_P(Quantum, LogBench, ::testing::Values(0, kMicrosecond));

}  // namespace pagoda::device_log_test

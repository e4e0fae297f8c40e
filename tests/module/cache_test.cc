#include "pagoda/memory/cache.h"

#include "pagoda/memory/fixed_memory.h"
#include "support/bench.h"
#include "support/waiting_memory.h"

namespace pagoda::cache_test {

using testing::Initiator;
using testing::Request;
using testing::WaitingMemory;

constexpr Ps kMemory = 80'000;
constexpr Ps kHit = 4000;  // 4 cycles of 1 GHz

struct CacheBench : ::testing::Test {
  explicit CacheBench(const CacheConfig& config = {.size = {4096}, .ways = 4, .ports = 0}) : cache("cache", config) {
    cpu.out.bind(cache.cpu);
    cache.memory.bind(memory.port);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
  }

  PhysicalMemory bytes{{1 << 20}};
  Initiator cpu{"cpu"};
  Cache cache;
  FixedMemory memory{"memory", {.latency = Latency::time(kMemory)}, bytes};
};

TEST_F(CacheBench, DataLivesInMemoryWhateverTheTagsSay) {
  bytes.write64(0x100, 0x1122334455667788);
  const auto first = cpu.ask({.address = 0x100, .read_back = true});
  EXPECT_EQ(first.done, kHit + kMemory);
  EXPECT_EQ(first.data[0], 0x88);
  EXPECT_EQ(first.data[7], 0x11);

  const auto write =
      cpu.ask({.address = 0x103, .kind = AccessKind::write, .length = 2, .at = 200'000, .data = {0xaa, 0xbb}});
  EXPECT_EQ(write.done, 200'000 + kHit);
  EXPECT_EQ(bytes.read64(0x100), 0x112233bbaa667788u);

  bytes.write64(0x100, 42);  // behind the cache's back: the tags only keep time
  EXPECT_EQ(cpu.ask({.address = 0x100, .at = 300'000, .read_back = true}).data[0], 42);
}

TEST_F(CacheBench, AForeignPayloadIsServedWithItsBytes) {
  const auto written =
      cpu.ask({.address = 0x40, .kind = AccessKind::write, .length = 4, .plain = true, .data = {1, 2, 3, 4}});
  EXPECT_TRUE(written.ok());
  EXPECT_EQ(bytes.read64(0x40), 0x04030201u);
  EXPECT_EQ(cpu.ask({.address = 0x42, .length = 2, .plain = true, .read_back = true}).data,
            (std::vector<unsigned char>{3, 4}));
}

TEST_F(CacheBench, ByteEnablesAreHonoured) {
  bytes.write64(0x80, 0);
  cpu.ask({.address = 0x80, .kind = AccessKind::write, .length = 4, .data = {1, 2, 3, 4}, .enables = {0xff, 0}});
  EXPECT_EQ(bytes.read64(0x80), 0x00030001u);
}

TEST_F(CacheBench, AStraddlingAccessTouchesBothLinesAndEndsWithTheLater) {
  cpu.ask({.address = 0x00});
  const auto reply = cpu.ask({.address = 0x3c, .length = 8, .at = 200'000});
  EXPECT_EQ(reply.done, 200'000 + kHit + kMemory);
  const StatNode stats = testing::all_stats();
  EXPECT_EQ(stats.number("cache.hits"), 1);
  EXPECT_EQ(stats.number("cache.misses"), 2);
}

TEST_F(CacheBench, ZeroLengthAndOutsideAccessesAreAnswered) {
  EXPECT_TRUE(cpu.ask({.address = 0x40, .length = 0}).ok());
  EXPECT_EQ(cpu.ask({.address = 1 << 20}).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
  EXPECT_EQ(cpu.ask({.address = (1 << 20) - 4}).status, tlm::TLM_ADDRESS_ERROR_RESPONSE)
      << "its second half lies outside";
  EXPECT_EQ(cpu.ask({.address = ~Addr{0} - 3}).status, tlm::TLM_ADDRESS_ERROR_RESPONSE);
}

TEST_F(CacheBench, DebugAccessesChangeNothingInTheTags) {
  bytes.write64(0x200, 7);
  EXPECT_EQ(cpu.debug_read(0x200, 8)[0], 7);
  EXPECT_EQ(testing::all_stats().number("cache.misses"), 0);
}

// Fills and write-backs reach somebody else's memory as payloads with data, of which it copies every byte.
TEST(CacheWithForeignMemory, AWriteBackCarriesTheBytesThatWereWritten) {
  Initiator cpu{"cpu"};
  Cache cache{"cache", {.size = {64}, .ways = 1, .ports = 0}};
  WaitingMemory memory{"memory"};
  cpu.out.bind(cache.cpu);
  cache.memory.bind(memory.port);
  for (unsigned i = 0; i < 64; ++i) memory.bytes[i] = static_cast<unsigned char>(i);
  sc_core::sc_spawn([&] {
    EXPECT_TRUE(cpu.ask({.address = 8, .kind = AccessKind::write, .length = 2, .data = {0xaa, 0xbb}}).ok());
    EXPECT_TRUE(cpu.ask({.address = 64, .at = kernel_now(), .read_back = true}).ok()) << "evicts the line";
  });
  sc_core::sc_start();
  EXPECT_EQ(memory.reads, 2u);
  EXPECT_EQ(memory.writes, 1u);
  for (unsigned i = 0; i < 64; ++i) EXPECT_EQ(memory.bytes[i], i == 8 ? 0xaa : i == 9 ? 0xbb : i) << i;
}

TEST(CacheWithForeignMemory, TwoInitiatorsMissAtOnceInAMemoryThatWaits) {
  PhysicalMemory unused{{4096}};
  Initiator a{"a"};
  Cache cache{"cache", {.size = {4096}, .ways = 4, .ports = 0}};
  WaitingMemory memory{"memory"};
  a.out.bind(cache.cpu);
  cache.memory.bind(memory.port);
  memory.bytes[64] = 9;
  std::vector<Ps> done(2);
  for (std::size_t i = 0; i < 2; ++i) {
    sc_core::sc_spawn([&, i] {
      const auto reply = a.ask({.address = 64 * (i + 1), .at = kernel_now(), .read_back = true});
      EXPECT_TRUE(reply.ok());
      EXPECT_EQ(reply.data[0], i == 0 ? 9 : 0);
      done[i] = reply.done;
    });
  }
  sc_core::sc_start();
  EXPECT_EQ(done[0], kHit + WaitingMemory::kLatency);
  EXPECT_EQ(done[1], kHit + WaitingMemory::kLatency);
}

}  // namespace pagoda::cache_test

// A core on somebody else's memory, which may wait inside b_transport, as TLM-2.0 allows.
#include "pagoda/workload/core.h"

#include <gtest/gtest.h>

#include "pagoda/memory/fixed_memory.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/workload/pattern.h"
#include "support/host_bench.h"
#include "support/waiting_memory.h"

namespace pagoda::core_test {

using testing::WaitingMemory;

struct NoFaults : FaultHandler {
  Outcome handle_fault(Processor& /*processor*/, const Fault& /*fault*/, Ps /*at*/) override { return {}; }
};

// Loads that wait one after the other in memory, issued by a core that would have them overlap: its own time falls
// behind the kernel's with each of them.
TEST(CoreWithForeignMemory, LoadsThatWaitInMemoryEndOneAfterTheOther) {
  constexpr std::uint64_t kLoads = 1000;
  CoreConfig config;
  config.fetch = false;
  Core core("core", config, 250, 0);
  Mmu mmu("mmu", {});
  WaitingMemory memory("memory");
  NoFaults handler;
  core.data.bind(mmu.data);
  mmu.data_memory.bind(memory.port);
  core.run(make_pattern({.kind = PatternKind::sequential, .count = kLoads}), mmu, handler);
  sc_core::sc_start();
  core.rethrow_failure();
  EXPECT_EQ(core.accesses(), kLoads);
  EXPECT_EQ(memory.reads, kLoads);
  EXPECT_EQ(core.end_time(), sc_core::sc_time_stamp().value());
  EXPECT_GE(core.end_time(), kLoads * WaitingMemory::kLatency);
  EXPECT_LE(core.end_time(), kLoads * WaitingMemory::kLatency + WaitingMemory::kLatency);
  EXPECT_EQ(core.summed_latency(), core.accounted_time());
}

// A core that waits for the kernel to come as far as its program, and is paused meanwhile.
TEST(CorePause, NothingIsExecutedUntilItGoesOn) {
  constexpr std::uint64_t kStores = 1000;
  tlm::tlm_global_quantum::instance().set(sc_core::SC_ZERO_TIME);
  CoreConfig config;
  config.fetch = false;
  Core core("core", config, 250, 0);
  Mmu mmu("mmu", {});
  PhysicalMemory bytes{{std::uint64_t{1} << 33}};
  FixedMemory memory("memory", {}, bytes);
  NoFaults handler;
  core.data.bind(mmu.data);
  mmu.data_memory.bind(memory.port);
  core.run(make_pattern({.kind = PatternKind::sequential, .count = kStores, .gap = 10'000, .write_ratio = 1}), mmu,
           handler);
  const testing::Script pauses("pauses", [&core] {
    for (Ps at = 3 * kMicrosecond; at < 100 * kMicrosecond; at += 3'141'593) {
      testing::Script::wait_until(at);
      core.pause();
      const std::uint64_t before = core.accesses();
      testing::Script::wait_until(at + kMicrosecond);
      EXPECT_EQ(core.accesses(), before) << at;
      core.resume();
    }
  });
  sc_core::sc_start();
  core.rethrow_failure();
  EXPECT_EQ(core.accesses(), kStores);
}

}  // namespace pagoda::core_test

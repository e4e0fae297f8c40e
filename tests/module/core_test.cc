// A core on somebody else's memory, which may wait inside b_transport, as TLM-2.0 allows.
#include "pagoda/workload/core.h"

#include <gtest/gtest.h>
#include <tlm_utils/simple_target_socket.h>

#include "pagoda/mmu/mmu.h"
#include "pagoda/workload/pattern.h"

namespace pagoda {
namespace {

constexpr Ps kLatency = 50'000;

struct WaitingMemory : sc_core::sc_module {
  tlm_utils::simple_target_socket<WaitingMemory> port{"port"};
  std::uint64_t requests = 0;

  explicit WaitingMemory(const sc_core::sc_module_name& name) : sc_module(name) {
    port.register_b_transport(this, &WaitingMemory::b_transport);
  }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    ++requests;
    wait(delay + to_sc_time(kLatency));
    delay = sc_core::SC_ZERO_TIME;
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};

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
  EXPECT_EQ(memory.requests, kLoads);
  EXPECT_EQ(core.end_time(), sc_core::sc_time_stamp().value());
  EXPECT_GE(core.end_time(), kLoads * kLatency);
  EXPECT_LE(core.end_time(), kLoads * kLatency + kLatency);
  EXPECT_EQ(core.summed_latency(), core.accounted_time());
}

}  // namespace
}  // namespace pagoda

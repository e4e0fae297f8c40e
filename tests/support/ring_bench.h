// A device with rings on a link, its host, and a driver: a thread of the test.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "pagoda/devices/dma_engine.h"
#include "pagoda/devices/register_function.h"
#include "pagoda/interconnect/io_link.h"
#include "support/bench.h"
#include "support/host_bench.h"

namespace pagoda::testing {

/// Times on its link: a byte takes 500 ps (2.5 GT/s, 8 lanes), each way 100 ns.
class RingBench : public ::testing::TestWithParam<Ps>, public InterruptSink {
 public:
  static constexpr Ps kByte = 500;
  static constexpr Ps kWay = 100'000;
  static constexpr Ps kRegister = 10'000;  ///< ten cycles at 1 GHz

  /// A DMA read or write of so many bytes, alone, in one packet.
  static constexpr Ps read_time(std::uint64_t bytes) {
    return (24 + 20 + bytes) * kByte + 2 * kWay + HostBench::kMemory;
  }
  static constexpr Ps write_time(std::uint64_t bytes) { return (24 + bytes) * kByte + kWay + HostBench::kMemory; }
  /// From a doorbell's leaving to its effect.
  static constexpr Ps doorbell_time() { return (24 + 8) * kByte + kWay + kRegister; }

  struct Interrupt {
    std::uint32_t vector;
    Ps at;
  };

  RingBench() { tlm::tlm_global_quantum::instance().set(to_sc_time(GetParam())); }

  void build(DeviceFunction& function, const DmaConfig& config = {}) {
    engine.emplace("engine", config);
    engine->dma.bind(link.from_device);
    link.to_root.bind(host.port);
    host.to_device.bind(link.from_root);
    link.to_device.bind(engine->control);
    engine->connect_interrupts(*this);
    engine->run(function);
  }
  /// Runs the driver, and the simulation until nothing more happens.
  void drive(std::function<void()> what) {
    const Script script("driver", std::move(what));
    sc_core::sc_start();
    engine->rethrow_failure();
    EXPECT_EQ(engine->summed_latency(), engine->accounted_time());
  }
  /// Of a register, by the driver, now.
  Ps write(Addr offset, std::uint64_t value) {
    const auto reply = host.write_register(offset, value, kernel_now());
    EXPECT_EQ(reply.status, tlm::TLM_OK_RESPONSE);
    return reply.done;
  }
  /// Writes it and waits until that has happened, and the device has had its turn at that time.
  void write_and_wait(Addr offset, std::uint64_t value) { Script::wait_until(write(offset, value) + kNanosecond); }
  bool reported(DeviceError error) { return (host.read_register(0) >> static_cast<unsigned>(error) & 1) != 0; }
  /// Lets the device do all that it has to do.
  static void settle() { sc_core::wait(sc_core::sc_time(1, sc_core::SC_MS)); }
  /// Waits until there have been so many interrupts.
  void wait_for_interrupts(std::size_t count) {
    while (interrupts.size() < count) sc_core::wait(interrupted_);
  }
  static double stat(const char* path) { return all_stats().number(path); }

  void interrupt(std::uint32_t requester, std::uint32_t vector, Ps at) override {
    EXPECT_EQ(requester, 0u);
    EXPECT_GE(at, kernel_now());
    interrupts.push_back({vector, at});
    interrupted_.notify(delay_until(at));
  }

  HostBench host{"host"};
  IoLink link{"link", {.transfer_rate = 2.5, .encoding = "8b/10b", .control_share = 0, .latency = {kWay}}};
  std::optional<DmaEngine> engine;
  std::vector<Interrupt> interrupts;

 private:
  sc_core::sc_event interrupted_;
};

inline std::string quantum_name(const ::testing::TestParamInfo<Ps>& test) {
  return test.param == 0 ? "Reference" : "Microsecond";
}

}  // namespace pagoda::testing

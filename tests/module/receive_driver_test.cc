// A receive ring from both sides: frames on the wire, buffers and descriptors in a program's memory.
#include "pagoda/software/receive_driver.h"

#include <algorithm>
#include <stdexcept>

#include "pagoda/devices/receiving_nic.h"
#include "support/ring_bench.h"

namespace pagoda::receive_driver_test {

using testing::RingBench;

constexpr Addr kPage = 4096;
constexpr Addr kBuffers = 0x20 * kPage;
constexpr std::uint32_t kFrame = 512;
constexpr double kLine = 1.25e9;  // 10 Gb/s: a byte takes 800 ps

/// So many frames, each filled with its number.
class Frames final : public DmaTraffic {
 public:
  Frames(std::uint32_t count, Ps gap) : left_(count), gap_(gap) {}

  std::optional<DmaTransfer> next() override {
    if (left_ == 0) return std::nullopt;
    --left_;
    ++number_;
    std::fill(bytes_.begin(), bytes_.end(), static_cast<unsigned char>(number_));
    return DmaTransfer{.bytes = kFrame, .write = true, .gap = gap_, .data = bytes_.data()};
  }
  void ended(const DmaTransfer& /*transfer*/, DmaStatus /*status*/, Ps at) override { came.push_back(at); }

  std::vector<Ps> came;

 private:
  std::uint32_t left_;
  Ps gap_;
  unsigned number_ = 0;
  std::array<unsigned char, kFrame> bytes_{};
};

struct Registers : sc_core::sc_module {
  explicit Registers(const sc_core::sc_module_name& name) : sc_module(name) {}
  tlm_utils::simple_initiator_socket<Registers> out{"out"};
};

struct ReceiveBench : RingBench, ProgramMemory, Processor {
  void build_ring(std::uint32_t entries, Frames& wire, const ReceiveRingConfig& config) {
    layout = {.buffers = kBuffers, .buffer_bytes = kFrame, .entries = entries};
    host.map(kBuffers / kPage, layout.bytes() / kPage, 0x500);
    nic.emplace(config.nic, Bandwidth{kLine}, wire);
    build(*nic);
    registers.out.bind(link.from_root);
    driver.emplace("receiver", config, layout, 0, static_cast<ProgramMemory&>(*this), static_cast<Processor&>(*this));
  }
  /// Runs until nothing more happens.
  void run() {
    driver->bind(*registers.out.operator->());
    drive([] {});
    driver->rethrow_failure();
  }

  void interrupt(std::uint32_t /*requester*/, std::uint32_t vector, Ps at) override {
    EXPECT_EQ(vector, 0u);
    driver->interrupt(at);
  }
  unsigned number() const override { return 0; }
  Mmu& mmu() override { throw std::logic_error("nobody asks for it"); }
  Ps interrupt(Ps at, Ps duration) override {
    busy += duration;
    return at + duration;
  }
  // A descriptor that is done is that of the oldest frame that the program has not seen.
  void load(Addr address, std::span<unsigned char> bytes) override {
    std::memcpy(bytes.data(), host.at(address), bytes.size());
    const auto descriptor = NicDescriptor::decode(bytes.first<NicDescriptor::kBytes>());
    if (!descriptor.done) return;
    EXPECT_EQ(descriptor.error, DescriptorError::none);
    EXPECT_EQ(descriptor.length, kFrame);
    const Addr buffer = kBuffers + (address - layout.ring()) / NicDescriptor::kBytes * kFrame;
    const unsigned char* const frame = host.at(buffer);
    EXPECT_TRUE(std::all_of(frame, frame + kFrame, [frame](unsigned char byte) { return byte == *frame; }));
    received.push_back(*frame);
  }
  void store(Addr address, std::span<const unsigned char> bytes) override {
    stores.push_back(kernel_now());
    std::memcpy(host.at(address), bytes.data(), bytes.size());
  }

  ReceiveDriver::Layout layout;
  std::optional<ReceivingNic> nic;
  Registers registers{"registers"};
  std::optional<ReceiveDriver> driver;
  std::vector<unsigned> received;
  std::vector<Ps> stores;
  Ps busy = 0;
};

TEST_P(ReceiveBench, EveryFrameReachesTheProgramInOrder) {
  Frames wire(200, 2 * kMicrosecond);
  ReceiveRingConfig config;
  config.nic.interrupt = {.events = 4, .delay = {10 * kMicrosecond}};
  build_ring(16, wire, config);
  run();
  ASSERT_EQ(received.size(), 200u);
  for (std::size_t i = 0; i < received.size(); ++i) EXPECT_EQ(received[i], (i + 1) & 0xff) << i;
  // 15 descriptors at first, then each one again; the interrupts' and the frames' time is the processor's.
  EXPECT_EQ(stores.size(), 15 + 200u);
  EXPECT_EQ(stat("receiver.frames"), 200);
  EXPECT_EQ(busy, static_cast<Ps>(stat("receiver.interrupts")) * 1'300'000 + 200 * 200'000);
}

// Frames that find no descriptor and no room in the interface are lost, and no other.
TEST_P(ReceiveBench, ASlowDriverLosesFramesAndNothingElse) {
  Frames wire(200, 1 * kMicrosecond);
  ReceiveRingConfig config;
  config.nic.frame_buffer = 4;
  config.frame = {5 * kMicrosecond};
  build_ring(8, wire, config);
  run();
  const double dropped = stat("engine.receive.frames_dropped");
  EXPECT_GT(dropped, 100) << "five times as many come as are taken";
  EXPECT_EQ(static_cast<double>(received.size()) + dropped, 200);
  EXPECT_TRUE(std::is_sorted(received.begin(), received.end()));
}

TEST_P(ReceiveBench, FramesComeNoFasterThanTheLineCarriesThem) {
  Frames wire(20, 0);
  build_ring(64, wire, {});
  run();
  constexpr Ps kTime = (kFrame + 24) * 800;
  ASSERT_EQ(wire.came.size(), 20u);
  for (std::size_t i = 0; i < wire.came.size(); ++i) EXPECT_EQ(wire.came[i], (i + 1) * kTime);
}

// A program that stands still fills no descriptors; what has come is taken when it goes on.
TEST_P(ReceiveBench, APausedDriverStoresNothing) {
  constexpr Ps kPaused = 50 * kMicrosecond, kResumed = 400 * kMicrosecond;
  Frames wire(100, 2 * kMicrosecond);
  ReceiveRingConfig config;
  config.nic.frame_buffer = 100;
  build_ring(16, wire, config);
  const testing::Script pauses("pauses", [this] {
    testing::Script::wait_until(kPaused);
    driver->pause();
    testing::Script::wait_until(kResumed);
    driver->resume();
  });
  run();
  EXPECT_EQ(received.size(), 100u);
  EXPECT_TRUE(std::none_of(stores.begin(), stores.end(), [](Ps at) { return at > kPaused && at < kResumed; }));
  EXPECT_TRUE(std::any_of(stores.begin(), stores.end(), [](Ps at) { return at >= kResumed; }));
}

INSTANTIATE_TEST_SUITE_P(Quanta, ReceiveBench, ::testing::Values(0, 1'000'000), testing::quantum_name);

}  // namespace pagoda::receive_driver_test

// A DMA engine with a translation cache, behind a link, and an IOMMU with a driver that answers its page requests and
// takes pages away.
#include "module/iommu_bench.h"
#include "pagoda/devices/dma_engine.h"
#include "pagoda/devices/dma_stream.h"
#include "pagoda/interconnect/io_link.h"
#include "support/host_bench.h"

namespace pagoda::iommu_device_test {

using namespace iommu_register;
using testing::Command;
using testing::IommuBench;
using testing::kEveryRight;
using testing::Script;

constexpr std::uint32_t kDevice = 5;

struct List final : DmaTraffic {
  std::vector<DmaTransfer> transfers;
  std::vector<DmaStatus> ends;
  std::size_t taken = 0;

  std::optional<DmaTransfer> next() override {
    if (taken == transfers.size()) return std::nullopt;
    return transfers[taken++];
  }
  void ended(const DmaTransfer&, DmaStatus status, Ps) override { ends.push_back(status); }
};

struct DeviceBench : IommuBench, ::testing::WithParamInterface<Ps> {
  DeviceBench() { tlm::tlm_global_quantum::instance().set(to_sc_time(GetParam())); }

  void build_with_engine() {
    DmaConfig config{.requester = kDevice};
    config.atc.emplace();
    engine.emplace("engine", config);
    iommu.emplace("iommu", plain());
    engine->dma.bind(link.from_device);
    link.to_root.bind(iommu->devices);
    link.to_device.bind(engine->control);
    iommu->to_devices.bind(link.from_root);
    iommu->memory.bind(memory.port);
    software.out.bind(iommu->registers);
    elsewhere.out.bind(device.in);
    device.out.bind(iommu->devices);
    stream.emplace(traffic, 16);
    engine->run(*stream);
    engine->on_finish([this] { finished = true; });
  }
  // Lets time pass until the commands are executed.
  void settle() {
    while (!idle()) sc_core::wait(to_sc_time(100 * kNanosecond));
  }
  void enable() {
    put(kDdtp, 8, directory.ddtp());
    put(kCqb, 8, commands >> 2 | 3);
    put(kPqb, 8, page_requests >> 2 | 3);
    put(kCqcsr, 4, IommuQueue::kEnable);
    put(kPqcsr, 4, IommuQueue::kEnable);
    entries = 16;
    sc_core::wait(to_sc_time(kMicrosecond));
  }

  List traffic;
  IoLink link{"link", {}};
  testing::Initiator elsewhere{"elsewhere"};
  std::optional<DmaEngine> engine;
  std::optional<DmaStream> stream;
  bool finished = false;
};

TEST_P(DeviceBench, PagesAreMappedAsTheDeviceAsksForThem) {
  build_with_engine();
  Stage& stage = add_device(kDevice);
  constexpr std::size_t kBytes = 40'000;
  std::vector<unsigned char> out(kBytes);
  for (std::size_t i = 0; i < kBytes; ++i) out[i] = static_cast<unsigned char>(i * 7 + i / 256);
  traffic.transfers.push_back(
      {.address = 0x1'0000 + 0x123, .bytes = kBytes, .write = true, .gap = 5 * kMicrosecond, .data = out.data()});
  unsigned mapped = 0;
  const Script driver("driver", [&] {
    enable();
    std::uint64_t at = 0;
    while (!finished) {
      sc_core::wait(to_sc_time(kMicrosecond));
      for (; at != get(kPqt, 4); at = (at + 1) % entries) {
        std::array<std::uint8_t, PageRequestRecord::kBytes> words{};
        std::memcpy(words.data(), bytes.data(page_requests + at * words.size()), words.size());
        const auto request = PageRequestRecord::decode(words);
        ASSERT_TRUE(request.write && request.last);
        map(stage, request.page, 0x4000'0000 + (0x100 - (request.page >> 12)) * 4096);
        ++mapped;
        submit({Command::response(kDevice, request.group, 0)});
        settle();
      }
      put(kPqh, 4, at);
    }
  });
  sc_core::sc_start();
  engine->rethrow_failure();
  EXPECT_EQ(traffic.ends, std::vector<DmaStatus>{DmaStatus::ok});
  EXPECT_EQ(mapped, 10u);
  for (std::size_t i = 0; i < kBytes; ++i) {
    const Addr iova = 0x1'0123 + i;
    ASSERT_EQ(*bytes.data(0x4000'0000 + (0x100 - (iova >> 12)) * 4096 + (iova & 0xfff)), out[i]) << i;
  }
  EXPECT_EQ(engine->summed_latency(), engine->accounted_time());
}

// The driver takes a page away from a device that keeps writing to it: after the fence, nothing arrives there.
TEST_P(DeviceBench, NothingIsWrittenToAPageThatWasTakenAway) {
  build_with_engine();
  Stage& stage = add_device(kDevice);
  map(stage, 0x1000, 0x4000'0000);
  std::vector<unsigned char> ones(64, 1);
  for (int i = 0; i < 3000; ++i) {
    traffic.transfers.push_back({.address = 0x1000 + static_cast<Addr>(i % 64) * 64,
                                 .bytes = 64,
                                 .write = true,
                                 .gap = i == 0 ? 5 * kMicrosecond : 0,
                                 .data = ones.data()});
  }
  unsigned moves = 0;
  const Script driver("driver", [&] {
    enable();
    sc_core::wait(to_sc_time(8 * kMicrosecond));
    while (!finished) {
      const Addr from = 0x4000'0000 + moves * 4096;
      ASSERT_EQ(PageTableEditor(stage, store, frames).unmap(0x1000, 12), EditStatus::ok);
      map(stage, 0x1000, from + 4096);
      submit(
          {Command::vma(0x1000), Command::fence(), Command::ats(kDevice, 0x1000), Command::fence().reads().writes()});
      settle();
      std::memset(bytes.data(from), 0, 4096);
      ++moves;
      sc_core::wait(to_sc_time(3 * kMicrosecond));
    }
  });
  sc_core::sc_start();
  engine->rethrow_failure();
  EXPECT_GT(moves, 3u);
  for (Addr i = 0; i < moves * 4096; ++i) ASSERT_EQ(*bytes.data(0x4000'0000 + i), 0) << "page " << i / 4096;
  unsigned written = 0;
  for (Addr i = 0; i < 4096; ++i) written += *bytes.data(0x4000'0000 + moves * 4096 + i);
  EXPECT_GT(written, 0u);
  EXPECT_EQ(traffic.ends, std::vector<DmaStatus>(3000, DmaStatus::ok));
}

INSTANTIATE_TEST_SUITE_P(Quanta, DeviceBench, ::testing::Values(0, kMicrosecond),
                         [](const auto& quantum) { return quantum.param == 0 ? "Reference" : "Microsecond"; });

}  // namespace pagoda::iommu_device_test

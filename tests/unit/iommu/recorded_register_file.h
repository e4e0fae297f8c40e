// A register file whose listener keeps what it is told.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/iommu/iommu_register_file.h"

namespace pagoda::testing {

using Options = IommuRegisterFile::Options;

constexpr std::uint64_t bit(unsigned index) { return std::uint64_t{1} << index; }
constexpr std::uint64_t bits(unsigned high, unsigned low) { return (bit(high) - bit(low)) | bit(high); }

constexpr std::uint64_t kSv32x4 = bit(16), kMsiFlat = bit(22), kAts = bit(25), kEnd = bit(27), kHpm = bit(30),
                        kDbg = bit(31), kQosid = bit(41), kDmaControl = bit(56);
constexpr std::uint64_t kIgsMsi = 0, kIgsWsi = bit(28), kIgsBoth = bit(29);
constexpr std::uint64_t kPas46 = 46ull << 32;
constexpr std::uint64_t kBare = 0x10 | kPas46;
constexpr std::uint64_t kAll = kBare | kSv32x4 | kMsiFlat | kAts | kEnd | kIgsBoth | kHpm | kDbg | kQosid | kDmaControl;

struct Recorder : IommuRegisterFile::Listener {
  std::vector<std::string> told;
  std::vector<InterruptRequest> sent;
  IommuQueue* switched = nullptr;
  IommuMode before = IommuMode::off;

  void directory_written(IommuMode mode) override {
    before = mode;
    told.emplace_back("directory");
  }
  void queue_switched(IommuQueue& queue) override {
    switched = &queue;
    told.emplace_back(queue.enabled() ? "on" : "off");
  }
  void commands_waiting() override { told.emplace_back("commands"); }
  void translation_requested() override { told.emplace_back("translation"); }
  void dma_control_written() override { told.emplace_back("dma_control"); }
  void interrupt(const InterruptRequest& request) override { sent.push_back(request); }

  std::vector<std::string> take() { return std::exchange(told, {}); }
};

using Told = std::vector<std::string>;

struct File : Recorder, IommuRegisterFile {
  explicit File(std::uint64_t capabilities = kAll) : File(Options{.capabilities = {capabilities}}) {}
  explicit File(const Options& options) : IommuRegisterFile(options, static_cast<Recorder&>(*this)) {}

  std::uint64_t get(std::uint32_t offset, unsigned bytes) const { return read(offset, bytes).value(); }
  void put(std::uint32_t offset, unsigned bytes, std::uint64_t value) { ASSERT_TRUE(write(offset, bytes, value)); }
};

}  // namespace pagoda::testing

// A storage adapter behind a coherent link, the memory of its host, and software with page tables in it.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include <gtest/gtest.h>

#include "pagoda/devices/capi_adapter.h"
#include "pagoda/interconnect/io_link.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/paging/page_table_editor.h"
#include "pagoda/software/capi_volume.h"
#include "support/bench.h"
#include "support/simple_flash.h"

namespace pagoda::testing {

/// Hands out the frames above an address, and takes none back.
class RisingFrames final : public FrameSource {
 public:
  explicit RisingFrames(Addr first) : next_(first) {}
  std::optional<Addr> allocate(std::uint64_t bytes) override { return std::exchange(next_, next_ + bytes); }
  void release(Addr /*address*/, std::uint64_t /*bytes*/) override {}

 private:
  Addr next_;
};

/// An address space of its own, x86-64.
class SpaceBench {
 public:
  SpaceBench(PhysicalMemory& memory, FrameSource& frames, std::uint32_t asid)
      : store_(memory), stage_{.format = find_page_format("x86-64-4")} {
    stage_.root = *PageTableEditor::make_root(*stage_.format, store_, frames);
    editor_.emplace(stage_, store_, frames);
    context_ = {{stage_}, {.asid = asid}, false};
  }
  void map(Addr page, Addr frame, bool writable = true) {
    const Rights rights = Rights::read | Rights::user | kFlags | (writable ? Rights::write : Rights::none);
    EXPECT_EQ(editor_->map(page, {.output = frame, .rights = rights}), EditStatus::ok);
  }
  void unmap(Addr page) { EXPECT_EQ(editor_->unmap(page, 12), EditStatus::ok); }
  const MmuContext& context() const { return context_; }

 private:
  MemoryStore store_;
  Stage stage_;
  std::optional<PageTableEditor> editor_;
  MmuContext context_;
};

/// Times on its link: a byte takes 500 ps (2.5 GT/s, 8 lanes), each way 100 ns; memory 80 ns; a flash page of 4 KiB in
/// 10 us written and read in place, with nothing around.
class CapiBench : public ::testing::Test {
 public:
  static constexpr Addr kPage = 4096;
  static constexpr Ps kByte = 500;
  static constexpr Ps kWay = 100'000;
  static constexpr Ps kMemory = 80'000;
  static constexpr Ps kRegister = 32'000;  ///< eight cycles of 4 ns
  static constexpr Ps kMedium = 10 * kMicrosecond;
  static constexpr Ps kBuild = 50'000;
  static constexpr Ps kLine = 4'000;  ///< issue interval
  static constexpr Ps kReport = 1'000'000;

  static constexpr Ps read_time(std::uint64_t bytes) { return (24 + 20 + bytes) * kByte + 2 * kWay + kMemory; }
  static constexpr Ps write_time(std::uint64_t bytes) { return (24 + bytes) * kByte + kWay + kMemory; }
  static constexpr Ps doorbell_time() { return (24 + 8) * kByte + kWay + kRegister; }

  static CapiAdapterConfig adapter_config() {
    CapiAdapterConfig config;
    config.contexts = 4;
    config.translation.tlb = {.entries = 16, .ways = 4, .latency = Latency::cycles(0), .ports = 0};
    config.translation.walker.walk_caches.clear();
    config.translation.walker.nested_tlb.reset();
    config.medium = {.capacity = {256 * kPage},
                     .block = {4096},
                     .flash = simple_flash({.channels = 8, .dies = 8, .read = kMedium, .program = kMedium})};
    return config;
  }
  static IoLinkConfig link_config() {
    return {.transfer_rate = 2.5,
            .encoding = "8b/10b",
            .control_share = 0,
            .latency = {kWay},
            .max_payload = {128},
            .max_read_request = {128},
            .read_completion_boundary = {128}};
  }

  void build(const CapiAdapterConfig& config = adapter_config(), const CapiVolumeConfig& software = {}) {
    adapter = std::make_unique<CapiAdapter>("adapter", config);
    adapter->memory.bind(link.from_device);
    link.to_device.bind(adapter->control);
    link.to_root.bind(memory.port);
    volume = std::make_unique<CapiVolume>("volume", software, *adapter, bytes, frames);
    volume->registers.bind(link.from_root);
  }
  /// Ends elaboration: from here on the volume may be used.
  static void start() { sc_core::sc_start(sc_core::SC_ZERO_TIME); }

  /// A page of memory with contents of its own.
  void fill(Addr frame, unsigned seed) {
    for (Addr i = 0; i < kPage; ++i) *bytes.data(frame + i) = byte_of(seed, i);
  }
  bool holds(Addr frame, unsigned seed) {
    for (Addr i = 0; i < kPage; ++i) {
      if (*bytes.data(frame + i) != byte_of(seed, i)) return false;
    }
    return true;
  }
  void put(std::uint64_t page, unsigned seed) {
    std::vector<unsigned char> contents(kPage);
    for (Addr i = 0; i < kPage; ++i) contents[i] = byte_of(seed, i);
    adapter->medium().poke(page, contents);
  }
  bool stored(std::uint64_t page, unsigned seed) {
    std::vector<unsigned char> contents(kPage);
    adapter->medium().peek(page, contents);
    for (Addr i = 0; i < kPage; ++i) {
      if (contents[i] != byte_of(seed, i)) return false;
    }
    return true;
  }
  static double stat(const char* path) { return all_stats().number(path); }
  /// The parts of every result add up to it.
  static void check(const MoveResult& result) { EXPECT_EQ(result.time.total(), result.done - result.submitted); }

  static MoveOrder in(std::uint64_t page, Addr address, std::uint64_t tag = 0) {
    return {MoveDirection::in, address, page, tag};
  }
  static MoveOrder out(std::uint64_t page, Addr address, std::uint64_t tag = 0) {
    return {MoveDirection::out, address, page, tag};
  }

  PhysicalMemory bytes{{std::uint64_t{64} << 20}};
  FixedMemory memory{"memory", {.latency = Latency::time(kMemory)}, bytes};
  IoLink link{"link", link_config()};
  RisingFrames frames{std::uint64_t{32} << 20};
  std::unique_ptr<CapiAdapter> adapter;
  std::unique_ptr<CapiVolume> volume;

 private:
  static unsigned char byte_of(unsigned seed, Addr i) {
    return static_cast<unsigned char>(seed * 37 + i * (seed | 1) / 5);
  }
};

/// Keeps the results of orders.
struct Results final : MoveClient {
  std::vector<MoveResult> all;
  void moved(const MoveResult& result) override { all.push_back(result); }
};

}  // namespace pagoda::testing

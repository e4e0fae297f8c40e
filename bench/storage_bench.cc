// Host time of moving pages: through a storage medium alone, over a coherent link, and as a block device.
//
// storage_bench [PART]: pages of 4 KiB moved per second of CPU time, half of them out and half of them in, to random
// places of a volume of 256 MiB that has been written before, with their bytes; memory answers after a fixed time. With
// PART, only the rows whose names contain it.
#include <ctime>
#include <random>

#include <fmt/format.h>

#include "pagoda/devices/capi_adapter.h"
#include "pagoda/devices/dma_engine.h"
#include "pagoda/interconnect/io_link.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/software/block_volume.h"
#include "pagoda/software/capi_volume.h"
#include "pagoda/software/frame_allocator.h"

namespace {

using namespace pagoda;

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kVolumePages = 65'536;
constexpr std::uint64_t kMoves = 200'000;
constexpr Addr kFrames = Addr{1} << 20;
constexpr std::uint64_t kMemoryFrames = 4096;

MediumConfig medium_config(const char* preset) {
  MediumConfig config{.capacity = {kVolumePages * kPage}, .block = {kPage}};
  if (preset == nullptr) {
    config.kind = MediumKind::remote;
  } else {
    config.flash = find_flash_preset(preset)->config;
  }
  return config;
}

/// Every page of the volume has been written.
void fill(StorageMedium& medium) {
  const std::vector<unsigned char> bytes(kPage, 1);
  for (std::uint64_t page = 0; page < kVolumePages; ++page) medium.poke(page, bytes);
}

MoveOrder order_of(std::mt19937_64& random) {
  const std::uint64_t choice = random();
  return {.direction = choice % 2 == 0 ? MoveDirection::out : MoveDirection::in,
          .address = kFrames + choice / 2 % kMemoryFrames * kPage,
          .page = random() % kVolumePages};
}

/// The best of three runs.
template <class Run>
double moves_per_second(Run run) {
  double best = 0;
  for (int i = 0; i < 3; ++i) {
    const std::clock_t start = std::clock();
    run();
    best = std::max(best, static_cast<double>(kMoves) * CLOCKS_PER_SEC / static_cast<double>(std::clock() - start));
  }
  return best;
}

void run_medium(StorageMedium& medium, Ps& at) {
  std::mt19937_64 random(1);
  std::vector<unsigned char> bytes(kPage);
  for (std::uint64_t i = 0; i < kMoves; ++i) {
    const MoveOrder order = order_of(random);
    const MediumRequest request{order.page, 1, at, at};
    at = (order.direction == MoveDirection::out ? medium.write(request, bytes) : medium.read(request, bytes)).done;
  }
}

/// One thread after the other has a page moved over a context of its own.
class Link {
 public:
  Link(const std::string& name, const char* preset, PhysicalMemory& bytes, FrameSource& frames)
      : link_((name + "_link").c_str(), capi1_link()),
        memory_((name + "_memory").c_str(), {}, bytes),
        adapter_((name + "_adapter").c_str(), config_of(preset)),
        volume_((name + "_volume").c_str(), {}, adapter_, bytes, frames) {
    adapter_.memory.bind(link_.from_device);
    link_.to_device.bind(adapter_.control);
    link_.to_root.bind(memory_.port);
    volume_.registers.bind(link_.from_root);
    for (int i = 0; i < 8; ++i) contexts_.push_back(volume_.open());
  }
  void run() {
    fill(adapter_.medium());
    std::mt19937_64 random(1);
    std::vector<Ps> at(contexts_.size(), kernel_now());
    for (std::uint64_t i = 0; i < kMoves; ++i) {
      const std::size_t user = i % contexts_.size();
      at[user] = contexts_[user]->move(order_of(random), std::max(at[user], kernel_now())).done;
      if (user == 0 && at[user] > kernel_now() + kMicrosecond) sc_core::sc_start(delay_until(at[user] - kMicrosecond));
    }
  }

 private:
  static CapiAdapterConfig config_of(const char* preset) {
    CapiAdapterConfig config;
    config.medium = medium_config(preset);
    return config;
  }

  IoLink link_;
  FixedMemory memory_;
  CapiAdapter adapter_;
  CapiVolume volume_;
  std::vector<CapiContext*> contexts_;
};

/// Eight orders at a time.
class Block final : MoveClient {
 public:
  Block(const std::string& name, const char* preset, PhysicalMemory& bytes, FrameSource& frames)
      : link_((name + "_link").c_str(), {}),
        memory_((name + "_memory").c_str(), {}, bytes),
        device_({.medium = medium_config(preset)}),
        engine_((name + "_engine").c_str(), {}),
        volume_((name + "_volume").c_str(), {}, device_, bytes, frames, nullptr, nullptr) {
    engine_.dma.bind(link_.from_device);
    link_.to_device.bind(engine_.control);
    link_.to_root.bind(memory_.port);
    volume_.registers.bind(link_.from_root);
    engine_.run(device_);
    engine_.connect_interrupts(volume_);
  }
  void run() {
    fill(device_.medium());
    left_ = kMoves;
    for (int i = 0; i < 8; ++i) submit();
    while (left_ > 0) sc_core::sc_start(10, sc_core::SC_MS);
    engine_.rethrow_failure();
    volume_.rethrow_failure();
  }

 private:
  void submit() { volume_.submit(order_of(random_), kernel_now(), *this); }
  void moved(const MoveResult& /*result*/) override {
    if (left_ > 0) --left_;
    if (left_ > 0) submit();
  }

  IoLink link_;
  FixedMemory memory_;
  BlockDevice device_;
  DmaEngine engine_;
  BlockVolume volume_;
  std::mt19937_64 random_{1};
  std::uint64_t left_ = 0;
};

}  // namespace

int sc_main(int argc, char** argv) {
  const std::string part = argc > 1 ? argv[1] : "";
  const std::vector<std::pair<const char*, const char*>> media{
      {"z-nand", "z-nand"}, {"tlc-nvme", "tlc-nvme"}, {"3d-xpoint", "3d-xpoint"}, {"remote", nullptr}};
  tlm::tlm_global_quantum::instance().set(to_sc_time(kMicrosecond));
  PhysicalMemory bytes({std::uint64_t{256} << 20});
  FrameAllocator frames({}, Addr{128} << 20, Addr{256} << 20, 1);
  std::vector<std::unique_ptr<Link>> links;
  std::vector<std::unique_ptr<Block>> blocks;
  for (std::size_t i = 0; i < media.size(); ++i) {
    links.push_back(std::make_unique<Link>(fmt::format("link{}", i), media[i].second, bytes, frames));
    blocks.push_back(std::make_unique<Block>(fmt::format("block{}", i), media[i].second, bytes, frames));
  }
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  const auto row = [&part](const std::string& name, const auto& run) {
    if (name.find(part) != std::string::npos)
      fmt::print("{:<28} {:>6.2f} M pages/s\n", name, moves_per_second(run) / 1e6);
  };
  for (std::size_t i = 0; i < media.size(); ++i) {
    const auto medium = make_medium(medium_config(media[i].second));
    fill(*medium);
    Ps at = 0;
    row(fmt::format("medium, {}", media[i].first), [&] { run_medium(*medium, at); });
    row(fmt::format("coherent link, {}", media[i].first), [&] { links[i]->run(); });
    row(fmt::format("block device, {}", media[i].first), [&] { blocks[i]->run(); });
  }
  return 0;
}

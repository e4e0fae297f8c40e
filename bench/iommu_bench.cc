// Host time of a DMA read of 64 bytes through the timed IOMMU, beside a bare chain of three modules (bench/chain.cc): a
// device, the IOMMU, and a memory that answers after a fixed time.
//
// iommu_bench [PART]: accesses per second of CPU time for IOTLB hits and for misses on fresh pages, one stage (Sv39)
// and two (Sv39 over Sv39x4). Payloads, as any TLM-2.0 initiator sends them, and requests for time alone. With PART,
// only the rows whose names contain it.
#include <chrono>
#include <ctime>

#include <fmt/format.h>
#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/transaction.h"
#include "pagoda/iommu/iommu.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/paging/page_table_editor.h"

namespace {

using namespace pagoda;

constexpr std::uint64_t kMemory = std::uint64_t{8} << 30;
constexpr std::uint64_t kFreshPages = 1 << 18;

struct Device : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Device> out{"out"};
  tlm_utils::simple_initiator_socket<Device> control{"control"};
  explicit Device(const sc_core::sc_module_name& name) : sc_module(name) {}
};

class Bench {
 public:
  explicit Bench(std::string part) : part_(std::move(part)) {
    device_.out.bind(iommu_.devices);
    device_.control.bind(iommu_.registers);
    iommu_.memory.bind(memory_.port);
    sc_core::sc_start(sc_core::SC_ZERO_TIME);
    write(0, device_context(1, false));
    write(1, device_context(2, true));
    put(iommu_register::kDdtp, kDirectory >> 2 | 2);  // one level
    sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_US));
    below_.bind(*device_.out.operator->());
  }

  void measure(const std::string& what, std::uint32_t device, std::uint64_t pages, std::uint64_t count, bool payloads) {
    if (what.find(part_) == std::string::npos) return;
    double best = 0;
    for (int run = 0; run < 5; ++run) {
      const std::clock_t start = std::clock();
      payloads ? send_payloads(device, pages, count) : send_timed(device, pages, count);
      best = std::max(best, static_cast<double>(count) / (static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC));
    }
    fmt::print("{:<52} {:>6.2f} M/s\n", what, best / 1e6);
  }

 private:
  static constexpr Addr kDirectory = 0x1000;

  // A context whose device reads kFreshPages pages from IOVA 0 on, in 4 KiB pages.
  std::array<std::uint64_t, 8> device_context(std::uint32_t id, bool two_stages) {
    Stage first{.format = find_page_format("sv39")};
    first.root = *PageTableEditor::make_root(*first.format, store_, frames_);
    Stage second{.format = find_page_format("sv39x4")};
    if (two_stages) {
      second.root = *PageTableEditor::make_root(*second.format, store_, frames_);
      fill(second, kMemory / 4096);
    }
    fill(first, kFreshPages);
    std::array<std::uint64_t, 8> context{};
    context[0] = 1;
    context[1] = two_stages ? std::uint64_t{8} << 60 | std::uint64_t{id} << 44 | second.root >> 12 : 0;
    context[2] = std::uint64_t{id} << 12;
    context[3] = std::uint64_t{8} << 60 | first.root >> 12;
    return context;
  }
  void fill(const Stage& stage, std::uint64_t pages) {
    PageTableEditor editor(stage, store_, frames_);
    for (Addr page = 0; page < pages * 4096; page += 4096) {
      const EditStatus done =
          editor.map(page, {.output = page, .rights = Rights::read | Rights::write | Rights::user | kFlags});
      if (done != EditStatus::ok) fmt::print("cannot map: {}\n", to_string(done));
    }
  }
  void write(std::uint32_t id, const std::array<std::uint64_t, 8>& context) {
    for (std::size_t i = 0; i < context.size(); ++i) store_.write(kDirectory + id * 64 + i * 8, context[i]);
  }
  void put(std::uint32_t offset, std::uint64_t value) {
    Transaction transaction;
    transaction.prepare(tlm::TLM_WRITE_COMMAND, offset, 8, reinterpret_cast<unsigned char*>(&value));
    sc_core::sc_time delay;
    device_.control->b_transport(transaction.payload, delay);
  }

  Addr next_address(std::uint64_t pages) {
    page_ = page_ + 1 >= pages ? 0 : page_ + 1;
    return page_ * 4096 + (page_ & 63) * 64;
  }

  void send_payloads(std::uint32_t device, std::uint64_t pages, std::uint64_t count) {
    Transaction transaction;
    transaction.prepare(tlm::TLM_READ_COMMAND, 0, 64, nullptr);
    transaction.attributes.requester = device;
    transaction.attributes.origin = Origin::dma;
    for (std::uint64_t i = 0; i < count; ++i) {
      transaction.payload.set_address(next_address(pages));
      transaction.payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
      transaction.attributes.time = {};
      sc_core::sc_time delay = delay_until(now_);
      device_.out->b_transport(transaction.payload, delay);
      if (!transaction.payload.is_response_ok()) fmt::print("refused\n");
      now_ += 20'000;
    }
  }
  void send_timed(std::uint32_t device, std::uint64_t pages, std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      TimeSplit time;
      Fault fault;
      TimedRequest request{.address = next_address(pages),
                           .bytes = 64,
                           .info = {.requester = device, .origin = Origin::dma},
                           .floor = 0,
                           .time = &time,
                           .fault = &fault};
      if (!below_.access(request, now_).ok()) fmt::print("refused\n");
      now_ += 20'000;
    }
  }

  std::string part_;
  PhysicalMemory bytes_{{kMemory}};
  MemoryStore store_{bytes_};
  BumpFrames frames_{1 << 20, kMemory};
  Device device_{"device"};
  Iommu iommu_{"iommu", {}};
  FixedMemory memory_{"memory", {}, bytes_};
  Downlink below_;
  Ps now_ = 0;
  std::uint64_t page_ = 0;
};

}  // namespace

int sc_main(int argc, char** argv) {
  Bench bench(argc > 1 ? argv[1] : "");
  for (const bool payloads : {true, false}) {
    const std::string sent = payloads ? "payloads: " : "requests for time alone: ";
    bench.measure(sent + "IOTLB hits", 0, 64, 5'000'000, payloads);
    bench.measure(sent + "IOTLB misses, one stage", 0, kFreshPages, 500'000, payloads);
    bench.measure(sent + "IOTLB misses, two stages", 1, kFreshPages, 300'000, payloads);
  }
  return 0;
}

// An IOMMU with its driver, memory, and devices that do what a test says.
#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <optional>

#include <gtest/gtest.h>
#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/ats_message.h"
#include "pagoda/iommu/iommu.h"
#include "pagoda/memory/fixed_memory.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/software/io_driver.h"
#include "support/bench.h"
#include "support/host_bench.h"

namespace pagoda::testing {

/// A device that makes one access at a time, from a test's thread, and keeps one translation.
class TestDevice : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<TestDevice> dma{"dma"};
  TargetSocket<TestDevice, sc_core::SC_ZERO_OR_MORE_BOUND> control{"control"};

  TestDevice(const sc_core::sc_module_name& name, std::uint32_t id) : sc_module(name), id_(id) {
    control.serve(this, &TestDevice::receive, &TestDevice::debug);
  }

  std::optional<std::uint32_t> pasid;
  Ps answer_time = 0;  ///< from an invalidation to its completion
  std::vector<Ps> invalidated_at;
  std::vector<PageResponse> responses;

  /// An access of 8 bytes, until its end; nothing: refused.
  std::optional<std::uint64_t> read(Addr address, bool translated = false) {
    std::uint64_t value = 0;
    if (!access(tlm::TLM_READ_COMMAND, address, value, translated)) return std::nullopt;
    return value;
  }
  bool write(Addr address, std::uint64_t value, bool translated = false) {
    return access(tlm::TLM_WRITE_COMMAND, address, value, translated);
  }

  /// Asks for a translation of the page, and keeps it until it is invalidated.
  bool translate(Addr address, bool write = false) {
    AtsMessage message;
    message.kind = AtsKind::translation_request;
    message.no_write = !write;
    const bool ok = send(message, address);
    kept_.reset();
    if (!ok || !message.granted.readable || (write && !message.granted.writable)) return false;
    kept_ = Kept{address & ~Addr{0xfff}, message.granted.address & ~Addr{0xfff}};
    return true;
  }
  bool keeps_translation() const { return kept_.has_value(); }
  /// A read as a device with a translation cache makes it: by the kept translation, else a request, else a page
  /// request.
  std::optional<std::uint64_t> read_by_ats(Addr address) {
    for (int attempt = 0; attempt < 2; ++attempt) {
      if ((kept_ && kept_->page == (address & ~Addr{0xfff})) || translate(address)) {
        return read(kept_->to | (address & 0xfff), true);
      }
      if (attempt == 0 && request_page(address) != PageResponse::success) return std::nullopt;
    }
    return std::nullopt;
  }

  /// Asks for a page, and waits for the response.
  PageResponse request_page(Addr address, bool write = false, std::uint16_t group = 0) {
    const std::size_t before = responses.size();
    send_page_request(address, write, group, true);
    while (responses.size() == before) sc_core::wait(responded_);
    return responses.back();
  }
  void send_page_request(Addr address, bool write, std::uint16_t group, bool last) {
    AtsMessage message;
    message.kind = AtsKind::page_request;
    message.wants_read = true;
    message.wants_write = write;
    message.last = last;
    message.group = group;
    send(message, address & ~Addr{0xfff});
  }

 private:
  struct Kept {
    Addr page, to;
  };

  void prepare(Transaction& transaction) {
    transaction.attributes.requester = id_;
    transaction.attributes.origin = Origin::dma;
    transaction.attributes.privilege = Privilege::user;
    transaction.attributes.has_pasid = pasid.has_value();
    transaction.attributes.pasid = pasid.value_or(0);
  }
  bool transport(Transaction& transaction) {
    sc_core::sc_time delay;
    dma->b_transport(transaction.payload, delay);
    sc_core::wait(delay);
    return transaction.payload.is_response_ok();
  }
  bool access(tlm::tlm_command command, Addr address, std::uint64_t& value, bool translated) {
    Transaction transaction;
    transaction.prepare(command, address, sizeof value, reinterpret_cast<unsigned char*>(&value));
    prepare(transaction);
    transaction.attributes.access = command == tlm::TLM_WRITE_COMMAND ? AccessKind::write : AccessKind::read;
    transaction.attributes.translated = translated;
    return transport(transaction);
  }
  bool send(AtsMessage& message, Addr address) {
    Transaction transaction;
    transaction.prepare(tlm::TLM_IGNORE_COMMAND, address, 0, nullptr);
    prepare(transaction);
    transaction.payload.set_extension(&message);
    const bool ok = transport(transaction);
    transaction.payload.clear_extension(&message);
    return ok;
  }
  unsigned debug(tlm::tlm_generic_payload& /*payload*/) { return 0; }
  void receive(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    const AtsMessage& message = *payload.get_extension<AtsMessage>();
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    if (message.kind == AtsKind::page_response) {
      responses.push_back(message.response);
      responded_.notify(delay);
      return;
    }
    const Addr address = payload.get_address();
    const bool hit = kept_ && (message.page_shift >= 64 || (kept_->page ^ address) >> message.page_shift == 0);
    if (hit) kept_.reset();
    delay += to_sc_time(answer_time);
    invalidated_at.push_back(local_time(delay));
  }

  std::uint32_t id_;
  std::optional<Kept> kept_;
  sc_core::sc_event responded_;
};

struct IoDriverBench : ::testing::Test {
  static constexpr Ps kMemory = 100'000;
  static constexpr std::uint64_t kMemoryBytes = std::uint64_t{1} << 30;

  /// Everything but the devices.
  void build(const IoDriverConfig& config = {}, const IommuConfig& iommu_config = {}, bool wires = true) {
    iommu.emplace("iommu", iommu_config);
    iommu->memory.bind(dram.port);
    driver.emplace("driver", config, store, frames);
    driver->registers.bind(iommu->registers);
    software.out.bind(iommu->registers);
    if (!wires) return;
    for (const IommuInterrupt cause :
         {IommuInterrupt::command_queue, IommuInterrupt::fault_queue, IommuInterrupt::page_request_queue}) {
      driver->connect_interrupt(cause, iommu->wire(static_cast<unsigned>(cause)));
    }
  }
  TestDevice& device(std::uint32_t id, bool answers = true) {
    TestDevice& made = devices.emplace_back(sc_core::sc_gen_unique_name("device"), id);
    made.dma.bind(iommu->devices);
    if (answers) iommu->connect(id, made.control);
    return made;
  }
  /// Runs the test's threads to their end.
  template <class... Body>
  void run(Body... bodies) {
    std::size_t ended = 0;
    const auto start = [&](const std::function<void()>& body) {
      scripts.emplace_back(sc_core::sc_gen_unique_name("script"), [&ended, body] {
        body();
        ++ended;
      });
    };
    (start(bodies), ...);
    sc_core::sc_start();
    driver->rethrow_failure();
    EXPECT_EQ(ended, sizeof...(bodies)) << "a thread waits for what does not come";
  }

  Addr frame(std::uint64_t bytes = 4096) { return *frames.allocate(bytes); }
  std::uint64_t reg(std::uint32_t offset, unsigned bytes) {
    const std::vector<unsigned char> data = software.debug_read(offset, bytes);
    std::uint64_t value = 0;
    std::memcpy(&value, data.data(), data.size());
    return value;
  }
  static double stat(const std::string& path) { return all_stats().number(path); }

  PhysicalMemory memory{{kMemoryBytes}};
  MemoryStore store{memory};
  FrameAllocator frames{{.order = FrameOrder::sequential, .contiguity_2m = 1}, Addr{1} << 20, kMemoryBytes, 1};
  FixedMemory dram{"dram", {.latency = Latency::time(kMemory)}, memory};
  Initiator software{"software"};
  std::optional<Iommu> iommu;
  std::optional<IoDriver> driver;
  std::deque<TestDevice> devices;
  std::deque<Script> scripts;
};

/// A process that a device with translation services works in.
struct ProcessBench : IoDriverBench {
  void build_process(const char* format = "sv48", const IoDriverConfig& config = {}, const PagePolicy& policy = {}) {
    build(config);
    space.emplace(*find_page_format(format), StageControls{}, policy, store, frames);
    domain = &driver->share(*space);
    nic = &attach(3);
  }
  TestDevice& attach(std::uint32_t id) {
    TestDevice& made = device(id);
    driver->attach(id, *domain, {.ats = true, .page_requests = true});
    return made;
  }
  /// The process's page, mapped; where it is in memory.
  Addr touch(Addr address) {
    space->ensure(address);
    const MappedPage page = *space->editor().find(address);
    return page.output + (address - page.input);
  }

  std::optional<AddressSpace> space;
  IoDomain* domain = nullptr;
  TestDevice* nic = nullptr;
};

}  // namespace pagoda::testing

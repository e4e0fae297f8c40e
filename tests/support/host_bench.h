// A host for devices in tests: memory behind a table of pages that stands for an IOMMU, and its messages to devices.
#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include <gtest/gtest.h>
#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/ats_message.h"
#include "pagoda/base/module.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/base/transaction.h"
#include "pagoda/memory/physical_memory.h"

namespace pagoda::testing {

/// Untranslated addresses go through `pages` (4 KiB, by number); translated ones are memory's. Page requests go to
/// `on_page_request`. Bytes move when a request is made, `kMemory` before it is answered.
class HostBench : public sc_core::sc_module, private TimedTarget {
 public:
  static constexpr Ps kMemory = 100'000;
  static constexpr Ps kTranslation = 200'000;

  struct Page {
    Addr number;
    bool readable = true;
    bool writable = true;
  };
  struct Seen {
    Addr address;
    std::uint32_t bytes;
    bool write;
    bool translated;
    std::uint32_t requester;
    Ps at;
  };

  TargetSocket<HostBench> port{"port"};
  tlm_utils::simple_initiator_socket_optional<HostBench> to_device{"to_device"};

  explicit HostBench(const sc_core::sc_module_name& name) : sc_module(name) {
    port.serve(this, &HostBench::b_transport, &HostBench::debug);
    port.serve_timed(this);
  }

  PhysicalMemory memory{{std::uint64_t{1} << 30}};
  std::map<Addr, Page> pages;
  std::function<void(Addr address, bool write, std::uint16_t group, Ps at)> on_page_request;
  std::vector<Seen> seen;

  void map(Addr first, std::size_t count, Addr to) {
    for (Addr i = 0; i < count; ++i) pages[first + i] = {to + i};
  }
  /// The host's address of what a device calls `address`.
  unsigned char* at(Addr address) { return memory.data(pages.at(address >> 12).number << 12 | (address & 0xfff)); }
  template <class T>
  T get(Addr address) {
    T value;
    std::memcpy(&value, at(address), sizeof value);
    return value;
  }
  template <class T>
  void put(Addr address, T value) {
    std::memcpy(at(address), &value, sizeof value);
  }

  struct Reply {
    Ps done;
    tlm::tlm_response_status status;
  };
  Reply invalidate(Addr address, unsigned page_shift, Ps at, std::uint32_t requester = 0) {
    AtsMessage message;
    message.kind = AtsKind::invalidation;
    message.page_shift = static_cast<std::uint8_t>(page_shift);
    return send(message, address, at, requester);
  }
  Reply answer_page_request(std::uint16_t group, PageResponse response, Ps at, std::uint32_t requester = 0) {
    AtsMessage message;
    message.kind = AtsKind::page_response;
    message.group = group;
    message.response = response;
    return send(message, 0, at, requester);
  }
  Reply write_register(Addr address, std::uint64_t value, Ps at, unsigned length = 8) {
    return transfer(tlm::TLM_WRITE_COMMAND, address, reinterpret_cast<unsigned char*>(&value), length, at);
  }
  std::uint64_t read_register(Addr address, Ps at = kernel_now()) {
    std::uint64_t value = 0;
    EXPECT_EQ(transfer(tlm::TLM_READ_COMMAND, address, reinterpret_cast<unsigned char*>(&value), 8, at).status,
              tlm::TLM_OK_RESPONSE);
    return value;
  }

 private:
  Reply send(AtsMessage& message, Addr address, Ps at, std::uint32_t requester) {
    Transaction transaction;
    transaction.prepare(tlm::TLM_IGNORE_COMMAND, address, 0, nullptr);
    transaction.attributes.requester = requester;
    transaction.payload.set_extension(&message);
    const Reply reply = transport(transaction, at);
    transaction.payload.clear_extension(&message);
    return reply;
  }
  Reply transfer(tlm::tlm_command command, Addr address, unsigned char* data, unsigned length, Ps at) {
    Transaction transaction;
    transaction.prepare(command, address, length, data);
    return transport(transaction, at);
  }
  Reply transport(Transaction& transaction, Ps at) {
    sc_core::sc_time delay = delay_until(at);
    to_device->b_transport(transaction.payload, delay);
    return {local_time(delay), transaction.payload.get_response_status()};
  }

  // Nothing: refused.
  std::optional<Addr> translate(Addr address, std::uint32_t bytes, bool write, bool translated) {
    if (translated) return memory.contains(address, bytes) ? std::optional(address) : std::nullopt;
    const auto page = pages.find(address >> 12);
    if (page == pages.end() || !(write ? page->second.writable : page->second.readable)) return std::nullopt;
    return page->second.number << 12 | (address & 0xfff);
  }

  TimedAnswer access(TimedRequest& request, Ps at) override {
    EXPECT_LE(request.address % 4096 + request.bytes, 4096u) << "no request crosses a page";
    seen.push_back(
        {request.address, request.bytes, request.is_write(), request.info.translated, request.info.requester, at});
    (*request.time)[TimePart::dram] += kMemory;
    const auto address = translate(request.address, request.bytes, request.is_write(), request.info.translated);
    if (!address) return {at + kMemory, tlm::TLM_ADDRESS_ERROR_RESPONSE};
    request.address = *address;
    return {at + kMemory};
  }

  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    Attributes& attributes = *payload.get_extension<Attributes>();
    if (auto* message = payload.get_extension<AtsMessage>()) return receive(payload, *message, attributes, delay);
    TimedRequest request{.address = payload.get_address(),
                         .bytes = payload.get_data_length(),
                         .info = attributes.info(),
                         .time = &attributes.time,
                         .fault = &attributes.fault};
    request.info.access = payload.is_write() ? AccessKind::write : AccessKind::read;
    const TimedAnswer answer = access(request, local_time(delay));
    delay = delay_until(answer.done);
    payload.set_response_status(answer.status());
    if (!answer.ok() || payload.get_data_ptr() == nullptr) return;
    unsigned char* const bytes = memory.data(request.address);
    payload.is_write() ? std::memcpy(bytes, payload.get_data_ptr(), request.bytes)
                       : std::memcpy(payload.get_data_ptr(), bytes, request.bytes);
  }

  void receive(tlm::tlm_generic_payload& payload, AtsMessage& message, Attributes& attributes,
               sc_core::sc_time& delay) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    const Addr address = payload.get_address();
    if (message.kind == AtsKind::page_request) {
      if (!on_page_request) payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
      if (on_page_request) on_page_request(address, message.wants_write, message.group, local_time(delay));
      return;
    }
    delay += to_sc_time(kTranslation);
    attributes.time[TimePart::walk] += kTranslation;
    message.granted.page_shift = 12;
    const auto page = pages.find(address >> 12);
    if (page == pages.end()) return;
    message.granted.address = page->second.number << 12;
    message.granted.readable = page->second.readable;
    message.granted.writable = page->second.writable && !message.no_write;
  }

  unsigned debug(tlm::tlm_generic_payload& /*payload*/) { return 0; }
};

/// A thread of a test: what it does may wait.
class Script : public sc_core::sc_module {
 public:
  Script(const sc_core::sc_module_name& name, std::function<void()> what) : sc_module(name), what_(std::move(what)) {
    SC_HAS_PROCESS(Script);
    SC_THREAD(execute);
  }
  static void wait_until(Ps time) { sc_core::wait(delay_until(time)); }

 private:
  void execute() { what_(); }

  std::function<void()> what_;
};

}  // namespace pagoda::testing

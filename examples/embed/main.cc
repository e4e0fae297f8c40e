// Pagoda's MMU between two modules that know nothing of Pagoda: an initiator that sends virtual addresses, and a memory
// that gets physical ones. Both are plain TLM-2.0 with the sockets of tlm_utils.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <vector>

#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

#include "pagoda/mmu/mmu.h"
#include "pagoda/paging/page_table_editor.h"

namespace {

constexpr pagoda::Addr kCode = 0x400000;
constexpr pagoda::Addr kData = 0x7f0000001000;
constexpr pagoda::Addr kUnmapped = 0x500000;

// 16 MiB that answer after 50 ns.
class Memory : public sc_core::sc_module {
 public:
  tlm_utils::simple_target_socket<Memory> port{"port"};

  explicit Memory(const sc_core::sc_module_name& name) : sc_module(name), bytes_(16 << 20) {
    port.register_b_transport(this, &Memory::b_transport);
    port.register_transport_dbg(this, &Memory::transport_dbg);
  }

  unsigned char* at(pagoda::Addr address) { return &bytes_.at(address); }

 private:
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    delay += sc_core::sc_time(50, sc_core::SC_NS);
    std::cout << "    memory: " << (payload.is_write() ? "write" : "read") << " of " << payload.get_data_length()
              << " bytes at 0x" << std::hex << payload.get_address() << std::dec << "\n";
    payload.set_response_status(transport_dbg(payload) == payload.get_data_length() ? tlm::TLM_OK_RESPONSE
                                                                                    : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  }

  unsigned transport_dbg(tlm::tlm_generic_payload& payload) {
    const std::uint64_t address = payload.get_address();
    const unsigned length = payload.get_data_length();
    if (address > bytes_.size() || length > bytes_.size() - address) return 0;
    if (payload.is_write()) std::memcpy(at(address), payload.get_data_ptr(), length);
    if (payload.is_read()) std::memcpy(payload.get_data_ptr(), at(address), length);
    return length;
  }

  std::vector<unsigned char> bytes_;
};

// The same memory as the page-table editor sees it: words, without time.
class TableStore : public pagoda::ByteStore {
 public:
  explicit TableStore(Memory& memory) : memory_(memory) {}

  std::uint64_t read(pagoda::Addr address) override {
    std::uint64_t value = 0;
    std::memcpy(&value, memory_.at(address), sizeof value);
    return value;
  }
  void write(pagoda::Addr address, std::uint64_t value) override {
    std::memcpy(memory_.at(address), &value, sizeof value);
  }

 private:
  Memory& memory_;
};

class Initiator : public sc_core::sc_module {
 public:
  SC_HAS_PROCESS(Initiator);
  tlm_utils::simple_initiator_socket<Initiator> socket{"socket"};

  explicit Initiator(const sc_core::sc_module_name& name) : sc_module(name) { SC_THREAD(run); }

 private:
  void run() {
    access("first load", tlm::TLM_READ_COMMAND, kData + 0x28);
    access("again", tlm::TLM_READ_COMMAND, kData + 0x28);
    access("store", tlm::TLM_WRITE_COMMAND, kData + 0x30);
    access("load of code", tlm::TLM_READ_COMMAND, kCode);
    access("store to code", tlm::TLM_WRITE_COMMAND, kCode);
    access("load of nothing", tlm::TLM_READ_COMMAND, kUnmapped);
  }

  void access(const char* what, tlm::tlm_command command, pagoda::Addr address) {
    std::array<unsigned char, 8> data{};
    tlm::tlm_generic_payload payload;
    payload.set_command(command);
    payload.set_address(address);
    payload.set_data_ptr(data.data());
    payload.set_data_length(data.size());
    payload.set_streaming_width(data.size());
    payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
    // Optional: says more about the access than TLM can, and brings back why it was refused.
    pagoda::Attributes attributes;
    attributes.privilege = pagoda::Privilege::user;
    payload.set_extension(&attributes);

    std::cout << what << ": virtual 0x" << std::hex << address << std::dec << "\n";
    sc_core::sc_time delay;
    socket->b_transport(payload, delay);
    wait(delay);
    std::cout << "    " << payload.get_response_string() << " after " << delay;
    if (attributes.fault) std::cout << ", " << to_string(attributes.fault.cause);
    std::cout << "\n";
    payload.clear_extension(&attributes);
  }
};

// Page tables from 1 MiB on: one page of data, one of read-only code.
pagoda::Stage make_tables(pagoda::ByteStore& store) {
  pagoda::BumpFrames frames(1 << 20, 2 << 20);
  pagoda::Stage stage{.format = pagoda::find_page_format("x86-64-4")};
  const auto root = pagoda::PageTableEditor::make_root(*stage.format, store, frames);
  if (!root) std::abort();
  stage.root = *root;

  using pagoda::Rights;
  const Rights flags = Rights::read | Rights::user | Rights::accessed | Rights::dirty;
  pagoda::PageTableEditor editor(stage, store, frames);
  const auto data = editor.map(kData, {.output = 0x234000, .rights = flags | Rights::write});
  const auto code = editor.map(kCode, {.output = 0x235000, .rights = flags | pagoda::kExecuteBoth});
  if (data != pagoda::EditStatus::ok || code != pagoda::EditStatus::ok) std::abort();
  return stage;
}

}  // namespace

int sc_main(int /*argc*/, char** /*argv*/) {
  Initiator initiator("initiator");
  pagoda::MmuConfig config;  // 64-entry first-level TLBs, 1536-entry second level, walk caches: see mmu_config.h
  config.clock = pagoda::Frequency{2'000'000'000};
  pagoda::Mmu mmu("mmu", config);
  Memory memory("memory");
  initiator.socket.bind(mmu.data);
  mmu.data_memory.bind(memory.port);

  TableStore store(memory);
  mmu.set_context({.stages = {make_tables(store)}, .tag = {.asid = 1}});
  sc_core::sc_start();
  return 0;
}

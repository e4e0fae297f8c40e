// Somebody else's memory, which grants no direct pointer and waits inside b_transport, as TLM-2.0 allows.
#pragma once

#include <cstdint>
#include <vector>

#include <systemc>
#include <tlm_utils/simple_target_socket.h>

#include "pagoda/base/module.h"

namespace pagoda::testing {

struct WaitingMemory : sc_core::sc_module {
  static constexpr Ps kLatency = 50'000;

  tlm_utils::simple_target_socket<WaitingMemory> port{"port"};
  std::vector<unsigned char> bytes = std::vector<unsigned char>(4096);
  std::uint64_t reads = 0;
  std::uint64_t writes = 0;

  explicit WaitingMemory(const sc_core::sc_module_name& name) : sc_module(name) {
    port.register_b_transport(this, &WaitingMemory::b_transport);
    port.register_transport_dbg(this, &WaitingMemory::debug);
  }

  /// Moves the bytes that it has.
  unsigned debug(tlm::tlm_generic_payload& payload) {
    unsigned moved = 0;
    for (; moved < payload.get_data_length() && payload.get_address() + moved < bytes.size(); ++moved) {
      unsigned char& byte = bytes[payload.get_address() + moved];
      payload.is_write() ? byte = payload.get_data_ptr()[moved] : payload.get_data_ptr()[moved] = byte;
    }
    return moved;
  }

 private:
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    ++(payload.is_write() ? writes : reads);
    debug(payload);
    wait(delay + to_sc_time(kLatency));
    delay = sc_core::SC_ZERO_TIME;
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
};

}  // namespace pagoda::testing

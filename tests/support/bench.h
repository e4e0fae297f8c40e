// A bench for one TLM module: an initiator that makes single requests at chosen times, without running the kernel.
#pragma once

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>
#include <systemc>
#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/module.h"
#include "pagoda/base/transaction.h"

namespace pagoda::testing {

struct Request {
  Addr address = 0;
  AccessKind kind = AccessKind::read;
  unsigned length = 8;
  Ps at = 0;
  Privilege privilege = Privilege::user;
  bool plain = false;                 ///< without Attributes, as from somebody else's initiator
  std::vector<unsigned char> data{};  ///< to write; empty: the access is timing-only unless `read_back`
  bool read_back = false;
  std::vector<unsigned char> enables{};
};

struct Reply {
  Ps done = 0;
  tlm::tlm_response_status status = tlm::TLM_INCOMPLETE_RESPONSE;
  Fault fault;
  TimeSplit time;
  std::vector<unsigned char> data;

  bool ok() const { return status == tlm::TLM_OK_RESPONSE; }
};

class Initiator : public sc_core::sc_module {
 public:
  tlm_utils::simple_initiator_socket<Initiator> out{"out"};

  explicit Initiator(const sc_core::sc_module_name& name) : sc_module(name) {}

  Reply ask(const Request& request) {
    Transaction transaction;
    Reply reply;
    reply.data = request.data;
    if (request.read_back) reply.data.resize(request.length);
    transaction.prepare(request.kind == AccessKind::write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND,
                        request.address, request.length, reply.data.empty() ? nullptr : reply.data.data());
    transaction.attributes.access = request.kind;
    transaction.attributes.privilege = request.privilege;
    std::vector<unsigned char> enables = request.enables;
    if (!enables.empty()) {
      transaction.payload.set_byte_enable_ptr(enables.data());
      transaction.payload.set_byte_enable_length(static_cast<unsigned>(enables.size()));
    }
    if (request.plain) transaction.payload.clear_extension(&transaction.attributes);
    sc_core::sc_time delay = delay_until(request.at);
    out->b_transport(transaction.payload, delay);
    EXPECT_EQ(transaction.payload.get_address(), request.address) << "the initiator's payload came back changed";
    reply.done = local_time(delay);
    reply.status = transaction.payload.get_response_status();
    reply.fault = transaction.attributes.fault;
    reply.time = transaction.attributes.time;
    if (!request.plain && reply.ok()) {
      EXPECT_EQ(reply.time.total(), reply.done - request.at) << "every picosecond is accounted for";
    }
    return reply;
  }

  std::vector<unsigned char> debug_read(Addr address, unsigned length) {
    std::vector<unsigned char> data(length);
    tlm::tlm_generic_payload payload;
    payload.set_read();
    payload.set_address(address);
    payload.set_data_ptr(data.data());
    payload.set_data_length(length);
    data.resize(out->transport_dbg(payload));
    return data;
  }
};

/// The statistics of the elaborated modules.
inline StatNode all_stats() {
  StatNode root;
  StatReader reader(root);
  visit_all_stats(reader);
  return root;
}

}  // namespace pagoda::testing

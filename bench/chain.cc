// The ceiling for a simulator of this shape: an initiator, two modules that pass b_transport on, and a target that adds
// a latency. No model in it.
//
// chain [ACCESSES]: prints accesses per second.
#include <chrono>
#include <cstdlib>

#include <fmt/format.h>
#include <systemc>
#include <tlm>
#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>

namespace {

struct Source : sc_core::sc_module {
  tlm_utils::simple_initiator_socket<Source> out{"out"};
  explicit Source(const sc_core::sc_module_name& name) : sc_module(name) {}

  void access(std::uint64_t count) {
    tlm::tlm_generic_payload payload;
    unsigned char data[8] = {};
    payload.set_read();
    payload.set_data_ptr(data);
    payload.set_data_length(sizeof data);
    payload.set_streaming_width(sizeof data);
    for (std::uint64_t i = 0; i < count; ++i) {
      sc_core::sc_time delay;
      payload.set_address(i * 8);
      payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
      out->b_transport(payload, delay);
      total += delay;
    }
  }
  sc_core::sc_time total;
};

struct Link : sc_core::sc_module {
  tlm_utils::simple_target_socket<Link> in{"in"};
  tlm_utils::simple_initiator_socket<Link> out{"out"};
  explicit Link(const sc_core::sc_module_name& name) : sc_module(name) {
    in.register_b_transport(this, &Link::b_transport);
  }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    delay += latency;
    out->b_transport(payload, delay);
  }
  sc_core::sc_time latency{1, sc_core::SC_NS};
};

struct Target : sc_core::sc_module {
  tlm_utils::simple_target_socket<Target> in{"in"};
  explicit Target(const sc_core::sc_module_name& name) : sc_module(name) {
    in.register_b_transport(this, &Target::b_transport);
  }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
    delay += latency;
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
  }
  sc_core::sc_time latency{10, sc_core::SC_NS};
};

}  // namespace

int sc_main(int argc, char** argv) {
  const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 50'000'000;
  Source source("source");
  Link first("first");
  Link second("second");
  Target target("target");
  source.out.bind(first.in);
  first.out.bind(second.in);
  second.out.bind(target.in);
  sc_core::sc_start(sc_core::SC_ZERO_TIME);
  const auto start = std::chrono::steady_clock::now();
  source.access(count);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  const bool right = source.total == static_cast<double>(count) * sc_core::sc_time(12, sc_core::SC_NS);
  fmt::print("{:.0f}\n", static_cast<double>(count) / took.count());
  return right ? 0 : 1;
}

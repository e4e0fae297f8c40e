// The target socket of Pagoda's modules: any number of initiators of any kind may bind to it.
//
// tlm_utils::simple_target_socket takes one initiator and multi_passthrough_target_socket no non-blocking one; this
// takes both. A b_transport of Pagoda's never waits, so a non-blocking request is answered by early completion: the
// time it takes is in the annotated delay (IEEE 1666-2011, 15.2.6.4: TLM_COMPLETED on BEGIN_REQ).
#pragma once

#include "pagoda/base/timed_target.h"

namespace pagoda {

template <class Owner, sc_core::sc_port_policy Policy = sc_core::SC_ONE_OR_MORE_BOUND>
class TargetSocket : public tlm::tlm_target_socket<32, tlm::tlm_base_protocol_types, 0, Policy>, private TimedPort {
 public:
  using Transport = void (Owner::*)(tlm::tlm_generic_payload&, sc_core::sc_time&);
  using Debug = unsigned (Owner::*)(tlm::tlm_generic_payload&);
  using DirectPointer = bool (Owner::*)(tlm::tlm_generic_payload&, tlm::tlm_dmi&);

  explicit TargetSocket(const char* name) : tlm::tlm_target_socket<32, tlm::tlm_base_protocol_types, 0, Policy>(name) {
    this->bind(static_cast<tlm::tlm_fw_transport_if<>&>(*this));
  }

  /// Who serves the requests. Without `direct_pointer` none is granted.
  void serve(Owner* owner, Transport transport, Debug debug, DirectPointer direct_pointer = nullptr) {
    owner_ = owner;
    transport_ = transport;
    debug_ = debug;
    direct_pointer_ = direct_pointer;
  }

  /// Who serves requests for time alone; without, initiators use b_transport for those too.
  void serve_timed(TimedTarget* target) { timed_target_ = target; }

  /// Takes direct pointers back from all initiators.
  void invalidate_direct_pointers(sc_dt::uint64 start, sc_dt::uint64 end) {
    for (int i = 0; i < this->get_base_port().size(); ++i) (*this)[i]->invalidate_direct_mem_ptr(start, end);
  }

 private:
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) override {
    (owner_->*transport_)(payload, delay);
  }
  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay) override {
    if (phase == tlm::BEGIN_REQ) (owner_->*transport_)(payload, delay);
    return tlm::TLM_COMPLETED;
  }
  unsigned transport_dbg(tlm::tlm_generic_payload& payload) override { return (owner_->*debug_)(payload); }
  bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) override {
    if (direct_pointer_ != nullptr) return (owner_->*direct_pointer_)(payload, dmi);
    dmi.allow_none();
    dmi.set_start_address(0);
    dmi.set_end_address(~sc_dt::uint64{0});
    return false;
  }

  Owner* owner_ = nullptr;
  Transport transport_ = nullptr;
  Debug debug_ = nullptr;
  DirectPointer direct_pointer_ = nullptr;
};

}  // namespace pagoda

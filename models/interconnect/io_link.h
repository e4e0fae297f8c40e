// A PCI Express link between devices and the root.
//
// Models: packets (TLPs) with their headers on a wire in each direction. Upstream, a write is cut at multiples of the
// maximum payload size, a read at multiples of the maximum read-request size, so that no packet crosses 4 KiB (PCI
// Express Base Specification, 2.2.7); each packet reaches the root as a request of its own. A read holds a tag from
// when its request is sent until its last completion has arrived; its data come back in completions that end at
// multiples of the read completion boundary. The root's receive buffer is bounded: a write holds a credit, one packet's
// place, until the root has carried it out and the credit has come back; a read request likewise a non-posted one.
// Translation requests, page requests, invalidations and page responses (base/ats_message.h) are packets of the sizes
// that PCIe chapter 10 gives them; a PASID is 4 bytes of prefix (6.20). Does not model: data credits by 16 bytes (a
// credit has room for a packet of any size), credits of the device, order between requests (each is carried out when it
// arrives), switches' own links and buffers, errors and retries of the link.
//
// Time of a lone request of n bytes in one packet: the request on the wire + latency + the root, and for a read the
// completions on the wire + latency. A write is done when the root has carried it out.
//
// Sockets: `from_device` (any number of initiators) -> `to_root`; `from_root` -> `to_device` (any number of targets;
// attach() says which is whose, unless there is only one). Requests for time alone take the short way upstream.
// transport_dbg passes both ways; direct pointers pass upstream to models that keep time themselves. Errors: what the
// root refuses ends the request there, the packets behind are not sent; a read then takes an empty completion. A
// request downstream that nobody is attached for is an address error, one larger than a packet a burst error.
#pragma once

#include <vector>

#include <tlm_utils/multi_passthrough_initiator_socket.h>
#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/ats_message.h"
#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/interconnect/io_link_config.h"
#include "pagoda/interconnect/serial_lane.h"

namespace pagoda {

class IoLink : public Module, private TimedTarget {
 public:
  TargetSocket<IoLink> from_device{"from_device"};
  tlm_utils::simple_initiator_socket<IoLink> to_root{"to_root"};
  TargetSocket<IoLink, sc_core::SC_ZERO_OR_MORE_BOUND> from_root{"from_root"};
  tlm_utils::multi_passthrough_initiator_socket<IoLink, 32, tlm::tlm_base_protocol_types, 0,
                                                sc_core::SC_ZERO_OR_MORE_BOUND>
      to_device{"to_device"};

  IoLink(const sc_core::sc_module_name& name, const IoLinkConfig& config);

  /// The `output`-th target bound to to_device is the device with this requester number, and has the registers at
  /// [base, base + size).
  void attach(int output, std::uint32_t requester, Addr base, std::uint64_t size);

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Device {
    std::uint32_t requester;
    Addr base;
    std::uint64_t size;
    int output;
  };
  // How many of something bounded are held, and how long others wait for it.
  struct Pool {
    Servers places;
    Ps typical = 1;
    std::uint64_t wait = 0;
    Probe in_use{};

    Servers::Slot acquire(Ps at);
    void release(Ps floor, Servers::Slot slot, Ps end);
  };

  void end_of_elaboration() override;
  TimedAnswer access(TimedRequest& request, Ps at) override;
  TimedTarget* forewarned() override { return below_.forewarned(); }
  void upstream(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void downstream(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void send_message(tlm::tlm_generic_payload& payload, const AtsMessage& message, sc_core::sc_time& delay);
  unsigned debug_upstream(tlm::tlm_generic_payload& payload);
  unsigned debug_downstream(tlm::tlm_generic_payload& payload);
  bool direct_pointer(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi);
  void invalidate_direct_pointers(sc_dt::uint64 start, sc_dt::uint64 end);

  template <class Send>
  TimedAnswer serve(const TimedRequest& request, Ps at, Send send);
  template <class Send>
  TimedAnswer post(TimedRequest& request, Ps at, Send send);
  template <class Send>
  TimedAnswer fetch(TimedRequest& request, Ps at, std::uint64_t answer_bytes, Send send);
  Ps complete(SerialLane& lane, const TimedRequest& request, Ps at, std::uint64_t bytes);
  Ps carry(SerialLane& lane, const TimedRequest& request, Ps at, std::uint64_t header, std::uint64_t payload);
  std::uint64_t request_bytes(const RequestInfo& info) const;
  int output_for(const tlm::tlm_generic_payload& payload, const AtsMessage* message, std::uint32_t requester);

  std::uint64_t framing_;
  std::uint64_t request_header_;
  std::uint64_t completion_header_;
  std::uint64_t max_payload_;
  std::uint64_t max_read_request_;
  std::uint64_t boundary_;
  std::uint64_t max_completion_;
  Ps latency_;
  SerialLane up_;
  SerialLane down_;
  Pool tags_;
  Pool posted_;
  Pool non_posted_;
  Downlink below_;
  std::vector<Device> devices_;

  std::uint64_t reads_ = 0, writes_ = 0, messages_ = 0, downstream_ = 0, refused_ = 0;
  Ps counting_since_ = 0;
};

}  // namespace pagoda

// Tells of writes that pass: a module between two others that changes nothing and takes no time.
#pragma once

#include <functional>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/target_socket.h"

namespace pagoda {

class WriteTap : public Module, private TimedTarget {
 public:
  TargetSocket<WriteTap> in{"in"};
  tlm_utils::simple_initiator_socket<WriteTap> out{"out"};

  using Observer = std::function<void(Addr address, std::uint32_t bytes, const RequestInfo& info)>;

  /// `observer` is told of every write that has been carried out.
  WriteTap(const sc_core::sc_module_name& name, Observer observer);

 private:
  void end_of_elaboration() override { below_.bind(*out.operator->()); }
  TimedAnswer access(TimedRequest& request, Ps at) override;
  TimedTarget* forewarned() override { return below_.forewarned(); }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& payload) { return out->transport_dbg(payload); }

  Observer observer_;
  Downlink below_;
};

}  // namespace pagoda

#include "platforms/write_tap.h"

#include <utility>

namespace pagoda {

WriteTap::WriteTap(const sc_core::sc_module_name& name, Observer observer)
    : Module(name), observer_(std::move(observer)) {
  in.serve(this, &WriteTap::b_transport, &WriteTap::debug);
  in.serve_timed(this);
}

TimedAnswer WriteTap::access(TimedRequest& request, Ps at) {
  if (!request.is_write()) return below_.access(request, at);
  const Addr address = request.address;
  const std::uint32_t bytes = request.bytes;
  const RequestInfo info = request.info;
  const TimedAnswer answer = below_.access(request, at);
  if (answer.ok()) observer_(address, bytes, info);
  return answer;
}

void WriteTap::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const bool write = payload.is_write();
  const Addr address = payload.get_address();
  const AttributesOf owner(payload);
  const RequestInfo info = owner->info();
  out->b_transport(payload, delay);
  if (write && payload.is_response_ok()) observer_(address, payload.get_data_length(), info);
}

}  // namespace pagoda

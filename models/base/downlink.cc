#include "pagoda/base/downlink.h"

#include <algorithm>

#include <boost/container/small_vector.hpp>

namespace pagoda {

void Downlink::bind(Below& below) {
  below_ = &below;
  if (auto* port = dynamic_cast<TimedPort*>(&below)) timed_ = port->timed_target();
  data_.emplace(below);
}

TimedAnswer Downlink::access_data(TimedRequest& request, Ps at, unsigned char* bytes) {
  if (timed_ == nullptr) return transport(request, at, bytes);
  const tlm::tlm_command command = request.is_write() ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND;
  const Addr address = request.address;
  const unsigned length = request.bytes;
  data_->prefetch(address);
  TimedAnswer answer = timed_->access(request, at);
  if (answer.ok() && !data_->move(command, address, bytes, length)) {
    answer.set_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
  }
  return answer;
}

TimedAnswer Downlink::access_by_payload(const TimedRequest& request, Ps at) {
  boost::container::small_vector<unsigned char, 64> bytes(request.bytes);
  if (request.is_write() && !data_->move(tlm::TLM_READ_COMMAND, request.address, bytes.data(), request.bytes)) {
    return {at, tlm::TLM_ADDRESS_ERROR_RESPONSE};
  }
  return transport(request, at, bytes.data());
}

TimedAnswer Downlink::transport(const TimedRequest& request, Ps at, unsigned char* bytes) {
  const auto transaction = transactions_.lease();
  Attributes& attributes = transaction->attributes;
  transaction->prepare(request.is_write() ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, request.address,
                       request.bytes, bytes);
  attributes.info() = request.info;
  sc_core::sc_time delay = delay_until(at);
  below_->b_transport(transaction->payload, delay);
  const Ps done = std::max(at, local_time(delay));
  // What a component without attributes took is memory time to us.
  const Ps explained = attributes.time.total();
  if (explained < done - at) attributes.time[TimePart::dram] += done - at - explained;
  *request.time += attributes.time;
  if (attributes.fault) *request.fault = attributes.fault;
  return {done, transaction->payload.get_response_status()};
}

}  // namespace pagoda

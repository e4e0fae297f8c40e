#include "pagoda/interconnect/io_link.h"

#include <algorithm>
#include <utility>

#include "pagoda/base/payload_part.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kPasidPrefix = 4;       // PCI Express Base Specification, 6.20
constexpr std::uint64_t kTranslation = 8;       // data of a translation completion (10.2.3)
constexpr std::uint64_t kInvalidationBody = 8;  // data of an invalidation request (10.3.1)

/// Sends packets on as requests for time alone.
struct SendTimed {
  Downlink& below;

  TimedAnswer operator()(TimedRequest& packet, Ps at) const { return below.access(packet, at); }
};

/// Sends a payload on, whole or in parts.
struct SendPayload {
  tlm::tlm_generic_payload& payload;
  Attributes& attributes;
  Downlink& below;

  TimedAnswer operator()(TimedRequest& packet, Ps at) const {
    sc_core::sc_time delay = delay_until(at);
    if (packet.bytes == payload.get_data_length()) {
      // What is below accounts for its time in the payload, and the packet is explained elsewhere.
      const TimeSplit before = std::exchange(attributes.time, {});
      below->b_transport(payload, delay);
      *packet.time += std::exchange(attributes.time, before);
      return {local_time(delay), payload.get_response_status()};
    }
    PayloadPart part(payload, attributes, static_cast<unsigned>(packet.address - payload.get_address()), packet.bytes,
                     packet.address);
    below->b_transport(part->payload, delay);
    *packet.time += part->attributes.time;
    if (part->attributes.fault) attributes.fault = part->attributes.fault;
    return {local_time(delay), part->payload.get_response_status()};
  }
};

}  // namespace

Servers::Slot IoLink::Pool::acquire(Ps at) {
  const Servers::Slot slot = places.acquire(at, typical);
  wait += slot.start - at;
  return slot;
}

void IoLink::Pool::release(Ps floor, Servers::Slot slot, Ps end) {
  places.release(floor, slot, end);
  typical = std::max<Ps>(end - slot.start, 1);
  in_use.during(slot.start, end);
}

IoLink::IoLink(const sc_core::sc_module_name& name, const IoLinkConfig& config)
    : Module(name),
      framing_(validated(config, this->name()).framing.count),
      request_header_(config.request_header.count),
      completion_header_(config.completion_header.count),
      max_payload_(config.max_payload.count),
      max_read_request_(config.max_read_request.count),
      boundary_(config.read_completion_boundary.count),
      max_completion_(config.completion_per_boundary ? boundary_ : max_payload_),
      latency_(config.latency.ps),
      up_(config.ps_per_byte()),
      down_(config.ps_per_byte()),
      tags_{Servers(config.read_tags)},
      posted_{Servers(config.posted_credits)},
      non_posted_{Servers(config.non_posted_credits)} {
  from_device.serve(this, &IoLink::upstream, &IoLink::debug_upstream, &IoLink::direct_pointer);
  from_device.serve_timed(this);
  from_root.serve(this, &IoLink::downstream, &IoLink::debug_downstream);
  to_root.register_invalidate_direct_mem_ptr(this, &IoLink::invalidate_direct_pointers);
}

void IoLink::attach(int output, std::uint32_t requester, Addr base, std::uint64_t size) {
  devices_.push_back({requester, base, size, output});
}

void IoLink::end_of_elaboration() { below_.bind(*to_root.operator->()); }

TimedAnswer IoLink::access(TimedRequest& request, Ps at) { return serve(request, at, SendTimed{below_}); }

void IoLink::upstream(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (const auto* message = payload.get_extension<AtsMessage>()) return send_message(payload, *message, delay);
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) return to_root->b_transport(payload, delay);
  const AttributesOf owner(payload);
  TimedRequest request{.address = payload.get_address(),
                       .bytes = payload.get_data_length(),
                       .info = owner->info(),
                       .floor = kernel_now(),
                       .time = &owner->time,
                       .fault = &owner->fault};
  request.info.access = payload.is_write() ? AccessKind::write : AccessKind::read;
  const std::uint64_t limit = payload.is_write() ? max_payload_ : max_read_request_;
  if (request.bytes > limit - request.address % limit && !PayloadPart::possible(payload)) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return;
  }
  const TimedAnswer answer = serve(request, local_time(delay), SendPayload{payload, *owner, below_});
  delay = delay_of_answer(answer.done, owner->time);
  payload.set_response_status(answer.status());
}

// All packets at once, as the wire takes them: the last one to be done decides, and explains the time.
template <class Send>
TimedAnswer IoLink::serve(const TimedRequest& request, Ps at, Send send) {
  const bool write = request.is_write();
  const std::uint64_t limit = write ? max_payload_ : max_read_request_;
  ++(write ? writes_ : reads_);
  TimedAnswer last(at);
  TimeSplit longest;
  std::uint64_t offset = 0;
  do {
    TimeSplit time;
    TimedRequest packet = request;
    packet.address += offset;
    packet.bytes = static_cast<std::uint32_t>(std::min(request.bytes - offset, limit - packet.address % limit));
    packet.time = &time;
    offset += packet.bytes;
    const TimedAnswer answer = write ? post(packet, at, send) : fetch(packet, at, packet.bytes, send);
    if (answer.done >= last.done) {
      last.done = answer.done;
      longest = time;
    }
    last.set_status(answer.status());
  } while (offset < request.bytes && last.ok());
  *request.time += longest;
  if (!last.ok()) ++refused_;
  return last;
}

// A write, or a message that nobody answers. What is below may change the request: its packet is put together first.
template <class Send>
TimedAnswer IoLink::post(TimedRequest& request, Ps at, Send send) {
  const Ps floor = request.floor;
  TimeSplit& time = *request.time;
  const std::uint64_t header = request_bytes(request.info);
  const Servers::Slot credit = posted_.acquire(up_.earliest(at, header + request.bytes));
  time[TimePart::queue] += credit.start - at;
  const TimedAnswer answer = send(request, carry(up_, request, credit.start, header, request.bytes));
  posted_.release(floor, credit, answer.done + latency_);
  return answer;
}

// A request with an answer of so many bytes.
template <class Send>
TimedAnswer IoLink::fetch(TimedRequest& request, Ps at, std::uint64_t answer_bytes, Send send) {
  const TimedRequest asked = request;
  const std::uint64_t header = request_bytes(request.info);
  const Servers::Slot tag = tags_.acquire(up_.earliest(at, header));
  const Servers::Slot credit = non_posted_.acquire(tag.start);
  (*asked.time)[TimePart::queue] += credit.start - at;
  TimedAnswer answer = send(request, carry(up_, asked, credit.start, header, 0));
  non_posted_.release(asked.floor, credit, answer.done + latency_);
  answer.done = complete(down_, asked, answer.done, answer.ok() ? answer_bytes : 0);
  tags_.release(asked.floor, tag, answer.done);
  return answer;
}

// The answer to a request: completions that end at multiples of the boundary, at least one; when the last has arrived.
Ps IoLink::complete(SerialLane& lane, const TimedRequest& request, Ps at, std::uint64_t bytes) {
  Ps sent = at;
  Ps busy = 0;
  Addr begin = request.address;
  const Addr end = begin + bytes;
  do {
    const Addr limit = (begin + max_completion_) / boundary_ * boundary_;
    const std::uint64_t payload = std::min(end - begin, limit - begin);
    const auto passage = lane.carry(request.floor, sent, framing_ + completion_header_ + payload, payload);
    busy += passage.end - passage.start;
    sent = passage.end;
    begin += payload;
  } while (begin != end);
  (*request.time)[TimePart::queue] += sent - at - busy;
  (*request.time)[TimePart::link] += busy + latency_;
  return sent + latency_;
}

// One packet; when it has arrived.
Ps IoLink::carry(SerialLane& lane, const TimedRequest& request, Ps at, std::uint64_t header, std::uint64_t payload) {
  const auto passage = lane.carry(request.floor, at, header + payload, payload);
  (*request.time)[TimePart::queue] += passage.start - at;
  (*request.time)[TimePart::link] += passage.end - passage.start + latency_;
  return passage.end + latency_;
}

std::uint64_t IoLink::request_bytes(const RequestInfo& info) const {
  return framing_ + request_header_ + (info.has_pasid ? kPasidPrefix : 0);
}

// A message from a device.
void IoLink::send_message(tlm::tlm_generic_payload& payload, const AtsMessage& message, sc_core::sc_time& delay) {
  const AttributesOf owner(payload);
  TimedRequest request{.info = owner->info(), .floor = kernel_now(), .time = &owner->time, .fault = &owner->fault};
  const Ps at = local_time(delay);
  const auto send = [&](const TimedRequest&, Ps arrival) -> TimedAnswer {
    sc_core::sc_time rest = delay_until(arrival);
    to_root->b_transport(payload, rest);
    return {local_time(rest), payload.get_response_status()};
  };
  ++messages_;
  Ps done = at;
  switch (message.kind) {
    case AtsKind::translation_request: done = fetch(request, at, kTranslation, send).done; break;
    case AtsKind::page_request: done = post(request, at, send).done; break;
    case AtsKind::invalidation:
    case AtsKind::page_response: payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE); break;
  }
  delay = delay_of_answer(done, owner->time);
}

// Registers of devices, and messages to them.
void IoLink::downstream(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const AttributesOf owner(payload);
  const auto* message = payload.get_extension<AtsMessage>();
  const int output = output_for(payload, message, owner->requester);
  if (output < 0) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return;
  }
  const std::uint64_t length = message != nullptr ? 0 : payload.get_data_length();
  if (length > max_payload_) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return;
  }
  ++downstream_;
  const bool invalidation = message != nullptr && message->kind == AtsKind::invalidation;
  const TimedRequest request{.address = payload.get_address(),
                             .info = owner->info(),
                             .floor = kernel_now(),
                             .time = &owner->time,
                             .fault = &owner->fault};
  const std::uint64_t body = invalidation ? kInvalidationBody : payload.is_write() ? length : 0;
  delay = delay_until(carry(down_, request, local_time(delay), request_bytes(request.info), body));
  to_device[output]->b_transport(payload, delay);
  Ps done = local_time(delay);
  if (invalidation) done = carry(up_, request, done, framing_ + request_header_, 0);
  if (message == nullptr && payload.is_read())
    done = complete(up_, request, done, payload.is_response_ok() ? length : 0);
  delay = delay_of_answer(done, owner->time);
}

int IoLink::output_for(const tlm::tlm_generic_payload& payload, const AtsMessage* message, std::uint32_t requester) {
  if (devices_.empty()) return to_device.size() == 1 ? 0 : -1;
  for (const Device& device : devices_) {
    const bool its =
        message != nullptr ? device.requester == requester : payload.get_address() - device.base < device.size;
    if (its) return device.output;
  }
  return -1;
}

unsigned IoLink::debug_upstream(tlm::tlm_generic_payload& payload) { return to_root->transport_dbg(payload); }

unsigned IoLink::debug_downstream(tlm::tlm_generic_payload& payload) {
  const int output = output_for(payload, nullptr, 0);
  return output < 0 ? 0 : to_device[output]->transport_dbg(payload);
}

bool IoLink::direct_pointer(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& dmi) {
  const Attributes* attributes = payload.get_extension<Attributes>();
  if (attributes != nullptr && attributes->keeps_time) return to_root->get_direct_mem_ptr(payload, dmi);
  dmi.allow_none();
  return false;
}

void IoLink::invalidate_direct_pointers(sc_dt::uint64 start, sc_dt::uint64 end) {
  below_.data().forget_pointers();
  from_device.invalidate_direct_pointers(start, end);
}

void IoLink::visit_stats(StatVisitor& v) {
  const Ps elapsed = kernel_now() - counting_since_;
  v.enter("up");
  up_.visit_stats(v, elapsed);
  v.leave();
  v.enter("down");
  down_.visit_stats(v, elapsed);
  v.leave();
  v.counter("reads", reads_, kCount, "reads by devices");
  v.counter("writes", writes_, kCount, "writes by devices");
  v.counter("messages", messages_, kCount, "translation and page requests by devices");
  v.counter("downstream", downstream_, kCount, "register accesses and messages to devices");
  v.counter("refused", refused_, kCount, "reads and writes that the root refused");
  v.counter("tag_wait", tags_.wait, kTimeInNs, "time requests waited for a tag");
  v.counter("posted_credit_wait", posted_.wait, kTimeInNs, "time writes waited for room at the root");
  v.counter("non_posted_credit_wait", non_posted_.wait, kTimeInNs, "time read requests waited for room at the root");
  if (v.clears()) counting_since_ = kernel_now();
}

void IoLink::visit_probes(ProbeVisitor& v) {
  v.enter("up");
  up_.visit_probes(v);
  v.leave();
  v.enter("down");
  down_.visit_probes(v);
  v.leave();
  v.probe("tags", tags_.in_use, 13, "tags in use");
  v.probe("posted_credits", posted_.in_use, 13, "posted credits in use");
  v.probe("non_posted_credits", non_posted_.in_use, 13, "non-posted credits in use");
}

}  // namespace pagoda

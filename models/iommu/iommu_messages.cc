// The messages between an IOMMU and its devices: RISC-V IOMMU 1.0, "PCIe ATS translation request handling" and "PCIe
// ATS Page Request handling".
#include <algorithm>

#include "pagoda/base/transaction.h"
#include "pagoda/iommu/iommu.h"

namespace pagoda {
namespace {

tlm::tlm_response_status response_of(IommuStatus status) {
  switch (status) {
    case IommuStatus::success: return tlm::TLM_OK_RESPONSE;
    case IommuStatus::unsupported_request: return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    case IommuStatus::completer_abort: return tlm::TLM_GENERIC_ERROR_RESPONSE;
  }
  return tlm::TLM_GENERIC_ERROR_RESPONSE;
}

}  // namespace

void Iommu::take_message(tlm::tlm_generic_payload& payload, const Attributes& attributes, AtsMessage& message,
                         TimeSplit& time, sc_core::sc_time& delay) {
  const CallsUnderWay::Call call(calls_);
  Ps at = local_time(delay);
  const std::uint32_t device_id = attributes.requester & 0xffffff;
  const std::uint32_t process_id = attributes.has_pasid ? attributes.pasid & 0xfffff : 0;
  const bool supervisor = attributes.has_pasid && attributes.privilege == Privilege::supervisor;
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  if (message.kind == AtsKind::translation_request) {
    const IommuRequest request{.device_id = device_id,
                               .process_id = process_id,
                               .has_process = attributes.has_pasid,
                               .supervisor = supervisor,
                               .type = IommuRequestType::translation_request,
                               .access = message.wants_execute ? AccessKind::fetch : AccessKind::read,
                               .no_write = message.no_write,
                               .address = payload.get_address()};
    payload.set_response_status(answer_translation_request(request, message, time, at));
  } else if (message.kind == AtsKind::page_request) {
    at = take_page_request({.device_id = device_id,
                            .process_id = process_id,
                            .has_process = attributes.has_pasid,
                            .supervisor = supervisor,
                            .execute = message.wants_execute && attributes.has_pasid,
                            .read = message.wants_read,
                            .write = message.wants_write,
                            .last = message.last,
                            .group = message.group,
                            .page = payload.get_address() & ~low_mask(kPageShift)},
                           time, at);
  } else {
    payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);  // these go the other way
  }
  delay = delay_of_answer(at, time);
}

tlm::tlm_response_status Iommu::answer_translation_request(const IommuRequest& request, AtsMessage& message,
                                                           TimeSplit& time, Ps& at) {
  const IommuEngine::Outcome outcome = look_up(request, kernel_now(), at, time);
  const IommuAnswer& answer = outcome.answer;
  at = outcome.done;
  message.granted = {.page_shift = kPageShift};  // also if nothing is granted
  if (answer.cause == IommuCause::none) {
    message.granted = {.address = answer.address,
                       .page_shift = std::max<std::uint8_t>(answer.page_shift, kPageShift),
                       .readable = answer.readable,
                       .writable = answer.writable,
                       .executable = answer.executable,
                       .untranslated_only = answer.untranslated_only,
                       .global = answer.global};
  }
  return response_of(answer.status);
}

// Puts a page request into its queue, or sees to the answer itself; when that is done.
Ps Iommu::take_page_request(const PageRequestRecord& record, TimeSplit& time, Ps at) {
  ++page_requests_;
  StructurePort port(tables_below_, record.device_id, kernel_now());
  const IommuSetup setup = registers_file_->setup();
  IommuEngine::Context context{.done = at};
  if (setup.directory.mode == IommuMode::off) {
    context.cause = IommuCause::all_inbound_disallowed;
  } else if (setup.directory.mode == IommuMode::bare) {
    context.cause = IommuCause::type_disallowed;
  } else {
    context = engine_.find_device(record.device_id, kernel_now(), at, port, time);
  }
  const bool known = context.cause == IommuCause::none;
  if (known && !context.device.page_requests()) context.cause = IommuCause::type_disallowed;
  const bool with_process = known && context.device.pasid_in_responses();
  if (context.cause != IommuCause::none) {
    if (!known || !context.device.hides_faults()) report(FaultRecord::of(record, context.cause), context.done);
    answer_later(record, response_to(context.cause), with_process, context.done);
    return context.done;
  }
  page_request_writer_.add({record, with_process, context.done},
                           [this](const PageRequestToWrite& next) { write_page_request(next); });
  switch_event_.notify(sc_core::SC_ZERO_TIME);
  return context.done;
}

void Iommu::write_page_request(const PageRequestToWrite& request) {
  PageRequestQueue& queue = registers_file_->page_requests();
  local_now_ = request.at;
  const RecordQueue::Slot slot = queue.claim();
  RecordQueue::Drop dropped = slot.drop;
  if (dropped == RecordQueue::Drop::none) {
    const auto words = to_words(request.record.encode(registers_file_->byte_order()), std::endian::little);
    const StructurePort::Answer stored = own_port().store(slot.address, words, request.at);
    page_requests_until_ = stored.done;
    local_now_ = stored.done;
    if (stored.refused == FaultCause::none) {
      queue.written();
      page_request_queue_probe_.set(stored.done, queue.tail());
    } else {
      queue.refused();
      dropped = RecordQueue::Drop::memory_fault;
    }
  }
  if (dropped == RecordQueue::Drop::none) return;
  ++page_requests_dropped_;
  answer_later(request.record, response_to(dropped), request.with_process, local_now_);
}

void Iommu::answer_later(const PageRequestRecord& record, PageResponse response, bool with_process, Ps at) {
  const auto answer = automatic_answer(record, response, with_process);
  if (!answer) return;
  Response later{.at = at, .device_id = record.device_id, .group = record.group, .response = answer->response};
  if (answer->with_process) later.process_id = record.process_id;
  responses_.push_back(later);
  response_event_.notify(sc_core::SC_ZERO_TIME);
}

// A thread, as devices may wait.
void Iommu::send_responses() {
  while (true) {
    const auto next = std::min_element(responses_.begin(), responses_.end(),
                                       [](const Response& a, const Response& b) { return a.at < b.at; });
    if (next == responses_.end()) {
      wait(response_event_);
    } else if (next->at > kernel_now()) {
      wait(delay_until(next->at), response_event_);
    } else {
      const Response response = *next;
      responses_.erase(next);
      AtsMessage message;
      message.kind = AtsKind::page_response;
      message.group = response.group;
      message.response = response.response;
      Ps at = kernel_now();
      send_message(response.device_id, response.process_id, 0, message, at);
    }
  }
}

// Sends a message; `at` becomes the time of its completion. Where no device is attached, nobody answers.
tlm::tlm_response_status Iommu::send_message(std::uint32_t device_id, std::optional<std::uint32_t> process_id,
                                             Addr address, AtsMessage& message, Ps& at) {
  ++messages_;
  const auto known = outputs_.find(device_id);
  if (known == outputs_.end() && to_devices.size() != 1) return tlm::TLM_INCOMPLETE_RESPONSE;
  const int output = known != outputs_.end() ? known->second : 0;
  Transaction transaction;
  transaction.prepare(tlm::TLM_IGNORE_COMMAND, address, 0, nullptr);
  transaction.attributes.requester = device_id;
  transaction.attributes.has_pasid = process_id.has_value();
  transaction.attributes.pasid = process_id.value_or(0);
  transaction.attributes.origin = Origin::dma;
  transaction.payload.set_extension(&message);
  sc_core::sc_time delay = delay_until(at);
  to_devices[output]->b_transport(transaction.payload, delay);
  transaction.payload.clear_extension(&message);
  at = std::max(at, local_time(delay));
  return transaction.payload.get_response_status();
}

}  // namespace pagoda

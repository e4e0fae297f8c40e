#include "pagoda/devices/dma_engine.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace pagoda {

namespace {

// The log's traffic: untranslated and for no process, so that only who owns the device can say where it goes.
DmaConfig log_traffic(const DmaConfig& config) {
  DmaConfig own = config;
  own.pasid.reset();
  own.supervisor = false;
  own.atc.reset();
  own.request_size = {64};
  own.in_order = false;
  own.outstanding = config.dirty_log->outstanding;
  return own;
}

}  // namespace

DmaEngine::Log::Log(DmaEngine& owner, const DmaConfig& config)
    : engine(owner), own(log_traffic(config), owner.agenda_, owner), logger(*config.dirty_log, config.clock.period()) {
  logger.watch(owner.channel_, owner.agenda_);
  logger.attach(*this);
}

DmaEngine::DmaEngine(const sc_core::sc_module_name& name, const DmaConfig& config)
    : Module(name),
      requester_(validated(config, this->name()).requester),
      register_base_(config.register_base),
      register_latency_(config.register_latency.at(config.clock.period())),
      channel_(config, agenda_, *this),
      suspend_([this](bool suspended, Ps at) { suspended ? channel_.suspend() : channel_.resume(at); }) {
  suspend_.attach(*this);
  if (config.dirty_log) log_ = std::make_unique<Log>(*this, config);
  control.serve(this, &DmaEngine::b_transport, &DmaEngine::debug);
  SC_HAS_PROCESS(DmaEngine);
  SC_THREAD(execute);
}

void DmaEngine::run(DeviceFunction& function) {
  function_ = &function;
  function.attach(*this);
}

void DmaEngine::execute() {
  thread_ = sc_core::sc_get_current_process_handle();
  failure_.guard([this] {
    for (;;) {
      const Ps end = kernel_now() + tlm::tlm_global_quantum::instance().compute_local_quantum().value();
      run_tasks(end);
      wait_for_work();
    }
  });
}

// Those that are due now or before the end of the quantum.
void DmaEngine::run_tasks(Ps end) {
  in_task_ = true;
  while (!agenda_.empty() && (agenda_.next() < end || agenda_.next() <= kernel_now())) {
    const Ps now = kernel_now();
    channel_.set_floor(now);
    if (log_) log_->own.set_floor(now);
    agenda_.run_next(now);
  }
  in_task_ = false;
}

void DmaEngine::wait_for_work() {
  const Ps now = kernel_now();
  if (!agenda_.empty()) {
    wait(to_sc_time(agenda_.next() - now), work_);
  } else if (finished_ && finished_at_ > now) {
    wait(to_sc_time(finished_at_ - now), work_);
  } else {
    if (finished_ && finish_callback_) std::exchange(finish_callback_, nullptr)();
    wait(work_);
  }
}

void DmaEngine::post(Ps at, AgendaTask& task) {
  agenda_.add(at, task);
  if (!in_task_) work_.notify(sc_core::SC_ZERO_TIME);
}

void DmaEngine::raise_interrupt(std::uint32_t vector, Ps at) {
  if (sink_ != nullptr) sink_->interrupt(requester_, vector, at);
}

void DmaEngine::finish(Ps at) {
  finished_ = true;
  finished_at_ = at;
}

// --- to the host ---

TimedAnswer DmaEngine::access(TimedRequest& request, Ps at, unsigned char* bytes) {
  under_way_ = true;
  TimedAnswer answer(at);
  if (bytes == nullptr) {
    answer = below_.access(request, at);
  } else {
    const auto transaction = transactions_.lease();
    transaction->prepare(request.is_write() ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, request.address,
                         request.bytes, bytes);
    transaction->attributes.info() = request.info;
    sc_core::sc_time delay = delay_until(at);
    dma->b_transport(transaction->payload, delay);
    answer = {std::max(at, local_time(delay)), transaction->payload.get_response_status()};
    TimeSplit& time = transaction->attributes.time;
    // What a component without attributes took is memory time to us.
    if (time.total() < answer.done - at) time[TimePart::dram] += answer.done - at - time.total();
    *request.time += time;
    *request.fault = transaction->attributes.fault;
  }
  under_way_ = false;
  ++returned_;
  returned_done_ = answer.done;
  request_returned_.notify();
  return answer;
}

HostPort::Translation DmaEngine::translate(const TimedRequest& cause, bool no_write, Ps at) {
  AtsMessage message;
  message.kind = AtsKind::translation_request;
  message.no_write = no_write;
  const TimedAnswer answer = send(message, cause, at);
  return {.done = answer.done, .answered = answer.ok(), .grant = message.granted};
}

TimedAnswer DmaEngine::request_page(const TimedRequest& cause, std::uint16_t group, Ps at) {
  AtsMessage message;
  message.kind = AtsKind::page_request;
  message.wants_read = !cause.is_write();
  message.wants_write = cause.is_write();
  message.last = true;
  message.group = group;
  return send(message, cause, at);
}

TimedAnswer DmaEngine::send(AtsMessage& message, const TimedRequest& cause, Ps at) {
  constexpr Addr kPageMask = 0xfff;
  const auto transaction = transactions_.lease();
  transaction->prepare(tlm::TLM_IGNORE_COMMAND, cause.address & ~kPageMask, 0, nullptr);
  transaction->attributes.info() = cause.info;
  transaction->payload.set_extension(&message);
  sc_core::sc_time delay = delay_until(at);
  dma->b_transport(transaction->payload, delay);
  transaction->payload.clear_extension(&message);
  const Ps done = std::max(at, local_time(delay));
  TimeSplit& time = transaction->attributes.time;
  if (time.total() < done - at) time[TimePart::walk] += done - at - time.total();
  *cause.time += time;
  return {done, transaction->payload.get_response_status()};
}

// --- from the host ---

void DmaEngine::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (const auto* message = payload.get_extension<AtsMessage>()) return receive(payload, *message, delay);
  const AttributesOf owner(payload);
  owner->time[TimePart::link] += register_latency_;
  delay += to_sc_time(register_latency_);
  payload.set_response_status(access_register(payload, local_time(delay)));
}

void DmaEngine::receive(tlm::tlm_generic_payload& payload, const AtsMessage& message, sc_core::sc_time& delay) {
  const AttributesOf owner(payload);
  const Ps at = local_time(delay);
  payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
  if (message.kind == AtsKind::page_response) {
    if (channel_.answer_page_request(message.group, message.response, at)) {
      payload.set_response_status(tlm::TLM_OK_RESPONSE);
      work_.notify(sc_core::SC_ZERO_TIME);
    }
  } else if (message.kind == AtsKind::invalidation) {
    const std::optional<Ps> done = invalidate({.address = payload.get_address(),
                                               .page_shift = message.page_shift,
                                               .has_pasid = owner->has_pasid,
                                               .pasid = owner->pasid,
                                               .all_processes = message.all_processes},
                                              at);
    if (!done) return;
    owner->time[TimePart::queue] += *done - at;
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    delay = delay_until(*done);
  }
}

std::optional<Ps> DmaEngine::invalidate(const AtcInvalidation& what, Ps at) {
  const std::optional<Ps> drained = channel_.invalidate(what, at);
  const sc_core::sc_process_handle caller = sc_core::sc_get_current_process_handle();
  if (!drained || !under_way_ || caller == thread_ || caller.proc_kind() != sc_core::SC_THREAD_PROC_) return drained;
  const std::uint64_t before = returned_;
  while (returned_ == before) wait(request_returned_);
  return std::max({*drained, returned_done_, kernel_now()});
}

bool DmaEngine::write_register(Addr offset, std::uint64_t value, Ps at) {
  if (offset == kSuspend) {
    suspend_.post(at, value != 0);
    return true;
  }
  if (offset >= kLog && log_) return log_->logger.write_register(offset - kLog, value, at);
  return function_ != nullptr && function_->write_register(offset, value, at);
}

std::optional<std::uint64_t> DmaEngine::read_register(Addr offset, Ps at) {
  if (offset == kSuspend) {
    const std::optional<Ps> quiet = channel_.quiet_since();
    return !channel_.suspended() ? 0 : quiet && *quiet <= at ? 2 : 1;
  }
  if (offset >= kLog && log_) return log_->logger.read_register(offset - kLog, at);
  return function_ != nullptr ? function_->read_register(offset, at) : std::nullopt;
}

tlm::tlm_response_status DmaEngine::access_register(tlm::tlm_generic_payload& payload, Ps at) {
  const Addr offset = payload.get_address() - register_base_;
  const unsigned length = payload.get_data_length();
  if (offset >= kRegisterBytes) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  if ((length != 4 && length != 8) || offset % length != 0 || payload.get_streaming_width() < length) {
    return tlm::TLM_BURST_ERROR_RESPONSE;
  }
  if (payload.get_byte_enable_ptr() != nullptr) return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
  if (payload.get_data_ptr() == nullptr) return tlm::TLM_GENERIC_ERROR_RESPONSE;
  const unsigned half = offset % 8;
  if (payload.is_write()) {
    std::uint64_t value = 0;
    std::memcpy(&value, payload.get_data_ptr(), length);
    const bool taken = half == 0 && write_register(offset, value, at);
    return taken ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE;
  }
  const std::optional<std::uint64_t> value = read_register(offset - half, at);
  if (!value) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  const std::uint64_t shown = *value >> (8 * half);
  std::memcpy(payload.get_data_ptr(), &shown, length);
  return tlm::TLM_OK_RESPONSE;
}

void DmaEngine::visit_stats(StatVisitor& v) {
  channel_.visit_stats(v);
  if (log_) {
    v.enter("dirty_log");
    log_->logger.visit_stats(v);
    v.enter("dma");
    log_->own.visit_stats(v);
    v.leave();
    v.leave();
  }
  if (function_ != nullptr) function_->visit_stats(v);
}

void DmaEngine::visit_probes(ProbeVisitor& v) {
  channel_.visit_probes(v);
  if (log_) {
    v.enter("dirty_log");
    log_->logger.visit_probes(v);
    v.leave();
  }
  if (function_ != nullptr) function_->visit_probes(v);
}

}  // namespace pagoda

#include "pagoda/iommu/iommu.h"

#include <algorithm>
#include <cstring>

#include <boost/container/small_vector.hpp>
#include <fmt/format.h>

namespace pagoda {
namespace {

constexpr unsigned kWires = 16;

bool cacheable(MemoryType type) { return type == MemoryType::platform || type == MemoryType::write_back; }

FaultCause cause_of(IommuCause cause) {
  switch (cause) {
    case IommuCause::dma_denied: return FaultCause::withheld;
    case IommuCause::ddt_entry_invalid:
    case IommuCause::pdt_entry_invalid:
    case IommuCause::msi_entry_invalid:
    case IommuCause::copy_missing: return FaultCause::not_present;
    case IommuCause::ddt_entry_misconfigured:
    case IommuCause::pdt_entry_misconfigured:
    case IommuCause::msi_entry_misconfigured: return FaultCause::misconfiguration;
    case IommuCause::ddt_corrupt:
    case IommuCause::pdt_corrupt:
    case IommuCause::msi_table_corrupt:
    case IommuCause::mrif_corrupt:
    case IommuCause::page_table_corrupt: return FaultCause::poison;
    case IommuCause::fetch_access_fault:
    case IommuCause::read_access_fault:
    case IommuCause::write_access_fault:
    case IommuCause::ddt_load_access_fault:
    case IommuCause::pdt_load_access_fault:
    case IommuCause::msi_load_access_fault:
    case IommuCause::mrif_access_fault: return FaultCause::access_error;
    default: return FaultCause::permission;
  }
}

Fault fault_of(const TimedRequest& request, FaultCause cause) {
  return {.cause = cause,
          .access = request.info.access,
          .privilege = request.info.privilege,
          .virtual_address = request.address,
          .stage_address = request.address};
}

IommuRequest request_of(const RequestInfo& info, Addr address) {
  return {.device_id = info.requester & 0xffffff,
          .process_id = info.has_pasid ? info.pasid & 0xfffff : 0,
          .has_process = info.has_pasid,
          .supervisor = info.has_pasid && info.privilege == Privilege::supervisor,
          .type = info.translated ? IommuRequestType::translated : IommuRequestType::untranslated,
          .access = info.access,
          .address = address};
}

}  // namespace

Iommu::Iommu(const sc_core::sc_module_name& name, const IommuConfig& config)
    : Module(name), config_(validated(config, this->name())), engine_(config, config.period()) {
  devices.serve(this, &Iommu::device_transport, &Iommu::refuse_debug);
  devices.serve_timed(this);
  registers.serve(this, &Iommu::register_transport, &Iommu::debug_registers);
  for (unsigned vector = 0; vector < kWires; ++vector) {
    wires_.push_back(std::make_unique<sc_core::sc_signal<bool>>(fmt::format("wire{}", vector).c_str()));
  }
  reset(config.capabilities.capabilities());
  SC_HAS_PROCESS(Iommu);
  SC_THREAD(run_agent);
  SC_THREAD(send_responses);
  SC_METHOD(move_wires);
  sensitive << wire_event_;
  dont_initialize();
  SC_METHOD(finish_switches);
  sensitive << switch_event_;
  dont_initialize();
  SC_METHOD(watch_cycles);
  sensitive << cycles_event_;
  dont_initialize();
}

Iommu::~Iommu() = default;

void Iommu::reset(const IommuCapabilities& capabilities) {
  IommuRegisterFile::Options options{.capabilities = capabilities,
                                     .event_counters = std::max(1u, config_.capabilities.counters),
                                     .custom_formats = config_.capabilities.custom_formats,
                                     .dma_control = config_.dma_control};
  Listener& listener = *this;
  registers_file_ = std::make_unique<IommuRegisterFile>(options, listener);
  engine_.set_setup(registers_file_->setup());
  engine_.forget();
  messages_lost_ = false;
  wire_changes_.clear();
  for (unsigned vector = 0; vector < kWires; ++vector) wire_changes_.push_back({kernel_now(), vector, false});
  wire_event_.notify(sc_core::SC_ZERO_TIME);
}

void Iommu::end_of_elaboration() {
  memory_below_.bind(*memory.operator->());
  tables_below_.bind(tables.size() > 0 ? *tables.operator->() : *memory.operator->());
}

unsigned Iommu::refuse_debug(tlm::tlm_generic_payload& /*payload*/) { return 0; }

void Iommu::device_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const AttributesOf owner(payload);
  Attributes& attributes = *owner;
  attributes.fault = {};  // of an earlier use of the payload
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) {
    if (AtsMessage* const message = payload.get_extension<AtsMessage>()) {
      take_message(payload, attributes, *message, attributes.time, delay);
    } else {
      payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
    }
    return;
  }
  TimedRequest request{.address = payload.get_address(),
                       .bytes = payload.get_data_length(),
                       .info = attributes.info(),
                       .floor = kernel_now(),
                       .time = &attributes.time,
                       .fault = &attributes.fault};
  if (payload.is_write()) request.info.access = AccessKind::write;
  if (payload.is_read() && request.info.access == AccessKind::write) request.info.access = AccessKind::read;
  const TimedAnswer answer =
      serve(request, local_time(delay), &payload, PayloadSender(payload, attributes, memory_below_));
  delay = delay_of_answer(answer.done, attributes.time);
  payload.set_response_status(answer.status());
  payload.set_dmi_allowed(false);  // memory's hint is about its own addresses
}

TimedAnswer Iommu::access(TimedRequest& request, Ps at) {
  return serve(request, at, nullptr, TimedSender(memory_below_));
}

template <class Sender>
inline TimedAnswer Iommu::serve(TimedRequest& request, Ps at, tlm::tlm_generic_payload* payload, Sender sender) {
  const CallsUnderWay::Call call(calls_);
  if ((request.address & low_mask(kPageShift)) + request.bytes > low_mask(kPageShift) + 1) {
    return serve_crossing(request, at, sender);
  }
  TranslatedPiece piece{.at = at, .length = request.bytes};
  if (!translate_again(request, piece)) {
    IommuAnswer answer;
    if (!translate(request, piece, answer)) return {piece.at, tlm::TLM_ADDRESS_ERROR_RESPONSE};
    if (answer.mrif) return access_mrif(request, payload, answer, piece.at);
  }
  return send(request, piece, sender);
}

// A request that leaves a 4 KiB page: all of it is translated before any part is carried out.
template <class Sender>
[[gnu::noinline]] TimedAnswer Iommu::serve_crossing(TimedRequest& request, Ps at, Sender& sender) {
  ++crossings_;
  boost::container::small_vector<TranslatedPiece, 2> pieces;
  TimedRequest part = request;
  Ps known = at;
  for (unsigned offset = 0; offset < request.bytes;) {
    part.address = request.address + offset;
    const Addr left = low_mask(kPageShift) + 1 - (part.address & low_mask(kPageShift));
    part.bytes = static_cast<std::uint32_t>(std::min<Addr>(request.bytes - offset, left));
    TranslatedPiece piece{.at = known, .offset = offset, .length = part.bytes};
    IommuAnswer answer;
    if (!translate(part, piece, answer)) return {piece.at, tlm::TLM_ADDRESS_ERROR_RESPONSE};
    if (answer.mrif) return access_mrif(request, nullptr, answer, piece.at);  // which refuses it
    known = piece.at;
    pieces.push_back(piece);
    offset += part.bytes;
  }
  TimedAnswer last{known};
  TimeSplit of_last = *request.time;
  const TimeSplit before = *request.time;
  for (TranslatedPiece& piece : pieces) {
    piece.at = known;
    TimedRequest sent = request;
    TimeSplit time = before;
    sent.time = &time;
    const TimedAnswer answer = send(sent, piece, sender);
    if (!answer.ok()) last.set_status(answer.status());
    if (answer.done < last.done) continue;
    last.done = answer.done;
    of_last = time;
  }
  *request.time = of_last;
  return last;
}

// Sends a translated piece, and remembers until when it is under way.
template <class Sender>
inline TimedAnswer Iommu::send(TimedRequest& request, const TranslatedPiece& piece, Sender& sender) {
  if (piece.length == 0 && request.bytes == 0) return {piece.at};  // a flush: nothing to be moved
  const bool write = request.is_write();
  const TimedAnswer answer = sender(request, piece);
  Ps& until = write ? writes_until_ : reads_until_;
  until = std::max(until, answer.done);
  return answer;
}

// Finds where a request within one page goes if it repeats an earlier one and nobody wants to know more; else false.
inline bool Iommu::translate_again(const TimedRequest& request, TranslatedPiece& piece) {
  if (observer_ || registers_file_->counters().counting() || (request.info.translated && guard_ != nullptr))
    return false;
  const IommuEngine::Repeat* const known = engine_.find_repeat(request_of(request.info, request.address), piece.at);
  if (known == nullptr) return false;
  piece.at = engine_.translate_again(*known, request.floor, piece.at, *request.time);
  piece.physical = known->host | (request.address & low_mask(kPageShift));
  piece.page_shift = known->page_shift;
  piece.uncached = !cacheable(known->memory_type);
  return true;
}

// Finds where a request within one page goes; false, with the fault, if nowhere.
bool Iommu::translate(const TimedRequest& request, TranslatedPiece& piece, IommuAnswer& answer) {
  const IommuRequest asked = request_of(request.info, request.address);
  const IommuEngine::Outcome outcome = look_up(asked, request.floor, piece.at, *request.time);
  answer = outcome.answer;
  piece.at = outcome.done;
  if (answer.cause != IommuCause::none) [[unlikely]] {
    ++refused_;
    if (answer.cause == IommuCause::dma_denied || answer.cause == IommuCause::copy_missing) ++denied_;
    blocked_probe_.count(outcome.done);
    *request.fault = fault_of(request, cause_of(answer.cause));
    return false;
  }
  piece.physical = answer.address;
  piece.page_shift = answer.page_shift;
  piece.uncached = !cacheable(answer.memory_type);
  return !request.info.translated || pass_guard(request, piece, answer);
}

bool Iommu::pass_guard(const TimedRequest& request, TranslatedPiece& piece, IommuAnswer& answer) {
  if (guard_ == nullptr) return true;
  const TranslatedGuard::Verdict verdict = guard_->check({.device_id = request.info.requester & 0xffffff,
                                                          .access = request.info.access,
                                                          .address = piece.physical,
                                                          .bytes = piece.length,
                                                          .floor = request.floor,
                                                          .at = piece.at});
  (*request.time)[TimePart::walk] += verdict.done - piece.at;
  piece.at = verdict.done;
  if (verdict.allowed) return true;
  ++guard_refused_;
  blocked_probe_.count(piece.at);
  answer.cause = IommuCause::translated_refused;
  *request.fault = fault_of(request, FaultCause::permission);
  if (!answer.hides_faults) {
    report(FaultRecord::of(request_of(request.info, request.address), answer), piece.at);
  }
  return false;
}

IommuEngine::Outcome Iommu::look_up(const IommuRequest& request, Ps floor, Ps at, TimeSplit& time) {
  StructurePort port(tables_below_, request.device_id, floor);
  const IommuEngine::Outcome outcome = engine_.translate({.request = request, .floor = floor, .at = at}, port, time);
  if (registers_file_->counters().counting()) count(request, outcome.events, outcome.done);
  if (observer_) observer_(request, outcome.answer);
  if (outcome.answer.reported) report(FaultRecord::of(request, outcome.answer), outcome.done);
  return outcome;
}

// An access to an interrupt file kept in memory.
TimedAnswer Iommu::access_mrif(const TimedRequest& request, tlm::tlm_generic_payload* payload, const IommuAnswer& file,
                               Ps at) {
  constexpr std::uint32_t kIdentities = 2048;
  std::uint32_t data = 0;
  const bool partial = payload != nullptr && payload->get_byte_enable_ptr() != nullptr;
  if (request.bytes != sizeof data || request.address % sizeof data != 0 || partial) {
    *request.fault = fault_of(request, FaultCause::permission);
    return {at, tlm::TLM_ADDRESS_ERROR_RESPONSE};
  }
  unsigned char* const bytes = payload != nullptr ? payload->get_data_ptr() : nullptr;
  if (bytes == nullptr) return {at};
  if (!request.is_write()) {
    std::memset(bytes, 0, sizeof data);
    return {at};
  }
  std::memcpy(&data, bytes, sizeof data);
  const Addr offset = request.address & low_mask(kPageShift);
  const std::uint32_t identity = offset == 0 ? data : __builtin_bswap32(data);
  if ((offset != 0 && offset != 4) || identity >= kIdentities) return {at};
  return {record_msi(request, identity, file, at)};
}

// Its identity becomes pending, by read, modify and write, and then a notice goes out.
Ps Iommu::record_msi(const TimedRequest& request, std::uint32_t identity, const IommuAnswer& file, Ps at) {
  ++mrif_stores_;
  StructurePort port = own_port();
  const Addr pending_at = file.mrif_address + identity / 64 * 16;
  const std::uint64_t bit = std::uint64_t{1} << identity % 64;
  std::uint64_t pending = 0;
  StructurePort::Answer done = port.load(pending_at, {&pending, 1}, at);
  while (done.refused == FaultCause::none) {
    done = port.compare_and_swap(pending_at, pending, pending | bit, done.done);
    if (done.swapped) break;
    pending = done.value;
  }
  if (done.refused == FaultCause::none) {
    done = port.store32(file.address, file.notice_id, done.done);
    if (done.refused != FaultCause::none) report(FaultRecord::of_message(file.address), done.done);
  } else if (!file.hides_faults) {
    IommuAnswer fault = file;
    fault.cause = done.refused == FaultCause::poison ? IommuCause::mrif_corrupt : IommuCause::mrif_access_fault;
    report(FaultRecord::of(request_of(request.info, request.address), fault), done.done);
  }
  (*request.time)[TimePart::walk] += done.done - at;
  writes_until_ = std::max(writes_until_, done.done);
  return done.done;
}

void Iommu::visit_stats(StatVisitor& v) {
  engine_.visit_stats(v);
  v.counter("refused", refused_, kCount, "reads and writes refused by translation");
  v.counter("denied_by_dma_control", denied_, kCount, "of these, by DMA control in page-table entries");
  v.counter("refused_by_guard", guard_refused_, kCount, "translated requests refused by the guard");
  v.counter("page_crossings", crossings_, kCount, "requests that touched more than one page");
  v.counter("fault_records", records_, kCount, "records written to the fault queue");
  v.counter("fault_records_dropped", records_dropped_, kCount, "records that found the queue full, off or failing");
  v.counter("page_requests", page_requests_, kCount, "page requests of devices");
  v.counter("page_requests_dropped", page_requests_dropped_, kCount,
            "of these, those that found the queue full, off or failing");
  v.counter("messages", messages_, kCount, "invalidations and page responses sent to devices");
  v.counter("interrupts", interrupts_, kCount, "messages and changes of wires");
  v.counter("mrif_stores", mrif_stores_, kCount, "interrupts recorded in files kept in memory");
  v.counter("commands", commands_, kCount, "commands executed");
  v.distribution("command_latency", command_latency_, kTimeInNs, "of a command, with its fetch");
  v.distribution("fence_latency", fence_latency_, kTimeInNs, "of IOFENCE.C");
}

void Iommu::visit_probes(ProbeVisitor& v) {
  engine_.visit_probes(v);
  v.probe("blocked", blocked_probe_, 32, "requests refused so far");
  v.probe("commands", commands_probe_, 1, "a command is executed");
  v.probe("fault_queue_tail", fault_queue_probe_, 32, "where the next fault record goes");
  v.probe("page_request_queue_tail", page_request_queue_probe_, 32, "where the next page request goes");
}

}  // namespace pagoda

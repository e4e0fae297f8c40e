#include "pagoda/iommu/iommu.h"

#include <algorithm>
#include <cstring>

#include <boost/container/small_vector.hpp>
#include <fmt/format.h>

namespace pagoda {
namespace {

constexpr unsigned kWires = 16;

bool cacheable(MemoryType type) { return type == MemoryType::platform || type == MemoryType::write_back; }

Fault fault_of(const TimedRequest& request, const IommuAnswer& answer) {
  Fault fault{.cause = FaultCause::permission,
              .access = request.info.access,
              .privilege = request.info.privilege,
              .virtual_address = request.address,
              .stage_address = request.address};
  switch (answer.cause) {
    case IommuCause::dma_denied: fault.cause = FaultCause::withheld; break;
    case IommuCause::ddt_entry_invalid:
    case IommuCause::pdt_entry_invalid:
    case IommuCause::msi_entry_invalid:
    case IommuCause::copy_missing: fault.cause = FaultCause::not_present; break;
    case IommuCause::ddt_entry_misconfigured:
    case IommuCause::pdt_entry_misconfigured:
    case IommuCause::msi_entry_misconfigured: fault.cause = FaultCause::misconfiguration; break;
    case IommuCause::ddt_corrupt:
    case IommuCause::pdt_corrupt:
    case IommuCause::msi_table_corrupt:
    case IommuCause::page_table_corrupt: fault.cause = FaultCause::poison; break;
    case IommuCause::fetch_access_fault:
    case IommuCause::read_access_fault:
    case IommuCause::write_access_fault:
    case IommuCause::ddt_load_access_fault:
    case IommuCause::pdt_load_access_fault:
    case IommuCause::msi_load_access_fault: fault.cause = FaultCause::access_error; break;
    default: break;
  }
  return fault;
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
  SC_METHOD(send_responses);
  sensitive << response_event_;
  dont_initialize();
  SC_METHOD(move_wires);
  sensitive << wire_event_;
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
}

Iommu::MessagePort& Iommu::message_port(std::uint32_t device_id) {
  auto& port = message_ports_[device_id];
  if (!port) {
    simcontext()->hierarchy_push(this);  // a port of this module, whoever asks for it
    port = std::make_unique<MessagePort>(fmt::format("to_device_{:x}", device_id).c_str());
    simcontext()->hierarchy_pop();
  }
  return *port;
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
  if (AtsMessage* const message = payload.get_extension<AtsMessage>()) {
    take_message(payload, attributes, *message, attributes.time, delay);
    return;
  }
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) {
    memory_below_->b_transport(payload, delay);
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
  if (payload.is_write() && request.bytes == sizeof message_data_ && payload.get_data_ptr() != nullptr) {
    std::memcpy(&message_data_, payload.get_data_ptr(), sizeof message_data_);
  }
  const TimedAnswer answer = serve(request, local_time(delay), PayloadSender(payload, attributes, memory_below_));
  delay = delay_of_answer(answer.done, attributes.time);
  payload.set_response_status(answer.status());
}

TimedAnswer Iommu::access(TimedRequest& request, Ps at) { return serve(request, at, TimedSender(memory_below_)); }

template <class Sender>
inline TimedAnswer Iommu::serve(TimedRequest& request, Ps at, Sender sender) {
  if ((request.address & low_mask(kPageShift)) + request.bytes > low_mask(kPageShift) + 1) {
    return serve_crossing(request, at, sender);
  }
  TranslatedPiece piece{.at = at, .length = request.bytes};
  if (!translate(request, piece)) return {piece.at, tlm::TLM_ADDRESS_ERROR_RESPONSE};
  if (mrif_) [[unlikely]]
    return {store_mrif(request, piece.at)};
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
    if (!translate(part, piece) || mrif_) return {piece.at, tlm::TLM_ADDRESS_ERROR_RESPONSE};  // an MSI does not cross
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

// Finds where a request within one page goes; false, with the fault, if nowhere.
bool Iommu::translate(const TimedRequest& request, TranslatedPiece& piece) {
  const IommuRequest asked = request_of(request.info, request.address);
  const IommuEngine::Outcome outcome = look_up(asked, request.floor, piece.at, *request.time);
  const IommuAnswer& answer = outcome.answer;
  piece.at = outcome.done;
  mrif_.reset();
  if (answer.cause != IommuCause::none) [[unlikely]] {
    ++refused_;
    if (answer.cause == IommuCause::dma_denied || answer.cause == IommuCause::copy_missing) ++denied_;
    blocked_probe_.count(outcome.done);
    *request.fault = fault_of(request, answer);
    return false;
  }
  if (answer.mrif) [[unlikely]]
    mrif_ = answer;
  piece.physical = answer.address;
  piece.page_shift = answer.page_shift;
  piece.uncached = !cacheable(answer.memory_type);
  return !request.info.translated || pass_guard(request, piece);
}

bool Iommu::pass_guard(const TimedRequest& request, TranslatedPiece& piece) {
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
  IommuAnswer answer;
  answer.cause = IommuCause::translated_refused;
  answer.transaction_type = request.is_write() ? 7 : 6;
  *request.fault = fault_of(request, answer);
  report(FaultRecord::of(request_of(request.info, request.address), answer), piece.at);
  return false;
}

IommuEngine::Outcome Iommu::look_up(const IommuRequest& request, Ps floor, Ps at, TimeSplit& time) {
  StructurePort port(tables_below_, request.device_id, floor);
  const IommuEngine::Outcome outcome = engine_.translate({.request = request, .floor = floor, .at = at}, port, time);
  if (registers_file_->counters().counting()) count(request, outcome.events);
  if (observer_) observer_(request, outcome.answer);
  if (outcome.answer.reported) report(FaultRecord::of(request, outcome.answer), outcome.done);
  return outcome;
}

void Iommu::count(const IommuRequest& request, const IommuEngine::Events& events) {
  IommuEventSource source{.device_id = request.device_id};
  if (request.has_process) source.process_id = request.process_id;
  if (events.tag.asid != IommuSpace::kNoProcess) source.pscid = events.tag.asid;
  if (events.tag.vmid != IommuSpace::kNoGuest) source.gscid = events.tag.vmid;
  constexpr std::array kRequests{IommuEvent::untranslated_request, IommuEvent::translation_request,
                                 IommuEvent::translated_request};
  registers_file_->counters().count(kRequests[static_cast<std::size_t>(request.type)], source);
  for (unsigned event = 0; event < 32; ++event) {
    if ((events.happened >> event & 1) != 0) registers_file_->counters().count(static_cast<IommuEvent>(event), source);
  }
}

// Puts a record into the fault queue; nobody waits for it.
void Iommu::report(const FaultRecord& record, Ps at) {
  FaultQueue& queue = registers_file_->faults();
  local_now_ = at;
  const RecordQueue::Slot slot = queue.claim();
  if (slot.drop != RecordQueue::Drop::none) {
    ++records_dropped_;
    return;
  }
  const auto words = to_words(record.encode(registers_file_->byte_order()), std::endian::little);
  const StructurePort::Answer answer = own_port().store(slot.address, words, at);
  local_now_ = answer.done;
  if (answer.refused != FaultCause::none) {
    ++records_dropped_;
    queue.refused();
    return;
  }
  ++records_;
  queue.written();
  fault_queue_probe_.set(answer.done, queue.tail());
}

// An MSI to an interrupt file kept in memory (RISC-V AIA 1.0, "Memory-resident interrupt files"): its identity becomes
// pending there, and a notice goes out if it is enabled. What is no MSI is discarded.
Ps Iommu::store_mrif(const TimedRequest& request, Ps at) {
  constexpr std::uint32_t kIdentities = 2048;
  const IommuAnswer answer = *std::exchange(mrif_, std::nullopt);
  const std::uint32_t data = std::exchange(message_data_, 0);
  const Addr offset = request.address & low_mask(kPageShift);
  const std::uint32_t identity = offset == 0 ? data : __builtin_bswap32(data);
  if (!request.is_write() || request.bytes != sizeof data || (offset != 0 && offset != 4) || identity >= kIdentities) {
    return at;
  }
  ++mrif_stores_;
  StructurePort port = own_port();
  const Addr pending_at = answer.mrif_address + identity / 64 * 16;
  const std::uint64_t bit = std::uint64_t{1} << identity % 64;
  std::array<std::uint64_t, 2> words{};  // pending, enabled
  StructurePort::Answer done = port.load(pending_at, words, at);
  if (done.refused == FaultCause::none) {
    done = port.compare_and_swap(pending_at, words[0], words[0] | bit, done.done);
  }
  if (done.refused != FaultCause::none) {
    report({.cause = IommuCause::mrif_access_fault, .iotval = answer.mrif_address}, done.done);
  } else if ((words[1] & bit) != 0) {
    done = port.store32(answer.address, answer.notice_id, done.done);
  }
  (*request.time)[TimePart::walk] += done.done - at;
  return done.done;
}

void Iommu::register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  local_now_ = local_time(delay);
  if (config_.capabilities.counters > 0) registers_file_->counters().advance_to(local_now_ / config_.period());
  delay += to_sc_time(config_.registers.at(config_.period()));
  access_registers(payload);
}

unsigned Iommu::debug_registers(tlm::tlm_generic_payload& payload) {
  return payload.is_read() ? access_registers(payload) : 0;  // a write starts things
}

// Registers are read and written at once; what a write starts takes its time elsewhere.
unsigned Iommu::access_registers(tlm::tlm_generic_payload& payload) {
  const auto offset = static_cast<std::uint32_t>(payload.get_address());
  const unsigned length = payload.get_data_length();
  std::uint64_t value = 0;
  bool done = false;
  if (payload.get_address() < iommu_register::kRegionBytes && (length == 4 || length == 8) &&
      payload.get_byte_enable_ptr() == nullptr) {
    if (payload.is_write()) {
      std::memcpy(&value, payload.get_data_ptr(), length);
      done = registers_file_->write(offset, length, value);
      engine_.set_setup(registers_file_->setup());
    } else if (const auto read = registers_file_->read(offset, length)) {
      std::memcpy(payload.get_data_ptr(), &*read, length);
      done = true;
    }
  }
  payload.set_response_status(done ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  return done ? length : 0;
}

void Iommu::dma_control_written() { engine_.forget_pages(); }

void Iommu::interrupt(const InterruptRequest& request) {
  ++interrupts_;
  const Ps at = std::max(local_now_, kernel_now());
  if (request.wired) {
    wire_changes_.push_back({at, request.vector, request.level});
    wire_event_.notify(delay_until(at));
    return;
  }
  const StructurePort::Answer answer = own_port().store32(request.address, request.data, at);
  if (answer.refused != FaultCause::none) report(FaultRecord::of_message(request.address), answer.done);
}

void Iommu::move_wires() {
  std::erase_if(wire_changes_, [this](const WireChange& change) {
    if (change.at > kernel_now()) return false;
    wires_[change.vector]->write(change.level);
    return true;
  });
  if (!wire_changes_.empty()) wire_event_.notify(delay_until(wire_changes_.front().at));
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

// What software sees of an IOMMU beside its commands: registers, records of faults, counters, interrupts.
#include <algorithm>
#include <cstring>

#include "pagoda/iommu/iommu.h"

namespace pagoda {

void Iommu::count(const IommuRequest& request, const IommuEngine::Events& events, Ps at) {
  local_now_ = at;
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
  fault_writer_.add({record, at}, [this](const FaultToWrite& next) { write_fault(next); });
  switch_event_.notify(sc_core::SC_ZERO_TIME);
}

void Iommu::write_fault(const FaultToWrite& fault) {
  FaultQueue& queue = registers_file_->faults();
  local_now_ = fault.at;
  const RecordQueue::Slot slot = queue.claim();
  if (slot.drop != RecordQueue::Drop::none) {
    ++records_dropped_;
    return;
  }
  const auto words = to_words(fault.record.encode(registers_file_->byte_order()), std::endian::little);
  const StructurePort::Answer answer = own_port().store(slot.address, words, fault.at);
  faults_until_ = answer.done;
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

void Iommu::register_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const Ps latency = config_.registers.at(config_.period());
  const AttributesOf owner(payload);
  owner->time[TimePart::link] += latency;
  delay += to_sc_time(latency);
  local_now_ = local_time(delay);
  if (config_.capabilities.counters > 0) registers_file_->counters().advance_to(local_now_ / config_.period());
  access_registers(payload);
  if (payload.is_write()) watch_cycles();
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
      payload.get_byte_enable_ptr() == nullptr && payload.get_data_ptr() != nullptr) {
    if (payload.is_write()) {
      std::memcpy(&value, payload.get_data_ptr(), length);
      done = registers_file_->write(offset, length, value);
      engine_.set_setup(registers_file_->setup());
    } else if (payload.is_read()) {
      const auto read = registers_file_->read(offset, length);
      if (read) std::memcpy(payload.get_data_ptr(), &*read, length);
      done = read.has_value();
    }
  }
  payload.set_response_status(done ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE);
  return done ? length : 0;
}

// The counter of cycles runs by itself: its overflow is noticed when it is due.
void Iommu::watch_cycles() {
  if (config_.capabilities.counters == 0) return;
  const std::uint64_t now = kernel_now() / config_.period();
  IommuCounters& counters = registers_file_->counters();
  local_now_ = kernel_now();
  counters.advance_to(now);
  const std::optional<std::uint64_t> left = counters.cycles_to_overflow();
  cycles_event_.cancel();
  if (!left || *left > (kNever - kernel_now()) / config_.period() - 1) return;
  cycles_event_.notify(delay_until((counters.now() + *left) * config_.period()));
}

// The queues' own work comes to its end before they are on or off; see also run_agent(). One that has none switches at
// once, also before time begins.
void Iommu::queue_switched(IommuQueue& /*queue*/) { finish_switches(); }

void Iommu::finish_switches() {
  const auto finish = [this](IommuQueue& queue, bool working, Ps until) {
    if ((queue.csr() & IommuQueue::kBusy) == 0 || working) return;
    if (until > kernel_now()) return switch_event_.notify(delay_until(until));
    queue.switch_done();
  };
  finish(registers_file_->commands(), command_under_way_, 0);
  finish(registers_file_->faults(), fault_writer_.busy(), faults_until_);
  finish(registers_file_->page_requests(), page_request_writer_.busy(), page_requests_until_);
  if (registers_file_->commands().next()) agent_event_.notify(sc_core::SC_ZERO_TIME);
}

// Pages under way may still be kept as they were; the agent sees to those.
void Iommu::dma_control_written() {
  engine_.forget_pages();
  pages_changing_ = true;
  agent_event_.notify(delay_until(local_now_));
}

void Iommu::interrupt(const InterruptRequest& request) {
  ++interrupts_;
  const Ps at = std::max(local_now_, kernel_now());
  if (request.wired) {
    wire_changes_.push_back({at, request.vector, request.level});
    for (const WireChange& earlier : wire_changes_) {  // a wire's changes keep their order
      if (earlier.vector == request.vector) wire_changes_.back().at = std::max(wire_changes_.back().at, earlier.at);
    }
    wire_event_.notify(delay_until(wire_changes_.back().at));
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
  for (const WireChange& change : wire_changes_) wire_event_.notify(delay_until(change.at));  // the earliest counts
}

}  // namespace pagoda

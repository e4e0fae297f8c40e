// What an IOMMU does by itself: commands, changes of its directory, debug translations. One thread, one thing at a
// time.
#include <algorithm>

#include "pagoda/iommu/iommu.h"

namespace pagoda {

void Iommu::wait_until(Ps time) {
  if (time > kernel_now()) wait(delay_until(time));
  local_now_ = kernel_now();
}

void Iommu::run_agent() {
  while (true) {
    if (directory_changing_) {
      change_directory();
    } else if (std::exchange(pages_changing_, false)) {
      if (calls_.drain()) engine_.forget_pages();
    } else if (std::exchange(debug_waiting_, false)) {
      run_debug_translation();
    } else if (const auto next = registers_file_->commands().next()) {
      command_under_way_ = true;
      run_command(*next);
      command_under_way_ = false;
      switch_event_.notify(sc_core::SC_ZERO_TIME);
    } else {
      wait(agent_event_);
      local_now_ = kernel_now();
    }
  }
}

// Requests under way still go by the old one. Once the IOMMU is off, what it has let through has been carried out.
void Iommu::change_directory() {
  calls_.drain();
  Ps until = engine_.busy_until();
  if (registers_file_->setup().directory.mode == IommuMode::off) until = std::max({until, reads_until_, writes_until_});
  wait_until(until);
  directory_changing_ = false;
  registers_file_->directory_ready();
}

void Iommu::directory_written(IommuMode /*before*/) {
  directory_changing_ = true;
  agent_event_.notify(delay_until(local_now_));
}

void Iommu::commands_waiting() { agent_event_.notify(delay_until(local_now_)); }

void Iommu::translation_requested() {
  debug_waiting_ = true;
  agent_event_.notify(delay_until(local_now_));
}

// "Debug support": of an interrupt file kept in memory there is nothing to answer.
void Iommu::run_debug_translation() {
  const IommuRequest request = registers_file_->translation_request();
  TimeSplit time;
  IommuEngine::Outcome outcome = look_up(request, kernel_now(), kernel_now(), time);
  wait_until(outcome.done);
  if (outcome.answer.cause == IommuCause::none && outcome.answer.mrif) {
    outcome.answer.cause = IommuCause::type_disallowed;
    if (!outcome.answer.hides_faults) report(FaultRecord::of(request, outcome.answer), outcome.done);
  }
  registers_file_->answer_translation(outcome.answer);
}

void Iommu::run_command(Addr address) {
  const Ps start = kernel_now();
  commands_probe_.set(start, 1);
  std::array<std::uint64_t, 2> words{};
  const StructurePort::Answer fetched = own_port().load(address, words, start);
  wait_until(fetched.done + config_.command.at(config_.period()));
  if (fetched.refused != FaultCause::none) {
    registers_file_->commands().memory_fault();
    return commands_probe_.set(kernel_now(), 0);
  }
  ++commands_;
  const IommuCommand command = registers_file_->decode(to_bytes(words, std::endian::little));
  std::visit([this](const auto& operands) { execute(operands); }, command);
  const Ps took = kernel_now() - start;
  command_latency_.record(took);
  commands_probe_.set(kernel_now(), 0);
  if (std::holds_alternative<IofenceC>(command)) fence_latency_.record(took);
}

void Iommu::execute(const IllegalCommand& /*command*/) { registers_file_->commands().illegal(); }

// Takes its cost, and until the walks that may have read what is old are done.
template <class Forget>
void Iommu::invalidate(Latency cost, Forget forget) {
  const Ps done = kernel_now() + cost.at(config_.period());
  forget();
  if (calls_.drain()) forget();  // what they have kept meanwhile
  wait_until(std::max(done, engine_.busy_until()));
  registers_file_->commands().advance();
}

void Iommu::execute(const IotinvalVma& command) {
  IotlbInvalidation what{.process = command.pscid, .address = command.address};
  if (command.gscid) what.guest = *command.gscid;
  invalidate(what.address ? config_.invalidation.page : config_.invalidation.all, [&] { engine_.invalidate(what); });
}

void Iommu::execute(const IotinvalGvma& command) {
  IotlbInvalidation what{.guest_tables = true, .address = command.address};
  if (command.gscid) what.guest = *command.gscid;
  invalidate(what.address ? config_.invalidation.page : config_.invalidation.all, [&] { engine_.invalidate(what); });
}

void Iommu::execute(const IodirInvalDdt& command) {
  invalidate(command.device_id ? config_.invalidation.page : config_.invalidation.all,
             [&] { engine_.invalidate_device(command.device_id); });
}

void Iommu::execute(const IodirInvalPdt& command) {
  invalidate(config_.invalidation.page, [&] { engine_.invalidate_process(command.device_id, command.process_id); });
}

// Commands before it have been executed one after the other; what may be left are devices' completions.
void Iommu::execute(const IofenceC& command) {
  wait_until(messages_until_);
  if (std::exchange(messages_lost_, false)) {
    registers_file_->commands().timed_out();
    return;
  }
  if (command.orders_reads || command.orders_writes) calls_.drain();
  if (command.orders_reads) wait_until(reads_until_);
  if (command.orders_writes) wait_until(writes_until_);
  if (command.store) {
    const StructurePort::Answer stored = own_port().store32(command.store->address, command.store->data, kernel_now());
    wait_until(stored.done);
    if (stored.refused != FaultCause::none) {
      registers_file_->commands().memory_fault();
      return;
    }
  }
  registers_file_->commands().advance();
  if (command.wired_interrupt) registers_file_->commands().signal_fence();
}

void Iommu::execute(const AtsInval& command) {
  AtsMessage message;
  message.kind = AtsKind::invalidation;
  message.page_shift = command.page_shift;
  message.all_processes = command.all_processes;
  const Ps timeout = kernel_now() + config_.ats_timeout.ps;
  Ps at = kernel_now();
  const bool answered =
      send_message(command.to.device_id(), command.to.process_id, command.address, message, at) == tlm::TLM_OK_RESPONSE;
  if (!answered || at > timeout) {
    messages_lost_ = true;
    at = timeout;
  }
  messages_until_ = std::max(messages_until_, at);
  registers_file_->commands().advance();
}

void Iommu::execute(const AtsPrgr& command) {
  AtsMessage message;
  message.kind = AtsKind::page_response;
  message.group = command.group;
  message.response = command.response;
  Ps at = kernel_now();
  send_message(command.to.device_id(), command.to.process_id, 0, message, at);
  registers_file_->commands().advance();
}

}  // namespace pagoda

#include "pagoda/devices/rogue_device.h"

#include <algorithm>

#include "pagoda/base/ats_message.h"

namespace pagoda {

RogueDevice::RogueDevice(const sc_core::sc_module_name& name, const RogueConfig& config, Range window, Range memory)
    : Module(name),
      config_(validated(config, this->name())),
      window_(window),
      memory_(memory),
      engine_(config.seed),
      kept_(config.kept) {
  control.serve(this, &RogueDevice::b_transport, &RogueDevice::debug);
  SC_HAS_PROCESS(RogueDevice);
  SC_THREAD(execute);
}

void RogueDevice::execute() {
  for (;;) {
    const Ps start = kernel_now();
    const Ps collected = collect(start);
    const Ps done = chance(config_.forged) ? forge(collected) : use_stale(collected);
    wait(delay_until(std::max(done, start + config_.interval.ps)));
  }
}

// Asks for the translation of a page, which it may have been given or not.
Ps RogueDevice::collect(Ps at) {
  AtsMessage message;
  const Addr page = window_.base + (engine_() % (window_.bytes >> kPageShift) << kPageShift);
  const auto transaction = transactions_.lease();
  transaction->prepare(tlm::TLM_IGNORE_COMMAND, page, 0, nullptr);
  transaction->attributes.requester = config_.requester;
  transaction->attributes.privilege = Privilege::user;
  transaction->attributes.origin = Origin::dma;
  transaction->payload.set_extension(&message);
  sc_core::sc_time delay = delay_until(at);
  dma->b_transport(transaction->payload, delay);
  transaction->payload.clear_extension(&message);
  const AtsGrant& grant = message.granted;
  const Ps answered = local_time(delay);
  if (!transaction->payload.is_response_ok() || grant.untranslated_only || !(grant.readable || grant.writable)) {
    return answered;
  }
  ++granted_;
  const Addr mask = low_mask(grant.page_shift);
  kept_.add({.input = page & ~mask, .output = grant.address & ~mask, .page_shift = grant.page_shift});
  ++lawful_;
  return access(draw_address(grant.address & ~mask, mask + 1), grant.readable ? AccessKind::read : AccessKind::write,
                answered)
      .done;
}

Ps RogueDevice::forge(Ps at) { return attempt(draw_address(memory_.base, memory_.bytes), forged_, at); }

Ps RogueDevice::use_stale(Ps at) {
  const auto entry = kept_.stale_from(engine_());
  return entry ? attempt(draw_address(entry->output, std::uint64_t{1} << entry->page_shift), stale_, at) : at;
}

Addr RogueDevice::draw_address(Addr base, std::uint64_t bytes) {
  const std::uint64_t size = config_.request_size.count;
  return base + engine_() % (bytes / size) * size;
}

TimedAnswer RogueDevice::access(Addr address, AccessKind kind, Ps at) {
  TimeSplit time;
  Fault fault;
  TimedRequest request{.address = address,
                       .bytes = static_cast<std::uint32_t>(config_.request_size.count),
                       .info = {.requester = config_.requester,
                                .access = kind,
                                .privilege = Privilege::user,
                                .origin = Origin::dma,
                                .translated = true},
                       .floor = kernel_now(),
                       .time = &time,
                       .fault = &fault};
  return below_.access(request, at);
}

Ps RogueDevice::attempt(Addr address, std::uint64_t& counter, Ps at) {
  const AccessKind kind = chance(config_.write_ratio) ? AccessKind::write : AccessKind::read;
  const auto bytes = static_cast<std::uint32_t>(config_.request_size.count);
  const bool rightful = judge_ && judge_(address, bytes, kind);
  const TimedAnswer answer = access(address, kind, at);
  if (rightful) {
    ++rightful_;
    return answer.done;
  }
  ++counter;
  if (answer.ok()) {
    ++succeeded_;
    succeeded_probe_.count(answer.done);
  } else {
    ++blocked_;
    blocked_probe_.count(answer.done);
    blocked_latency_.record(answer.done - at);
  }
  return answer.done;
}

// An invalidation is acknowledged, and nothing is dropped.
void RogueDevice::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& /*delay*/) {
  const auto* const message = payload.get_extension<AtsMessage>();
  payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
  if (message == nullptr || message->kind != AtsKind::invalidation) return;
  ++invalidations_;
  made_stale_ += kept_.invalidate(payload.get_address(), message->page_shift);
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
}

void RogueDevice::visit_stats(StatVisitor& v) {
  std::uint64_t attempts = forged_ + stale_;
  v.counter("attempts", attempts, kCount, "accesses to memory that the device may not make");
  v.counter("forged", forged_, kCount, "of these, to addresses it made up");
  v.counter("stale", stale_, kCount, "of these, with translations whose invalidation it had acknowledged");
  v.counter("blocked", blocked_, kCount, "attempts refused");
  v.counter("succeeded", succeeded_, kCount, "attempts carried out");
  v.counter("rightful", rightful_, kCount, "accesses that it turned out to be allowed, which are no attempts");
  v.counter("lawful", lawful_, kCount, "accesses with a translation just granted, which are no attempts");
  v.counter("translations", granted_, kCount, "translations it was granted");
  v.counter("invalidations", invalidations_, kCount, "invalidations it acknowledged");
  v.counter("made_stale", made_stale_, kCount, "translations it kept in spite of them");
  v.distribution("blocked_latency", blocked_latency_, kTimeInNs, "until an attempt was refused");
}

void RogueDevice::visit_probes(ProbeVisitor& v) {
  v.probe("succeeded", succeeded_probe_, 32, "attempts carried out so far");
  v.probe("blocked", blocked_probe_, 32, "attempts refused so far");
}

}  // namespace pagoda

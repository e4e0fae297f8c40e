#include "pagoda/devices/capi_adapter.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

namespace pagoda {
namespace {

constexpr Addr kErrors = 0x08;
constexpr Addr kClearErrors = 0x10;
constexpr Addr kFirstResponse = 0x28;
constexpr Addr kLastResponse = 0x30;
constexpr Addr kRoom = 0x38;
constexpr Addr kFirstCommand = 0x50;
constexpr Addr kLastCommand = 0x58;
constexpr Addr kHead = 0x60;
constexpr Addr kTail = 0x68;
constexpr Addr kReset = 0x70;

constexpr std::uint64_t kMaxEntries = 65536;

// An address that the software with these registers cannot mean.
bool misplaced(Addr address, std::uint64_t alignment) { return address % alignment != 0; }

}  // namespace

bool CapiAdapter::Queue::open(Addr last, std::uint64_t entry_bytes) {
  end = next = first;
  if (misplaced(first, entry_bytes) || misplaced(last, entry_bytes) || last <= first) return false;
  if ((last - first) / entry_bytes >= kMaxEntries) return false;
  end = last + entry_bytes;
  return true;
}

Addr CapiAdapter::Queue::take(std::uint64_t entry_bytes) {
  const Addr entry = next;
  next += entry_bytes;
  if (next == end) next = first;
  return entry;
}

CapiAdapter::CapiAdapter(const sc_core::sc_module_name& name, const CapiAdapterConfig& config)
    : Module(name),
      register_base_(validated(config, this->name()).register_base),
      register_latency_(config.register_latency.at(config.clock.period())),
      engine_(config),
      contexts_(config.contexts),
      commands_(config.commands) {
  control.serve(this, &CapiAdapter::b_transport, &CapiAdapter::debug);
  SC_HAS_PROCESS(CapiAdapter);
  SC_METHOD(go_on_with_medium);
  sensitive << medium_work_;
  dont_initialize();
}

// An earlier notification stays; a later one is made again when that comes.
void CapiAdapter::go_on_with_medium() {
  const Ps next = medium().work_until(kernel_now());
  if (next != kNever) medium_work_.notify(delay_until(next));
}

void CapiAdapter::end_of_elaboration() {
  below_.bind(*memory.operator->());
  engine_.connect(below_);
}

// --- contexts ---

std::optional<std::uint16_t> CapiAdapter::attach(const MmuContext& software, Privilege privilege, CapiOwner& owner) {
  const auto free = std::find_if(contexts_.begin(), contexts_.end(),
                                 [](const Context& context) { return context.state == State::free; });
  if (free == contexts_.end()) return std::nullopt;
  free->state = State::attached;
  free->software = software;
  free->privilege = privilege;
  free->owner = &owner;
  free->state_probe.set(kernel_now(), static_cast<std::uint64_t>(State::attached));
  ++attached_;
  return static_cast<std::uint16_t>(free - contexts_.begin());
}

void CapiAdapter::detach(std::uint16_t context) {
  Context& given_back = contexts_[context];
  close(given_back, kernel_now());
  given_back.state = State::free;
  given_back.state_probe.set(kernel_now(), 0);
  --attached_;
  const AddressSpaceTag tag = given_back.software.tag;
  const bool shared = std::any_of(contexts_.begin(), contexts_.end(), [tag](const Context& other) {
    return other.state != State::free && other.software.tag == tag;
  });
  if (!shared) engine_.invalidate({.asid = tag.asid, .vmid = tag.vmid, .globals = false}, kernel_now());
}

CapiUser CapiAdapter::user(std::uint16_t number) const {
  const Context& context = contexts_[number];
  return {number, context.software, context.privilege, *context.owner, kernel_now()};
}

std::size_t CapiAdapter::depth(const Context& context, Ps at) const {
  return static_cast<std::size_t>(
      std::count_if(context.under_way.begin(), context.under_way.end(), [at](Ps done) { return done > at; }));
}

std::uint32_t CapiAdapter::room(std::uint16_t context, Ps at) const {
  const Context& asked = contexts_[context];
  if (asked.state != State::open) return 0;
  // A ring that is full would look empty: one entry stays free.
  const std::uint64_t places =
      std::min(asked.submissions.entries(CapiCommand::kBytes) - 1, asked.responses.entries(CapiResponse::kBytes));
  return static_cast<std::uint32_t>(places - std::min<std::uint64_t>(places, depth(asked, at)));
}

Ps CapiAdapter::room_at(std::uint16_t context, Ps at) const {
  if (room(context, at) > 0) return at;
  Ps first = kNever;
  for (const Ps done : contexts_[context].under_way) {
    if (done > at) first = std::min(first, done);
  }
  return first;
}

// --- registers ---

void CapiAdapter::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const AttributesOf owner(payload);
  owner->time[TimePart::link] += register_latency_;
  delay += to_sc_time(register_latency_);
  payload.set_response_status(access_register(payload, local_time(delay)));
}

tlm::tlm_response_status CapiAdapter::access_register(tlm::tlm_generic_payload& payload, Ps at) {
  const Addr offset = payload.get_address() - register_base_;
  const Addr number = offset / kContextRegisters;
  if (number >= contexts_.size() || contexts_[number].state == State::free) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  constexpr unsigned kWidth = 8;
  if (payload.get_data_length() != kWidth || offset % kWidth != 0 || payload.get_streaming_width() < kWidth) {
    return tlm::TLM_BURST_ERROR_RESPONSE;
  }
  if (payload.get_byte_enable_ptr() != nullptr) return tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE;
  if (payload.get_data_ptr() == nullptr) return tlm::TLM_GENERIC_ERROR_RESPONSE;
  if (payload.is_write()) {
    std::uint64_t value = 0;
    std::memcpy(&value, payload.get_data_ptr(), kWidth);
    const bool taken = write_register(static_cast<std::uint16_t>(number), offset % kContextRegisters, value, at);
    return taken ? tlm::TLM_OK_RESPONSE : tlm::TLM_ADDRESS_ERROR_RESPONSE;
  }
  const auto value = read_register(contexts_[number], offset % kContextRegisters, at);
  if (!value) return tlm::TLM_ADDRESS_ERROR_RESPONSE;
  std::memcpy(payload.get_data_ptr(), &*value, kWidth);
  return tlm::TLM_OK_RESPONSE;
}

std::optional<std::uint64_t> CapiAdapter::read_register(const Context& context, Addr offset, Ps at) const {
  switch (offset) {
    case kErrors: return context.errors;
    case kFirstResponse: return context.responses.first;
    case kLastResponse: return context.responses.end - CapiResponse::kBytes;
    case kRoom: return room(static_cast<std::uint16_t>(&context - contexts_.data()), at);
    case kFirstCommand: return context.submissions.first;
    case kLastCommand: return context.submissions.end - CapiCommand::kBytes;
    case kHead: return context.submissions.next;
    case kTail: return context.tail;
    default: return std::nullopt;
  }
}

bool CapiAdapter::write_register(std::uint16_t number, Addr offset, std::uint64_t value, Ps at) {
  Context& context = contexts_[number];
  switch (offset) {
    case kClearErrors: context.errors &= ~value; return true;
    case kFirstResponse: context.responses = {value, value, value}; return true;
    case kLastResponse:
      context.toggle = true;
      open_queue(context, context.responses, value, CapiResponse::kBytes, at);
      return true;
    case kFirstCommand: context.submissions = {value, value, value}; return true;
    case kLastCommand:
      open_queue(context, context.submissions, value, CapiCommand::kBytes, at);
      context.tail = context.submissions.next;
      return true;
    case kTail: ring(number, value, at); return true;
    case kReset:
      if (value == 1) close(context, at);
      return true;
    default: return false;
  }
}

void CapiAdapter::open_queue(Context& context, Queue& queue, Addr last, std::uint64_t entry_bytes, Ps at) {
  if (!queue.open(last, entry_bytes)) report(context, CapiError::bad_queue);
  const bool both =
      context.submissions.end != context.submissions.first && context.responses.end != context.responses.first;
  context.state = both ? State::open : State::attached;
  context.state_probe.set(at, static_cast<std::uint64_t>(context.state));
}

void CapiAdapter::close(Context& context, Ps at) {
  context.submissions.end = context.submissions.first;
  context.responses.end = context.responses.first;
  context.state = State::attached;
  context.state_probe.set(at, static_cast<std::uint64_t>(context.state));
}

// --- commands ---

void CapiAdapter::ring(std::uint16_t number, Addr tail, Ps at) {
  Context& context = contexts_[number];
  const Queue& queue = context.submissions;
  const bool inside = tail >= queue.first && tail < queue.end && !misplaced(tail - queue.first, CapiCommand::kBytes);
  if (context.state != State::open || !inside) return report(context, CapiError::bad_tail);
  context.tail = tail;
  if (context.nesting == 0) std::erase_if(context.under_way, [](Ps done) { return done <= kernel_now(); });
  ++context.nesting;
  // Who is told of a completion may ring again: the queue is looked at anew each time.
  while (context.state == State::open && context.submissions.next != context.tail) {
    if (room(number, at) == 0) {
      ++no_room_;
      context.tail = context.submissions.next;
      report(context, CapiError::no_room);
      break;
    }
    work_on(number, context.submissions.take(CapiCommand::kBytes), at);
  }
  --context.nesting;
}

// One command, from its being rung for to its response.
void CapiAdapter::work_on(std::uint16_t number, Addr entry, Ps rung) {
  Context& context = contexts_[number];
  depth_.record(depth(context, rung));
  const Servers::Slot place = commands_.acquire(rung, typical_command_);
  CapiCompletion completion{.context = number, .rung = rung};
  completion.time.queue += place.start - rung;
  Ps at = place.start;
  const CapiUser software = user(number);
  // The place in the queue is taken while what follows may set going more.
  context.under_way.push_back(kNever);
  const std::size_t own = context.under_way.size() - 1;

  const CapiEngine::Outcome outcome = carry_out(number, entry, completion.status_area, at, completion.time);
  completion.status = outcome.status;
  if (completion.status_area != 0) {
    std::array<unsigned char, CapiStatusArea::kBytes> status;
    CapiStatusArea{outcome.status, outcome.fault_address}.encode(status);
    const auto written = engine_.move(software, completion.status_area, status, true, at);
    if (!written.ok) report(context, CapiError::status_fault);
    completion.time += written.time;
    const bool toggle = context.toggle;
    const Addr response_at = context.responses.take(CapiResponse::kBytes);
    if (context.responses.next == context.responses.first) context.toggle = !context.toggle;
    std::array<unsigned char, CapiResponse::kBytes> response;
    CapiResponse{completion.status_area, toggle}.encode(response);
    const auto answered = engine_.move(software, response_at, response, true, written.done);
    if (!answered.ok) report(context, CapiError::response_fault);
    completion.time += answered.time;
    at = answered.done;
  }
  commands_.release(software.floor, place, at);
  typical_command_ = std::max<Ps>(at - place.start, 1);
  context.under_way[own] = at;
  commands_probe_.during(place.start, at);
  context.depth_probe.during(rung, at);
  completion.done = at;
  ++commands_done_;
  if (completion.status != CapiStatus::success) ++failed_;
  latency_.record(at - rung);
  time_ += completion.time;
  go_on_with_medium();
  context.owner->completed(completion);
}

// Fetches a command and does what it says. Without one, there is nobody to answer.
CapiEngine::Outcome CapiAdapter::carry_out(std::uint16_t number, Addr entry, Addr& status_area, Ps& at,
                                           CapiTime& time) {
  std::array<unsigned char, CapiCommand::kBytes> bytes;
  const CapiUser software = user(number);
  const auto fetched = engine_.move(software, entry, bytes, false, at);
  time += fetched.time;
  at = fetched.done;
  if (!fetched.ok) {
    report(contexts_[number], CapiError::command_fault);
    return {CapiStatus::data_fault, fetched.fault_address};
  }
  const CapiCommand command = CapiCommand::decode(bytes);
  status_area = command.status_area;
  return engine_.execute(software, command, at, time);
}

void CapiAdapter::visit_stats(StatVisitor& v) {
  v.counter("commands", commands_done_, kCount, "commands carried out");
  v.counter("failed", failed_, kCount, "of these, those that ended with an error");
  v.counter("no_room", no_room_, kCount, "doorbells for more commands than there was room for");
  v.value("contexts_attached", static_cast<double>(attached_), "", "contexts given to software");
  v.distribution("latency", latency_, kTimeInNs, "of commands, from the doorbell to the response");
  v.distribution("queue_depth", depth_, kCount, "commands of the context under way when one is rung for");
  v.enter("command_time");
  v.counter("queue", time_.queue, kTimeInNs, "part of the summed latency: waiting for something busy");
  v.counter("link", time_.link, kTimeInNs, "part of it: on the link, and between the lines of a transfer");
  v.counter("translation", time_.translation, kTimeInNs, "part of it: look-ups, walks and page faults");
  v.counter("memory", time_.memory, kTimeInNs, "part of it: caches and memory of the host");
  v.counter("media", time_.media, kTimeInNs, "part of it: the medium");
  v.leave();
  engine_.visit_stats(v, kernel_now());
}

void CapiAdapter::visit_probes(ProbeVisitor& v) {
  v.probe("commands", commands_probe_, 17, "commands being worked on");
  for (std::size_t i = 0; i < contexts_.size(); ++i) {
    v.enter(fmt::format("context{}", i).c_str());
    v.probe("state", contexts_[i].state_probe, 2, "0 free, 1 given to software, 2 with open queues");
    v.probe("depth", contexts_[i].depth_probe, 17, "commands under way");
    v.leave();
  }
  engine_.visit_probes(v);
}

}  // namespace pagoda

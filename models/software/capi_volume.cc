#include "pagoda/software/capi_volume.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "pagoda/base/config_builder.h"
#include "pagoda/base/error.h"

namespace pagoda {
namespace {

// What lies where in a context's page: commands, then status areas, then responses.
constexpr std::uint64_t kSlotBytes = CapiCommand::kBytes + CapiStatusArea::kBytes + CapiResponse::kBytes;
constexpr std::uint32_t kMostSlots = static_cast<std::uint32_t>(CapiVolume::kPageBytes / kSlotBytes);
constexpr Addr area_offset(std::uint64_t entries, std::uint64_t slot) {
  return entries * CapiCommand::kBytes + slot * CapiStatusArea::kBytes;
}
constexpr Addr response_offset(std::uint64_t entries, std::uint64_t index) {
  return area_offset(entries, entries) + index * CapiResponse::kBytes;
}

// Registers of a context (capi_adapter.h).
constexpr Addr kResponsesFirst = 0x28;
constexpr Addr kResponsesLast = 0x30;
constexpr Addr kCommandsFirst = 0x50;
constexpr Addr kCommandsLast = 0x58;
constexpr Addr kCommandsTail = 0x68;

MoveStatus move_status(CapiStatus status) {
  switch (status) {
    case CapiStatus::success: break;
    case CapiStatus::out_of_range:
    case CapiStatus::invalid_opcode:
    case CapiStatus::invalid_field: return MoveStatus::out_of_range;
    case CapiStatus::data_fault: return MoveStatus::memory_fault;
    case CapiStatus::media_error: return MoveStatus::media_error;
    case CapiStatus::timed_out: return MoveStatus::timed_out;
    case CapiStatus::volume_full: return MoveStatus::volume_full;
  }
  return MoveStatus::ok;
}

// For a user who waits.
class OneResult final : public MoveClient {
 public:
  void moved(const MoveResult& result) override { result_ = result; }
  const MoveResult& get() const { return result_; }

 private:
  MoveResult result_;
};

}  // namespace

const ConfigInfo& CapiVolumeConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<CapiVolumeConfig>("CAPI volume", "How software uses a storage adapter on a coherent link.")
          .field("queue_entries", &CapiVolumeConfig::queue_entries, "of each context's queues",
                 in_range(std::uint32_t{2}, kMostSlots))
          .field("timeout", &CapiVolumeConfig::timeout, "of a command, in whole microseconds; 0: none")
          .field("build", &CapiVolumeConfig::build, "time to build a command")
          .field("register_access", &CapiVolumeConfig::register_access, "time of a store to a register")
          .check([](const CapiVolumeConfig& c) -> std::optional<ConfigProblem> {
            if (c.timeout.ps % kMicrosecond == 0 && c.timeout.ps / kMicrosecond <= 0xffff'ffff) return std::nullopt;
            return ConfigProblem{"timeout", "not a whole number of microseconds, or too many", "allowed: 100 us, 5 ms"};
          });
  return info;
}

// --- the volume ---

CapiVolume::CapiVolume(const sc_core::sc_module_name& name, const CapiVolumeConfig& config, CapiAdapter& adapter,
                       PhysicalMemory& memory, FrameSource& frames)
    : Module(name),
      config_(validated(config, this->name())),
      adapter_(adapter),
      memory_(memory),
      frames_(frames),
      blocks_per_page_(kPageBytes / adapter.medium().block_bytes()) {}

std::uint64_t CapiVolume::pages() const { return adapter_.medium().blocks() / blocks_per_page_; }

CapiContext* CapiVolume::open(const CapiUserSpace& software) {
  CapiUserSpace with_queues = software;
  if (software.space.stages.empty()) {
    const std::optional<Addr> frame = frames_.allocate(kPageBytes);
    if (!frame) throw UserError(fmt::format("{}: no memory for the queues of a context", name()));
    with_queues.queues = {*frame, *frame};
  }
  auto context = std::make_unique<CapiContext>(*this, with_queues);
  if (!context->number()) {
    if (software.space.stages.empty()) frames_.release(with_queues.queues.real, kPageBytes);
    return nullptr;
  }
  return contexts_.emplace_back(std::move(context)).get();
}

// A store that is posted; when it has reached the adapter.
Ps CapiVolume::write_register(Addr address, std::uint64_t value, Ps at) {
  const auto transaction = transactions_.lease();
  transaction->prepare(tlm::TLM_WRITE_COMMAND, address, sizeof value, reinterpret_cast<unsigned char*>(&value));
  sc_core::sc_time delay = delay_until(at);
  registers->b_transport(transaction->payload, delay);
  if (!transaction->payload.is_response_ok()) {
    throw InvariantError(fmt::format("{}: the adapter refuses the register at {:#x}", name(), address));
  }
  return local_time(delay);
}

void CapiVolume::visit_stats(StatVisitor& v) {
  v.counter("orders", orders_, kCount, "pages moved, discarded or tried to");
  v.counter("refused", refused_, kCount, "orders for which there was no room in the queue");
  v.counter("failed", failed_, kCount, "orders that ended with an error");
  v.distribution("out_latency", out_latency_, kTimeInNs, "of pages moved out, from order to answer");
  v.distribution("in_latency", in_latency_, kTimeInNs, "of pages moved in, from order to answer");
  visit_move_time(v, time_);
}

// --- a context ---

CapiContext::CapiContext(CapiVolume& volume, const CapiUserSpace& software)
    : volume_(volume),
      queues_(software.queues),
      faults_(software.faults),
      number_(volume.adapter_.attach(software.space, software.privilege, *this)),
      slots_(volume.config_.queue_entries) {
  if (number_) std::memset(bytes(0), 0, CapiVolume::kPageBytes);
}

CapiContext::~CapiContext() {
  if (number_) volume_.adapter_.detach(*number_);
}

unsigned char* CapiContext::bytes(Addr offset) { return volume_.memory_.data(queues_.real + offset); }

// At the first order: registers are reached once the simulation has been elaborated. Set-up is not accounted.
void CapiContext::open_queues() {
  open_ = true;
  const Addr registers = volume_.adapter_.registers(*number_);
  const Addr base = queues_.effective;
  const std::uint64_t entries = slots_.size();
  const std::array<std::pair<Addr, Addr>, 4> values{{{kResponsesFirst, base + response_offset(entries, 0)},
                                                     {kResponsesLast, base + response_offset(entries, entries - 1)},
                                                     {kCommandsFirst, base},
                                                     {kCommandsLast, base + (entries - 1) * CapiCommand::kBytes}}};
  for (const auto& [offset, value] : values) volume_.write_register(registers + offset, value, kernel_now());
}

std::uint32_t CapiContext::room(Ps at) const {
  if (!number_) return 0;
  if (!open_) return static_cast<std::uint32_t>(slots_.size()) - 1;
  return volume_.adapter_.room(*number_, at);
}

std::size_t CapiContext::free_slot(Ps at) const {
  const auto free = std::find_if(slots_.begin(), slots_.end(),
                                 [at](const Slot& slot) { return !slot.busy && slot.busy_until <= at; });
  return static_cast<std::size_t>(free - slots_.begin());
}

PageMover::Submission CapiContext::submit(const MoveOrder& order, Ps at, MoveClient& client) {
  return ring(order, order.direction == MoveDirection::in ? CapiOpcode::read : CapiOpcode::write, at, &client);
}

PageMover::Submission CapiContext::discard(std::uint64_t page, Ps at) {
  return ring({.page = page}, CapiOpcode::discard, at, nullptr);
}

MoveResult CapiContext::move(const MoveOrder& order, Ps at) {
  OneResult result;
  Ps tried = at;
  for (;;) {
    const Submission submission = submit(order, tried, result);
    if (submission.accepted) break;
    if (submission.until == kNever) {
      throw InvariantError(fmt::format("{}: an order waits for the command that it is made for", volume_.name()));
    }
    tried = submission.until;
  }
  MoveResult moved = result.get();
  moved.submitted = at;
  moved.time.queue += tried - at;
  return moved;
}

PageMover::Submission CapiContext::ring(const MoveOrder& order, CapiOpcode opcode, Ps at, MoveClient* client) {
  if (!open_) open_queues();
  const std::size_t free = free_slot(at);
  if (room(at) == 0 || free == slots_.size()) {
    ++volume_.refused_;
    return {.accepted = false, .until = volume_.adapter_.room_at(*number_, at)};
  }
  slots_[free] = {.order = order, .client = client, .submitted = at, .busy_until = 0, .busy = true};
  const CapiCommand command{.context = *number_,
                            .opcode = static_cast<std::uint8_t>(opcode),
                            .data = order.address,
                            .blocks = static_cast<std::uint32_t>(volume_.blocks_per_page_),
                            .timeout_us = static_cast<std::uint32_t>(volume_.config_.timeout.ps / kMicrosecond),
                            .first_block = order.page * volume_.blocks_per_page_,
                            .status_area = queues_.effective + area_offset(slots_.size(), free)};
  std::array<unsigned char, CapiCommand::kBytes> record;
  command.encode(record);
  std::memcpy(bytes(tail_ * CapiCommand::kBytes), record.data(), record.size());
  tail_ = tail_ + 1 == slots_.size() ? 0 : tail_ + 1;
  ++volume_.orders_;
  const Ps built = at + volume_.config_.build.ps;
  volume_.write_register(volume_.adapter_.registers(*number_) + kCommandsTail,
                         queues_.effective + tail_ * CapiCommand::kBytes, built);
  return {.accepted = true, .until = built + volume_.config_.register_access.ps};
}

void CapiContext::completed(const CapiCompletion& completion) {
  const Addr offset = completion.status_area - queues_.effective;
  check_response(completion, offset);
  Slot& slot = slots_[(offset - area_offset(slots_.size(), 0)) / CapiStatusArea::kBytes];
  slot.busy = false;
  slot.busy_until = completion.done;
  const Slot of = slot;
  const Ps build = volume_.config_.build.ps;
  const MoveResult result{.order = of.order,
                          .status = move_status(completion.status),
                          .submitted = of.submitted,
                          .done = completion.done,
                          .time = {.software = build,
                                   .queue = completion.time.queue,
                                   .translation = completion.time.translation,
                                   .link = completion.time.link + (completion.rung - of.submitted - build),
                                   .memory = completion.time.memory,
                                   .media = completion.time.media}};
  if (!result.ok()) ++volume_.failed_;
  volume_.time_ += result.time;
  if (of.client == nullptr) return;
  (of.order.direction == MoveDirection::in ? volume_.in_latency_ : volume_.out_latency_)
      .record(result.done - result.submitted);
  of.client->moved(result);
}

// What the poller reads is what the adapter has written.
void CapiContext::check_response(const CapiCompletion& completion, Addr offset) {
  if (offset >= CapiVolume::kPageBytes) {
    throw InvariantError(
        fmt::format("{}: the queues of context {} are out of the adapter's reach", volume_.name(), completion.context));
  }
  std::array<unsigned char, CapiResponse::kBytes> record;
  std::memcpy(record.data(), bytes(response_offset(slots_.size(), responses_)), record.size());
  const CapiResponse response = CapiResponse::decode(record);
  std::array<unsigned char, CapiStatusArea::kBytes> area;
  std::memcpy(area.data(), bytes(offset), area.size());
  const bool agrees = response.toggle == toggle_ && response.status_area == completion.status_area &&
                      CapiStatusArea::decode(area).status == completion.status;
  if (!agrees) {
    throw InvariantError(fmt::format("{}: response {} of context {} is not that of its command", volume_.name(),
                                     responses_, completion.context));
  }
  if (++responses_ < slots_.size()) return;
  responses_ = 0;
  toggle_ = !toggle_;
}

CapiFaultHandler::Answer CapiContext::adapter_fault(std::uint16_t context, const Fault& fault, Ps at) {
  if (faults_ == nullptr) return {.resolved = false, .resume = at};
  return faults_->adapter_fault(context, fault, at);
}

}  // namespace pagoda

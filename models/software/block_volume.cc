#include "pagoda/software/block_volume.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "pagoda/base/config_builder.h"
#include "pagoda/base/error.h"
#include "pagoda/software/software_time.h"

namespace pagoda {
namespace {

MoveStatus move_status(BlockStatus status) {
  switch (status) {
    case BlockStatus::success: break;
    case BlockStatus::data_transfer_error: return MoveStatus::memory_fault;
    case BlockStatus::aborted: return MoveStatus::timed_out;
    case BlockStatus::capacity_exceeded: return MoveStatus::volume_full;
    case BlockStatus::write_fault:
    case BlockStatus::unrecovered_read: return MoveStatus::media_error;
    case BlockStatus::invalid_opcode:
    case BlockStatus::invalid_field:
    case BlockStatus::out_of_range: return MoveStatus::out_of_range;
  }
  return MoveStatus::ok;
}

Addr queue_frame(FrameSource& frames, const char* name) {
  const std::optional<Addr> frame = frames.allocate(BlockVolume::kPageBytes);
  if (!frame) throw UserError(fmt::format("{}: no memory for the device's queues", name));
  return *frame;
}

}  // namespace

const ConfigInfo& BlockVolumeConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<BlockVolumeConfig>("block volume", "How an operating system uses a block device to page.")
          .field("register_base", &BlockVolumeConfig::register_base, "address of the device's registers")
          .field("queue_entries", &BlockVolumeConfig::queue_entries, "of the device's queues", in_range(2, 64))
          .field("requests", &BlockVolumeConfig::requests, "that wait for the queue or are in it, at most",
                 in_range(1, 65536))
          .field("submit", &BlockVolumeConfig::submit, "processor time of submitting, without mapping")
          .field("complete", &BlockVolumeConfig::complete, "processor time of completing, without unmapping")
          .field("register_access", &BlockVolumeConfig::register_access, "time of a store to a register");
  return info;
}

BlockVolume::BlockVolume(const sc_core::sc_module_name& name, const BlockVolumeConfig& config, BlockDevice& device,
                         PhysicalMemory& memory, FrameSource& frames, IoDriver* iommu, IoDomain* domain)
    : Module(name),
      config_(validated(config, this->name())),
      device_(device),
      memory_(memory),
      iommu_(iommu),
      domain_(domain),
      blocks_per_page_(kPageBytes / device.medium().block_bytes()),
      submissions_(queue_frame(frames, this->name())),
      completions_(queue_frame(frames, this->name())),
      slots_(config.queue_entries),
      medium_time_(config.queue_entries) {
  std::memset(memory_.data(completions_), 0, kPageBytes);
  device_.observe_commands([this](std::uint16_t id, const BlockDevice::MediumTime& time) {
    if (id < medium_time_.size()) medium_time_[id] = time;
  });
  SC_HAS_PROCESS(BlockVolume);
  SC_THREAD(submit_orders);
  SC_THREAD(take_completions);
}

// The device is given its queues at no cost: that happened before.
void BlockVolume::start_of_simulation() {
  bool mapped = true;
  const Addr submissions = map(submissions_, kPageBytes, DmaDirection::to_device, mapped);
  const Addr completions = map(completions_, kPageBytes, DmaDirection::from_device, mapped);
  if (!mapped) throw UserError(fmt::format("{}: no I/O addresses for the device's queues", name()));
  write_register(BlockDevice::kSubmissionBase, submissions);
  write_register(BlockDevice::kCompletionBase, completions);
  write_register(BlockDevice::kCompletionEntries, config_.queue_entries);
  write_register(BlockDevice::kSubmissionEntries, config_.queue_entries);
}

Addr BlockVolume::map(Addr address, std::uint64_t bytes, DmaDirection direction, bool& mapped) {
  if (iommu_ == nullptr) return address;
  const std::optional<Addr> iova = iommu_->map(*domain_, address, bytes, direction);
  mapped = mapped && iova.has_value();
  return iova.value_or(0);
}

void BlockVolume::write_register(Addr offset, std::uint64_t value) {
  const auto transaction = transactions_.lease();
  transaction->prepare(tlm::TLM_WRITE_COMMAND, config_.register_base + offset, sizeof value,
                       reinterpret_cast<unsigned char*>(&value));
  sc_core::sc_time delay = sc_core::SC_ZERO_TIME;
  registers->b_transport(transaction->payload, delay);
  if (!transaction->payload.is_response_ok()) {
    throw InvariantError(fmt::format("{}: the device refuses its register {:#x}", name(), offset));
  }
}

// --- orders ---

std::uint32_t BlockVolume::room(Ps /*at*/) const {
  return config_.requests -
         static_cast<std::uint32_t>(std::min<std::size_t>(config_.requests, orders_.size() + in_use_));
}

PageMover::Submission BlockVolume::submit(const MoveOrder& order, Ps at, MoveClient& client) {
  if (room(at) == 0) {
    ++refused_;
    return {.accepted = false, .until = kNever};
  }
  const auto later = [at](const Order& other) { return other.at > at; };
  orders_.insert(std::find_if(orders_.begin(), orders_.end(), later), {.what = order, .client = &client, .at = at});
  ordered_.notify(sc_core::SC_ZERO_TIME);
  return {.accepted = true, .until = at};
}

void BlockVolume::submit_orders() {
  failure_.guard([this] {
    for (;;) {
      if (orders_.empty()) {
        wait(ordered_);
      } else if (orders_.front().at > kernel_now()) {
        wait(delay_until(orders_.front().at), ordered_);
      } else if (in_use_ + 1 == slots_.size()) {  // a ring that is full would look empty
        wait(freed_);
      } else {
        const Order order = orders_.front();
        orders_.pop_front();
        ++in_use_;
        send(order);
      }
    }
  });
}

// Under the queue's lock.
void BlockVolume::send(const Order& order) {
  const auto free = std::find_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return !slot.busy; });
  *free = {.busy = true, .order = order};
  Slot& slot = *free;
  const Ps start = kernel_now();
  slot.order.time.queue += start - order.at;
  waiting_probe_.during(order.at, start);
  spend(config_.submit.ps);
  bool mapped = true;
  const bool out = order.what.direction == MoveDirection::out;
  slot.iova = map(order.what.address, kPageBytes, out ? DmaDirection::to_device : DmaDirection::from_device, mapped);
  if (mapped) {
    ring(slot, static_cast<std::uint16_t>(free - slots_.begin()));
    spend(config_.register_access.ps);
  }
  slot.order.time.software += kernel_now() - start;
  if (mapped) return;
  const Order refused = slot.order;
  slot.busy = false;
  --in_use_;
  end(refused, MoveStatus::memory_fault);
}

void BlockVolume::ring(Slot& slot, std::uint16_t id) {
  const MoveOrder& what = slot.order.what;
  const auto opcode = what.direction == MoveDirection::out ? BlockOpcode::write : BlockOpcode::read;
  std::array<unsigned char, BlockCommand::kBytes> record;
  BlockCommand{.opcode = static_cast<std::uint8_t>(opcode),
               .id = id,
               .data = slot.iova,
               .first_block = what.page * blocks_per_page_,
               .blocks_less_one = static_cast<std::uint16_t>(blocks_per_page_ - 1)}
      .encode(record);
  std::memcpy(memory_.data(submissions_ + std::uint64_t{tail_} * record.size()), record.data(), record.size());
  tail_ = tail_ + 1 == slots_.size() ? 0 : tail_ + 1;
  write_register(BlockDevice::kSubmissionTail, tail_);
}

// --- completions ---

void BlockVolume::interrupt(std::uint32_t /*requester*/, std::uint32_t /*vector*/, Ps at) {
  ++interrupts_taken_;
  interrupts_.emplace_back(at, std::max(at, interrupted_ ? interrupted_(at) : at));
  interrupt_event_.notify(sc_core::SC_ZERO_TIME);
}

void BlockVolume::take_completions() {
  failure_.guard([this] {
    for (;;) {
      if (interrupts_.empty()) {
        wait(interrupt_event_);
        continue;
      }
      const auto [came, handled] = interrupts_.front();
      interrupts_.pop_front();
      if (handled > kernel_now()) wait(delay_until(handled));
      bool any = false;
      while (const std::optional<BlockCompletion> completion = next_completion()) {
        any = true;
        take(*completion, came, kernel_now());
      }
      if (any) write_register(BlockDevice::kCompletionHead, head_);
    }
  });
}

std::optional<BlockCompletion> BlockVolume::next_completion() {
  std::array<unsigned char, BlockCompletion::kBytes> record;
  std::memcpy(record.data(), memory_.data(completions_ + std::uint64_t{head_} * record.size()), record.size());
  const BlockCompletion completion = BlockCompletion::decode(record);
  if (completion.phase != phase_) return std::nullopt;
  if (++head_ == slots_.size()) {
    head_ = 0;
    phase_ = !phase_;
  }
  return completion;
}

void BlockVolume::take(const BlockCompletion& completion, Ps interrupted, Ps taken) {
  if (completion.id >= slots_.size() || !slots_[completion.id].busy) {
    throw InvariantError(
        fmt::format("{}: the device has completed command {}, which it was not given", name(), completion.id));
  }
  Slot& slot = slots_[completion.id];
  spend(config_.complete.ps);
  if (iommu_ != nullptr) iommu_->unmap(*domain_, slot.iova);
  Order order = slot.order;
  const BlockDevice::MediumTime medium = medium_time_[completion.id];
  order.time.software += kernel_now() - taken;
  order.time.queue += medium.queue;
  order.time.media += medium.media;
  slot.busy = false;
  --in_use_;
  freed_.notify(sc_core::SC_ZERO_TIME);
  const Ps rest = kernel_now() - order.at - order.time.total();
  const Ps handler = std::min(rest, taken - std::min(taken, interrupted));
  order.time.queue += handler;
  order.time.link += rest - handler;
  end(order, move_status(completion.status));
}

void BlockVolume::end(Order order, MoveStatus status) {
  const MoveResult result{
      .order = order.what, .status = status, .submitted = order.at, .done = kernel_now(), .time = order.time};
  ++(result.ok() ? done_ : failed_);
  time_ += result.time;
  under_way_probe_.during(order.at, result.done);
  (order.what.direction == MoveDirection::in ? in_latency_ : out_latency_).record(result.done - result.submitted);
  order.client->moved(result);
}

void BlockVolume::visit_stats(StatVisitor& v) {
  v.counter("moved", done_, kCount, "pages moved");
  v.counter("failed", failed_, kCount, "orders that ended with an error");
  v.counter("refused", refused_, kCount, "orders for which there was no room");
  v.counter("interrupts", interrupts_taken_, kCount, "interrupts of the device");
  v.distribution("out_latency", out_latency_, kTimeInNs, "of pages moved out, from order to answer");
  v.distribution("in_latency", in_latency_, kTimeInNs, "of pages moved in, from order to answer");
  visit_move_time(v, time_);
}

void BlockVolume::visit_probes(ProbeVisitor& v) {
  v.probe("waiting", waiting_probe_, 17, "orders that wait for the queue");
  v.probe("under_way", under_way_probe_, 17, "orders under way");
}

}  // namespace pagoda

#include "pagoda/devices/block_device.h"

#include <algorithm>
#include <cstring>

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace {

BlockStatus block_status_of(MediumStatus status) {
  switch (status) {
    case MediumStatus::ok: break;
    case MediumStatus::out_of_range: return BlockStatus::out_of_range;
    case MediumStatus::full: return BlockStatus::capacity_exceeded;
    case MediumStatus::read_error: return BlockStatus::unrecovered_read;
    case MediumStatus::write_error: return BlockStatus::write_fault;
    case MediumStatus::timed_out: return BlockStatus::aborted;
  }
  return BlockStatus::success;
}

}  // namespace

const ConfigInfo& BlockDeviceConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<BlockDeviceConfig>("block device", "A block device with submission and completion queue.")
          .field("commands", &BlockDeviceConfig::commands, "commands worked on at a time", in_range(1, 65536))
          .field("fetch_batch", &BlockDeviceConfig::fetch_batch, "commands fetched by one read", in_range(1, 64))
          .field("max_transfer", &BlockDeviceConfig::max_transfer, "most data of a command",
                 in_range(Bytes{512}, Bytes{1 << 26}))
          .field("real_data", &BlockDeviceConfig::real_data,
                 "blocks have bytes; else only the time of moving them passes")
          .field("medium", &BlockDeviceConfig::medium, "where the blocks are")
          .field("interrupt", &BlockDeviceConfig::interrupt, "when it interrupts");
  return info;
}

BlockDevice::BlockDevice(const BlockDeviceConfig& config)
    : real_data_(validated(config).real_data),
      max_transfer_(config.max_transfer.count),
      medium_(make_medium(config.medium)),
      submissions_(BlockCommand::kBytes, config.fetch_batch, *this),
      interrupt_(config.interrupt, 0),
      commands_(config.commands) {
  add_interrupt(interrupt_);
  medium_work_.device = this;
  for (Command& command : commands_) {
    command.device = this;
    command.job.client = &command;
    free_.push_back(&command);
  }
}

void BlockDevice::attach(DeviceServices& services) {
  RegisterFunction::attach(services);
  submissions_.attach(services.channel());
}

// --- registers ---

std::optional<std::uint64_t> BlockDevice::read(Addr offset) const {
  switch (offset) {
    case kSubmissionBase: return submission_base_;
    case kCompletionBase: return next_completion_base_;
    case kCompletionEntries: return next_completions_;
    case kSubmissionEntries: return submissions_.entries();
    case kSubmissionTail: return submissions_.tail();
    case kCompletionHead: return completion_head_;
    case kSubmissionHead: return submissions_.next();
    default: return std::nullopt;
  }
}

bool BlockDevice::writable(Addr offset) const { return offset >= kSubmissionBase && offset <= kCompletionHead; }

void BlockDevice::written(Addr offset, std::uint64_t value, Ps at) {
  switch (offset) {
    case kSubmissionBase: submission_base_ = value; break;
    case kCompletionBase: next_completion_base_ = value; break;
    case kCompletionEntries: next_completions_ = value; break;
    case kSubmissionEntries: open(value); break;
    case kCompletionHead: take_completion_head(value, at); break;
    default:
      if (!submissions_.ring_doorbell(value)) return report(DeviceError::bad_index);
      submissions_.fetch(at);
  }
}

void BlockDevice::open(std::uint64_t entries) {
  for (Command& command : commands_) command.abandoned = command.state != State::free;
  for (Command* command : ended_) {
    command->state = State::free;
    free_.push_back(command);
  }
  ended_.clear();
  completion_base_ = next_completion_base_;
  completion_tail_ = completion_head_ = 0;
  phase_ = true;
  const bool possible = next_completions_ >= 2 && next_completions_ <= RingReader::kMaxEntries &&
                        completion_base_ % BlockCompletion::kBytes == 0;
  completions_ = possible ? static_cast<std::uint32_t>(next_completions_) : 0;
  if (entries == 0) {
    submissions_.open(submission_base_, 0);
  } else if (!submissions_.open(submission_base_, possible ? entries : 0)) {
    report(DeviceError::bad_ring);
  }
}

void BlockDevice::take_completion_head(std::uint64_t head, Ps at) {
  if (head >= completions_) return report(DeviceError::bad_index);
  completion_head_ = static_cast<std::uint32_t>(head);
  write_completions(at);
}

// --- commands ---

void BlockDevice::fetch_failed(Ps /*at*/) { report(DeviceError::ring_fault); }

void BlockDevice::fetched(std::uint32_t /*index*/, std::span<const unsigned char> entry, Ps at) {
  Command& command = *free_.back();
  free_.pop_back();
  command.abandoned = false;
  command.command = BlockCommand::decode(entry.first<BlockCommand::kBytes>());
  command.since = at;
  commands_probe_.rise(at);
  const BlockStatus problem = check(command.command);
  if (problem == BlockStatus::success) return begin(command, at);
  report(DeviceError::bad_entry);
  end(command, problem, at);
}

BlockStatus BlockDevice::check(const BlockCommand& command) const {
  if (!is_block_opcode(command.opcode)) return BlockStatus::invalid_opcode;
  if (command.opcode == static_cast<std::uint8_t>(BlockOpcode::flush)) return BlockStatus::success;
  const bool moves = command.opcode != static_cast<std::uint8_t>(BlockOpcode::deallocate);
  if (moves && bytes_of(command) > max_transfer_) return BlockStatus::invalid_field;
  const bool inside =
      command.blocks() <= medium_->blocks() && command.first_block <= medium_->blocks() - command.blocks();
  return inside ? BlockStatus::success : BlockStatus::out_of_range;
}

void BlockDevice::begin(Command& command, Ps at) {
  switch (static_cast<BlockOpcode>(command.command.opcode)) {
    case BlockOpcode::flush: ++flushes_; return wait_for_medium(command, {std::max(at, medium_->all_written())}, at);
    case BlockOpcode::deallocate: return wait_for_medium(command, medium_->discard(range_of(command, at)), at);
    case BlockOpcode::read:
      ++reads_;
      if (real_data_) command.data.resize(bytes_of(command.command));
      return wait_for_medium(command, medium_->read(range_of(command, at), command.data), at);
    case BlockOpcode::write: ++writes_; return transfer(command, at);
  }
}

MediumRequest BlockDevice::range_of(const Command& command, Ps at) {
  return {.first_block = command.command.first_block,
          .blocks = command.command.blocks(),
          .at = at,
          .floor = services().floor()};
}

void BlockDevice::wait_for_medium(Command& command, const MediumAnswer& answer, Ps at) {
  command.state = State::at_medium;
  command.status = block_status_of(answer.status);
  if (observer_) observer_(command.command.id, {.media = answer.done - at - answer.queue, .queue = answer.queue});
  services().post(answer.done, command);
  go_on_with_medium(at);
}

void BlockDevice::go_on_with_medium(Ps at) {
  const Ps next = medium_->work_until(at);
  if (next == kNever || medium_work_.due <= next) return;
  medium_work_.due = next;
  services().post(next, medium_work_);
}

void BlockDevice::MediumWork::run(Ps at) {
  if (at < due) return;  // it was to be done sooner, and has been
  due = kNever;
  device->go_on_with_medium(at);
}

// Moves the blocks between the device and memory.
void BlockDevice::transfer(Command& command, Ps at) {
  command.state = State::moving;
  command.job.write = command.command.opcode == static_cast<std::uint8_t>(BlockOpcode::read);
  command.job.address = command.command.data;
  command.job.bytes = bytes_of(command.command);
  command.job.data = nullptr;
  if (real_data_) {
    command.data.resize(command.job.bytes);
    command.job.data = command.data.data();
  }
  services().channel().start(command.job, at);
}

void BlockDevice::medium_done(Command& command, Ps at) {
  if (command.abandoned) return release(command, at);
  const bool reads = command.command.opcode == static_cast<std::uint8_t>(BlockOpcode::read);
  if (reads && command.status == BlockStatus::success) return transfer(command, at);
  end(command, command.status, at);
}

void BlockDevice::transfer_done(Command& command, Ps at) {
  const bool ok = command.job.status == DmaStatus::ok;
  if (command.state == State::completing) {
    if (!ok) report(DeviceError::record_fault);
    latency_.record(at - command.since);
    if (!command.abandoned) interrupt_.event(at);
    return release(command, at);
  }
  if (command.abandoned) return release(command, at);
  if (!ok) {
    report(DeviceError::data_fault);
    return end(command, BlockStatus::data_transfer_error, at);
  }
  bytes_ += command.job.bytes;
  if (command.job.write) return end(command, BlockStatus::success, at);
  wait_for_medium(command, medium_->write(range_of(command, at), command.data), at);
}

void BlockDevice::end(Command& command, BlockStatus status, Ps at) {
  command.state = State::ending;
  command.status = status;
  if (status != BlockStatus::success) ++failed_;
  ended_.push_back(&command);
  write_completions(at);
}

void BlockDevice::write_completions(Ps at) {
  while (!ended_.empty()) {
    const std::uint32_t after = completion_tail_ + 1 == completions_ ? 0 : completion_tail_ + 1;
    if (after == completion_head_) {
      ++completion_waits_;
      return;
    }
    Command& command = *ended_.front();
    ended_.pop_front();
    command.state = State::completing;
    BlockCompletion{.submission_head = static_cast<std::uint16_t>(submissions_.next()),
                    .id = command.command.id,
                    .phase = phase_,
                    .status = command.status}
        .encode(command.record);
    command.job.address = completion_base_ + std::uint64_t{completion_tail_} * BlockCompletion::kBytes;
    command.job.bytes = command.record.size();
    command.job.write = true;
    command.job.data = command.record.data();
    if (after == 0) phase_ = !phase_;
    completion_tail_ = after;
    services().channel().start(command.job, at);
  }
}

void BlockDevice::release(Command& command, Ps at) {
  commands_probe_.fall(at);
  command.state = State::free;
  free_.push_back(&command);
  submissions_.fetch(at);
}

void BlockDevice::visit_stats(StatVisitor& v) {
  v.counter("read_commands", reads_, kCount, "commands that read blocks");
  v.counter("write_commands", writes_, kCount, "commands that write blocks");
  v.counter("flush_commands", flushes_, kCount, "commands that wait until writes are safe");
  v.counter("commands_failed", failed_, kCount, "commands completed with an error");
  v.counter("block_bytes", bytes_, kSizeInBytes, "data of blocks moved");
  v.counter("completion_queue_full", completion_waits_, kCount, "how often completions found no room in their queue");
  v.distribution("command_latency", latency_, kTimeInNs, "from command fetched to completion written");
  interrupt_.visit_stats(v);
  v.enter("medium");
  medium_->visit_stats(v, services().floor());
  v.leave();
}

void BlockDevice::visit_probes(ProbeVisitor& v) {
  v.probe("commands", commands_probe_, 17, "commands being worked on");
  v.enter("medium");
  medium_->visit_probes(v);
  v.leave();
}

}  // namespace pagoda

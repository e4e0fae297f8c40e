#include "pagoda/devices/capi_engine.h"

#include <algorithm>

namespace pagoda {
namespace {

constexpr Addr kDataAlignment = 16;  // as in SISLite

CapiStatus capi_status_of(MediumStatus status) {
  switch (status) {
    case MediumStatus::ok: break;
    case MediumStatus::out_of_range: return CapiStatus::out_of_range;
    case MediumStatus::full: return CapiStatus::volume_full;
    case MediumStatus::read_error:
    case MediumStatus::write_error: return CapiStatus::media_error;
    case MediumStatus::timed_out: return CapiStatus::timed_out;
  }
  return CapiStatus::success;
}

CapiTime parts_of(const TimeSplit& time) {
  return {.queue = time[TimePart::queue],
          .link = time[TimePart::link],
          .translation = time[TimePart::tlb] + time[TimePart::walk],
          .memory = time[TimePart::cache] + time[TimePart::dram],
          .media = 0};
}

}  // namespace

CapiTime& CapiTime::operator+=(const CapiTime& other) {
  queue += other.queue;
  link += other.link;
  translation += other.translation;
  memory += other.memory;
  media += other.media;
  return *this;
}

CapiEngine::CapiEngine(const CapiAdapterConfig& config)
    : requester_(config.requester),
      line_(config.line.count),
      max_transfer_(config.max_transfer.count),
      interval_(std::max<Ps>(config.issue_interval.at(config.clock.period()), 1)),
      fault_report_(config.fault_report.at(config.clock.period())),
      fault_attempts_(config.translation.fault_attempts),
      translation_(config.translation, config.clock.period()),
      medium_(make_medium(config.medium)),
      lines_(config.outstanding) {}

CapiEngine::Transfer CapiEngine::move(const CapiUser& user, Addr effective, std::span<unsigned char> bytes, bool write,
                                      Ps at) {
  Transfer transfer{.done = at};
  Ps ready = at;
  for (std::uint64_t offset = 0; offset < bytes.size() && transfer.ok;) {
    const Addr address = effective + offset;
    const std::uint64_t length = std::min(line_ - address % line_, bytes.size() - offset);
    const Servers::Slot place = lines_.acquire(ready, typical_line_);
    const Servers::Slot turn = issue_.acquire(place.start, interval_);
    issue_.release(user.floor, turn, turn.start + interval_);
    const Line line = move_line(user, address, bytes.subspan(offset, length), write, turn.start);
    lines_.release(user.floor, place, line.done);
    lines_probe_.during(turn.start, line.done);
    typical_line_ = std::max<Ps>(line.done - place.start, 1);
    line_wait_ += turn.start - ready;
    ++lines_moved_;
    if (line.done >= transfer.done || !line.ok) {
      transfer.time = parts_of(line.time);
      transfer.time.translation += line.faults;
      transfer.time.link += turn.start - at;
      transfer.done = line.done;
    }
    transfer.ok = line.ok;
    if (!line.ok) transfer.fault_address = address;
    ready = turn.start + interval_;
    offset += length;
  }
  return transfer;
}

CapiEngine::Line CapiEngine::move_line(const CapiUser& user, Addr effective, std::span<unsigned char> bytes, bool write,
                                       Ps at) {
  Line line{.done = at};
  for (std::uint32_t attempt = 0;; ++attempt) {
    Fault fault;
    TimedRequest request{.address = effective,
                         .bytes = static_cast<std::uint32_t>(bytes.size()),
                         .info = {.requester = requester_,
                                  .asid = user.software.tag.asid,
                                  .vmid = user.software.tag.vmid,
                                  .access = write ? AccessKind::write : AccessKind::read,
                                  .privilege = user.privilege,
                                  .origin = Origin::dma},
                         .floor = user.floor,
                         .time = &line.time,
                         .fault = &fault};
    if (user.software.stages.empty()) {
      const TimedAnswer answer = below_->access_data(request, line.done, bytes.data());
      return {answer.done, answer.ok(), line.faults, line.time};
    }
    const CapiTranslation::Answer found = translation_.translate(user.software, request, line.done, *below_);
    line.done = found.at;
    if (found.entry != nullptr) {
      const TlbEntry entry = *found.entry;
      request.address = found.real;
      const TimedAnswer answer = below_->access_data(request, line.done, bytes.data());
      translation_.used(effective, entry, answer.done, user.floor);
      return {answer.done, answer.ok(), line.faults, line.time};
    }
    if (attempt == fault_attempts_) break;
    ++faults_;
    const CapiFaultHandler::Answer answer = user.faults.adapter_fault(user.context, fault, line.done + fault_report_);
    const Ps resumed = std::max(answer.resume, line.done + fault_report_);
    fault_time_ += resumed - line.done;
    faults_probe_.during(line.done, resumed);
    line.faults += resumed - line.done;
    line.done = resumed;
    if (!answer.resolved) break;
  }
  ++faults_refused_;
  line.ok = false;
  return line;
}

MediumRequest CapiEngine::range_of(const CapiUser& user, const CapiCommand& command, Ps at) const {
  return {.first_block = command.first_block, .blocks = command.blocks, .at = at, .floor = user.floor};
}

CapiEngine::Outcome CapiEngine::check(const CapiUser& user, const CapiCommand& command) const {
  if (command.opcode < static_cast<std::uint8_t>(CapiOpcode::read) ||
      command.opcode > static_cast<std::uint8_t>(CapiOpcode::discard)) {
    return {CapiStatus::invalid_opcode};
  }
  const bool moves = command.opcode != static_cast<std::uint8_t>(CapiOpcode::discard);
  const bool possible =
      command.context == user.context && command.blocks > 0 &&
      (!moves || (command.data % kDataAlignment == 0 && command.blocks <= max_transfer_ / medium_->block_bytes()));
  return {possible ? CapiStatus::success : CapiStatus::invalid_field};
}

CapiEngine::Outcome CapiEngine::execute(const CapiUser& user, const CapiCommand& command, Ps& at, CapiTime& time) {
  const Outcome problem = check(user, command);
  if (problem.status != CapiStatus::success) return problem;
  const Ps deadline = command.timeout_us == 0 ? kNever : at + command.timeout_us * kMicrosecond;
  switch (static_cast<CapiOpcode>(command.opcode)) {
    case CapiOpcode::read: return read(user, command, deadline, at, time);
    case CapiOpcode::write: return write(user, command, deadline, at, time);
    case CapiOpcode::discard: break;
  }
  ++discards_;
  return take(medium_->discard(range_of(user, command, at)), deadline, at, time);
}

// The medium's answer, or the end of the command's time before.
CapiEngine::Outcome CapiEngine::take(const MediumAnswer& answer, Ps deadline, Ps& at, CapiTime& time) {
  const Ps done = std::min(answer.done, deadline);
  const Ps queue = std::min(answer.queue, done - at);
  time.queue += queue;
  time.media += done - at - queue;
  at = done;
  return {answer.done > deadline ? CapiStatus::timed_out : capi_status_of(answer.status)};
}

CapiEngine::Outcome CapiEngine::read(const CapiUser& user, const CapiCommand& command, Ps deadline, Ps& at,
                                     CapiTime& time) {
  // Its own, as what a page fault sets going may be a command as well.
  std::vector<unsigned char> data = std::move(buffer_);
  data.resize(command.blocks * medium_->block_bytes());
  Outcome outcome = take(medium_->read(range_of(user, command, at), data), deadline, at, time);
  if (outcome.status == CapiStatus::success) {
    const Transfer transfer = move(user, command.data, data, true, at);
    time += transfer.time;
    at = transfer.done;
    if (!transfer.ok) outcome = {CapiStatus::data_fault, transfer.fault_address};
    ++reads_;
    if (transfer.ok) bytes_in_ += data.size();
  }
  buffer_ = std::move(data);
  if (outcome.status == CapiStatus::timed_out) ++given_up_;
  return outcome;
}

CapiEngine::Outcome CapiEngine::write(const CapiUser& user, const CapiCommand& command, Ps deadline, Ps& at,
                                      CapiTime& time) {
  std::vector<unsigned char> data = std::move(buffer_);
  data.resize(command.blocks * medium_->block_bytes());
  const Transfer transfer = move(user, command.data, data, false, at);
  time += transfer.time;
  at = transfer.done;
  Outcome outcome;
  if (!transfer.ok) {
    outcome = {CapiStatus::data_fault, transfer.fault_address};
  } else if (at > deadline) {
    outcome = {CapiStatus::timed_out};
  } else {
    outcome = take(medium_->write(range_of(user, command, at), data), deadline, at, time);
    ++writes_;
    if (outcome.status == CapiStatus::success) bytes_out_ += data.size();
  }
  buffer_ = std::move(data);
  if (outcome.status == CapiStatus::timed_out) ++given_up_;
  return outcome;
}

void CapiEngine::visit_stats(StatVisitor& v, Ps now) {
  v.counter("reads", reads_, kCount, "commands that moved blocks into memory");
  v.counter("writes", writes_, kCount, "commands that moved blocks out of memory");
  v.counter("discards", discards_, kCount, "commands that gave up blocks");
  v.counter("bytes_in", bytes_in_, kSizeInBytes, "data moved into memory");
  v.counter("bytes_out", bytes_out_, kSizeInBytes, "data moved out of memory");
  v.counter("lines", lines_moved_, kCount, "accesses to memory, for data, commands and answers");
  v.counter("line_wait", line_wait_, kTimeInNs, "time they waited until they could be issued");
  v.counter("faults", faults_, kCount, "page faults told to software");
  v.counter("fault_time", fault_time_, kTimeInNs, "until software had answered");
  v.counter("faults_refused", faults_refused_, kCount, "accesses given up for want of a page");
  v.counter("given_up", given_up_, kCount, "commands whose time-out passed");
  v.enter("translation");
  translation_.visit_stats(v);
  v.leave();
  v.enter("medium");
  medium_->visit_stats(v, now);
  v.leave();
}

void CapiEngine::visit_probes(ProbeVisitor& v) {
  v.probe("lines", lines_probe_, 13, "line requests under way");
  v.probe("faults", faults_probe_, 13, "accesses that wait for software");
  v.enter("translation");
  translation_.visit_probes(v);
  v.leave();
  v.enter("medium");
  medium_->visit_probes(v);
  v.leave();
}

}  // namespace pagoda

#include "pagoda/devices/storage_medium.h"

#include <algorithm>

#include "pagoda/devices/flash_medium.h"
#include "pagoda/devices/remote_memory.h"

namespace pagoda {

StorageMedium::StorageMedium(const MediumConfig& config)
    : block_bytes_(validated(config).block.count),
      blocks_(config.capacity.count / block_bytes_),
      faults_(config.faults),
      random_(config.faults.seed) {}

std::unique_ptr<StorageMedium> make_medium(const MediumConfig& config) {
  if (config.kind == MediumKind::remote) return std::make_unique<RemoteMemory>(config);
  return std::make_unique<FlashMedium>(config);
}

bool StorageMedium::contains(const MediumRequest& request) const {
  return request.blocks <= blocks_ && request.first_block <= blocks_ - request.blocks;
}

// How a command is to end.
MediumStatus StorageMedium::fate(bool write) {
  const MediumStatus error = write ? MediumStatus::write_error : MediumStatus::read_error;
  const auto planned = std::find_if(injected_.begin(), injected_.end(), [error](MediumStatus problem) {
    return problem == error || problem == MediumStatus::timed_out;
  });
  if (planned != injected_.end()) {
    const MediumStatus problem = *planned;
    injected_.erase(planned);
    return problem;
  }
  const double errors = write ? faults_.write_errors : faults_.read_errors;
  if (errors == 0 && faults_.timeouts == 0) return MediumStatus::ok;
  const double chance = std::generate_canonical<double, 53>(random_);
  if (chance < errors) return error;
  return chance < errors + faults_.timeouts ? MediumStatus::timed_out : MediumStatus::ok;
}

MediumAnswer StorageMedium::read(const MediumRequest& request, std::span<unsigned char> to) {
  if (!contains(request)) return count(request, {request.at, MediumStatus::out_of_range});
  const MediumStatus end = fate(false);
  if (end != MediumStatus::ok) {
    return count(request, {request.at + (end == MediumStatus::timed_out ? faults_.timeout : faults_.recovery).ps, end});
  }
  const MediumAnswer answer = count(request, read_blocks(request, to));
  ++reads_;
  bytes_read_ += request.blocks * block_bytes_;
  read_latency_.record(answer.done - request.at);
  return answer;
}

MediumAnswer StorageMedium::write(const MediumRequest& request, std::span<const unsigned char> from) {
  if (!contains(request)) return count(request, {request.at, MediumStatus::out_of_range});
  const MediumStatus end = fate(true);
  if (end != MediumStatus::ok) {
    return count(request, {request.at + (end == MediumStatus::timed_out ? faults_.timeout : faults_.recovery).ps, end});
  }
  const MediumAnswer answer = count(request, write_blocks(request, from));
  if (!answer.ok()) return answer;
  all_written_ = std::max(all_written_, answer.done);
  ++writes_;
  bytes_written_ += request.blocks * block_bytes_;
  write_latency_.record(answer.done - request.at);
  return answer;
}

MediumAnswer StorageMedium::discard(const MediumRequest& request) {
  if (!contains(request)) return count(request, {request.at, MediumStatus::out_of_range});
  ++discards_;
  return count(request, discard_blocks(request));
}

MediumAnswer StorageMedium::count(const MediumRequest& request, const MediumAnswer& answer) {
  ++ended_[static_cast<std::size_t>(answer.status)];
  queue_ += answer.queue;
  commands_probe_.during(request.at, answer.done);
  return answer;
}

void StorageMedium::visit_stats(StatVisitor& v, Ps now) {
  const auto ended = [this](MediumStatus status) -> std::uint64_t& { return ended_[static_cast<std::size_t>(status)]; };
  v.counter("reads", reads_, kCount, "read commands carried out");
  v.counter("writes", writes_, kCount, "write commands carried out");
  v.counter("discards", discards_, kCount, "ranges given up");
  v.counter("bytes_read", bytes_read_, kSizeInBytes, "data read");
  v.counter("bytes_written", bytes_written_, kSizeInBytes, "data written");
  v.counter("queue", queue_, kTimeInNs, "time commands waited for something busy");
  v.counter("out_of_range", ended(MediumStatus::out_of_range), kCount, "commands for blocks that do not exist");
  v.counter("full", ended(MediumStatus::full), kCount, "writes for which there was no room");
  v.counter("read_errors", ended(MediumStatus::read_error), kCount, "reads that failed");
  v.counter("write_errors", ended(MediumStatus::write_error), kCount, "writes that failed");
  v.counter("timeouts", ended(MediumStatus::timed_out), kCount, "commands given up");
  v.distribution("read_latency", read_latency_, kTimeInNs, "of reads, in the medium");
  v.distribution("write_latency", write_latency_, kTimeInNs, "of writes, until they are safe");
  v.value("utilisation", utilisation(now), "", "share of the time in which the part used most was busy");
  visit_own_stats(v, now - std::min(now, counting_since_));
  if (v.clears()) counting_since_ = now;
}

void StorageMedium::visit_probes(ProbeVisitor& v) {
  v.probe("commands", commands_probe_, 17, "commands in the medium");
  visit_own_probes(v);
}

}  // namespace pagoda

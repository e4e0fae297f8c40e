#include "pagoda/devices/dirty_logger.h"

#include <algorithm>
#include <cstring>

namespace pagoda {
namespace {

constexpr unsigned kSmallestGranule = 6;
constexpr unsigned kLargestGranule = 30;
constexpr Addr kMapAlignment = 64;
constexpr std::uint64_t kProcessMask = (1u << 20) - 1;

}  // namespace

bool DirtyLogger::Region::concerns(const DmaSpace& space) const {
  if (space.pasid.has_value() != ((process & kHasProcess) != 0)) return false;
  if (!space.pasid) return true;
  const bool privileged = space.privilege == Privilege::supervisor;
  return *space.pasid == (process & kProcessMask) && privileged == ((process & kPrivileged) != 0);
}

DirtyLogger::DirtyLogger(const DirtyLogConfig& config, Ps period)
    : depth_(config.queue_depth),
      service_(config.service.at(period)),
      regions_(config.regions),
      queues_(config.queues),
      words_(config, *this) {
  for (std::uint32_t i = 0; i < regions_.size(); ++i) {
    regions_[i] = std::make_unique<Region>();
    regions_[i]->logger = this;
    regions_[i]->number = i;
    regions_[i]->job.client = regions_[i].get();
  }
  for (Queue& queue : queues_) queue.logger = this;
  end_task_.logger = this;
  add_interrupt(interrupt_);
}

void DirtyLogger::watch(DmaChannel& channel, Agenda& agenda) {
  channel_ = &channel;
  agenda_ = &agenda;
  channel.set_log(this);
}

void DirtyLogger::attach(DeviceServices& services) {
  RegisterFunction::attach(services);
  words_.attach(services.channel(), *agenda_);
}

// --- commands ---

std::optional<std::uint64_t> DirtyLogger::read(Addr offset) const {
  if (offset == kRegion) return selected_;
  if (offset == kGeneration) return generation_;
  if (selected_ >= regions_.size()) {
    return offset >= kRegion && offset < kGeneration ? std::optional<std::uint64_t>(0) : std::nullopt;
  }
  const Region& region = *regions_[selected_];
  switch (offset) {
    case kBase: return region.base;
    case kLength: return region.bytes;
    case kProcess: return region.process;
    case kMap0: return region.maps[0];
    case kMap1: return region.maps[1];
    case kShape: return region.shape_bits;
    case kRecord: return region.record_address;
    case kCommand: return 0;
    case kState: return static_cast<std::uint64_t>(settling(region) ? State::settling : region.state);
    case kPass: return region.pass;
    default: return std::nullopt;
  }
}

bool DirtyLogger::writable(Addr offset) const { return offset >= kRegion && offset <= kCommand && offset % 8 == 0; }

void DirtyLogger::written(Addr offset, std::uint64_t value, Ps at) {
  if (offset == kRegion) selected_ = value;
  if (offset == kCommand && value == static_cast<std::uint64_t>(Command::reset)) return reset(at);
  if (selected_ >= regions_.size()) return report(DeviceError::bad_index);
  if (offset == kRegion) return;
  if (offset == kCommand) return command(static_cast<Command>(value), at);
  Region& region = *regions_[selected_];
  if (region.state != State::idle) return report(DeviceError::bad_entry);
  switch (offset) {
    case kBase: region.base = value; break;
    case kLength: region.bytes = value; break;
    case kProcess: region.process = value; break;
    case kMap0: region.maps[0] = value; break;
    case kMap1: region.maps[1] = value; break;
    case kShape: region.shape_bits = value; break;
    default: region.record_address = value; break;
  }
}

bool DirtyLogger::possible(const Region& region) {
  const DirtyMapShape shape = region.shape();
  const bool granule = shape.granule_shift >= kSmallestGranule && shape.granule_shift <= kLargestGranule;
  const bool range = region.base % 4096 == 0 && region.bytes != 0 && region.base + region.bytes > region.base;
  const bool places = (region.maps[0] | region.maps[1]) % kMapAlignment == 0 && region.record_address % 8 == 0;
  return granule && range && places && region.maps[0] != region.maps[1] &&
         region.bytes % (std::uint64_t{1} << shape.granule_shift) == 0;
}

void DirtyLogger::command(Command what, Ps at) {
  Region& region = *regions_[selected_];
  const bool idle = region.state == State::idle;
  if (what == Command::start && idle && !settling(region) && possible(region)) return start(region, at);
  if (what == Command::new_pass && region.state == State::logging) return end_pass(region, State::ending_pass, at);
  if (what == Command::stop && region.state == State::logging) return end_pass(region, State::stopping, at);
  report(DeviceError::bad_entry);
}

// What a reset could not stop must not come after marks of a new beginning.
bool DirtyLogger::settling(const Region& region) const {
  return region.state == State::idle && (region.recording || words_.any_forgotten(region.number));
}

void DirtyLogger::start(Region& region, Ps at) {
  region.state = State::logging;
  region.current = 0;
  region.pass = 1;
  region.queued = {};
  region.lost = {};
  region.marked = 0;
  region.written_until = at;
  ++epoch_;
  pass_probe_.set(at, region.pass);
}

// From here on writes are logged in the other map, each translation again.
void DirtyLogger::end_pass(Region& region, State state, Ps at) {
  const std::uint32_t old = region.current;
  region.state = state;
  region.ending_since = at;
  region.ends_from = region.written_until;
  draining_probe_.set(at, ++ending_);
  if (state == State::ending_pass) region.current = 1 - old;
  ++epoch_;
  words_.flush({region.number, old}, at);
  look_for_end(region, at);
}

void DirtyLogger::reset(Ps at) {
  ++generation_;
  ++resets_;
  words_.reset();
  for (Queue& queue : queues_) queue.entries.clear();
  for (const auto& region : regions_) {
    region->state = State::idle;
    region->forgotten = region->recording;
    region->queued = {};
  }
  ++epoch_;
  ending_ = 0;
  draining_probe_.set(at, 0);
  depth_probe_.set(at, 0);
  population_probe_.set(at, 0);
  channel_->retry_stalled(at);
}

// --- writes ---

GranuleRange DirtyLogger::granules_of(const Region& region, const LoggedWrite& write) const {
  Addr first = write.address;
  std::uint64_t length = write.bytes;
  if (!region.every_write() && write.entry != nullptr) {
    length = std::uint64_t{1} << write.entry->page_shift;
    first &= ~(length - 1);
  }
  return granules_touched(region.shape(), region.bytes, first - region.base, length);
}

bool DirtyLogger::admit(const LoggedWrite& write, Ps at) {
  Queue& queue = queue_of(write.address);
  const bool known = write.entry != nullptr && !write.entry->global && write.entry->logged == epoch_;
  std::size_t wanted = 0;
  bool concerned = false;
  const auto to_log = [&](const Region& region) {
    return region.monitors() && region.concerns(write.space) && (!known || region.every_write());
  };
  for (const auto& region : regions_) {
    if (to_log(*region) && granules_of(*region, write) != GranuleRange{}) ++wanted;
    concerned |= region->monitors() && region->concerns(write.space);
  }
  if (wanted > 0 && queue.entries.size() + wanted > std::max(depth_, wanted)) {
    ++full_;
    ++room_wanted_;
    return false;
  }
  if (!concerned) return true;
  ++writes_;
  if (wanted == 0 && known) ++suppressed_;
  for (const auto& region : regions_) {
    if (!to_log(*region)) continue;
    const GranuleRange granules = granules_of(*region, write);
    if (granules == GranuleRange{}) continue;
    ++logged_;
    ++region->queued[region->current];
    queue.entries.push_back({region->number, region->current, granules, at});
  }
  if (write.entry != nullptr) write.entry->logged = epoch_;
  depth_max_ = std::max<std::uint64_t>(depth_max_, queue.entries.size());
  if (wanted > 0) {
    depth_probe_.set(at, queue.entries.size());
    schedule(queue, at);
  }
  return true;
}

void DirtyLogger::made(const LoggedWrite& write, Ps done) {
  for (const auto& region : regions_) {
    if (!region->monitors() || !region->concerns(write.space)) continue;
    region->written_until = std::max(region->written_until, done);
  }
}

// --- from queues to maps ---

void DirtyLogger::schedule(Queue& queue, Ps at) {
  if (queue.scheduled || queue.waits_for_word || queue.entries.empty()) return;
  queue.scheduled = true;
  agenda_->add(std::max(at, queue.entries.front().since + service_), queue);  // none before it has come
}

// One word of the entry at the head.
void DirtyLogger::serve(Queue& queue, Ps at) {
  queue.scheduled = false;
  if (queue.entries.empty()) return;
  Entry& entry = queue.entries.front();
  Region& region = *regions_[entry.region];
  const MapWords::Map map{entry.region, entry.map};
  const std::uint64_t rest = words_.note(map, region.maps[entry.map], region.shape().kind, entry.granules, at);
  if (rest == entry.granules.first) {
    queue.waits_for_word = true;
    return;
  }
  entry.granules.first = rest;
  if (rest == entry.granules.end) {
    queueing_.record(at - std::min(at, entry.since));
    --region.queued[entry.map];
    queue.entries.pop_front();
    depth_probe_.set(at, queue.entries.size());
    const bool ending = region.state != State::logging && map.which == region.ending_map();
    if (ending && region.queued[map.which] == 0) {
      words_.flush(map, at);
      look_for_end(region, at);
    }
    if (std::exchange(room_wanted_, 0) > 0) channel_->retry_stalled(at);
  }
  schedule(queue, at + service_);
}

void DirtyLogger::word_written(MapWords::Map map, bool ok, std::uint64_t granules, Ps at) {
  Region& region = *regions_[map.region];
  if (!ok) {
    region.lost[map.which] = true;
    report(DeviceError::data_fault);
  }
  granules_ += granules;
  if (map.which == region.current) region.marked += granules;
  population_probe_.set(at, region.marked);
  for (Queue& queue : queues_) {
    queue.waits_for_word = false;
    schedule(queue, at);
  }
  look_for_end(region, at);
}

void DirtyLogger::EndTask::run(Ps at) {
  for (const auto& region : logger->regions_) logger->look_for_end(*region, at);
}

// Is the old map complete? Then the record is written.
void DirtyLogger::look_for_end(Region& region, Ps at) {
  if (region.recording || (region.state != State::ending_pass && region.state != State::stopping)) return;
  const std::uint32_t old = region.ending_map();
  if (region.queued[old] > 0) return;
  const MapWords::Map map{region.number, old};
  if (words_.pending(map) > 0) return words_.flush(map, at);
  if (region.ends_from > at) return agenda_->add(region.ends_from, end_task_);
  std::uint64_t value = region.pass & 0xffff'ffff;
  if (std::exchange(region.lost[old], false)) value |= kLost;
  if (region.state == State::stopping) value |= kEnded;
  std::memcpy(region.record.data(), &value, sizeof value);
  region.recording = true;
  region.job.address = region.record_address;
  region.job.bytes = region.record.size();
  region.job.write = true;
  region.job.data = region.record.data();
  services().channel().start(region.job, at);
}

void DirtyLogger::recorded(Region& region, Ps at) {
  region.recording = false;
  if (std::exchange(region.forgotten, false)) return;
  if (region.job.status != DmaStatus::ok) report(DeviceError::record_fault);
  ++passes_;
  drain_.record(at - region.ending_since);
  draining_probe_.set(at, --ending_);
  region.state = region.state == State::stopping ? State::idle : State::logging;
  region.marked = 0;
  ++region.pass;
  population_probe_.set(at, 0);
  pass_probe_.set(at, region.pass);
  interrupt_.event(at);
}

void DirtyLogger::visit_stats(StatVisitor& v) {
  v.counter("writes", writes_, kCount, "writes of processes that are monitored");
  v.counter("logged", logged_, kCount, "entries put on access-log queues");
  v.counter("suppressed", suppressed_, kCount, "writes by translations that had been logged in this pass");
  v.counter("queue_full", full_, kCount, "how often a write found its queue full");
  v.counter("queue_max", depth_max_, kCount, "most entries of a queue");
  v.distribution("queueing", queueing_, kTimeInNs, "from write to its marks being gathered in words of maps");
  v.counter("marked", granules_, kCount, "granules marked in maps; in byte maps, again if they were");
  v.counter("passes", passes_, kCount, "passes ended");
  v.distribution("drain", drain_, kTimeInNs, "from the command that ends a pass to the record of its end");
  v.counter("resets", resets_, kCount, "how often everything was forgotten");
  words_.visit_stats(v);
}

void DirtyLogger::visit_probes(ProbeVisitor& v) {
  v.probe("queue_depth", depth_probe_, 17, "entries of the queue used last");
  v.probe("population", population_probe_, 32, "granules marked in the pass under way");
  v.probe("pass", pass_probe_, 16, "the pass under way");
  v.probe("draining", draining_probe_, 4, "passes that end");
  words_.visit_probes(v);
}

}  // namespace pagoda

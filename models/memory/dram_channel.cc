#include "pagoda/memory/dram_channel.h"

#include <algorithm>

namespace pagoda {
namespace {

/// How long the entry of a posted write counts before its drain and after it was accepted, against requests that come
/// later in call order. Under load, where the queue fills, stays are no longer than that. Longer ones come from
/// requesters that run ahead of others: in the order of time their writes would have gone out with those of the others.
constexpr Clock kCountedStay = 512;

constexpr std::size_t kRead = static_cast<std::size_t>(DramAccess::read);

}  // namespace

DramCounters& DramCounters::operator+=(const DramCounters& other) {
  read_bursts += other.read_bursts;
  write_bursts += other.write_bursts;
  forwarded_reads += other.forwarded_reads;
  merged_writes += other.merged_writes;
  row_hits += other.row_hits;
  row_closed += other.row_closed;
  row_conflicts += other.row_conflicts;
  row_reopens += other.row_reopens;
  write_drains += other.write_drains;
  read_queue_waits += other.read_queue_waits;
  write_queue_waits += other.write_queue_waits;
  return *this;
}

DramChannel::DramChannel(const DramConfig& config, const DramClocks& clocks, const DramAddressMap& map,
                         std::uint32_t index)
    : clocks_(clocks),
      controller_(config.controller),
      write_idle_(clocks.edge_after(config.controller.write_idle.ps)),
      scheduler_(config, clocks, map, index),
      queues_(2, 0),
      last_reads_(config.controller.read_queue),
      writes_(scheduler_.banks().size()) {}

DramCounters DramChannel::counters() const {
  DramCounters counters = counters_;
  const DramRowCounters& rows = scheduler_.rows();
  counters.row_hits = rows.hits;
  counters.row_closed = rows.closed;
  counters.row_conflicts = rows.conflicts;
  counters.row_reopens = rows.reopens;
  return counters;
}

DramChannel::ReadResult DramChannel::read(const DramBurst& burst, Clock at) {
  at = std::max(at, begin());
  if (!writes_.empty()) {
    drain_when_idle(at);
    if (writes_.holds(burst.number, at)) {
      ++counters_.forwarded_reads;
      return {at, 0, DramOutcome::queued};
    }
  }
  const DramScheduler::Search search = scheduler_.search(burst, DramAccess::read);
  DramScheduler::Placement placement;
  Clock entry = at;
  // If all reads but the last ones, one fewer than fit into the queue, have left it by now, it has an entry at any time
  // from now on.
  if (std::max(reads_before_, last_reads_[oldest_read_]) < at) {
    scheduler_.find(search, at, placement);
  } else {
    entry = find_with_queue_entry(search, at, placement);
  }
  scheduler_.commit(search, burst, placement);
  reserve_read_queue(entry, placement.column);
  ++counters_.read_bursts;
  const Clock data = clocks_.column_latency[kRead] + clocks_.burst;
  Clock unloaded = data;
  if (placement.opens) unloaded += clocks_.row_to_column[kRead];
  if (placement.outcome == DramOutcome::conflict) unloaded += clocks_.rp;
  return {placement.column + data, static_cast<std::int32_t>(unloaded), placement.outcome};
}

/// A read needs an entry of the queue from when it enters until its RD. Returns when it enters.
Clock DramChannel::find_with_queue_entry(const DramScheduler::Search& search, Clock at,
                                         DramScheduler::Placement& placement) {
  Clock entry = at;
  while (true) {
    entry = queues_.first_below(kReadQueue, entry, controller_.read_queue);
    scheduler_.find(search, entry, placement);
    const Clock free = queues_.after_full(kReadQueue, entry, placement.column + 1, controller_.read_queue);
    if (free == entry) break;
    entry = free;
  }
  if (entry != at) ++counters_.read_queue_waits;
  return entry;
}

[[gnu::always_inline]] inline void DramChannel::reserve_read_queue(Clock entry, Clock column) {
  queues_.take(kReadQueue, entry, column + 1);
  Clock& oldest = last_reads_[oldest_read_];
  reads_before_ = std::max(reads_before_, oldest);
  oldest = column;
  if (++oldest_read_ == last_reads_.size()) oldest_read_ = 0;
}

Clock DramChannel::write(const DramBurst& burst, Clock at) {
  at = std::max(at, begin());
  if (!writes_.empty()) {
    drain_when_idle(at);
    if (writes_.holds(burst.number, at)) {
      ++counters_.merged_writes;
      return at;
    }
  }
  // Writes that arrive while another one waits line up behind it.
  const bool behind = at >= waiting_write_.arrived && at < waiting_write_.accepted;
  const Clock accepted = first_write_entry(behind ? waiting_write_.accepted : at);
  if (accepted != at) {
    ++counters_.write_queue_waits;
    waiting_write_ = {at, accepted};
  }
  writes_.push(burst, accepted);
  if (writes_.size() >= controller_.write_high) drain_at(accepted);
  return accepted;
}

/// When the write queue has an entry: some are taken by writes that wait, some by those being drained. It must have one
/// for some time, as when the write will leave is not known yet.
Clock DramChannel::first_write_entry(Clock at) const {
  while (true) {
    const auto entries = controller_.write_queue - static_cast<std::uint32_t>(writes_.size_at(at));
    const Clock free = queues_.after_full(kWriteQueue, at, at + kCountedStay, entries);
    if (free == at) return at;
    at = free;
  }
}

/// Schedules a batch of posted writes, because so many wait that a drain is due, at `now` or later.
void DramChannel::drain_at(Clock now) {
  ++counters_.write_drains;
  const std::size_t waiting = writes_.size_at(now);
  if (waiting >= controller_.write_high) {
    writes_.drain(-1, now, controller_.write_low,
                  [this, now](const DramWriteQueue::Entry& entry) { return drain_one(entry, now, kNeverClock); });
  } else {
    // The drain is due only when those have entered that came from requesters ahead in time.
    const std::size_t keep = controller_.write_low - std::min<std::size_t>(waiting, controller_.write_low);
    writes_.drain(now, kNeverClock, keep, [this, due = writes_.newest()](const DramWriteQueue::Entry& entry) {
      return drain_one(entry, due, kNeverClock);
    });
  }
}

/// Schedules a posted write at or after `from`, when its drain begins, unless its WR would not come before `before`.
bool DramChannel::drain_one(const DramWriteQueue::Entry& entry, Clock from, Clock before) {
  const DramScheduler::Search search = scheduler_.search(entry.burst, DramAccess::write);
  DramScheduler::Placement placement;
  from = std::max({from, entry.entered, begin()});
  scheduler_.find(search, from, placement);
  if (placement.column >= before) return false;
  scheduler_.commit(search, entry.burst, placement);
  queues_.take(kWriteQueue, std::max(entry.entered, from - kCountedStay), placement.column + 1);
  ++counters_.write_bursts;
  return true;
}

/// What a controller would have done with its queued writes while nothing arrived, seen at the next arrival.
void DramChannel::drain_when_idle(Clock now) {
  const Clock idle = std::max(scheduler_.data_until(), writes_.newest()) + write_idle_;
  if (idle >= now) return;
  ++counters_.write_drains;
  writes_.drain(-1, kNeverClock, 0,
                [this, idle, now](const DramWriteQueue::Entry& entry) { return drain_one(entry, idle, now); });
}

void DramChannel::finish(Clock end) {
  writes_.drain(-1, kNeverClock, 0, [this, from = scheduler_.data_until()](const DramWriteQueue::Entry& entry) {
    return drain_one(entry, from, kNeverClock);
  });
  scheduler_.finish(end);
}

}  // namespace pagoda

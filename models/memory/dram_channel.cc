#include "pagoda/memory/dram_channel.h"

#include <algorithm>

namespace pagoda {
namespace {

/// How long the entry of a posted write counts before its drain and after it was accepted, against requests that come
/// later in call order. Under load, where the queue fills, stays are no longer than that. Longer ones come from
/// requesters that run ahead of others: in the order of time their writes would have gone out with those of the others.
constexpr Clock kCountedStay = 512;

/// What a read takes with nothing else in the channel, by outcome: hit, closed, conflict.
std::array<std::int32_t, 3> unloaded_clocks(const DramClocks& clocks) {
  const Clock hit = clocks.column_latency[kDramRead] + clocks.burst;
  const Clock closed = hit + clocks.row_to_column[kDramRead];
  return {static_cast<std::int32_t>(hit), static_cast<std::int32_t>(closed),
          static_cast<std::int32_t>(closed + clocks.rp)};
}

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
  row_uses += other.row_uses;
  transfers += other.transfers;
  return *this;
}

DramChannel::DramChannel(const DramConfig& config, const DramClocks& clocks, const DramAddressMap& map,
                         std::uint32_t index)
    : unloaded_(unloaded_clocks(clocks)),
      read_data_(clocks.column_latency[kDramRead] + clocks.burst),
      controller_(config.controller),
      write_idle_(clocks.edge_after(config.controller.write_idle.ps)),
      scheduler_(config, clocks, map, index),
      queues_(2, 0),
      writes_(scheduler_.bank_count()) {}

DramCounters DramChannel::counters() const {
  DramCounters counters = counters_;
  const DramRowCounters& rows = scheduler_.rows();
  counters.row_hits = rows.hits;
  counters.row_closed = rows.closed;
  counters.row_conflicts = rows.conflicts;
  counters.row_reopens = rows.reopens;
  return counters;
}

/// Whether a read is served from the write queue, after what has happened to that by now.
bool DramChannel::is_forwarded(const DramBurst& burst, Clock at) {
  drain_when_idle(at);
  if (!writes_.holds(burst.number, at)) return false;
  ++counters_.forwarded_reads;
  return true;
}

/// A read needs an entry of the queue from when it enters until its RD. Finds when it enters.
DramScheduler::Placed DramChannel::place_when_queued(const DramBurst& burst, Clock at, Clock& entry) {
  write_stays();
  const DramScheduler::Search search = scheduler_.search(burst, DramAccess::read);
  DramScheduler::Placement placement{};
  while (true) {
    entry = queues_.first_below(kReadQueue, entry, controller_.read_queue);
    placement = scheduler_.find(search, entry);
    const Clock free = queues_.after_full(kReadQueue, entry, placement.column + 1, controller_.read_queue);
    if (free == entry) break;
    entry = free;
  }
  if (entry != at) ++counters_.read_queue_waits;
  scheduler_.commit(search, burst, placement);
  return {placement.column, placement.outcome};
}

void DramChannel::write_overwritten_stay(const Stay& stay) {
  if (reads_ >= written_stays_ + kStays) queues_.take(kReadQueue, stay.entry, stay.column + 1);
}

void DramChannel::write_stays() {
  for (std::size_t n = std::max(written_stays_, std::max(reads_, kStays) - kStays); n < reads_; ++n) {
    const Stay& stay = stays_[n % kStays];
    if (stay.column >= begin()) queues_.take(kReadQueue, stay.entry, stay.column + 1);
  }
  written_stays_ = reads_;
}

DramScheduler::UsedRow DramChannel::use_row(const DramBurst& burst, Clock at, const DramScheduler::RowUse& use) {
  at = std::max(at, begin());
  if (!writes_.empty()) {
    drain_when_idle(at);
    if (writes_.holds(burst.number, at)) {
      ++counters_.write_drains;
      writes_.drain(-1, at, 0,
                    [this, at](const DramWriteQueue::Entry& entry) { return drain_one(entry, at, kNeverClock); });
      at = std::max(at, scheduler_.data_until());
    }
  }
  ++counters_.row_uses;
  return scheduler_.place_use(burst, at, use);
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
  from = std::max({from, entry.entered, begin()});
  const DramScheduler::Placement placement = scheduler_.find(search, from);
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

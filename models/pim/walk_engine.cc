#include "pagoda/pim/walk_engine.h"

#include <algorithm>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

constexpr unsigned kCommandBytes = 16;  // root and virtual address, beside the payload's own header

WalkerConfig walker_config(const MemoryWalkerConfig& config) {
  return {.slots = config.slots, .walk_caches = config.walk_caches, .nested_tlb = std::nullopt};
}

/// What a look-up leaves in the table.
std::uint64_t result_of(const TableLookup& lookup, std::uint64_t entry) {
  switch (lookup.operation) {
    case LookupOperation::read: return entry;
    case LookupOperation::set_bits: return entry | lookup.operand;
    case LookupOperation::clear_bits: return entry & ~lookup.operand;
    case LookupOperation::exchange: return lookup.operand;
    case LookupOperation::add: return entry + lookup.operand;
  }
  return entry;
}

}  // namespace

WalkEngine::WalkEngine(const MemoryWalkerConfig& config, const WalkTablesSite& site, std::uint32_t channel)
    : config_(config),
      site_(site),
      channel_(channel),
      in_array_(config.kind == MemoryWalkerKind::array),
      tables_(site, config.kind),
      walker_(walker_config(config), site.dram.clocks().period),
      queue_(config.queue) {
  walker_.report_last_tables();
  if (config.buffer) buffer_.emplace(*config.buffer, site.dram.clocks().period);
  if (config.associative) associative_.emplace(*config.associative, site, channel);
}

WalkEngine::Answer WalkEngine::walk(MemoryWalkCommand& command, Addr root, Ps at) {
  WalkJob& job = command.job;
  ++commands_;
  Ps now = enter(at, job.floor);
  const std::uint64_t bursts = site_.dram.bursts_out(channel_);
  const MemoryWalkOutcome outcome = resolve(job, root, command.result, now);
  const std::uint64_t carried = site_.dram.bursts_out(channel_) - bursts;
  const std::uint64_t table_bytes = carried * burst_bytes(site_.dram.config().organisation);
  table_bytes_ += table_bytes;
  if (in_array_ && carried != 0) throw InvariantError("table entries went over the channel in a walk beside the array");
  command.outcome = outcome;
  if (outcome == MemoryWalkOutcome::result && fetch_data(job, command.result, now)) {
    command.outcome = MemoryWalkOutcome::data;
    command.result.with_data = true;
  }
  const Ps done = answer(command.outcome, command, root, now);
  latency_.record(done - at);
  const std::uint32_t data_bytes = command.result.with_data ? job.data_bytes : 0;
  return {.done = done,
          .bytes = MemoryWalkCommand::kRecordBytes + data_bytes,
          .table_bytes = table_bytes,
          .data_bytes = data_bytes};
}

// Takes a command in; when work on it can begin.
Ps WalkEngine::enter(Ps at, Ps floor) {
  const Ps arrived = at + site_.dram.frontend();
  place_ = queue_.acquire(arrived, typical_stay_);
  if (place_.start != arrived) ++queue_full_;
  queue_wait_ += place_.start - arrived;
  tables_.begin(channel_, floor);
  return place_.start;
}

// Sends the record; when it is at the requester's port. The command's place in the queue is free then.
Ps WalkEngine::answer(MemoryWalkOutcome outcome, MemoryWalkCommand& command, Addr near, Ps at) {
  ++outcomes_[static_cast<std::size_t>(outcome)];
  link_bytes_ +=
      kCommandBytes + MemoryWalkCommand::kRecordBytes + (command.result.with_data ? command.job.data_bytes : 0);
  const Ps done = in_array_ ? site_.dram.transfer(near - site_.base, at) : at + site_.dram.backend();
  if (in_array_) ++transfers_;
  queue_.release(command.job.floor, place_, done);
  typical_stay_ = done - place_.start;
  queue_probe_.during(place_.start, done);
  return done;
}

MemoryWalkOutcome WalkEngine::resolve(WalkJob& job, Addr root, WalkResult& result, Ps& now) {
  const Stage& first = job.stages.front();
  const Addr input = first.format == nullptr ? job.request.address : first.canonical(job.request.address);
  if (!site_.rows.reaches(root)) return MemoryWalkOutcome::fallback;
  if (find(job, input, result, now)) return MemoryWalkOutcome::result;
  job.at = now;
  result = walker_.walk(job, tables_);
  now = result.done;
  if (tables_.out_of_reach()) {
    result = {};
    return MemoryWalkOutcome::fallback;
  }
  if (result.fault) return MemoryWalkOutcome::not_present;
  const bool all_read = config_.walk_caches.empty();
  if (buffer_) buffer_->fill(input, result.entry, all_read ? std::optional(tables_.entries()) : std::nullopt);
  if (associative_) associative_->insert(input, result.entry, tables_, now);
  return MemoryWalkOutcome::result;
}

// Looks for a translation that an earlier walk has found and that grants the access.
bool WalkEngine::find(const WalkJob& job, Addr input, WalkResult& result, Ps& now) {
  if (buffer_) {
    now = buffer_->look(now);
    const TlbEntry* entry = buffer_->find(input, job.tag);
    const bool hit = entry != nullptr && grants(*entry, job.stages, job.request);
    buffer_->count(hit, now);
    if (hit) {
      now = std::max<Ps>(now, entry->ready);
      result.entry = *entry;
      return true;
    }
  }
  if (!associative_) return false;
  const AssociativeRows::Found found = associative_->search(input, job.tag, tables_, now);
  now = found.done;
  if (!found.entry || !grants(*found.entry, job.stages, job.request)) return false;
  result.entry = *found.entry;
  if (buffer_) buffer_->fill(input, *found.entry, std::nullopt);
  return true;
}

// Reads the line of data if that is wanted, lies in the channel, and nobody has a newer copy.
bool WalkEngine::fetch_data(const WalkJob& job, const WalkResult& result, Ps& now) {
  if (job.data_bytes == 0 || !is_cacheable(result.entry.memory_type)) return false;
  const Addr line = result.entry.output(job.request.address) & ~Addr{job.data_bytes - 1};
  const bool here = line >= site_.base && line < site_.rows.end() && site_.rows.channel_of(line) == channel_;
  if (!here || site_.copies.held(line)) return false;
  const std::uint64_t burst = burst_bytes(site_.dram.config().organisation);
  Ps there = now;
  for (Addr part = line; part < line + job.data_bytes; part += burst) {
    there = std::max(there, site_.dram.access_inside(part - site_.base, false, now, job.floor).done);
    ++data_bursts_;
  }
  now = there;
  return true;
}

Ps WalkEngine::invalidate(const TlbInvalidation& what, Ps at, Ps floor) {
  ++invalidations_;
  Ps now = enter(at, floor);
  if (buffer_) {
    now = buffer_->look(now);
    buffer_->invalidate(what);
  }
  walker_.invalidate(what);
  if (associative_) now = associative_->invalidate(what, tables_, now);
  queue_.release(floor, place_, now);
  return now;
}

WalkEngine::Answer WalkEngine::acknowledge(Addr near, Ps at) {
  if (in_array_) ++transfers_;
  return {.done = in_array_ ? site_.dram.transfer(near - site_.base, at) : at + site_.dram.backend(),
          .bytes = MemoryWalkCommand::kRecordBytes};
}

WalkEngine::Answer WalkEngine::look_up(TableLookup& lookup, Ps at, Ps floor) {
  ++lookups_;
  Ps now = enter(at, floor);
  const auto finish = [&](Ps done, tlm::tlm_response_status status) -> Answer {
    queue_.release(floor, place_, done);
    return {.done = done, .bytes = MemoryWalkCommand::kRecordBytes, .status = status};
  };
  const std::uint64_t index = (lookup.key >> lookup.shift) - (lookup.first >> lookup.shift);
  const Addr address = lookup.table + index * sizeof(std::uint64_t);
  const bool reached = lookup.key >= lookup.first && index < lookup.entries && address % sizeof(std::uint64_t) == 0 &&
                       site_.rows.reaches(address) && site_.rows.channel_of(address) == channel_;
  if (!reached || !in_array_) return finish(now + site_.dram.backend(), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  const EntryRead entry = site_.bytes.load(address);
  if (entry.refused != FaultCause::none) return finish(now + site_.dram.backend(), tlm::TLM_ADDRESS_ERROR_RESPONSE);
  const bool writes = lookup.operation != LookupOperation::read;
  now = site_.copies.settle(address, writes, now, floor);
  const DramUsedRow used = tables_.use_row(address, writes, site_.select * (writes ? 2 : 1), now);
  if (writes) {
    site_.bytes.store(address, result_of(lookup, entry.value));
    on_write(address, sizeof entry.value);
  }
  const bool tells = lookup.operation == LookupOperation::read || lookup.operation == LookupOperation::exchange;
  if (!tells) return finish(used.done + site_.dram.backend(), tlm::TLM_OK_RESPONSE);
  lookup.before = entry.value;
  ++transfers_;
  return finish(site_.dram.transfer(address - site_.base, used.done), tlm::TLM_OK_RESPONSE);
}

Energy WalkEngine::energy() {
  const WalkTableCounters& counters = tables_.counters();
  const DramOperationEnergy& operation = site_.dram.operation_energy();
  const auto times = [](std::uint64_t count, const Energy& each) { return static_cast<double>(count) * each.joules; };
  double joules = times(counters.activates, operation.activate) + times(link_bytes_, config_.link_energy);
  joules += times(counters.bursts + transfers_ + data_bursts_, operation.read_burst);
  if (in_array_) joules += times(counters.reads + counters.writes, config_.select_energy);
  if (associative_) joules += associative_->energy().joules;
  return {joules};
}

void WalkEngine::visit_stats(StatVisitor& v) {
  v.counter("commands", commands_, kCount, "walks asked for");
  v.enter("outcomes");
  constexpr std::array kNames{"result", "data", "not_present", "fallback"};
  constexpr std::array kMeanings{"a translation", "a translation with the line of data", "no translation: a fault",
                                 "a table out of reach: the host walks"};
  for (std::size_t i = 0; i < outcomes_.size(); ++i) v.counter(kNames[i], outcomes_[i], kCount, kMeanings[i]);
  v.leave();
  v.distribution("latency", latency_, kTimeInNs, "of a walk command, from the controller to its answer");
  v.counter("queue_full", queue_full_, kCount, "commands that found the queue full");
  v.counter("queue_wait", queue_wait_, kTimeInNs, "time they waited on the link");
  v.counter("invalidations", invalidations_, kCount, "commands that drop translations");
  v.counter("lookups", lookups_, kCount, "table look-ups");
  WalkTableCounters& tables = tables_.counters();
  v.counter("table_reads", tables.reads, kCount, "table entries read");
  v.counter("updates", tables.writes, kCount, "accessed and dirty flags set");
  v.counter("activates", tables.activates, kCount, "rows opened");
  v.counter("bank_time", tables.bank_time, kTimeInNs, "time taken of banks, from one possible row to the next");
  v.counter("table_bytes", table_bytes_, kSizeInBytes, "table entries carried over the channel");
  v.counter("link_bytes", link_bytes_, kSizeInBytes, "commands and answers on the link");
  v.counter("transfers", transfers_, kCount, "bursts that carried answers over the channel");
  if (v.clears()) tables.bursts = data_bursts_ = 0;
  v.value("energy", energy().joules * 1e6, "uJ", "rows, selections, searches, bursts and link");
  v.enter("walker");
  walker_.visit_stats(v);
  v.leave();
  if (buffer_) {
    v.enter("buffer");
    buffer_->visit_stats(v);
    v.leave();
  }
  if (associative_) {
    v.enter("associative");
    associative_->visit_stats(v);
    v.leave();
  }
}

void WalkEngine::visit_probes(ProbeVisitor& v) {
  v.probe("queue", queue_probe_, 16, "commands in the queue, those being worked on included");
  v.enter("walker");
  walker_.visit_probes(v);
  v.leave();
  v.enter("tables");
  tables_.visit_probes(v);
  v.leave();
  if (!buffer_) return;
  v.enter("buffer");
  buffer_->visit_probes(v);
  v.leave();
}

}  // namespace pagoda

#include "pagoda/mmu/walker.h"

#include <fmt/format.h>

#include "pagoda/paging/plain_walk.h"

namespace pagoda {

/// Feeds one walk and keeps its clock.
class Walker::Port {
 public:
  Port(Walker& walker, const WalkJob& job, TableMemory& memory, Ps start, Probe& level)
      : walker_(walker), job_(job), memory_(memory), now_(start), level_(level) {}

  EntryRead read(const Step& step) {
    ++(step.for_update ? walker_.update_reads_ : walker_.table_reads_);
    level_.set(now_, step.stage * 16u + step.level + 1u);
    const TableMemory::Answer answer = memory_.read(step.address, now_);
    now_ = answer.done;
    return {answer.value, answer.refused};
  }

  EntryUpdate update(const Step& step) {
    ++walker_.updates_;
    const TableMemory::Answer answer = memory_.compare_and_swap(step.address, step.expected, step.desired, now_);
    now_ = answer.done;
    return {answer.swapped, answer.value, answer.refused};
  }

  WalkHint lookup(const Step& step) {
    const WalkCaches::Answer answer = walker_.caches_.look(job_.stages[step.stage], step, job_.tag, now_);
    now_ = answer.done;
    return answer.hint;
  }

  const TablePointer* lookup_table(const Step& step) {
    return walker_.caches_.look_table(job_.stages[step.stage], step, job_.tag, now_, now_);
  }

  void learned(const Learned& learned) {
    walker_.caches_.keep(job_.stages[learned.stage], learned, job_.tag);
    if (!walker_.reports_last_tables_) return;
    if (learned.kind == Learned::Kind::table && learned.stage == 0) last_table_ = learned.table;
  }

  Ps now() const { return now_; }
  void wait_until(Ps time) { now_ = time; }
  const std::optional<TablePointer>& last_table() const { return last_table_; }

 private:
  Walker& walker_;
  const WalkJob& job_;
  TableMemory& memory_;
  Ps now_;
  Probe& level_;
  std::optional<TablePointer> last_table_;
};

namespace {

// The TLB entry of a translation, but for when it is there.
void describe(const Translation& translation, const WalkJob& job, TlbEntry& entry) {
  entry.page = translation.page();
  entry.tag = job.tag;
  entry.page_shift = translation.page_shift;
  entry.program_shift = translation.stages[0].page_shift & 0x7f;  // 7 bits hold it
  const bool ordinary = !job.request.allow_user_data && !job.request.execute_to_read;
  entry.allowed =
      static_cast<std::uint8_t>(ordinary ? TlbEntry::access_bit(job.request.access, job.request.privilege) : 0);
  entry.global = translation.global();
  entry.memory_type = translation.memory_type;
  entry.rights = {};
  for (std::size_t stage = 0; stage < job.stages.size(); ++stage) {
    entry.rights[stage] = translation.stages[stage].rights;
  }
}

}  // namespace

Walker::Walker(const WalkerConfig& config, Ps period)
    : place_(config.place),
      own_reads_(config.own_reads),
      caches_(config, period),
      slots_(config.slots),
      level_probes_(config.slots) {}

void Walker::walk(const WalkJob& job, TableMemory& memory, WalkResult& result) {
  const Servers::Slot slot = slots_.acquire(job.at, typical_walk_);
  Probe& level = level_probes_[slots_.number_of(slot)];
  Port port(*this, job, memory, slot.start, level);
  if (memory_walks_ == nullptr || !walk_by_place(job, port, result)) translate(job, port, result);
  if (port.last_table()) result.last_table = port.last_table();
  result.start = slot.start;
  result.done = port.now();
  slots_.release(job.floor, slot, result.done);
  typical_walk_ = result.done - slot.start;
  ++walks_;
  slot_wait_ += slot.start - job.at;
  latency_.record(result.done - slot.start);
  busy_probe_.during(slot.start, result.done);
  level.set(result.done, 0);
  result.entry.ready = result.done;
  if (result.fault) ++faults_;
}

// Where a walker in memory is at hand: false if the walk is still to be made here.
bool Walker::walk_by_place(const WalkJob& job, Port& port, WalkResult& result) {
  if (place_ == WalkerPlace::hybrid) {
    Walk walk(job.stages, job.request, Lookups::on);
    if (begins_here(walk, port)) {
      finish(walk, job, port, result);
      return true;
    }
  }
  return hand_over(job, port, result);
}

// Has the walk made in memory; false if it came back to be made here.
bool Walker::hand_over(const WalkJob& job, Port& port, WalkResult& result) {
  ++handed_;
  const MemoryWalkOutcome outcome = memory_walks_->walk(job, port.now(), result);
  port.wait_until(result.done);
  if (outcome == MemoryWalkOutcome::fallback) {
    ++fallbacks_;
    return false;
  }
  if (place_ == WalkerPlace::hybrid && result.last_table) {
    caches_.keep(job.stages[0],
                 {.kind = Learned::Kind::table,
                  .stage = 0,
                  .table_access = TableAccess::none,
                  .input = job.request.address,
                  .table = *result.last_table,
                  .translation = {}},
                 job.tag);
  }
  return true;
}

// Hybrid: whether the walk caches leave few enough tables of the first stage to read. The walk has then begun there.
bool Walker::begins_here(Walk& walk, Port& port) const {
  if (walk.step().kind != StepKind::lookup) return false;
  const WalkHint hint = port.lookup(walk.step());
  const auto* pointer = std::get_if<TablePointer>(&hint);
  if (pointer == nullptr || pointer->level + 1u > own_reads_) return false;
  walk.continue_at(*pointer);
  return true;
}

void Walker::translate(const WalkJob& job, Port& port, WalkResult& result) {
  if (!PlainWalk::fits(job.stages, job.request)) {
    Walk walk(job.stages, job.request, Lookups::on);
    return finish(walk, job, port, result);
  }
  PlainWalk plain(job.stages.front(), job.request);
  if (plain.run(port)) {
    describe(plain.translation(), job, result.entry);
  } else {
    Walk walk(job.stages, job.request, Lookups::on);
    plain.hand_over(walk);
    finish(walk, job, port, result);
  }
}

void Walker::finish(Walk& walk, const WalkJob& job, Port& port, WalkResult& result) {
  if (run_walk(walk, port)) {
    describe(walk.translation(), job, result.entry);
  } else {
    result.fault = walk.fault();
  }
}

void Walker::visit_stats(StatVisitor& v) {
  v.counter("walks", walks_, kCount, "page-table walks");
  v.counter("merged", merged_, kCount, "misses that joined a walk under way");
  v.counter("faults", faults_, kCount, "walks that ended in a fault");
  v.counter("table_reads", table_reads_, kCount, "page-table entries read");
  v.value("reads_per_walk", ratio(table_reads_, walks_), "", "page-table entries read per walk");
  v.counter("update_reads", update_reads_, kCount, "entries read again to get write permission for a flag");
  v.counter("updates", updates_, kCount, "accessed and dirty flags set");
  if (memory_walks_ != nullptr) {
    v.counter("handed", handed_, kCount, "walks handed to the walker in memory");
    v.counter("fallbacks", fallbacks_, kCount, "of these, those that came back to be made here");
  }
  v.counter("slot_wait", slot_wait_, kTimeInNs, "time misses waited for a free slot");
  v.distribution("latency", latency_, kTimeInNs, "of a walk, from its slot to its end");
  caches_.visit_stats(v);
}

void Walker::visit_probes(ProbeVisitor& v) {
  v.probe("slots_busy", busy_probe_, 16, "walks under way");
  for (std::size_t slot = 0; slot < level_probes_.size(); ++slot) {
    v.probe(fmt::format("slot{}_level", slot).c_str(), level_probes_[slot], 8,
            "16 * stage + level + 1 of the entry being read, 0 when idle");
  }
}

}  // namespace pagoda

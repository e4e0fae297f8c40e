#include "pagoda/workload/core.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/mmu/mmu.h"

namespace pagoda {
namespace {

// Accesses taken from the program at a time: few, so that the host keeps them close; more where they are foretold, which
// begins anew with each batch.
constexpr std::size_t kBatch = 128;
constexpr std::size_t kRoamingBatch = 1024;
// A fault is handled and the access tried again; a handler that never succeeds is a mistake in the platform. Each of
// the 124 tables that a walk of three stages reads may be missing.
constexpr unsigned kMaxAttempts = 256;

// Leaves a program that its system software has ended.
struct ProgramEnds {};

// Whether data accesses are likely to find the same line.
bool stays(const Access& access, const Access& next) {
  return access.kind != RecordKind::fetch && next.kind != RecordKind::fetch &&
         (access.address ^ next.address) >> kLineShift == 0;
}

}  // namespace

Core::Core(const sc_core::sc_module_name& name, const CoreConfig& config, Ps period, unsigned number)
    : Module(name),
      number_(number),
      period_(period),
      timing_(validated(config, this->name()), period),
      fetch_ahead_(config.fetch_ahead.at(period)),
      fault_entry_(config.fault_entry.at(period)),
      fetches_(config.fetch),
      request_{.info = {.requester = number}, .time = &time_, .fault = &fault_} {
  SC_HAS_PROCESS(Core);
  SC_THREAD(execute);
}

void Core::run(std::unique_ptr<AccessSource> program, Mmu& mmu, FaultHandler& handler) {
  const std::optional<Footprint> region = program->region();
  const bool data_only = region && region->code.empty();
  program_ = data_only
                 ? std::move(program)
                 : std::make_unique<FetchFolder>(std::move(program), fetches_ ? FetchDetail::line : FetchDetail::none);
  mmu_ = &mmu;
  handler_ = &handler;
}

void Core::join(SmtThread& thread) {
  thread_ = &thread;
  timing_.share(thread);
}

void Core::call_after(std::uint64_t accesses, std::function<void()> callback) {
  call_at_ = accesses;
  callback_ = std::move(callback);
}

void Core::end_of_elaboration() {
  data_below_.bind(*data.operator->());
  streaks_ = dynamic_cast<StreakSource*>(data_below_.timed_target());
  if (fetch.size() > 0) fetch_below_.bind(*fetch.operator->());
}

void Core::execute() {
  failure_.guard([this] {
    std::vector<Access> batch(kRoamingBatch);
    if (thread_ != nullptr) {
      thread_->begin();
      timing_.stall_until(kernel_now());
    }
    begin_quantum();
    try {
      const std::span<Access> room(batch);
      while (const std::size_t count = program_ ? program_->fill(room.first(roams_ ? kRoamingBatch : kBatch)) : 0) {
        execute(room.first(count));
      }
    } catch (const ProgramEnds&) {  // NOLINT(bugprone-empty-catch): that is all
    }
    end_time_ = std::max(end_time_, timing_.drained());
    if (thread_ != nullptr) thread_->quiet(end_time_);
    if (end_time_ > kernel_now()) wait(delay_until(end_time_));
    if (thread_ != nullptr) thread_->end();
    elapsed_ += end_time_ - std::min(end_time_, elapsed_until_);
    elapsed_until_ = end_time_;
    if (finish_callback_) finish_callback_();
  });
}

// A program that had many pages of its last accesses walked for roams: the host then misses as much as the machine does,
// unless it is told what is to come.
void Core::execute(std::span<const Access> batch) {
  const std::uint64_t walks = mmu_->walks();
  if (roams_) {
    execute_foretold(batch);
  } else {
    execute_plain(batch);
  }
  roams_ = mmu_->walks() - walks > batch.size() / 16 && mmu_->looks_ahead();
}

[[gnu::always_inline]] inline void Core::execute_plain(std::span<const Access> batch) {
  const Access* const end = batch.data() + batch.size();
  for (const Access* access = batch.data(); access != end;) {
    execute(access, end);
    ++access;
    if (end - access > 1 && streak_.translates_at(timing_.now())) access = execute_run(access, end);
  }
}

// The same, and tells of data accesses ahead.
[[gnu::noinline]] void Core::execute_foretold(std::span<const Access> batch) {
  const auto foretell = [this](const Access& access) {
    if (access.kind != RecordKind::fetch) data_below_.expect(access.address);
  };
  const std::size_t lead = std::min(batch.size(), Lookahead::kDistance);
  for (const Access& access : batch.first(lead)) foretell(access);
  const Access* const end = batch.data() + batch.size();
  for (const Access* access = batch.data(); access != end; ++access) {
    if (access + lead < end) foretell(access[lead]);
    execute(access, end);
  }
}

// `end`: of what is known to come.
[[gnu::always_inline]] inline void Core::execute(const Access* access, const Access* end) {
  execute(*access);
  if (streak_.none() && streaks_ != nullptr && access + 1 != end && stays(access[0], access[1])) {
    streaks_->begin_streak(access->address, Privilege::user, streak_);
  }
}

[[gnu::always_inline]] inline void Core::execute(const Access& access) {
  const std::uint64_t count = pagoda::instructions(access);
  timing_.enter(count);
  instructions_ += count;
  if (!interrupts_.empty()) take_interrupts();
  if (timing_.now() >= synchronise_at_) synchronise();
  switch (access.kind) {
    [[likely]] case RecordKind::load : execute_load(access);
    break;
    case RecordKind::fetch: execute_fetch(access); return;
    case RecordKind::store: execute_store(access); break;
    case RecordKind::modify: execute_modify(access); break;
  }
  if (accesses_ >= call_at_) {
    call_at_ = ~std::uint64_t{0};
    callback_();
  }
}

void Core::execute_fetch(const Access& access) {
  if (!fetch_below_.bound()) return;
  const Ps at = timing_.now();
  const Ps done = perform(AccessKind::fetch, access, at, fetch_below_);
  ++fetch_accesses_;
  end_time_ = std::max(end_time_, done);
  if (done > at + fetch_ahead_) timing_.stall_fetch_until(done - fetch_ahead_);
}

[[gnu::always_inline]] inline void Core::execute_load(const Access& access) {
  const Ps at = timing_.load_issue(access.depends_on);
  const Ps done = perform_data(AccessKind::read, access, at);
  timing_.load_done(done);
  ++loads_;
  ++accesses_;
}

void Core::execute_modify(const Access& access) {
  execute_load(access);
  execute_store(access);
}

void Core::execute_store(const Access& access) {
  const Ps at = timing_.store_issue(access.depends_on);
  const Ps done = perform_data(AccessKind::write, access, at);
  timing_.store_done(done);
  ++stores_;
  ++accesses_;
}

// The short way, if it is there: most often it is.
[[gnu::always_inline]] inline Ps Core::perform_data(AccessKind kind, const Access& access, Ps at) {
  const bool write = kind == AccessKind::write;
  if (!streak_.covers(access.address, access.size, write)) {
    if (streak_.stays_on_page(access.address, access.size, write)) return perform_on_page(kind, access, at);
    streak_.end();
    return perform(kind, access, at, data_below_);
  }
  const Ps done = streak_.access(write, at, time_);
  latency_.record(done - at);
  outstanding_probe_.during(at, done);
  return done;
}

// Its translation is the one used last.
inline Ps Core::perform_on_page(AccessKind kind, const Access& access, Ps at) {
  prepare(kind, access);
  const TimedAnswer answer = streak_.access_on_page(request_, at);
  if (!answer.ok()) [[unlikely]] {
    const Addr physical = access.address + streak_.to_physical();
    if (!fault_) fault_ = streaks_->memory_fault(access.address, physical, kind, Privilege::user);
    return perform_again(kind, access, at, answer.done, data_below_);
  }
  count(kind, at, answer.done, answer.done - at);
  return answer.done;
}

[[gnu::always_inline]] inline Ps Core::perform(AccessKind kind, const Access& access, Ps at, Downlink& below) {
  const TimedAnswer answer = ask(kind, access, at, below);
  if (!answer.ok()) [[unlikely]]
    return perform_again(kind, access, at, answer.done, below);
  count(kind, at, answer.done, answer.done - at);
  return answer.done;
}

// After an attempt that was refused. The latency of an access is that of all its attempts; the time that system
// software takes between them is not part of it.
[[gnu::noinline]] Ps Core::perform_again(AccessKind kind, const Access& access, Ps at, Ps refused, Downlink& below) {
  Ps latency = refused - at;
  for (unsigned attempt = 1;; ++attempt) {
    at = resolve(access, refused, attempt);
    if (ended_early_ != 0) {
      if (kind != AccessKind::fetch) latency_.record(latency);  // as far as it came
      throw ProgramEnds{};
    }
    const TimedAnswer answer = ask(kind, access, at, below);
    latency += answer.done - at;
    refused = answer.done;
    if (!answer.ok()) continue;
    count(kind, at, answer.done, latency);
    return answer.done;
  }
}

[[gnu::always_inline]] inline TimedAnswer Core::ask(AccessKind kind, const Access& access, Ps at, Downlink& below) {
  prepare(kind, access);
  return below.access(request_, at);
}

[[gnu::always_inline]] inline void Core::prepare(AccessKind kind, const Access& access) {
  if (thread_ != nullptr) mmu_->select(thread_->number());
  request_.address = access.address;
  request_.bytes = access.size;
  request_.info.access = kind;
  request_.info.privilege = Privilege::user;
  request_.info.uncached = false;
  request_.expected = roams_ && kind != AccessKind::fetch;  // it has been foretold
  request_.for_line = false;
  request_.time = kind == AccessKind::fetch ? &fetch_time_ : &time_;
}

// An access whose last attempt began at `at`.
[[gnu::always_inline]] inline void Core::count(AccessKind kind, Ps at, Ps done, Ps latency) {
  if (kind != AccessKind::fetch) latency_.record(latency);
  outstanding_probe_.during(at, done);
}

// Lets system software handle the fault that `access` met at `at`; returns when to try again.
Ps Core::resolve(const Access& access, Ps at, unsigned attempt) {
  const Fault fault = std::exchange(fault_, {});
  ++faults_;
  const Ps entered = at + fault_entry_;
  const FaultHandler::Outcome outcome = attempt < kMaxAttempts ? handle(fault, entered) : FaultHandler::Outcome{};
  if (!outcome.resolved) {
    throw UserError(fmt::format("{}: the {} of address {:#x} cannot be carried out: {} (stage {}, level {})", name(),
                                to_string(access.kind), access.address, to_string(fault.cause), fault.stage,
                                fault.level));
  }
  fault_time_ += outcome.resume - at;
  timing_.stall_until(outcome.resume);
  if (outcome.ends) ended_early_ = 1;
  if (outcome.sleeps) synchronise();
  return outcome.resume;
}

// With siblings, a fault is handled at its own time, and the core is shared with its handler.
FaultHandler::Outcome Core::handle(const Fault& fault, Ps at) {
  if (thread_ == nullptr) return handler_->handle_fault(*this, fault, at);
  thread_->quiet(at);
  if (at > kernel_now()) wait(delay_until(at));
  thread_->software_begins();
  FaultHandler::Outcome outcome = handler_->handle_fault(*this, fault, kernel_now());
  outcome.resume = std::max(outcome.resume, kernel_now());
  if (outcome.resume > kernel_now()) wait(delay_until(outcome.resume));
  thread_->software_ends();
  begin_quantum();
  return outcome;
}

Ps Core::interrupt(Ps at, Ps duration) {
  const Ps start = std::max(at, timing_.now());
  interrupts_.push_back({start, duration});
  return start + duration;
}

void Core::pause() {
  paused_ = true;
  interrupts_.push_back({0, 0});  // has the program look
}

void Core::resume() {
  paused_ = false;
  resumed_.notify(sc_core::SC_ZERO_TIME);
}

void Core::stand_still() {
  while (paused_) wait(resumed_);
  timing_.stall_until(kernel_now());
  begin_quantum();
}

void Core::take_interrupts() {
  if (paused_) stand_still();
  for (auto it = interrupts_.begin(); it != interrupts_.end();) {
    if (it->at > timing_.now()) {
      ++it;
      continue;
    }
    if (it->duration > 0) ++interrupts_taken_;
    interrupt_time_ += it->duration;
    timing_.stall_until(timing_.now() + it->duration);
    it = interrupts_.erase(it);
  }
}

void Core::synchronise() {
  elapsed_ += timing_.now() - std::min(timing_.now(), elapsed_until_);
  elapsed_until_ = std::max(elapsed_until_, timing_.now());
  instructions_probe_.set(timing_.now(), timing_.instructions());
  if (thread_ != nullptr) thread_->quiet(timing_.now());
  wait(delay_until(timing_.now()));
  begin_quantum();
  if (paused_) stand_still();  // since then
}

void Core::begin_quantum() {
  request_.floor = kernel_now();
  synchronise_at_ = request_.floor + tlm::tlm_global_quantum::instance().compute_local_quantum().value();
}

void Core::visit_stats(StatVisitor& v) {
  std::uint64_t accesses = loads_ + stores_;
  v.counter("instructions", instructions_, kCount, "instructions issued");
  v.value("ipc", elapsed_ == 0 ? 0.0 : static_cast<double>(instructions_ * period_) / static_cast<double>(elapsed_), "",
          "instructions per cycle");
  v.counter("elapsed", elapsed_, kTimeInNs, "time the program ran");
  v.counter("accesses", accesses, kCount, "loads and stores");
  v.counter("loads", loads_, kCount, "loads");
  v.counter("stores", stores_, kCount, "stores");
  v.counter("fetches", fetch_accesses_, kCount, "instruction lines fetched");
  v.distribution("access_latency", latency_, kTimeInNs, "of loads and stores, from issue to data");
  v.enter("access_time");
  for (std::size_t part = 0; part < time_.parts.size(); ++part) {
    v.counter(kTimePartNames[part], time_.parts[part], kTimeInNs, "part of the summed access latency");
  }
  v.leave();
  v.counter("faults", faults_, kCount, "accesses that faulted and were tried again");
  v.counter("fault_time", fault_time_, kTimeInNs, "time spent on faults");
  v.counter("ended", ended_early_, kCount, "1 if system software ended the program before its time");
  v.counter("interrupts", interrupts_taken_, kCount, "interrupts taken");
  v.counter("interrupt_time", interrupt_time_, kTimeInNs, "time spent on interrupts");
  v.enter("stall");
  CoreTiming::Stalls& stalls = timing_.stalls();
  v.counter("window", stalls.window, kTimeInNs, "issue waited for room in the window");
  v.counter("load_queue", stalls.load_queue, kTimeInNs, "issue waited for a load-queue entry");
  v.counter("store_buffer", stalls.store_buffer, kTimeInNs, "issue waited for a store-buffer entry");
  v.counter("fetch", stalls.fetch, kTimeInNs, "issue waited for instructions");
  v.leave();
}

void Core::visit_probes(ProbeVisitor& v) {
  v.probe("instructions", instructions_probe_, 48, "instructions issued so far");
  v.probe("outstanding", outstanding_probe_, 12, "loads, stores and fetches under way");
}

}  // namespace pagoda

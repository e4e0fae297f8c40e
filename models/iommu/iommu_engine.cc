#include "pagoda/iommu/iommu_engine.h"

#include <algorithm>

namespace pagoda {

/// One request's way to what is kept and to memory; keeps its clock.
class IommuEngine::Port final : public IommuMemory {
 public:
  Port(IommuEngine& engine, StructureMemory& memory, TimeSplit& time, Ps start)
      : engine_(engine), memory_(memory), time_(time), now_(start) {}

  FaultCause load(Addr address, std::span<std::uint64_t> words) override {
    take_walker();
    ++engine_.context_reads_;
    const StructureMemory::Answer answer = memory_.load(address, words, now_);
    walk_until(answer.done);
    return answer.refused;
  }
  EntryRead read(const Step& step) override {
    take_walker();
    ++engine_.table_reads_;
    events_.add(step.stage == 0 ? IommuEvent::first_stage_walk : IommuEvent::second_stage_walk);
    EntryRead entry;
    const StructureMemory::Answer answer = memory_.load(step.address, {&entry.value, 1}, now_);
    walk_until(answer.done);
    entry.refused = answer.refused;
    return entry;
  }
  EntryUpdate update(const Step& step) override {
    take_walker();
    ++engine_.updates_;
    const StructureMemory::Answer answer = memory_.compare_and_swap(step.address, step.expected, step.desired, now_);
    walk_until(answer.done);
    return {answer.swapped, answer.value, answer.refused};
  }

  const DeviceContext* find_device(std::uint32_t device) override {
    const DeviceContext* const known = engine_.devices_.find(device, now_, time_);
    if (known == nullptr) events_.add(IommuEvent::device_directory_walk);
    device_ = known;
    return known;
  }
  void keep_device(std::uint32_t device, const DeviceContext& context) override {
    ++engine_.epoch_;
    engine_.devices_.keep(device, context, now_);
  }
  const ProcessContext* find_process(std::uint32_t device, std::uint32_t process) override {
    const ProcessContext* const known = engine_.processes_.find(process_id(device, process), now_, time_);
    if (known == nullptr) events_.add(IommuEvent::process_directory_walk);
    process_ = known;
    return known;
  }
  void keep_process(std::uint32_t device, std::uint32_t process, const ProcessContext& context) override {
    ++engine_.epoch_;
    engine_.processes_.keep(process_id(device, process), context, now_);
  }
  const IommuPage* find_page(const IommuSpace& space, Addr address) override {
    events_.tag = space.tag;
    const IommuPage* const known = engine_.iotlb_.find(address, space.tag, now_, time_);
    if (!engine_.iotlb_.was_hit()) events_.add(IommuEvent::tlb_miss);
    page_ = known;
    return known;
  }
  void reject_page() override {
    engine_.iotlb_.reject();
    events_.add(IommuEvent::tlb_miss);
  }
  void keep_page(const IommuSpace& space, Addr address, const IommuPage& page) override {
    ++engine_.epoch_;
    engine_.iotlb_.fill(address, space.tag, page, now_);
  }
  WalkHint find_table(const IommuSpace& space, const Step& step) override {
    take_walker();
    const WalkCaches::Answer answer = engine_.walk_caches_.look(space.stages[step.stage], step, space.tag, now_);
    walk_until(answer.done);
    return answer.hint;
  }
  void keep_table(const IommuSpace& space, const Learned& learned) override {
    engine_.walk_caches_.keep(space.stages[learned.stage], learned, space.tag);
  }

  Ps now() const { return now_; }
  bool walks() const { return walks_; }
  const DeviceContext* device() const { return device_; }
  const ProcessContext* process() const { return process_; }
  const IommuPage* page() const { return page_; }
  const Servers::Slot& walker() const { return walker_; }
  const Events& events() const { return events_; }

 private:
  // At the first miss.
  void take_walker() {
    if (walks_) return;
    walks_ = true;
    walker_ = engine_.walkers_.acquire(now_, engine_.typical_walk_);
    time_[TimePart::queue] += walker_.start - now_;
    engine_.walker_wait_ += walker_.start - now_;
    now_ = walker_.start;
  }
  void walk_until(Ps done) {
    time_[TimePart::walk] += done - now_;
    now_ = done;
  }

  IommuEngine& engine_;
  StructureMemory& memory_;
  TimeSplit& time_;
  Ps now_;
  bool walks_ = false;
  Servers::Slot walker_;
  Events events_;
  // What was found.
  const DeviceContext* device_ = nullptr;
  const ProcessContext* process_ = nullptr;
  const IommuPage* page_ = nullptr;
};

IommuEngine::IommuEngine(const IommuConfig& config, Ps period)
    : ports_(config.ports, period),
      requests_(config.requests),
      devices_(config.device_cache, period),
      processes_(config.process_cache, period),
      iotlb_(config.iotlb, period),
      walk_caches_(config.walker, period),
      walkers_(config.walker.slots) {}

IommuEngine::Outcome IommuEngine::translate(const Job& job, StructureMemory& memory, TimeSplit& time) {
  const Servers::Slot entry = enter(job.at, time);

  Port port(*this, memory, time, entry.start);
  Outcome outcome;
  outcome.answer = pagoda::translate(setup_, job.request, port);
  outcome.done = port.now();
  outcome.events = port.events();

  leave(entry, job.floor, outcome.done);
  if (port.walks()) leave_walker(port, job.floor);
  if (outcome.answer.cause != IommuCause::none) {
    ++faults_;
    faults_probe_.count(outcome.done);
  } else if (!port.walks() && port.device() != nullptr && port.page() != nullptr) {
    remember(job.request, port, outcome.answer);
  }
  return outcome;
}

// Answers to translation requests say more than is remembered.
void IommuEngine::remember(const IommuRequest& request, const Port& port, const IommuAnswer& answer) {
  if (request.type == IommuRequestType::translation_request) return;
  Repeat& repeat = repeats_[repeat_index(request)];
  repeat.epoch = epoch_;
  repeat.page = request.address >> kPageShift;
  repeat.requester = requester_of(request);
  repeat.host = answer.address & ~low_mask(kPageShift);
  repeat.page_shift = answer.page_shift;
  repeat.memory_type = answer.memory_type;
  repeat.device = devices_.handle_of(port.device());
  repeat.has_process = port.process() != nullptr;
  if (repeat.has_process) repeat.process = processes_.handle_of(port.process());
  repeat.iotlb = iotlb_.handle_of(port.page());
  repeat.ready = std::max({repeat.device.ready, repeat.has_process ? repeat.process.ready : 0, repeat.iotlb.ready});
}

void IommuEngine::leave_walker(const Port& port, Ps floor) {
  const Ps start = port.walker().start;
  ++walks_;
  walkers_.release(floor, port.walker(), port.now());
  walkers_probe_.during(start, port.now());
  typical_walk_ = port.now() - start;
  walk_latency_.record(typical_walk_);
}

IommuEngine::Context IommuEngine::find_device(std::uint32_t device, Ps floor, Ps at, StructureMemory& memory,
                                              TimeSplit& time) {
  Port port(*this, memory, time, at);
  Context found;
  found.cause = pagoda::find_device(setup_, device, port, found.device);
  found.done = port.now();
  busy_until_ = std::max(busy_until_, found.done);
  if (port.walks()) leave_walker(port, floor);
  return found;
}

void IommuEngine::invalidate(const IotlbInvalidation& what) {
  ++epoch_;
  iotlb_.invalidate(what);
  if (what.guest_tables) {
    walk_caches_.invalidate_later_stages(what.guest, what.address);
  } else if (!what.address) {  // an address is about leaves
    walk_caches_.invalidate(
        {.asid = what.process, .vmid = what.guest.value_or(IommuSpace::kNoGuest), .globals = !what.process});
  }
}

void IommuEngine::invalidate_device(std::optional<std::uint32_t> device) {
  ++epoch_;
  devices_.erase_if([&](std::uint64_t id) { return !device || id == *device; });
  processes_.erase_if([&](std::uint64_t id) { return !device || id >> 20 == *device; });
}

void IommuEngine::invalidate_process(std::uint32_t device, std::uint32_t process) {
  ++epoch_;
  processes_.erase_if([&](std::uint64_t id) { return id == process_id(device, process); });
}

void IommuEngine::forget() {
  invalidate_device({});
  forget_pages();
  walk_caches_.invalidate({.later_stages = true});
}

void IommuEngine::visit_stats(StatVisitor& v) {
  const auto group = [&v](const char* name, auto& part) {
    v.enter(name);
    part.visit_stats(v);
    v.leave();
  };
  v.counter("translations", translations_, kCount, "requests translated or refused");
  v.counter("faults", faults_, kCount, "of these, refused, or granted nothing");
  v.counter("request_wait", request_wait_, kTimeInNs, "time requests waited for a free entry");
  group("device_cache", devices_);
  group("process_cache", processes_);
  group("iotlb", iotlb_);
  v.enter("walker");
  v.counter("walks", walks_, kCount, "requests that went to memory");
  v.counter("context_reads", context_reads_, kCount, "reads of directories, contexts and MSI tables");
  v.counter("table_reads", table_reads_, kCount, "page-table entries read");
  v.counter("updates", updates_, kCount, "accessed and dirty flags set");
  v.value("reads_per_walk", ratio(context_reads_ + table_reads_, walks_), "", "reads per walk");
  v.counter("slot_wait", walker_wait_, kTimeInNs, "time requests waited for a free walker");
  v.distribution("latency", walk_latency_, kTimeInNs, "of a walk, from its slot to its end");
  walk_caches_.visit_stats(v);
  v.leave();
}

void IommuEngine::visit_probes(ProbeVisitor& v) {
  v.probe("requests", requests_probe_, 16, "requests being translated");
  v.probe("walkers_busy", walkers_probe_, 16, "walks under way");
  v.probe("faults", faults_probe_, 32, "faults so far");
  v.enter("iotlb");
  iotlb_.visit_probes(v);
  v.leave();
}

}  // namespace pagoda

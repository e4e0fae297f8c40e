#include "pagoda/software/os.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/paging/leaf_scan.h"

namespace pagoda {
namespace {

using Mapped = AddressSpace::Outcome;

constexpr Addr kReservedLow = 1 << 20;  // the first MiB of a machine belongs to firmware

PagePolicy policy_for(Bytes page_size, FlagSetting flags) {
  return {.page_shift = static_cast<unsigned>(std::countr_zero(page_size.count)),
          .preset_flags = flags == FlagSetting::preset};
}

Addr memory_begin(const PhysicalMemory& memory) { return std::max(memory.base(), kReservedLow); }

// Spreads page numbers over [0, 1) the same way in every run.
double page_chance(std::uint64_t seed, Addr page) {
  std::uint64_t value = (page >> kPageShift) * 0x9e3779b97f4a7c15 + seed;
  value = (value ^ value >> 32) * 0xd6e8feb86659fd93;
  return static_cast<double>((value ^ value >> 32) >> 11) * 0x1p-53;
}

}  // namespace

Os::Os(const sc_core::sc_module_name& name, const OsConfig& config, const std::vector<HypervisorConfig>& hypervisors,
       PhysicalMemory& memory, std::uint64_t seed, const TablePlacement& tables)
    : Module(name),
      config_(validated(config, this->name())),
      seed_(seed),
      physical_(memory),
      physical_frames_(hypervisors.empty() ? config.frames : hypervisors.back().frames, memory_begin(memory),
                       memory.base() + memory.size(), seed, tables.kept),
      table_frames_(tables.frames),
      machines_(hypervisors.size()) {
  ByteStore* store = &physical_;
  FrameAllocator* frames = &physical_frames_;
  for (std::size_t i = hypervisors.size(); i-- > 0;) {
    Machine& machine = machines_[i];
    machine.config = validated(hypervisors[i], this->name());
    const PageFormat& format = *find_page_format(machine.config.format);
    const bool is_last = i + 1 == hypervisors.size();
    machine.space = std::make_unique<AddressSpace>(format, controls_for(format, machine.config.flags),
                                                   policy_for(machine.config.page_size, machine.config.flags), *store,
                                                   *frames, is_last ? frames_for_tables(0) : nullptr);
    machine.store = std::make_unique<NestedStore>(*machine.space, *store);
    const FrameConfig& guest_frames = i == 0 ? config.frames : hypervisors[i - 1].frames;
    machine.frames =
        std::make_unique<FrameAllocator>(guest_frames, kReservedLow, machine.config.memory.count, seed + i + 1);
    store = machine.store.get();
    frames = machine.frames.get();
  }
  if (config_.churn) {
    SC_HAS_PROCESS(Os);
    SC_THREAD(churn);
  }
}

Os::~Os() = default;

// Null: anywhere.
FrameSource* Os::frames_for_tables(std::size_t space) const {
  return table_frames_.empty() ? nullptr : table_frames_[space % table_frames_.size()];
}

Os::ProcessId Os::create_process() {
  const PageFormat& format = *find_page_format(config_.format);
  ByteStore& store = machines_.empty() ? static_cast<ByteStore&>(physical_) : *machines_.front().store;
  FrameAllocator& frames = machines_.empty() ? physical_frames_ : *machines_.front().frames;
  Process process;
  process.space = std::make_unique<AddressSpace>(format, controls_for(format, config_.flags),
                                                 policy_for(config_.page_size, config_.flags), store, frames,
                                                 machines_.empty() ? frames_for_tables(processes_.size()) : nullptr);
  process.asid = static_cast<std::uint32_t>(processes_.size() + 1);
  processes_.push_back(std::move(process));
  return processes_.size() - 1;
}

void Os::assign(Processor& processor, ProcessId id) {
  Process& process = processes_[id];
  process.processors.push_back(&processor);
  MmuContext context;
  context.stages.push_back(process.space->stage());
  for (const Machine& machine : machines_) context.stages.push_back(machine.space->stage());
  context.tag = {process.asid, machines_.empty() ? 0u : 1u};
  processor.mmu().set_context(std::move(context));
}

Os::Process& Os::process_of(const Processor& processor) {
  for (Process& process : processes_) {
    if (std::find(process.processors.begin(), process.processors.end(), &processor) != process.processors.end()) {
      return process;
    }
  }
  throw std::logic_error("a processor without a process");
}

void Os::premap(ProcessId id, Addr address, std::uint64_t bytes) {
  const Addr last = address + bytes - 1;
  for (Addr page = address & ~low_mask(kPageShift);;) {
    const AddressSpace::Ensured ensured = touch(processes_[id], page);
    if (ensured.outcome == Mapped::out_of_range) {
      throw UserError(fmt::format("address {:#x} lies outside what {} translates", page, config_.format));
    }
    if (ensured.outcome == Mapped::out_of_memory) {
      throw UserError("the modelled memory is too small for what the program touches");
    }
    const Addr end = ensured.page.input + low_mask(ensured.page.page_shift);
    if (end >= last) break;
    page = end + 1;
  }
}

// Maps the page at `address` and, where hypervisors do so beforehand, what lies below it.
AddressSpace::Ensured Os::touch(Process& process, Addr address) {
  const AddressSpace::Ensured ensured = process.space->ensure(address);
  if (ensured.outcome == Mapped::mapped) {
    if (config_.churn) process.churn_pages.push_back(ensured.page.input);
    if (!machines_.empty()) back(0, ensured.page.output, std::uint64_t{1} << ensured.page.page_shift);
  }
  return ensured;
}

void Os::back(std::size_t hypervisor, Addr address, std::uint64_t bytes) {
  Machine& machine = machines_[hypervisor];
  if (machine.config.paging != Paging::premapped) return;
  for (Addr page = address; page < address + bytes;) {
    const AddressSpace::Ensured ensured = machine.space->ensure(page);
    if (ensured.outcome != Mapped::mapped && ensured.outcome != Mapped::already_mapped) {
      throw UserError("the modelled memory is too small for its guest");
    }
    if (ensured.outcome == Mapped::mapped && hypervisor + 1 < machines_.size()) {
      back(hypervisor + 1, ensured.page.output, std::uint64_t{1} << ensured.page.page_shift);
    }
    page = ensured.page.input + low_mask(ensured.page.page_shift) + 1;
  }
}

FaultHandler::Outcome Os::handle_fault(Processor& processor, const Fault& fault, Ps at) {
  faults_probe_.count(at);
  if (fault.stage == 0) return handle_process_fault(processor, fault, at);
  if (fault.stage <= machines_.size()) return handle_machine_fault(fault.stage - 1u, fault, at);
  return {};
}

FaultHandler::Outcome Os::handle_process_fault(Processor& processor, const Fault& fault, Ps at) {
  Process& process = process_of(processor);
  switch (fault.cause) {
    case FaultCause::not_present: {
      if (is_held(process, fault.virtual_address)) {
        ++held_faults_;
        return {.resolved = true, .resume = std::max(at, process.held_until) + config_.minor_fault.ps, .sleeps = true};
      }
      const AddressSpace::Ensured ensured = touch(process, fault.virtual_address);
      if (ensured.outcome == Mapped::out_of_memory)
        throw UserError("the modelled memory is full: no frame for a fault");
      if (ensured.outcome == Mapped::out_of_range) return {};
      if (ensured.outcome == Mapped::already_mapped) {
        ++spurious_faults_;
        return {true, at + config_.minor_fault.ps};
      }
      return {true, at + first_touch_cost(ensured.page.input, ensured.page.page_shift)};
    }
    case FaultCause::access_flag:
    case FaultCause::dirty_flag:
      ++flag_faults_;
      if (!process.space->set_flags(fault.virtual_address, fault.access == AccessKind::write)) return {};
      return {true, drop(process, {fault.virtual_address}, processor, at + config_.minor_fault.ps)};
    case FaultCause::permission: {
      const std::optional<MappedPage> page = process.space->editor().find(fault.virtual_address);
      return page ? lift_protection(processor, process, *page, fault, at) : Outcome{};
    }
    default: return {};
  }
}

// A store to a write-protected page: all pages are the program's to write, so the protection goes.
FaultHandler::Outcome Os::lift_protection(Processor& processor, Process& process, const MappedPage& page,
                                          const Fault& fault, Ps at) {
  if (fault.access != AccessKind::write) return {};
  if (has(page.rights, Rights::write)) {
    ++spurious_faults_;
  } else {
    ++protection_faults_;
    const EditStatus status = process.space->editor().protect(page.input, page.page_shift, page.rights | Rights::write);
    if (status != EditStatus::ok) return {};
    if (write_observer_) write_observer_(static_cast<ProcessId>(&process - processes_.data()), page);
  }
  return {true, drop(process, {page.input}, processor, at + config_.minor_fault.ps)};
}

FaultHandler::Outcome Os::handle_machine_fault(std::size_t hypervisor, const Fault& fault, Ps at) {
  Machine& machine = machines_[hypervisor];
  ++machine_faults_;
  Ps cost = machine.config.exit.ps + machine.config.minor_fault.ps;
  switch (fault.cause) {
    case FaultCause::not_present: {
      const AddressSpace::Ensured ensured = machine.space->ensure(fault.stage_address);
      if (ensured.outcome == Mapped::out_of_memory) throw UserError("the modelled memory is too small for its guest");
      if (ensured.outcome == Mapped::out_of_range) return {};
      const std::uint64_t bytes = std::uint64_t{1} << ensured.page.page_shift;
      if (hypervisor + 1 < machines_.size()) back(hypervisor + 1, ensured.page.output, bytes);
      cost += static_cast<Ps>(static_cast<double>(bytes) / config_.zeroing.bytes_per_second * 1e12);
      return {true, at + cost};
    }
    case FaultCause::access_flag:
    case FaultCause::dirty_flag: {
      const bool write = fault.cause == FaultCause::dirty_flag || fault.access == AccessKind::write;
      if (!machine.space->set_flags(fault.stage_address, write)) return {};
      return {true, at + cost};
    }
    default: return {};
  }
}

Ps Os::first_touch_cost(Addr address, unsigned page_shift) {
  const double bytes = static_cast<double>(std::uint64_t{1} << page_shift);
  Ps cost = config_.minor_fault.ps + static_cast<Ps>(bytes / config_.zeroing.bytes_per_second * 1e12);
  // Pages of files are 4 KiB pages.
  if (page_shift == kPageShift && page_chance(seed_, address) < config_.major_faults) {
    ++major_faults_;
    cost += config_.major_fault.ps;
  } else {
    ++minor_faults_;
  }
  return cost;
}

Ps Os::unmap(ProcessId id, Addr address, std::uint64_t count, Processor& initiator, Ps at) {
  Process& process = processes_[id];
  std::vector<Addr> pages;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::optional<MappedPage> page = process.space->remove(address);
    if (page) pages.push_back(page->input);
    address = page ? page->input + low_mask(page->page_shift) + 1 : address + (Addr{1} << kPageShift);
  }
  unmapped_ += pages.size();
  return shoot_down(process, pages, initiator, at);
}

Ps Os::write_protect(ProcessId id, Addr address, std::uint64_t count, Processor& initiator, Ps at) {
  Process& process = processes_[id];
  PageTableEditor& editor = process.space->editor();
  std::vector<Addr> pages;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::optional<MappedPage> page = editor.find(address);
    if (const std::optional<Addr> input = protect(editor, page)) pages.push_back(*input);
    address = page ? page->input + low_mask(page->page_shift) + 1 : address + (Addr{1} << kPageShift);
  }
  protected_ += pages.size();
  return shoot_down(process, pages, initiator, at);
}

Ps Os::write_protect(ProcessId id, const std::vector<Addr>& addresses, Processor& initiator, Ps at) {
  Process& process = processes_[id];
  PageTableEditor& editor = process.space->editor();
  std::vector<Addr> pages;
  for (const Addr address : addresses) {
    if (const std::optional<Addr> input = protect(editor, editor.find(address))) pages.push_back(*input);
  }
  protected_ += pages.size();
  return shoot_down(process, pages, initiator, at);
}

// The page's first address, if this has made it read-only.
std::optional<Addr> Os::protect(PageTableEditor& editor, const std::optional<MappedPage>& page) {
  if (!page || !has(page->rights, Rights::write)) return std::nullopt;
  const EditStatus status = editor.protect(page->input, page->page_shift, page->rights & ~Rights::write);
  return status == EditStatus::ok ? std::optional(page->input) : std::nullopt;
}

Os::DirtyScan Os::collect_dirty(ProcessId id, Addr address, std::uint64_t bytes,
                                const std::function<void(Addr, unsigned)>& found, Processor& initiator, Ps at) {
  Process& process = processes_[id];
  const Stage& stage = process.space->stage();
  ByteStore& store = process.space->store();
  std::vector<Addr> pages;
  const std::uint64_t entries = scan_leaves(stage, store, address, address + bytes, [&](const ScannedLeaf& leaf) {
    if (!clear_dirty(*stage.format, store, leaf)) return;
    pages.push_back(leaf.input);
    found(leaf.input, leaf.shift);
  });
  return {shoot_down(process, pages, initiator, at), entries};
}

bool Os::is_held(const Process& process, Addr address) {
  return std::any_of(process.held.begin(), process.held.end(),
                     [address](const MappedPage& page) { return (address ^ page.input) >> page.page_shift == 0; });
}

Ps Os::hold(ProcessId id, Addr address, std::uint64_t bytes, Ps until, Processor& initiator, Ps at) {
  Process& process = processes_[id];
  PageTableEditor& editor = process.space->editor();
  process.held_until = until;
  std::vector<Addr> pages;
  for (Addr next = address; next - address < bytes;) {
    const std::optional<MappedPage> page = editor.find(next);
    if (page && editor.unmap(page->input, page->page_shift) == EditStatus::ok) {
      process.held.push_back(*page);
      pages.push_back(page->input);
    }
    next = page ? page->input + low_mask(page->page_shift) + 1 : next + (Addr{1} << kPageShift);
  }
  return shoot_down(process, pages, initiator, at);
}

void Os::release(ProcessId id) {
  Process& process = processes_[id];
  for (const MappedPage& page : process.held) {
    const EditStatus status = process.space->editor().map(
        page.input,
        {.output = page.output, .page_shift = page.page_shift, .rights = page.rights, .memory_type = page.memory_type});
    if (status != EditStatus::ok) throw std::logic_error("a page that was held cannot be mapped again");
  }
  process.held.clear();
}

// One core forgets pages of a process; returns when it has.
Ps Os::drop(Process& process, const std::vector<Addr>& pages, Processor& processor, Ps at) {
  TlbInvalidation what{.asid = process.asid};
  if (pages.size() > config_.shootdown.full_flush_above) return processor.mmu().invalidate(what, at);
  for (const Addr page : pages) {
    what.address = page;
    at = processor.mmu().invalidate(what, at);
  }
  return at;
}

Ps Os::shoot_down(Process& process, const std::vector<Addr>& pages, Processor& initiator, Ps at) {
  if (pages.empty()) return at;
  ++shootdowns_;
  Ps done = drop(process, pages, initiator, at);
  for (Processor* other : process.processors) {
    if (other == &initiator) continue;
    ++interrupts_sent_;
    const Ps arrives = at + config_.shootdown.ipi.ps;
    const Ps invalidating = drop(process, pages, *other, 0);
    done = std::max(done, other->interrupt(arrives, config_.shootdown.handler.ps + invalidating));
  }
  shootdown_latency_.record(done - at);
  shootdown_probe_.during(at, done);
  return done;
}

void Os::churn() {
  const ChurnConfig& churn = *config_.churn;
  for (std::size_t turn = 0;; ++turn) {
    wait(to_sc_time(churn.interval.ps));
    if (processes_.empty()) return;
    const ProcessId id = turn % processes_.size();
    Process& process = processes_[id];
    if (process.processors.empty() || process.churn_pages.empty()) continue;
    Processor& initiator = *process.processors.front();
    const Ps start = kernel_now();
    Ps now = start;
    for (std::uint32_t i = 0; i < churn.pages && !process.churn_pages.empty(); ++i) {
      const Addr page = process.churn_pages.front();
      process.churn_pages.pop_front();
      if (churn.kind == ChurnKind::unmap) {
        now = unmap(id, page, 1, initiator, now);  // a candidate again once it is touched
      } else {
        now = write_protect(id, page, 1, initiator, now);
        process.churn_pages.push_back(page);
      }
    }
    initiator.interrupt(start, now - start);
  }
}

void Os::visit_stats(StatVisitor& v) {
  v.counter("minor_faults", minor_faults_, kCount, "first touches resolved in memory");
  v.counter("major_faults", major_faults_, kCount, "first touches read from storage");
  v.counter("flag_faults", flag_faults_, kCount, "faults to set accessed or dirty");
  v.counter("protection_faults", protection_faults_, kCount, "stores to write-protected pages");
  v.counter("spurious_faults", spurious_faults_, kCount, "faults whose reason was gone when they were handled");
  v.counter("machine_faults", machine_faults_, kCount, "faults of hypervisors' stages (VM exits)");
  v.counter("held_faults", held_faults_, kCount, "accesses that waited for pages that were held");
  v.counter("unmapped", unmapped_, kCount, "pages unmapped");
  v.counter("protected", protected_, kCount, "pages write-protected");
  v.counter("shootdowns", shootdowns_, kCount, "TLB shootdowns");
  v.counter("interrupts_sent", interrupts_sent_, kCount, "interrupts sent for them");
  v.distribution("shootdown_latency", shootdown_latency_, kTimeInNs, "from the first invalidation to the last answer");
  std::uint64_t pages[] = {0, 0, 0};
  constexpr unsigned kShifts[] = {12, 21, 30};
  constexpr const char* kNames[] = {"pages_4k", "pages_2m", "pages_1g"};
  for (int i = 0; i < 3; ++i) {
    for (const Process& process : processes_) pages[i] += process.space->pages(kShifts[i]);
    v.counter(kNames[i], pages[i], kCount, "pages of this size mapped in processes");
  }
}

void Os::visit_probes(ProbeVisitor& v) {
  v.probe("faults", faults_probe_, 32, "faults handled so far");
  v.probe("shootdowns_open", shootdown_probe_, 8, "shootdowns under way");
}

}  // namespace pagoda

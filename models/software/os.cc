#include "pagoda/software/os.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/base/random.h"

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
  return fraction_of(value ^ value >> 32);
}

}  // namespace

Os::Os(const sc_core::sc_module_name& name, const OsConfig& config, const std::vector<HypervisorConfig>& hypervisors,
       PhysicalMemory& memory, std::uint64_t seed, const TablePlacement& tables,
       const std::vector<FrameRange>& for_devices)
    : Module(name),
      config_(validated(config, this->name())),
      seed_(seed),
      physical_(memory),
      physical_frames_(hypervisors.empty() ? config.frames : hypervisors.back().frames, memory_begin(memory),
                       memory.base() + memory.size(), seed, tables.kept),
      table_frames_(tables.frames),
      machines_(hypervisors.size()) {
  if (const auto [begin, end] = physical_frames_.table_range(); begin != end)
    memory.expect_dense_use(begin, end - begin);
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
    machine.store = std::make_unique<NestedStore>(*machine.space, *store,
                                                  [this, i](Addr address, Addr output, std::uint64_t value) {
                                                    written_by_software({SpaceId::Kind::machine, i}, address);
                                                    if (i + 1 == machines_.size() && table_observer_)
                                                      table_observer_(output, value);
                                                  });
    const FrameConfig& guest_frames = i == 0 ? config.frames : hypervisors[i - 1].frames;
    machine.frames = std::make_unique<FrameAllocator>(guest_frames, kReservedLow, machine.config.memory.count,
                                                      seed + i + 1, is_last ? for_devices : std::vector<FrameRange>{});
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
  processes_[id].processors.push_back(&processor);
  processors_.push_back(&processor);
  processor.mmu().set_context(registers_of(id), processor.mmu_context());
}

MmuContext Os::registers_of(ProcessId id) const {
  MmuContext context;
  context.stages.push_back(processes_[id].space->stage());
  for (const Machine& machine : machines_) context.stages.push_back(machine.space->stage());
  context.tag = {processes_[id].asid, machines_.empty() ? 0u : 1u};
  return context;
}

Os::ProcessId Os::process_on(const Processor& processor) const {
  for (ProcessId id = 0; id < processes_.size(); ++id) {
    const std::vector<Processor*>& all = processes_[id].processors;
    if (std::find(all.begin(), all.end(), &processor) != all.end()) return id;
  }
  throw std::logic_error("a processor without a process");
}

AddressSpace& Os::space(SpaceId id) {
  return id.kind == SpaceId::Kind::process ? *processes_[id.index].space : *machines_[id.index].space;
}

void Os::observe_writable(SpaceId id, std::function<void(const MappedPage&)> observer) {
  observed_ = id;
  writable_observer_ = std::move(observer);
  space(id).observe(writable_observer_);
}

const std::vector<Processor*>& Os::processors_of(SpaceId id) const {
  return id.kind == SpaceId::Kind::process ? processes_[id.index].processors : processors_;
}

void Os::premap(SpaceId id, Addr address, std::uint64_t bytes) {
  const Addr last = address + bytes - 1;
  for (Addr page = address & ~low_mask(kPageShift);;) {
    const AddressSpace::Ensured ensured = touch(id, page);
    if (ensured.outcome == Mapped::out_of_range) {
      throw UserError(
          fmt::format("address {:#x} lies outside what {} translates", page, space(id).stage().format->name()));
    }
    if (ensured.outcome == Mapped::out_of_memory) {
      throw UserError("the modelled memory is too small for what the program touches");
    }
    const Addr end = ensured.page.input + low_mask(ensured.page.page_shift);
    if (end >= last) break;
    page = end + 1;
  }
}

AddressSpace::Ensured Os::touch(SpaceId id, Addr address) {
  if (id.kind == SpaceId::Kind::process) return touch(processes_[id.index], address);
  const AddressSpace::Ensured ensured = machines_[id.index].space->ensure(address);
  if (ensured.outcome == Mapped::mapped && id.index + 1 < machines_.size()) {
    back(id.index + 1, ensured.page.output, std::uint64_t{1} << ensured.page.page_shift);
  }
  return ensured;
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
  if (fault.stage <= machines_.size()) return handle_machine_fault(processor, fault.stage - 1u, fault, at);
  return {};
}

FaultHandler::Outcome Os::handle_process_fault(Processor& processor, const Fault& fault, Ps at) {
  Process& process = process_of(processor);
  const SpaceId id = space_of(static_cast<ProcessId>(&process - processes_.data()));
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
      return {true, drop(id, {fault.virtual_address}, processor, at + config_.minor_fault.ps)};
    case FaultCause::permission:
      if (fault.access != AccessKind::write || !lift_protection(id, fault.virtual_address)) return {};
      return {true, drop(id, {fault.virtual_address}, processor, at + config_.minor_fault.ps)};
    default: return {};
  }
}

// For a store to a write-protected page: all pages are the program's to write, so the protection goes. False if there is
// no such page.
bool Os::lift_protection(SpaceId id, Addr address) {
  PageTableEditor& editor = space(id).editor();
  const std::optional<MappedPage> page = editor.find(address);
  if (!page) return false;
  if (has(page->rights, Rights::write)) {
    ++spurious_faults_;
    return true;
  }
  ++protection_faults_;
  if (editor.protect(page->input, page->page_shift, page->rights | Rights::write) != EditStatus::ok) return false;
  if (writable_observer_ && id == observed_) writable_observer_(*page);
  return true;
}

FaultHandler::Outcome Os::handle_machine_fault(Processor& processor, std::size_t hypervisor, const Fault& fault,
                                               Ps at) {
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
    case FaultCause::permission: {
      // Accesses to tables of earlier stages may count as stores (Intel SDM vol. 3, 29.3.5).
      const bool store = fault.access == AccessKind::write || fault.table != TableAccess::none;
      if (!store || !lift_protection({SpaceId::Kind::machine, hypervisor}, fault.stage_address)) return {};
      // The violation has dropped what this core knew of the guest-physical address (Intel SDM vol. 3, 29.4.3.1).
      const TlbInvalidation dropped{
          .address = fault.virtual_address, .vmid = 1, .later_stages = true, .later_address = fault.stage_address};
      return {true, processor.mmu().invalidate(dropped, at + cost)};
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

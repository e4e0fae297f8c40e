// The operating system, and the hypervisors below it, that a platform's cores run under.
//
// Models: processes with their own address spaces and ASIDs; mapping before the start or on demand, with 4 KiB, 2 MiB
// or 1 GiB pages; minor and major faults with their cost; unmapping and write-protection with TLB shootdown (interrupts
// to every core that runs the process, whose handlers and invalidations cost them time); any number of hypervisors,
// each with a stage of its own, backing guest memory before or on the first touch. Page tables are real bytes in
// memory; the kernel's own accesses to them are part of the costs, not of the memory traffic. Invalidations go by
// interrupt or, where cores carry them out in hardware, by broadcast. Does not model: scheduling (what runs on which
// hardware thread is its core's business), system calls, the kernel's own instruction stream.
//
// Errors: UserError if memory runs out.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/memory/memory_store.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/software/address_space.h"
#include "pagoda/software/os_config.h"
#include "pagoda/software/processor.h"

namespace pagoda {

/// An address space that software here keeps: a process's, or a machine's, which are guest-physical addresses.
struct SpaceId {
  enum class Kind : std::uint8_t { process, machine };

  Kind kind = Kind::process;
  std::size_t index = 0;  ///< of machines: of its hypervisor, the guest's own first

  bool operator==(const SpaceId&) const = default;
};

/// Where the tables of the stage that translates to physical addresses lie.
struct TablePlacement {
  std::vector<FrameSource*> frames;  ///< for the tables of one address space after the other, in turn; none: anywhere
  std::vector<FrameRange> kept;      ///< what those frames come from, and nothing else lies in
};

class Os : public Module, public FaultHandler {
 public:
  /// `hypervisors`: innermost (the guest's own) first. `for_devices`: ranges of the outermost machine's memory that
  /// what runs in it leaves to its devices.
  Os(const sc_core::sc_module_name& name, const OsConfig& config, const std::vector<HypervisorConfig>& hypervisors,
     PhysicalMemory& memory, std::uint64_t seed, const TablePlacement& tables = {},
     const std::vector<FrameRange>& for_devices = {});
  ~Os() override;

  using ProcessId = std::size_t;
  /// A new process with an empty address space.
  ProcessId create_process();
  /// Makes `processor` run the process: its MMU gets the translation registers.
  void assign(Processor& processor, ProcessId process);
  static SpaceId space_of(ProcessId process) { return {SpaceId::Kind::process, process}; }
  /// The machine that the hypervisor on the bare machine runs. There has to be one.
  SpaceId outermost_machine() const { return {SpaceId::Kind::machine, machines_.size() - 1}; }
  /// Maps all pages that [address, address + bytes) touches, at no cost: what happened before the simulation.
  void premap(ProcessId process, Addr address, std::uint64_t bytes) { premap(space_of(process), address, bytes); }
  void premap(SpaceId id, Addr address, std::uint64_t bytes);

  Outcome handle_fault(Processor& processor, const Fault& fault, Ps at) override;

  /// Unmaps (or write-protects) `count` pages, starting at `address`, on behalf of `initiator`, from `at` on; returns
  /// when every core has forgotten them.
  Ps unmap(ProcessId process, Addr address, std::uint64_t count, Processor& initiator, Ps at);
  Ps write_protect(ProcessId process, Addr address, std::uint64_t count, Processor& initiator, Ps at);
  /// Likewise of the pages around these addresses, all at once.
  Ps write_protect(SpaceId id, const std::vector<Addr>& addresses, Processor& initiator, Ps at);
  /// Told of each page that stores no more fault on: write protection has been lifted, or it has been mapped.
  void observe_writable(SpaceId id, std::function<void(const MappedPage&)> observer);

  /// Whether the page at this address of a machine's memory holds tables of software in it.
  bool holds_tables(SpaceId machine, Addr address) const { return machines_[machine.index].store->wrote_to(address); }
  /// Told of each word, by its physical address, that software in the outermost machine writes into its tables.
  void observe_tables(std::function<void(Addr, std::uint64_t)> observer) { table_observer_ = std::move(observer); }
  /// Software stores there without an MMU of its own: what the hardware would do to the page's entry is done.
  void written_by_software(SpaceId id, Addr address);

  struct DirtyScan {
    Ps done = 0;                ///< when every core has forgotten what it knew of the flags
    std::uint64_t entries = 0;  ///< looked at
  };
  /// Clears the dirty flags of what is mapped in [address, address + bytes), and tells of each entry that had it set:
  /// its first address and log2 of its bytes.
  DirtyScan collect_dirty(SpaceId id, Addr address, std::uint64_t bytes,
                          const std::function<void(Addr, unsigned)>& found, Processor& initiator, Ps at);

  /// Takes pages out of the process's tables until release(), which is to come at `until`, with their contents:
  /// programs that touch them meanwhile wait. Returns when every core has forgotten them.
  Ps hold(ProcessId process, Addr address, std::uint64_t bytes, Ps until, Processor& initiator, Ps at);
  void release(ProcessId process);

  struct Detached {
    MappedPage page;  ///< as it was, flags included
    Ps done = 0;      ///< when every core has forgotten it
  };
  /// Takes a page of 4 KiB out of the process's tables; its frame stays its caller's. Nothing if it is not mapped so.
  std::optional<Detached> detach(ProcessId process, Addr address, Processor& initiator, Ps at);

  ProcessId process_on(const Processor& processor) const;
  /// What a processor's translation registers hold when it runs the process.
  MmuContext registers_of(ProcessId process) const;
  AddressSpace& space(ProcessId process) { return *processes_[process].space; }
  AddressSpace& space(SpaceId id);
  /// Physical memory, and what is free of it, for structures of other hardware.
  ByteStore& memory() { return physical_; }
  FrameAllocator& frames() { return physical_frames_; }
  const OsConfig& config() const { return config_; }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Process {
    std::unique_ptr<AddressSpace> space;
    std::uint32_t asid;
    std::vector<Processor*> processors;
    std::deque<Addr> churn_pages;  // candidates, the next one first
    std::vector<MappedPage> held;
    Ps held_until = 0;
  };
  // A hypervisor. The memory it presents is a store and an allocator for the software above it.
  struct Machine {
    HypervisorConfig config;
    std::unique_ptr<AddressSpace> space;
    std::unique_ptr<NestedStore> store;
    std::unique_ptr<FrameAllocator> frames;
  };

  FrameSource* frames_for_tables(std::size_t space) const;
  const std::vector<Processor*>& processors_of(SpaceId id) const;
  Process& process_of(const Processor& processor) { return processes_[process_on(processor)]; }
  static std::optional<Addr> protect(PageTableEditor& editor, const std::optional<MappedPage>& page);
  static bool is_held(const Process& process, Addr address);
  AddressSpace::Ensured touch(Process& process, Addr address);
  AddressSpace::Ensured touch(SpaceId id, Addr address);
  void back(std::size_t hypervisor, Addr address, std::uint64_t bytes);
  Outcome handle_process_fault(Processor& processor, const Fault& fault, Ps at);
  Outcome handle_machine_fault(Processor& processor, std::size_t hypervisor, const Fault& fault, Ps at);
  bool lift_protection(SpaceId id, Addr address);
  Ps first_touch_cost(Addr address, unsigned page_shift);
  Ps drop(SpaceId id, const std::vector<Addr>& pages, Processor& processor, Ps at);
  Ps shoot_down(SpaceId id, const std::vector<Addr>& pages, Processor& initiator, Ps at);
  Ps broadcast(SpaceId id, const std::vector<Addr>& pages, Processor& initiator, Ps at);
  void churn();

  OsConfig config_;
  std::uint64_t seed_;
  MemoryStore physical_;
  FrameAllocator physical_frames_;
  std::vector<FrameSource*> table_frames_;
  std::vector<Machine> machines_;  // innermost first
  std::vector<Process> processes_;
  std::vector<Processor*> processors_;  // of all processes
  std::function<void(const MappedPage&)> writable_observer_;
  SpaceId observed_;
  std::function<void(Addr, std::uint64_t)> table_observer_;
  std::uint64_t minor_faults_ = 0, major_faults_ = 0, flag_faults_ = 0, protection_faults_ = 0, spurious_faults_ = 0;
  std::uint64_t machine_faults_ = 0, held_faults_ = 0, unmapped_ = 0, protected_ = 0, shootdowns_ = 0,
                interrupts_sent_ = 0;
  Distribution shootdown_latency_;
  Probe faults_probe_;
  Probe shootdown_probe_;
};

}  // namespace pagoda

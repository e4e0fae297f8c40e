// How an operating system programs a RISC-V IOMMU and gives memory to devices.
//
// Models: set-up (directories of as many levels as ids need, queues, interrupts, all as real bytes and register writes
// before time begins); domains (io_domain.h) and which device or process of a device translates with which; buffers,
// mapped and unmapped strictly, in batches, or once; the commands that follow, with their completion (io_commands.h);
// page requests, from which pages are mapped or copied; faults; control of DMA in page-table entries that CPUs share
// with devices, and what systems without it do: tables of the device's own that follow the process's, and blocking the
// whole device. Every step takes its time (IoCosts) from the thread that makes it, and every register access is one.
// Does not model: several processors' contention beyond the lock of the command queue, MSIs of the IOMMU and of devices
// (software uses wires, or looks by itself; messages are masked), reclaim of empty tables, 32-bit devices.
//
// Threads: what may take time is called from an SC_THREAD and returns when it is done; the time is the kernel's then.
// Before the simulation the same calls cost nothing. The driver's own threads serve page requests, faults, commands'
// interrupts and the flush queue's timeout. Without a connected interrupt, queues are looked at again and again: the
// simulation then ends only when it is stopped.
//
// A buffer is out of a device's reach when the fence behind its invalidations is complete: the IOMMU and every device
// that keeps translations (ATS) have dropped them, and all accesses that used them are done. If a device did not
// answer, its buffer, addresses and frames are never used again.
//
// Sources: RISC-V IOMMU Architecture Specification 1.0, "Software guidelines"; drivers/iommu of Linux for what is
// batched, and when all of an address space is invalidated at once. Errors: UserError for what the IOMMU cannot do, a
// device or process id too wide, or memory used up before the start.
#pragma once

#include <array>
#include <map>
#include <memory>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/probe.h"
#include "pagoda/base/thread_failure.h"
#include "pagoda/software/io_commands.h"
#include "pagoda/software/io_directories.h"
#include "pagoda/software/io_domain.h"
#include "pagoda/software/io_record_queue.h"
#include "pagoda/software/page_copies.h"

namespace pagoda {

/// How a device is attached: the bits of its context.
struct IoDeviceOptions {
  bool ats = false;
  bool page_requests = false;         ///< needs ats
  bool guest_addresses = false;       ///< T2GPA: it is told guest physical addresses; needs ats and a guest
  bool process_in_responses = false;  ///< PRPR
  bool hides_faults = false;          ///< DTF
  bool privileged = false;            ///< its processes' requests may be those of a supervisor (ENS, SUM)
  unsigned process_bits = 0;          ///< of its process directory: 8, 17, 20; 0: none
};

/// Who maps the pages that devices ask for.
class PageRequestHandler {
 public:
  virtual ~PageRequestHandler() = default;
  /// A page that the domain does not map, or not with these rights. On a thread of the driver's: it may wait.
  virtual PageResponse page_requested(IoDomain& domain, const PageRequestRecord& request) = 0;
};

class IoDriver : public Module {
 public:
  tlm_utils::simple_initiator_socket<IoDriver> registers{"registers"};

  /// `store` and `frames` are those of the machine's memory, which outlives the driver.
  IoDriver(const sc_core::sc_module_name& name, const IoDriverConfig& config, ByteStore& store, FrameAllocator& frames);
  ~IoDriver() override;

  // Before the simulation.
  /// The IOMMU's wire of the vector that is the cause's number.
  void connect_interrupt(IommuInterrupt cause, const InterruptWire& wire);
  /// Without, pages of domains that are shared with a process are mapped, and others are not.
  void handle_page_requests(PageRequestHandler& handler) { page_handler_ = &handler; }
  void observe_faults(std::function<void(const FaultRecord&)> observer) { fault_observer_ = std::move(observer); }

  // Domains. They live as long as the driver.
  /// Tables of its own, in a first-stage format, or in a second-stage one for a machine without a guest's own tables.
  IoDomain& create_domain(const std::string& format, const IoGuest* guest = nullptr);
  /// The tables of a process, or of a guest's memory.
  IoDomain& share(AddressSpace& space, const IoGuest* guest = nullptr);
  /// Tables of its own that say what a process's do, as far as process_changed() is told of changes.
  IoDomain& mirror(AddressSpace& process);
  IoDomain& mirror(AddressSpace& space, const std::string& format_name);

  void attach(std::uint32_t device_id, IoDomain& domain, const IoDeviceOptions& options = {});
  /// One process of an attached device that has a process directory; its guest, if any, is that of the device.
  void attach_process(std::uint32_t device_id, std::uint32_t process_id, IoDomain& domain);
  void detach_process(std::uint32_t device_id, std::uint32_t process_id);

  // Buffers.
  /// The I/O address of bytes in the domain's memory; nothing if addresses or tables are used up. Of a domain shared
  /// with a process, addresses are the process's and stay as they are.
  std::optional<Addr> map(IoDomain& domain, Addr address, std::uint64_t bytes, DmaDirection direction);
  /// Likewise of pages of 4 KiB anywhere; not of domains that are premapped or shared.
  std::optional<Addr> map(IoDomain& domain, std::span<const Addr> pages, DmaDirection direction);
  /// Takes a buffer back, by any address in its first page. `released` is called when no device can reach it any more,
  /// which, of a strict domain, is before this returns.
  void unmap(IoDomain& domain, Addr iova, IoDomain::Released released = {});
  /// Maps a range in which buffers of a premapped domain lie.
  void premap(IoDomain& domain, Addr address, std::uint64_t bytes);
  /// Invalidates what rests.
  void flush(IoDomain& domain);

  // Control of DMA; true when it is in force everywhere, false if a device did not answer.
  /// Sets what devices may not do with mapped pages from `first` on: in entries that are shared, in fields that only
  /// the IOMMU heeds; in a copy, by other rights. Pages that are not mapped stay so.
  bool set_dma_policy(IoDomain& domain, Addr first, std::uint64_t bytes, const DmaPolicy& policy);
  bool enable_dma_control(bool enable);
  /// The process's tables have changed there: a copy follows them, and translations that devices share are dropped. A
  /// page that is copied on read loses that policy before it is unmapped, or its copy stays.
  bool process_changed(IoDomain& domain, Addr first, std::uint64_t bytes);
  /// Clears the dirty flags of what the domain maps in [first, first + bytes), and tells of each entry that had it set:
  /// its first address and log2 of its bytes. True when no translation from before is in use any more: what was written
  /// by one is told of, and a later write sets the flag again.
  bool collect_dirty(IoDomain& domain, Addr first, std::uint64_t bytes, Duration per_entry,
                     const std::function<void(Addr, unsigned)>& found);
  /// Blocks all DMA of a device, or lets it go on.
  bool block(std::uint32_t device_id, bool blocked);

  /// Bytes of directories, queues, tables of devices' own, and the table of copies.
  std::uint64_t structure_bytes() const;
  const std::map<IommuCause, std::uint64_t>& faults() const { return faults_by_cause_; }
  /// Throws what ended one of the driver's threads early, if anything did.
  void rethrow_failure() const { failure_.rethrow(); }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  struct Device {
    IoDeviceOptions options;
    IoDomain* domain = nullptr;
    std::map<std::uint32_t, IoDomain*> processes;
    std::unique_ptr<CountedFrames> frames;  // of its process directory
    std::unique_ptr<ProcessDirectoryTable> directory;
    bool blocked = false;
  };
  struct PageGroup {
    std::uint32_t device_id;
    std::uint32_t process_id;
    std::uint16_t group;
    auto operator<=>(const PageGroup&) const = default;
  };

  // Set-up and attaching (io_driver.cc).
  IoDomain& add_domain(IoDomain::Kind kind, const Stage& stage, AddressSpace* space, const IoGuest* guest);
  void end_of_elaboration() override { io_registers_.bind(*registers.operator->()); }
  void start_of_simulation() override;
  void set_up_interrupts();
  Device& device(std::uint32_t device_id);
  void check_supported(const IoDomain& domain) const;
  DeviceContext context_of(const Device& device) const;
  ProcessContext process_context(const Device& device, const IoDomain& domain) const;
  void write_device(std::uint32_t device_id);
  void remove_user(IoDomain& domain, const IoUser& user);

  // Invalidations and buffers (io_driver_buffers.cc).
  std::vector<IommuCommand> invalidation(const IoDomain& domain, Addr first, std::uint64_t bytes, unsigned page_shift);
  std::vector<IommuCommand> invalidation_of_all(const IoDomain& domain);
  void add_device_invalidations(std::vector<IommuCommand>& batch, const IoDomain& domain, Addr first,
                                std::uint64_t bytes);
  bool translates_alone(const IoUser& user, const IoDomain& domain) const;
  bool invalidate(IoDomain& domain, const std::vector<IommuCommand>& batch);
  void rest(IoDomain& domain, const IoDomain::Buffer& buffer, IoDomain::Released released, Ps since);
  void release(IoDomain& domain, const IoDomain::Resting& resting);
  void flush_on_time();

  // Records (io_driver_requests.cc).
  struct Decision {
    enum class Kind : std::uint8_t { granted, refused, copied, missing } kind;
    Addr page = 0;  // to be copied
  };
  void serve_page_requests();
  void serve_faults();
  void serve_commands();
  IoDomain* domain_of(const PageRequestRecord& request);
  Decision decide(IoDomain& domain, const PageRequestRecord& request);
  PageResponse resolve(const PageRequestRecord& request);
  PageResponse page_in(IoDomain& domain, Addr address);
  PageResponse make_copy(Addr page);
  void respond(const PageRequestRecord& request, PageResponse response);

  // Control of DMA (io_driver_control.cc).
  struct Leaf {
    IoDomain* domain;
    MappedPage page;
    Addr address;  // as this stage's input
  };
  std::vector<Leaf> leaves(IoDomain& domain, Addr address);
  std::uint64_t fields(const IoDomain& domain, const DmaPolicy& policy) const;
  DmaPolicy policy_of(const Leaf& leaf) const;
  struct PolicyChange {
    std::uint64_t mask, bits;  // in entries
    bool copy_on_read;
    std::uint64_t entries = 0;  // changed so far
    std::vector<Addr> frames;   // of copies that are not used any more
  };
  void change_entry(IoDomain& domain, const MappedPage& page, PolicyChange& change);
  void drop_copies(IoDomain& domain, const MappedPage& page, std::vector<Addr>& frames);
  bool update_mirror(IoDomain& domain, Addr first, std::uint64_t bytes);

  IoDriverConfig config_;
  ByteStore& store_;
  CountedFrames structures_;
  FrameAllocator& frames_;
  IoRegisters io_registers_;
  IoCommands commands_;
  IoRecordQueue<FaultRecord> fault_queue_;
  IoRecordQueue<PageRequestRecord> page_queue_;
  const InterruptWire* command_wire_ = nullptr;
  IommuCapabilities capabilities_;
  std::unique_ptr<DeviceDirectoryTable> directory_;  // once the simulation starts
  std::unique_ptr<PageCopies> copies_;
  std::vector<std::unique_ptr<IoDomain>> domains_;
  std::map<std::uint32_t, Device> devices_;
  std::uint32_t first_stages_ = 0, second_stages_ = 0;  // PSCIDs and GSCIDs given out
  bool dma_control_ = false;
  sc_core::sc_event resting_event_{"buffer_rests"};
  PageRequestHandler* page_handler_ = nullptr;
  std::function<void(const FaultRecord&)> fault_observer_;
  std::map<PageGroup, PageResponse> open_groups_;
  std::map<IommuCause, std::uint64_t> faults_by_cause_;
  ThreadFailure failure_;

  std::uint64_t maps_ = 0, maps_refused_ = 0, unmaps_ = 0, mapped_pages_ = 0, unmapped_pages_ = 0, flushes_ = 0;
  std::uint64_t resting_pages_ = 0, most_resting_pages_ = 0, lost_pages_ = 0;
  std::uint64_t page_requests_ = 0, pages_in_ = 0, copies_made_ = 0, copies_refused_ = 0, requests_refused_ = 0;
  std::uint64_t policy_changes_ = 0, entries_edited_ = 0, dirty_scans_ = 0, dirty_found_ = 0, mirror_updates_ = 0,
                faults_ = 0;
  Distribution map_time_, unmap_time_, release_time_, page_request_time_, block_time_;
  Probe resting_probe_, page_requests_probe_;
};

}  // namespace pagoda

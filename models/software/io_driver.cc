#include "pagoda/software/io_driver.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

using namespace iommu_register;

constexpr std::uint32_t kWired = 1u << 1;            // fctl.WSI
constexpr std::uint64_t kVectorsAreCauses = 0x3210;  // icvec: PIV, PMIV, FIV, CIV
constexpr unsigned kMessageVectors = 16;
constexpr std::uint32_t kMessageEntryBytes = 16, kVectorControl = 12, kMasked = 1;

constexpr IoRecordRegisters kFaultQueue{kFqb, kFqh, kFqt, kFqcsr, IommuInterrupt::fault_queue};
constexpr IoRecordRegisters kPageQueue{kPqb, kPqh, kPqt, kPqcsr, IommuInterrupt::page_request_queue};

constexpr std::uint64_t bit_if(bool set, unsigned index) { return std::uint64_t{set} << index; }

bool second_stage_format(const PageFormat& format) {
  return format.family == Family::ept || format.family == Family::riscv_guest;
}

void require_iommu_format(const PageFormat* format, std::string_view name) {
  const bool known = format != nullptr &&
                     (format->family == Family::x86 || format->family == Family::riscv || second_stage_format(*format));
  if (!known) throw UserError(fmt::format("`{}` is no page-table format of an IOMMU", name));
}

const IoDomain* second_stage_of(const IoDomain& domain) {
  if (domain.is_second_stage()) return &domain;
  return domain.guest() != nullptr ? &domain.guest()->second_stage : nullptr;
}

}  // namespace

IoDriver::IoDriver(const sc_core::sc_module_name& name, const IoDriverConfig& config, ByteStore& store,
                   FrameAllocator& frames)
    : Module(name),
      config_(validated(config, this->name())),
      store_(store),
      structures_(frames),
      frames_(frames),
      io_registers_(config_),
      commands_(config_, io_registers_, store),
      fault_queue_(config_, kFaultQueue, config.queues.faults, io_registers_, store),
      page_queue_(config_, kPageQueue, config.queues.page_requests, io_registers_, store) {
  SC_HAS_PROCESS(IoDriver);
  SC_THREAD(flush_on_time);
  SC_THREAD(serve_page_requests);
  SC_THREAD(serve_faults);
  SC_THREAD(serve_commands);
}

IoDriver::~IoDriver() = default;

void IoDriver::connect_interrupt(IommuInterrupt cause, const InterruptWire& wire) {
  switch (cause) {
    case IommuInterrupt::command_queue: command_wire_ = &wire; break;
    case IommuInterrupt::fault_queue: fault_queue_.connect(wire); break;
    case IommuInterrupt::page_request_queue: page_queue_.connect(wire); break;
    case IommuInterrupt::performance_monitor: break;  // nobody here asks for counts
  }
}

IoDomain& IoDriver::add_domain(IoDomain::Kind kind, const Stage& stage, AddressSpace* space, const IoGuest* guest) {
  const bool second = second_stage_format(*stage.format);
  ByteStore& store = guest != nullptr ? guest->store : store_;
  FrameAllocator& frames = guest != nullptr ? guest->frames : frames_;
  domains_.push_back(std::make_unique<IoDomain>(config_, kind, stage, second ? ++second_stages_ : ++first_stages_,
                                                space, guest, store, frames));
  return *domains_.back();
}

IoDomain& IoDriver::create_domain(const std::string& format_name, const IoGuest* guest) {
  const PageFormat* const format = find_page_format(format_name);
  require_iommu_format(format, format_name);
  return add_domain(IoDomain::Kind::own,
                    IoDomain::make_stage(*format, guest != nullptr ? guest->store : store_,
                                         guest != nullptr ? guest->frames : frames_),
                    nullptr, guest);
}

IoDomain& IoDriver::share(AddressSpace& space, const IoGuest* guest) {
  require_iommu_format(space.stage().format, space.stage().format->name());
  return add_domain(IoDomain::Kind::shared, space.stage(), &space, guest);
}

IoDomain& IoDriver::mirror(AddressSpace& process) {
  return mirror(process, std::string(process.stage().format->name()));
}

IoDomain& IoDriver::mirror(AddressSpace& space, const std::string& format_name) {
  const PageFormat* const format = find_page_format(format_name);
  require_iommu_format(format, format_name);
  Stage stage = IoDomain::make_stage(*format, store_, frames_);
  if (format == space.stage().format) stage.controls = space.stage().controls;
  return add_domain(IoDomain::Kind::mirrored, stage, &space, nullptr);
}

void IoDriver::start_of_simulation() {
  capabilities_.value = io_registers_.read64(kCapabilities);
  std::uint32_t highest = 0;
  for (const auto& [id, device] : devices_) {
    highest = std::max(highest, id);
    check_supported(*device.domain);
    for (const auto& [process, domain] : device.processes) check_supported(*domain);
  }
  const unsigned bits = std::max(config_.device_id_bits, static_cast<unsigned>(std::bit_width(highest)));
  directory_ = std::make_unique<DeviceDirectoryTable>(
      capabilities_, DeviceDirectoryTable::levels_for(capabilities_, bits), store_, structures_);
  for (const auto& [id, device] : devices_) write_device(id);

  set_up_interrupts();
  const auto memory = [this](std::uint64_t bytes) {
    return cleared_frames(store_, structures_, std::max(bytes, kPageBytes));
  };
  commands_.set_up(memory(std::uint64_t{config_.queues.commands} * kCommandBytes), memory(kPageBytes));
  fault_queue_.set_up(memory(fault_queue_.bytes()));
  if (capabilities_.ats()) page_queue_.set_up(memory(page_queue_.bytes()));
  if (capabilities_.dma_control() && config_.copies > 0) {
    copies_ = std::make_unique<PageCopies>(config_.copies, store_, frames_);
    io_registers_.write64(kDmaCopies, copies_->root());
  }
  io_registers_.write64(kDdtp, directory_->ddtp());
  if ((io_registers_.read64(kDdtp) & 0xf) != (directory_->ddtp() & 0xf)) {
    throw UserError(fmt::format("the IOMMU does not take a device directory for ids of {} bits", bits));
  }
  io_registers_.accesses() = 0;
}

// Wires where there are any; messages would go to memory, where nobody looks for them.
void IoDriver::set_up_interrupts() {
  if (config_.completion == IoCompletion::interrupt && command_wire_ == nullptr) {
    throw UserError("commands are to be completed by an interrupt, and its wire is not connected");
  }
  if (capabilities_.wires()) {
    io_registers_.write32(kFctl, kWired);
    io_registers_.write64(kIcvec, kVectorsAreCauses);
    return;
  }
  for (unsigned vector = 0; vector < kMessageVectors; ++vector) {
    io_registers_.write32(kMsiCfgTbl + vector * kMessageEntryBytes + kVectorControl, kMasked);
  }
}

void IoDriver::check_supported(const IoDomain& domain) const {
  const std::string_view name = domain.stage().format->name();
  const IommuCapabilities& has = capabilities_;
  const bool lacking = (name == "sv39" && !has.sv39()) || (name == "sv48" && !has.sv48()) ||
                       (name == "sv57" && !has.sv57()) || (name == "sv39x4" && !has.sv39x4()) ||
                       (name == "sv48x4" && !has.sv48x4()) || (name == "sv57x4" && !has.sv57x4());
  if (lacking) throw UserError(fmt::format("the IOMMU does not translate with {} tables", name));
  if (domain.guest() != nullptr) check_supported(domain.guest()->second_stage);
}

IoDriver::Device& IoDriver::device(std::uint32_t device_id) {
  const auto found = devices_.find(device_id);
  if (found == devices_.end()) throw UserError(fmt::format("device {:#x} is not attached to its IOMMU", device_id));
  return found->second;
}

void IoDriver::attach(std::uint32_t device_id, IoDomain& domain, const IoDeviceOptions& options) {
  if (device_id >> 24 != 0) throw UserError(fmt::format("{:#x} is no device id of 24 bits", device_id));
  if (directory_ && !directory_->reaches(device_id)) {
    throw UserError(fmt::format("device id {:#x} is too wide for the device directory; set device_id_bits", device_id));
  }
  if (directory_) check_supported(domain);
  std::vector<IommuCommand> batch{IodirInvalDdt{device_id}, IofenceC{}};
  Device& device = devices_[device_id];
  if (device.domain != nullptr) {
    add_device_invalidations(batch, *device.domain, 0, 0);
    remove_user(*device.domain, {device_id});
  }
  device.options = options;
  device.domain = &domain;
  device.blocked = false;
  domain.users.push_back({device_id});
  if (options.process_bits > 0 && !device.directory) {
    const IoGuest* const guest = domain.guest();
    FrameSource& frames = guest != nullptr ? guest->frames : frames_;
    device.frames = std::make_unique<CountedFrames>(frames);
    device.directory = std::make_unique<ProcessDirectoryTable>(
        options.process_bits, guest != nullptr ? guest->store : store_, *device.frames);
  }
  if (device.directory && !domain.is_second_stage()) device.directory->set(0, process_context(device, domain));
  if (!directory_) return;
  write_device(device_id);
  commands_.run(batch);
}

void IoDriver::attach_process(std::uint32_t device_id, std::uint32_t process_id, IoDomain& domain) {
  Device& device = this->device(device_id);
  if (!device.directory || process_id == 0 || !device.directory->reaches(process_id)) {
    throw UserError(
        fmt::format("process id {:#x} is not in the process directory of device {:#x}", process_id, device_id));
  }
  if (domain.is_second_stage() || second_stage_of(domain) != second_stage_of(*device.domain)) {
    throw UserError(fmt::format("a process of device {:#x} lies in the memory of another guest", device_id));
  }
  if (directory_) check_supported(domain);
  if (device.processes.contains(process_id)) detach_process(device_id, process_id);
  device.processes[process_id] = &domain;
  domain.users.push_back({device_id, process_id});
  device.directory->set(process_id, process_context(device, domain));
  if (!directory_) return;
  write_device(device_id);  // the first tables in formats of x86 are told of there
  commands_.run({IodirInvalPdt{device_id, process_id}, IodirInvalDdt{device_id}});
}

void IoDriver::detach_process(std::uint32_t device_id, std::uint32_t process_id) {
  Device& device = this->device(device_id);
  const auto found = device.processes.find(process_id);
  if (found == device.processes.end()) return;
  IoDomain& domain = *found->second;
  device.processes.erase(found);
  device.directory->set(process_id, {});
  std::vector<IommuCommand> batch{IodirInvalPdt{device_id, process_id}};
  const std::vector<IommuCommand> translations = invalidation_of_all(domain);
  batch.insert(batch.end(), translations.begin(), translations.end());
  remove_user(domain, {device_id, process_id});
  commands_.run(batch);
}

void IoDriver::remove_user(IoDomain& domain, const IoUser& user) { std::erase(domain.users, user); }

DeviceContext IoDriver::context_of(const Device& device) const {
  const IoDeviceOptions& options = device.options;
  const IoDomain* const second = second_stage_of(*device.domain);
  const IoDomain* const first = device.domain->is_second_stage() ? nullptr : device.domain;
  std::optional<bool> x86;
  if (first != nullptr) x86 = first->is_x86();
  for (const auto& [process, domain] : device.processes) {
    if (x86.value_or(domain->is_x86()) != domain->is_x86()) {
      throw UserError("the processes of a device have tables in formats of x86 and of RISC-V");
    }
    x86 = domain->is_x86();
  }
  const bool updates = capabilities_.amo_hwad();
  DeviceContext context;
  context.tc = bit_if(!device.blocked, 0) | bit_if(options.ats, 1) | bit_if(options.page_requests, 2) |
               bit_if(options.guest_addresses, 3) | bit_if(options.hides_faults, 4) |
               bit_if(device.directory != nullptr, 5) | bit_if(options.process_in_responses, 6) | bit_if(updates, 7) |
               bit_if(updates, 8) | bit_if(device.directory && first != nullptr, 9) | bit_if(x86.value_or(false), 24) |
               bit_if(second != nullptr && second->is_x86(), 25);
  if (second != nullptr) context.iohgatp = second->table_pointer();
  if (device.directory) {
    context.fsc = device.directory->pdtp();
  } else if (first != nullptr) {
    context.fsc = first->table_pointer();
    context.ta = std::uint64_t{first->id()} << 12;
  }
  return context;
}

ProcessContext IoDriver::process_context(const Device& device, const IoDomain& domain) const {
  const bool privileged = device.options.privileged;
  return {.ta = 1 | bit_if(privileged, 1) | bit_if(privileged, 2) | std::uint64_t{domain.id()} << 12,
          .fsc = domain.table_pointer()};
}

void IoDriver::write_device(std::uint32_t device_id) {
  const DeviceContext context = context_of(device(device_id));
  if (context.misconfigured({.capabilities = capabilities_, .features = {}, .directory = {}, .custom_formats = true})) {
    throw UserError(fmt::format("the IOMMU cannot do what device {:#x} is attached with", device_id));
  }
  directory_->set(device_id, context);
}

std::uint64_t IoDriver::structure_bytes() const {
  std::uint64_t bytes = structures_.bytes() + (copies_ ? copies_->table_bytes() : 0);
  for (const auto& domain : domains_) bytes += domain->table_bytes();
  for (const auto& [id, device] : devices_) bytes += device.frames ? device.frames->bytes() : 0;
  return bytes;
}

void IoDriver::visit_stats(StatVisitor& v) {
  const auto group = [&v](const char* name, auto& part) {
    v.enter(name);
    part.visit_stats(v);
    v.leave();
  };
  v.counter("maps", maps_, kCount, "buffers mapped or taken from what is mapped");
  v.counter("maps_refused", maps_refused_, kCount, "buffers for which addresses or tables were used up");
  v.counter("mapped_pages", mapped_pages_, kCount, "pages mapped for buffers");
  v.counter("unmaps", unmaps_, kCount, "buffers taken back");
  v.counter("unmapped_pages", unmapped_pages_, kCount, "pages unmapped");
  v.counter("flushes", flushes_, kCount, "batches of unmapped buffers invalidated");
  v.counter("pages_quarantined", resting_pages_, kCount, "pages unmapped and not invalidated yet");
  v.counter("most_pages_quarantined", most_resting_pages_, kCount, "the most of them");
  v.counter("pages_lost", lost_pages_, kCount, "pages of buffers that a device may still reach");
  v.distribution("map_time", map_time_, kTimeInNs, "of mapping a buffer");
  v.distribution("unmap_time", unmap_time_, kTimeInNs, "of taking a buffer back");
  v.distribution("release_time", release_time_, kTimeInNs, "from then until no device can reach it");
  v.counter("page_requests", page_requests_, kCount, "page requests served");
  v.counter("pages_in", pages_in_, kCount, "of these, pages mapped");
  v.counter("page_requests_refused", requests_refused_, kCount, "of these, answered without success");
  v.distribution("page_request_time", page_request_time_, kTimeInNs, "from taking a page request to its response");
  v.counter("copies_made", copies_made_, kCount, "pages copied because a device wanted to read them");
  v.counter("copies_refused", copies_refused_, kCount, "pages not copied because all frames were in use");
  v.counter("policy_changes", policy_changes_, kCount, "changes of what devices may do with pages");
  v.counter("entries_edited", entries_edited_, kCount, "entries changed for that");
  v.counter("dirty_scans", dirty_scans_, kCount, "how often dirty flags were collected");
  v.counter("dirty_found", dirty_found_, kCount, "entries that had theirs set");
  v.counter("mirror_updates", mirror_updates_, kCount, "entries of copied tables changed");
  v.distribution("block_time", block_time_, kTimeInNs, "from such a change until it is in force everywhere");
  v.counter("faults", faults_, kCount, "fault records taken");
  v.counter("register_accesses", io_registers_.accesses(), kCount, "registers read and written since the start");
  v.value("structure_bytes", static_cast<double>(structure_bytes()), "B",
          "directories, queues, tables of devices' own");
  group("commands", commands_);
  group("fault_queue", fault_queue_);
  group("page_request_queue", page_queue_);
}

void IoDriver::visit_probes(ProbeVisitor& v) {
  v.probe("pages_quarantined", resting_probe_, 32, "pages unmapped and not invalidated yet");
  v.probe("page_requests", page_requests_probe_, 16, "page requests being served");
}

}  // namespace pagoda

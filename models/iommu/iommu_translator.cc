#include "pagoda/iommu/iommu_translator.h"

#include <algorithm>
#include <bit>

namespace pagoda {
namespace {

constexpr std::size_t kFirstStage = 0;  // of the stages
constexpr std::size_t kSecondStage = 1;

// Bits 1:0 of iotval2 of a guest-page fault.
constexpr std::uint64_t kImplicit = 1;
constexpr std::uint64_t kImplicitWrite = 2;

IommuCause by_access(AccessKind access, IommuCause fetch, IommuCause read, IommuCause write) {
  return access == AccessKind::fetch ? fetch : access == AccessKind::read ? read : write;
}

// Packs the bits of `value` at the ones of `mask`.
std::uint64_t extract(std::uint64_t value, std::uint64_t mask) {
  std::uint64_t packed = 0;
  for (unsigned to = 0; mask != 0; mask &= mask - 1, ++to) packed |= (value >> std::countr_zero(mask) & 1) << to;
  return packed;
}

// Faults that DC.tc.DTF does not hide: those met before a device context is known.
bool always_reported(IommuCause cause) {
  switch (cause) {
    case IommuCause::all_inbound_disallowed:
    case IommuCause::ddt_load_access_fault:
    case IommuCause::ddt_entry_invalid:
    case IommuCause::ddt_entry_misconfigured:
    case IommuCause::ddt_corrupt: return true;
    default: return false;
  }
}

// "PCIe ATS translation request handling".
IommuStatus ats_status(IommuCause cause) {
  switch (cause) {
    case IommuCause::none:
    case IommuCause::fetch_page_fault:
    case IommuCause::read_page_fault:
    case IommuCause::write_page_fault:
    case IommuCause::fetch_guest_page_fault:
    case IommuCause::read_guest_page_fault:
    case IommuCause::write_guest_page_fault:
    case IommuCause::pdt_entry_invalid:
    case IommuCause::msi_entry_invalid:
    case IommuCause::dma_denied:
    case IommuCause::copy_missing: return IommuStatus::success;
    case IommuCause::all_inbound_disallowed:
    case IommuCause::ddt_load_access_fault:
    case IommuCause::ddt_entry_invalid:
    case IommuCause::ddt_entry_misconfigured:
    case IommuCause::type_disallowed: return IommuStatus::unsupported_request;
    default: return IommuStatus::completer_abort;
  }
}

// What a request is for. PCIe says "execute" beside the process: of a translation or translated request without a
// process it is not known.
AccessKind access_of(const IommuRequest& request) {
  const bool known = request.has_process || request.type == IommuRequestType::untranslated;
  return request.access == AccessKind::fetch && !known ? AccessKind::read : request.access;
}

std::uint8_t transaction_type(const IommuRequest& request) {
  if (request.type == IommuRequestType::translation_request) return 8;
  const AccessKind access = access_of(request);
  const unsigned kind = access == AccessKind::fetch ? 1 : access == AccessKind::read ? 2 : 3;
  return static_cast<std::uint8_t>(kind + (request.type == IommuRequestType::translated ? 4 : 0));
}

/// One request's way through the process.
class Process {
 public:
  Process(const IommuSetup& setup, const IommuRequest& request, IommuMemory& memory)
      : setup_(setup), request_(request), access_(access_of(request)), memory_(memory) {}

  IommuAnswer run() {
    answer_.cause = translate();
    answer_.transaction_type = transaction_type(request_);
    answer_.hides_faults = device_.hides_faults();
    if (answer_.cause == IommuCause::none) return answer_;
    const bool asks = request_.type == IommuRequestType::translation_request;
    IommuAnswer refusal;
    refusal.cause = answer_.cause;
    refusal.status = asks ? ats_status(answer_.cause) : IommuStatus::unsupported_request;
    refusal.reported =
        refusal.status != IommuStatus::success && (always_reported(answer_.cause) || !answer_.hides_faults);
    refusal.hides_faults = answer_.hides_faults;
    refusal.transaction_type = answer_.transaction_type;
    refusal.iotval2 = answer_.iotval2;
    return refusal;
  }

 private:
  bool asks() const { return request_.type == IommuRequestType::translation_request; }

  IommuCause translate() {
    answer_.address = request_.address;
    if (setup_.directory.mode == IommuMode::off) return IommuCause::all_inbound_disallowed;
    if (setup_.directory.mode == IommuMode::bare) {
      return request_.type == IommuRequestType::untranslated ? IommuCause::none : IommuCause::type_disallowed;
    }
    const IommuCause no_device = pagoda::find_device(setup_, request_.device_id, memory_, device_);
    if (no_device != IommuCause::none) return no_device;
    if (request_.type != IommuRequestType::untranslated && !device_.ats()) return IommuCause::type_disallowed;
    const unsigned process_levels = process_directory_levels(TablePointerField::of(device_.fsc).mode);
    if (request_.has_process) {
      if (!device_.has_process_directory()) return IommuCause::type_disallowed;
      constexpr std::array<unsigned, 4> kWidths{20, 8, 17, 20};
      if (request_.process_id >> kWidths[process_levels] != 0) return IommuCause::type_disallowed;
    }
    const bool translated = request_.type == IommuRequestType::translated;
    if (translated && !device_.returns_guest_addresses()) return IommuCause::none;

    set_second_stage();
    if (!translated) {
      if (!device_.has_process_directory()) {
        set_first_stage(device_.fsc, device_.ta);
      } else if ((request_.has_process || device_.default_process()) && process_levels > 0) {
        if (const IommuCause cause = find_process(process_levels); cause != IommuCause::none) return cause;
        if (supervisor() && !process_.allows_supervisor()) return IommuCause::type_disallowed;
        set_first_stage(process_.fsc, process_.ta);
      }
    }
    return find_page();
  }

  bool supervisor() const { return request_.has_process && request_.supervisor; }

  IommuCause find_process(unsigned levels) {
    const std::uint32_t id = request_.has_process ? request_.process_id : 0;
    const std::array<std::uint32_t, 3> index{id & 0xff, id >> 8 & 0x1ff, id >> 17};
    if (const ProcessContext* known = memory_.find_process(request_.device_id, id)) {
      process_ = *known;
      return IommuCause::none;
    }
    Addr table = TablePointerField::of(device_.fsc).table;
    for (unsigned level = levels - 1; level > 0; --level) {
      DirectoryEntry entry;
      const IommuCause cause = load_process_word(table + index[level] * 8, {&entry.value, 1});
      if (cause != IommuCause::none) return cause;
      if (!entry.valid()) return IommuCause::pdt_entry_invalid;
      if (entry.misconfigured()) return IommuCause::pdt_entry_misconfigured;
      table = entry.table();
    }
    std::array<std::uint64_t, 2> words{};
    const IommuCause cause = load_process_word(table + index[0] * sizeof words, words);
    if (cause != IommuCause::none) return cause;
    process_ = {.ta = words[0], .fsc = words[1]};
    if (!process_.valid()) return IommuCause::pdt_entry_invalid;
    if (process_.misconfigured(setup_, device_)) return IommuCause::pdt_entry_misconfigured;
    memory_.keep_process(request_.device_id, id, process_);
    return IommuCause::none;
  }

  // A part of the process directory, which lies in the guest's memory if there is a guest: an implicit read. No first
  // stage is set yet.
  IommuCause load_process_word(Addr address, std::span<std::uint64_t> words) {
    if (stage(kSecondStage).format != nullptr) {
      Walk walk(space_.stages, {.address = address, .privilege = Privilege::user}, Lookups::on);
      Port port(*this, Port::Tables::directory);
      if (!run_walk(walk, port)) {
        if (walk.fault().cause == FaultCause::access_error) return IommuCause::pdt_load_access_fault;
        return refused(walk.fault(), true, kImplicit);
      }
      address = walk.translation().output;
    }
    return load_words(memory_, address, words, IommuCause::pdt_load_access_fault, IommuCause::pdt_corrupt);
  }

  const Stage& stage(std::size_t which) const { return space_.stages[which]; }

  // `ta` holds the PSCID in bits 31:12.
  void set_first_stage(std::uint64_t iosatp, std::uint64_t ta) {
    const auto field = TablePointerField::of(iosatp);
    set_stage(kFirstStage, first_stage_format(device_, field.mode), field.table, device_.updates_first_stage());
    space_.stages[kFirstStage].controls.riscv.sum = process_.supervisor_user_access();
    if (stage(kFirstStage).format != nullptr) space_.tag.asid = static_cast<std::uint32_t>(ta >> 12 & low_mask(20));
  }
  // iohgatp holds the GSCID in bits 59:44.
  void set_second_stage() {
    const auto field = TablePointerField::of(device_.iohgatp);
    set_stage(kSecondStage, second_stage_format(device_, field.mode), field.table, device_.updates_second_stage());
    if (stage(kSecondStage).format != nullptr) {
      space_.tag.vmid = static_cast<std::uint32_t>(device_.iohgatp >> 44 & low_mask(16));
    }
  }
  void set_stage(std::size_t which, const PageFormat* format, Addr root, bool updates) {
    Stage& set = space_.stages[which];
    set.format = format;
    set.root = root;
    if (format == nullptr) return;
    set.controls.riscv = {.svnapot = true,
                          .svrsw60t59b = setup_.capabilities.svrsw60t59b(),
                          .pbmte = setup_.capabilities.svpbmt(),
                          .adue = updates};
    set.controls.ept.accessed_dirty = updates;
    if (setup_.dma_control.enabled) {
      set.controls.withheld = setup_.dma_control.layout.of(format->family).withheld();
    }
  }

  // Of page numbers, those in which all of the device's interrupt files agree.
  std::uint64_t fixed_bits() const { return ~device_.msi_addr_mask & low_mask(52); }
  bool is_interrupt_file(Addr guest_physical) const {
    return device_.translates_msis() && ((guest_physical >> kPageShift ^ device_.msi_addr_pattern) & fixed_bits()) == 0;
  }

  // The walk's way to memory. Where the second stage is about to translate the address of an interrupt file, the MSI
  // page table takes its place.
  class Port {
   public:
    enum class Tables : std::uint8_t { directory, pages, copies };

    Port(Process& process, Tables tables) : process_(process), tables_(tables) {}
    EntryRead read(const Step& step) { return process_.memory_.read(step); }
    EntryUpdate update(const Step& step) { return process_.memory_.update(step); }
    WalkHint lookup(const Step& step) {
      const bool last = step.stage == kSecondStage && step.table == TableAccess::none;
      if (tables_ == Tables::copies) return {};
      if (tables_ == Tables::pages && last && process_.is_interrupt_file(step.address)) {
        return process_.translate_msi(step.address);
      }
      return process_.memory_.find_table(process_.space_, step);
    }
    void learned(const Learned& learned) {
      if (tables_ != Tables::copies) process_.memory_.keep_table(process_.space_, learned);
    }

   private:
    Process& process_;
    Tables tables_;
  };

  WalkRequest wanted() const {
    return {.address = request_.address,
            .access = access_,
            .privilege = supervisor() ? Privilege::supervisor : Privilege::user,
            .rights_only = asks(),
            .want_write = asks() && !request_.no_write};
  }

  IommuCause find_page() {
    if (stage(kFirstStage).format == nullptr && stage(kSecondStage).format == nullptr)
      return walk();  // nothing to be kept
    const IommuPage* known = memory_.find_page(space_, request_.address);
    if (known == nullptr) return walk();
    if (suits(*known)) return accept(*known);
    memory_.reject_page();
    return walk();
  }

  // Whether memory would give the same answer: the request is granted, and no flag is to be set.
  bool suits(const IommuPage& page) const {
    const WalkRequest request = wanted();
    // The permission itself may be withheld, which the format's rules know nothing of.
    const Rights needed =
        needed_flags(request.access) | (request.rights_only ? Rights::none : permission_for(request.access));
    const std::array<Rights, 2> rights{page.guest_rights, page.host_rights};
    for (const Rights own : rights) {
      const bool dirty_wanted = request.want_write && has(own, Rights::write);
      if (!has(own, needed | when(dirty_wanted, Rights::dirty))) return false;
    }
    if (page.copied ? !setup_.dma_control.enabled : reads_copy(page)) return false;
    if (device_.translates_msis() && is_interrupt_file(page.guest_address(request.address))) return false;
    const Rights asked = request.rights_only ? Rights::read | Rights::write | kExecuteBoth : Rights::none;
    const std::array<Rights, 2> granted{rights[0] | asked, rights[1] | asked};
    return check_translation(space_.stages, granted, request) == FaultCause::none;
  }

  // First stage, then MSI page table or second stage.
  IommuCause walk() {
    Walk walk(space_.stages, wanted(), Lookups::on);
    Port port(*this, Port::Tables::pages);
    const bool found = run_walk(walk, port);
    if (found && stage(kSecondStage).format == nullptr && is_interrupt_file(walk.translation().output)) {
      return accept_msi(walk, translate_msi(walk.translation().output));
    }
    if (msi_refused_ != IommuCause::none) return msi_refused_;
    if (found && answer_.msi) return accept_msi(walk, walk.latest(kSecondStage));
    if (found) return keep(walk);
    const Fault& fault = walk.fault();
    if (answer_.msi && fault.stage == kSecondStage) return IommuCause::fetch_access_fault;  // all that a file refuses
    const std::uint64_t implicit = fault.table == TableAccess::none    ? 0
                                   : fault.table == TableAccess::write ? kImplicit | kImplicitWrite
                                                                       : kImplicit;
    return refused(fault, fault.stage == kSecondStage, implicit);
  }

  static IommuPage page_of(const Walk& walk, const StageTranslation& last) {
    const StageTranslation& first = walk.latest(kFirstStage);
    return {.guest = first.page,
            .host = last.page,
            .guest_shift = first.page_shift,
            .host_shift = last.page_shift,
            .host_leaf_shift = last.page_shift,
            .guest_rights = first.rights,
            .host_rights = last.rights,
            .memory_type = walk.translation().memory_type};
  }

  // A page that a walk has found: kept for later requests, with the address of its copy if that is to be read.
  IommuCause keep(const Walk& walk) {
    IommuPage page = page_of(walk, walk.latest(kSecondStage));
    page.copy_on_read = is_copied_on_read(walk);
    if (reads_copy(page)) {
      if (const IommuCause cause = find_copy(page); cause != IommuCause::none) return cause;
    }
    if (page.shift() < kUnlimitedShift) memory_.keep_page(space_, request_.address, page);
    return accept(page);
  }

  bool is_copied_on_read(const Walk& walk) const {
    for (const std::size_t which : {kFirstStage, kSecondStage}) {
      const PageFormat* format = stage(which).format;
      if (format == nullptr) continue;
      if ((walk.latest(static_cast<unsigned>(which)).leaf & setup_.dma_control.layout.of(format->family).copies()) !=
          0) {
        return true;
      }
    }
    return false;
  }
  bool reads_copy(const IommuPage& page) const {
    const Rights granted = page.guest_rights & page.host_rights;
    return page.copy_on_read && setup_.dma_control.enabled && (granted & (Rights::read | kExecuteBoth)) != Rights::none;
  }

  // Puts the copy of a page in its place. A translation request for a page without one is granted nothing, so that the
  // device asks for the page.
  IommuCause find_copy(IommuPage& page) {
    const Addr live = page.host_address(request_.address);
    static const PageFormat* const format = find_page_format("sv48");
    const Stage copies{.format = format, .root = setup_.dma_control.copies};
    if (copies.root == 0) return IommuCause::copy_missing;
    Walk walk({&copies, 1}, {.address = live & ~low_mask(kPageShift), .privilege = Privilege::user});
    Port port(*this, Port::Tables::copies);
    if (!run_walk(walk, port)) {
      const FaultCause cause = walk.fault().cause;
      const bool memory_failed = cause == FaultCause::access_error || cause == FaultCause::poison;
      return memory_failed ? refused(walk.fault(), false, 0) : IommuCause::copy_missing;
    }
    page.host = walk.translation().output;
    page.host_shift = kPageShift;
    page.host_rights &= ~Rights::write;
    page.copied = true;
    return IommuCause::none;
  }

  IommuCause refused(const Fault& fault, bool second_stage, std::uint64_t implicit) {
    if (fault.cause == FaultCause::poison) return IommuCause::page_table_corrupt;
    if (fault.cause == FaultCause::withheld) return IommuCause::dma_denied;
    if (fault.cause == FaultCause::access_error) {
      return by_access(access_, IommuCause::fetch_access_fault, IommuCause::read_access_fault,
                       IommuCause::write_access_fault);
    }
    if (!second_stage) {
      return by_access(access_, IommuCause::fetch_page_fault, IommuCause::read_page_fault,
                       IommuCause::write_page_fault);
    }
    answer_.iotval2 = (fault.stage_address & ~std::uint64_t{3}) | implicit;
    return by_access(access_, IommuCause::fetch_guest_page_fault, IommuCause::read_guest_page_fault,
                     IommuCause::write_guest_page_fault);
  }

  IommuCause accept(const IommuPage& page) {
    const Addr guest_physical = page.guest_address(request_.address);
    answer_.address = page.host_address(request_.address);
    if (page.shift() < kUnlimitedShift) answer_.page_shift = static_cast<std::uint8_t>(page.shift());
    answer_.memory_type = page.memory_type;
    if (device_.translates_msis()) keep_clear_of_interrupt_files(guest_physical);
    if (asks()) grant(page.guest_rights, page.host_rights, guest_physical);
    return IommuCause::none;
  }

  // Likewise, where the MSI page table took the first stage's output further.
  IommuCause accept_msi(const Walk& walk, const StageTranslation& file) {
    if (msi_refused_ != IommuCause::none) return msi_refused_;
    if (access_ == AccessKind::fetch && !asks()) return IommuCause::fetch_access_fault;
    const IommuPage page = page_of(walk, file);
    answer_.address = answer_.mrif ? file.page : page.host_address(request_.address);  // a notice has no offset
    answer_.page_shift = static_cast<std::uint8_t>(page.shift());
    if (asks()) grant(page.guest_rights, page.host_rights, page.guest_address(request_.address));
    return IommuCause::none;
  }

  // The page that is answered must not hold an interrupt file, whose translation is another.
  void keep_clear_of_interrupt_files(Addr guest_physical) {
    const std::uint64_t differing = (guest_physical >> kPageShift ^ device_.msi_addr_pattern) & fixed_bits();
    const auto clear = static_cast<std::uint8_t>(kPageShift + std::bit_width(differing) - 1);
    if (answer_.page_shift > clear) answer_.page_shift = clear;
  }

  // What a translation request may do with the page.
  void grant(Rights first, Rights second, Addr guest_physical) {
    const Rights both = first & second;
    const bool written = !stage_lacks_dirty(first, kFirstStage) && !stage_lacks_dirty(second, kSecondStage);
    answer_.readable = has(both, Rights::read);
    answer_.writable = has(both, Rights::write) && written;
    answer_.executable = answer_.readable && request_.access == AccessKind::fetch &&
                         has(both, supervisor() ? Rights::execute_supervisor : Rights::execute);
    answer_.global =
        request_.has_process && !answer_.msi && (stage(kFirstStage).format == nullptr || has(first, Rights::global));
    answer_.privileged = supervisor();
    if (device_.returns_guest_addresses()) answer_.address = guest_physical;
    if (!answer_.mrif) return;
    answer_.readable = answer_.writable = answer_.untranslated_only = true;
    answer_.executable = false;
  }
  bool stage_lacks_dirty(Rights rights, std::size_t which) const {
    return stage(which).format != nullptr && !has(rights, Rights::dirty);
  }

  // What the MSI page table makes of an interrupt file's address. If it refuses, a translation that grants nothing,
  // which ends the walk; msi_refused_ says why.
  StageTranslation translate_msi(Addr guest_physical) {
    StageTranslation file{.page = 0,
                          .leaf = 0,
                          .leaf_address = 0,
                          .page_shift = kPageShift,
                          .level = 0,
                          .rights = kFlags,
                          .memory_type = MemoryType::platform};
    msi_refused_ = look_up_msi(guest_physical, file);
    return file;
  }

  IommuCause look_up_msi(Addr guest_physical, StageTranslation& file) {
    const std::uint64_t number = extract(guest_physical >> kPageShift, device_.msi_addr_mask);
    std::array<std::uint64_t, 2> entry{};
    const IommuCause cause = load_words(memory_, TablePointerField::of(device_.msiptp).table | number * sizeof entry,
                                        entry, IommuCause::msi_load_access_fault, IommuCause::msi_table_corrupt);
    if (cause != IommuCause::none) return cause;
    constexpr std::uint64_t kValid = 1;
    constexpr std::uint64_t kCustom = std::uint64_t{1} << 63;
    if ((entry[0] & kValid) == 0) return IommuCause::msi_entry_invalid;
    if ((entry[0] & kCustom) != 0) return IommuCause::msi_entry_misconfigured;
    const std::uint64_t mode = entry[0] >> 1 & 3;
    bool well_formed = false;
    if (mode == 3) {  // basic: V, M, PPN in 53:10
      well_formed = (entry[0] & ~(low_mask(44) << 10 | 7)) == 0;
      file.page = (entry[0] >> 10 & low_mask(44)) << kPageShift;
    } else if (mode == 1 && setup_.capabilities.msi_mrif()) {  // V, M, MRIF_Address[55:9] in 53:7; N, NPPN, N10
      well_formed =
          (entry[0] & ~(low_mask(47) << 7 | 7)) == 0 && (entry[1] & ~(low_mask(54) | std::uint64_t{1} << 60)) == 0;
      answer_.mrif = true;
      answer_.mrif_address = (entry[0] >> 7 & low_mask(47)) << 9;
      file.page = (entry[1] >> 10 & low_mask(44)) << kPageShift;
      answer_.notice_id = static_cast<std::uint32_t>((entry[1] >> 60 & 1) << 10 | (entry[1] & low_mask(10)));
    }
    if (!well_formed) return IommuCause::msi_entry_misconfigured;
    answer_.msi = true;
    file.rights |= Rights::read | Rights::write | Rights::user;
    return IommuCause::none;
  }

  const IommuSetup& setup_;
  const IommuRequest& request_;
  AccessKind access_;
  IommuMemory& memory_;
  DeviceContext device_;
  ProcessContext process_;
  IommuSpace space_;
  IommuCause msi_refused_ = IommuCause::none;
  IommuAnswer answer_;
};

}  // namespace

IommuAnswer translate(const IommuSetup& setup, const IommuRequest& request, IommuMemory& memory) {
  return Process(setup, request, memory).run();
}

}  // namespace pagoda

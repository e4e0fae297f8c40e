#include "pagoda/iommu/iommu_register_file.h"

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

using namespace iommu_register;

// fctl
constexpr std::uint32_t kBigEndian = 1u << 0;
constexpr std::uint32_t kWired = 1u << 1;
constexpr std::uint32_t kGuest32 = 1u << 2;
// ddtp
constexpr std::uint64_t kModeMask = 0xf;
constexpr std::uint64_t kDirectoryBusy = 1u << 4;
// tr_req_ctl: Go, Priv, Exe, NW, PID, PV, DID
constexpr std::uint64_t kGo = 1;
constexpr std::uint64_t kTrReqCtlMask = bit_range(3, 0) | bit_range(32, 12) | bit_range(63, 40);
constexpr std::uint32_t kQosidMask = 0x0fff0fff;  // RCID, MCID
constexpr std::uint64_t kDmaControlMask = 1;

constexpr std::uint64_t pair(std::uint32_t low, std::uint32_t high) { return std::uint64_t{high} << 32 | low; }

/// Whether the word consists of registers of 4 bytes, which one access must not span.
constexpr bool holds_small_registers(std::uint32_t word) {
  switch (word) {
    case kFctl:
    case kCqh:
    case kFqh:
    case kPqh:
    case kCqcsr:
    case kPqcsr:
    case kIocountovf:
    case kIommuQosid: return true;
    default: return word >= kMsiCfgTbl && word < kMsiCfgTblEnd && word % 16 == 8;
  }
}

constexpr bool accessible(std::uint32_t offset, unsigned bytes) {
  if ((bytes != 4 && bytes != 8) || offset % bytes != 0 || offset >= kRegionBytes) return false;
  return bytes == 4 || !holds_small_registers(offset);
}

}  // namespace

const char* IommuRegisterFile::problem(const Options& options) {
  const IommuCapabilities can = options.capabilities;
  constexpr std::uint64_t kReserved = bit_range(13, 12) | bit_range(20, 20) | bit_range(55, 44);
  constexpr std::uint64_t kDrafts = bit_range(43, 42);
  if ((can.value & 0xff) != 0x10) return "the version is not 1.0";
  if ((can.value & kReserved) != 0) return "a reserved capability is set";
  if ((can.value & kDrafts) != 0) return "the capabilities NL and S are not modelled";
  if ((can.sv57() && !can.sv48()) || (can.sv48() && !can.sv39())) return "Sv57 needs Sv48, and Sv48 needs Sv39";
  if (can.igs() == 3) return "IGS has a reserved value";
  if (can.physical_bits() < 32 || can.physical_bits() > 56) return "PAS is not 32 to 56 bits";
  if (options.device_id_bits < 1 || options.device_id_bits > 24) return "device IDs have 1 to 24 bits";
  if (options.vector_bits > 4) return "vectors have 0 to 4 bits";
  if (options.event_counters < 1 || options.event_counters > IommuCounters::kMostCounters) {
    return "there are 1 to 31 event counters";
  }
  return nullptr;
}

IommuRegisterFile::IommuRegisterFile(const Options& options, Listener& listener)
    : capabilities_((problem(options) != nullptr ? throw UserError(problem(options)) : options.capabilities)),
      custom_formats_(options.custom_formats),
      dma_layout_(options.dma_control),
      device_id_bits_(options.device_id_bits),
      ppn_mask_(low_mask(capabilities_.physical_bits() - kPageShift) << 10),
      listener_(listener),
      interrupts_(options.vector_bits, capabilities_.physical_bits(), !capabilities_.messages(), listener),
      commands_(capabilities_.physical_bits(), interrupts_),
      faults_(capabilities_.physical_bits(), interrupts_),
      page_requests_(capabilities_.physical_bits(), interrupts_),
      counters_(capabilities_.monitors() ? options.event_counters : 0, interrupts_),
      fctl_(capabilities_.messages() ? 0 : kWired) {}

std::optional<std::uint64_t> IommuRegisterFile::read(std::uint32_t offset, unsigned bytes) const {
  if (!accessible(offset, bytes)) return {};
  const std::uint64_t word = read_word(offset & ~7u);
  if (bytes == 8) return word;
  return offset % 8 == 0 ? word & 0xffffffff : word >> 32;
}

bool IommuRegisterFile::write(std::uint32_t offset, unsigned bytes, std::uint64_t value) {
  if (!accessible(offset, bytes)) return false;
  if (bytes == 8) {
    write_word(offset, {value, ~std::uint64_t{0}});
  } else if (offset % 8 == 0) {
    write_word(offset, {value & 0xffffffff, 0xffffffff});
  } else {
    write_word(offset - 4, {value << 32, std::uint64_t{0xffffffff} << 32});
  }
  return true;
}

std::uint64_t IommuRegisterFile::read_word(std::uint32_t word) const {
  const bool ats = capabilities_.ats();
  switch (word) {
    case kCapabilities: return capabilities_.value;
    case kFctl: return fctl_;
    case kDdtp: return ddtp_ | (ddtp_busy_ ? kDirectoryBusy : 0);
    case kCqb: return commands_.base();
    case kCqh: return pair(commands_.head(), commands_.tail());
    case kFqb: return faults_.base();
    case kFqh: return pair(faults_.head(), faults_.tail());
    case kPqb: return page_requests_.base();
    case kPqh: return pair(page_requests_.head(), page_requests_.tail());
    case kCqcsr: return pair(commands_.csr(), faults_.csr());
    case kPqcsr: return pair(ats ? page_requests_.csr() : 0, interrupts_.pending());
    case kIocountovf: return pair(counters_.overflows(), counters_.inhibited());
    case kIohpmcycles: return counters_.cycles();
    case kTrReqIova: return tr_req_iova_;
    case kTrReqCtl: return tr_req_ctl_;
    case kTrResponse: return tr_response_;
    case kIommuQosid: return qosid_;
    case kDmaControl: return dma_control_;
    case kDmaCopies: return dma_copies_;
    case kIcvec: return interrupts_.vectors();
    default: return read_array(word);
  }
}

std::uint64_t IommuRegisterFile::read_array(std::uint32_t word) const {
  if (word >= kIohpmctr1 && word < kIohpmevt1) return counters_.counter((word - kIohpmctr1) / 8 + 1);
  if (word >= kIohpmevt1 && word < kTrReqIova) return counters_.selector((word - kIohpmevt1) / 8 + 1);
  if (word >= kMsiCfgTbl && word < kMsiCfgTblEnd) return interrupts_.table_word((word - kMsiCfgTbl) / 8);
  return 0;
}

// Registers that are not there keep their 0 because nothing writes them.
void IommuRegisterFile::write_word(std::uint32_t word, const Write& write) {
  const bool ats = capabilities_.ats();
  switch (word) {
    case kFctl:
      if (write.low()) write_fctl(write.low_value());
      break;
    case kDdtp: write_ddtp(write); break;
    case kCqb: commands_.write_base(write.over(commands_.base())); break;
    case kCqh:
      if (write.high()) write_index(commands_, write.high_value());
      break;
    case kFqb: faults_.write_base(write.over(faults_.base())); break;
    case kFqh:
      if (write.low()) write_index(faults_, write.low_value());
      break;
    case kPqb:
      if (ats) page_requests_.write_base(write.over(page_requests_.base()));
      break;
    case kPqh:
      if (ats && write.low()) write_index(page_requests_, write.low_value());
      break;
    case kCqcsr:
      if (write.low()) write_csr(commands_, write.low_value());
      if (write.high()) write_csr(faults_, write.high_value());
      break;
    case kPqcsr:
      if (ats && write.low()) write_csr(page_requests_, write.low_value());
      if (write.high()) interrupts_.clear(write.high_value());
      break;
    case kTrReqIova:
    case kTrReqCtl:
      if (capabilities_.debug_translation() && (tr_req_ctl_ & kGo) == 0) {
        if (word == kTrReqCtl) {
          write_translation_control(write);
        } else {
          tr_req_iova_ = write.over(tr_req_iova_) & ~low_mask(kPageShift);
        }
      }
      break;
    case kIommuQosid:
      if (capabilities_.qosid() && write.low()) qosid_ = write.low_value() & kQosidMask;
      break;
    case kDmaControl: write_dma_register(dma_control_, kDmaControlMask, write); break;
    case kDmaCopies: write_dma_register(dma_copies_, ppn_mask_ >> 10 << kPageShift, write); break;
    case kIcvec: interrupts_.set_vectors(write.over(interrupts_.vectors())); break;
    default: write_array(word, write);
  }
}

void IommuRegisterFile::write_array(std::uint32_t word, const Write& write) {
  if (word >= kMsiCfgTbl && word < kMsiCfgTblEnd) {
    const unsigned index = (word - kMsiCfgTbl) / 8;
    if (capabilities_.messages()) interrupts_.set_table_word(index, write.over(interrupts_.table_word(index)));
    return;
  }
  if (word == kIocountovf) {
    if (write.high()) counters_.set_inhibited(write.high_value());
  } else if (word == kIohpmcycles) {
    counters_.set_cycles(write.over(counters_.cycles()));
  } else if (word >= kIohpmctr1 && word < kIohpmevt1) {
    const unsigned index = (word - kIohpmctr1) / 8 + 1;
    counters_.set_counter(index, write.over(counters_.counter(index)));
  } else if (word >= kIohpmevt1 && word < kTrReqIova) {
    const unsigned index = (word - kIohpmevt1) / 8 + 1;
    counters_.set_selector(index, write.over(counters_.selector(index)));
  }
}

void IommuRegisterFile::write_fctl(std::uint32_t value) {
  std::uint32_t writable = 0;
  if (capabilities_.both_endians()) writable |= kBigEndian;
  if (capabilities_.messages() && capabilities_.wires()) writable |= kWired;
  if (capabilities_.sv32x4()) writable |= kGuest32;
  fctl_ = (fctl_ & ~writable) | (value & writable);
  const bool wired = (fctl_ & kWired) != 0;
  if (!wired) commands_.drop_fence_signal();
  interrupts_.set_wired(wired);
}

bool IommuRegisterFile::legal(IommuMode mode) const {
  switch (mode) {
    case IommuMode::off:
    case IommuMode::bare:
    case IommuMode::one_level: return true;
    case IommuMode::two_levels: return device_id_bits_ > pagoda::device_id_bits(capabilities_, IommuMode::one_level);
    case IommuMode::three_levels: return device_id_bits_ > pagoda::device_id_bits(capabilities_, IommuMode::two_levels);
  }
  return false;
}

void IommuRegisterFile::write_ddtp(const Write& write) {
  if (ddtp_busy_) return;
  const IommuMode before = directory().mode;
  const std::uint64_t value = write.over(ddtp_);
  std::uint64_t mode = value & kModeMask;
  if (!legal(static_cast<IommuMode>(mode))) mode = ddtp_ & kModeMask;
  ddtp_ = (value & ppn_mask_) | mode;
  if (!write.low()) return;
  ddtp_busy_ = true;
  listener_.directory_written(before);
}

void IommuRegisterFile::write_index(IommuQueue& queue, std::uint32_t value) {
  queue.write_index(value);
  if (commands_.next() && queue.kind() == IommuQueueKind::commands) listener_.commands_waiting();
}

void IommuRegisterFile::write_csr(IommuQueue& queue, std::uint32_t value) {
  if (queue.write_csr(value)) {
    listener_.queue_switched(queue);
  } else if (queue.kind() == IommuQueueKind::commands && commands_.next()) {
    listener_.commands_waiting();
  }
}

void IommuRegisterFile::write_translation_control(const Write& write) {
  tr_req_ctl_ = write.over(tr_req_ctl_) & kTrReqCtlMask;
  if ((tr_req_ctl_ & kGo) != 0) listener_.translation_requested();
}

void IommuRegisterFile::answer_translation(const IommuAnswer& answer) {
  if ((tr_req_ctl_ & kGo) == 0) return;
  tr_response_ = debug_response(answer);
  tr_req_ctl_ &= ~kGo;
}

void IommuRegisterFile::write_dma_register(std::uint64_t& target, std::uint64_t legal, const Write& write) {
  if (!capabilities_.dma_control()) return;
  target = write.over(target) & legal;
  listener_.dma_control_written();
}

IommuSetup IommuRegisterFile::setup() const {
  return {.capabilities = capabilities_,
          .features = {.big_endian = (fctl_ & kBigEndian) != 0,
                       .guest_32bit = (fctl_ & kGuest32) != 0,
                       .big_endian_writable = capabilities_.both_endians(),
                       .guest_32bit_writable = capabilities_.sv32x4()},
          .directory = directory(),
          .custom_formats = custom_formats_,
          .dma_control = {.layout = dma_layout_, .enabled = dma_control_ != 0, .copies = dma_copies_}};
}

std::endian IommuRegisterFile::byte_order() const {
  return (fctl_ & kBigEndian) != 0 ? std::endian::big : std::endian::little;
}

IommuCommand IommuRegisterFile::decode(const std::array<std::uint8_t, kCommandBytes>& bytes) const {
  return decode_command(to_words(bytes, byte_order()), capabilities_, directory().mode, interrupts_.wired());
}

}  // namespace pagoda

#include "pagoda/iommu/iommu_commands.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

namespace pagoda {
namespace {

enum : unsigned { kIotinval = 1, kIofence = 2, kIodir = 3, kAts = 4, kFirstCustom = 64 };

using Words = std::array<std::uint64_t, 2>;

constexpr IllegalCommand kReservedBit{"a reserved bit is set"};
constexpr IllegalCommand kReservedFunction{"reserved function"};

IommuCommand iotinval(const Words& words, unsigned function) {
  constexpr std::uint64_t kReservedLow = bit_range(63, 60) | bit_range(43, 34) | bit_range(11, 11);
  constexpr std::uint64_t kReservedHigh = bit_range(63, 62) | bit_range(9, 0);
  if (function > 1) return kReservedFunction;
  if ((words[0] & kReservedLow) != 0 || (words[1] & kReservedHigh) != 0) return kReservedBit;
  const bool has_pscid = bit_of(words[0], 32);
  std::optional<std::uint16_t> gscid;
  std::optional<Addr> address;
  if (bit_of(words[0], 33)) gscid = static_cast<std::uint16_t>(bit_field(words[0], 59, 44));
  if (bit_of(words[0], 10)) address = bit_field(words[1], 61, 10) << kPageShift;
  if (function == 0) {
    IotinvalVma command{.gscid = gscid, .pscid = {}, .address = address};
    if (has_pscid) command.pscid = static_cast<std::uint32_t>(bit_field(words[0], 31, 12));
    return command;
  }
  if (has_pscid) return IllegalCommand{"IOTINVAL.GVMA with PSCV"};
  if (!gscid) address.reset();
  return IotinvalGvma{.gscid = gscid, .address = address};
}

IommuCommand iofence(const Words& words, unsigned function, bool wired) {
  if (function != 0) return kReservedFunction;
  if (bit_field(words[0], 31, 14) != 0 || bit_field(words[1], 63, 62) != 0) return kReservedBit;
  IofenceC fence{.orders_reads = bit_of(words[0], 12),
                 .orders_writes = bit_of(words[0], 13),
                 .wired_interrupt = bit_of(words[0], 11),
                 .store = {}};
  if (fence.wired_interrupt && !wired) return IllegalCommand{"IOFENCE.C with WSI while interrupts are messages"};
  if (bit_of(words[0], 10)) {
    fence.store = {.address = bit_field(words[1], 61, 0) << 2,
                   .data = static_cast<std::uint32_t>(bit_field(words[0], 63, 32))};
  }
  return fence;
}

unsigned process_id_bits(const IommuCapabilities& capabilities) {
  return capabilities.pd20() ? 20 : capabilities.pd17() ? 17 : capabilities.pd8() ? 8 : 0;
}

IommuCommand iodir(const Words& words, unsigned function, const IommuCapabilities& capabilities, IommuMode mode) {
  constexpr std::uint64_t kReservedLow = bit_range(39, 34) | bit_range(32, 32) | bit_range(11, 10);
  if (function > 1) return kReservedFunction;
  if ((words[0] & kReservedLow) != 0 || words[1] != 0) return kReservedBit;
  const auto process_id = static_cast<std::uint32_t>(bit_field(words[0], 31, 12));
  const auto device_id = static_cast<std::uint32_t>(bit_field(words[0], 63, 40));
  const bool has_device = bit_of(words[0], 33);
  if (has_device && device_id >> device_id_bits(capabilities, mode) != 0) {
    return IllegalCommand{"DID is wider than the device directory"};
  }
  if (function == 0) {
    if (process_id != 0) return kReservedBit;
    return has_device ? IodirInvalDdt{device_id} : IodirInvalDdt{};
  }
  if (!has_device) return IllegalCommand{"IODIR.INVAL_PDT without DV"};
  if (process_id >> process_id_bits(capabilities) != 0) return IllegalCommand{"PID is wider than any directory's"};
  return IodirInvalPdt{.device_id = device_id, .process_id = process_id};
}

// PCIe 5.0, 10.3.1: with S the range is told by the lowest bit of the address that is 0.
void set_range(AtsInval& command, std::uint64_t payload) {
  const Addr address = payload & ~low_mask(kPageShift);
  if (bit_of(payload, 11)) {
    const auto ones = static_cast<unsigned>(std::countr_one(address >> kPageShift));
    command.page_shift = static_cast<std::uint8_t>(std::min(kPageShift + ones + 1, 64u));
  }
  command.address = address & ~low_mask(command.page_shift);
}

IommuCommand ats(const Words& words, unsigned function, const IommuCapabilities& capabilities) {
  if (!capabilities.ats()) return IllegalCommand{"ATS is not supported"};
  if (function > 1) return kReservedFunction;
  if ((words[0] & (bit_range(39, 34) | bit_range(11, 10))) != 0) return kReservedBit;
  AtsDestination to{
      .requester = static_cast<std::uint16_t>(bit_field(words[0], 55, 40)), .segment = {}, .process_id = {}};
  if (bit_of(words[0], 32)) to.process_id = static_cast<std::uint32_t>(bit_field(words[0], 31, 12));
  if (bit_of(words[0], 33)) to.segment = static_cast<std::uint8_t>(bit_field(words[0], 63, 56));
  const std::uint64_t payload = words[1];
  if (function == 0) {
    AtsInval command{.to = to, .all_processes = bit_of(payload, 0)};
    set_range(command, payload);
    return command;
  }
  const std::uint64_t code = bit_field(payload, 47, 44);
  return AtsPrgr{.to = to,
                 .group = static_cast<std::uint16_t>(bit_field(payload, 40, 32)),
                 .response = code > 1 ? PageResponse::failure : static_cast<PageResponse>(code)};
}

constexpr std::uint64_t flag_if(bool set, unsigned index) { return std::uint64_t{set} << index; }
constexpr std::uint64_t command_word(unsigned opcode, unsigned function) { return opcode | function << 7; }

Words invalidation_words(unsigned function, const std::optional<std::uint16_t>& gscid,
                         const std::optional<std::uint32_t>& pscid, const std::optional<Addr>& address) {
  return {command_word(kIotinval, function) | flag_if(address.has_value(), 10) |
              std::uint64_t{pscid.value_or(0)} << 12 | flag_if(pscid.has_value(), 32) | flag_if(gscid.has_value(), 33) |
              std::uint64_t{gscid.value_or(0)} << 44,
          address.value_or(0) >> kPageShift << 10};
}

Words message_words(unsigned function, const AtsDestination& to, std::uint64_t payload) {
  return {command_word(kAts, function) | std::uint64_t{to.process_id.value_or(0)} << 12 |
              flag_if(to.process_id.has_value(), 32) | flag_if(to.segment.has_value(), 33) |
              std::uint64_t{to.requester} << 40 | std::uint64_t{to.segment.value_or(0)} << 56,
          payload};
}

Words words_of(const IotinvalVma& command) {
  return invalidation_words(0, command.gscid, command.pscid, command.address);
}
Words words_of(const IotinvalGvma& command) {
  return invalidation_words(1, command.gscid, std::nullopt, command.address);
}
Words words_of(const IofenceC& command) {
  const IofenceC::Store store = command.store.value_or(IofenceC::Store{});
  return {command_word(kIofence, 0) | flag_if(command.store.has_value(), 10) | flag_if(command.wired_interrupt, 11) |
              flag_if(command.orders_reads, 12) | flag_if(command.orders_writes, 13) | std::uint64_t{store.data} << 32,
          store.address >> 2};
}
Words words_of(const IodirInvalDdt& command) {
  return {command_word(kIodir, 0) | flag_if(command.device_id.has_value(), 33) |
              std::uint64_t{command.device_id.value_or(0)} << 40,
          0};
}
Words words_of(const IodirInvalPdt& command) {
  return {command_word(kIodir, 1) | std::uint64_t{command.process_id} << 12 | flag_if(true, 33) |
              std::uint64_t{command.device_id} << 40,
          0};
}
// Of all addresses, every bit but the highest is set.
Words words_of(const AtsInval& command) {
  std::uint64_t range = command.address & ~low_mask(kPageShift);
  if (command.page_shift > kPageShift) {
    range &= ~low_mask(command.page_shift);
    range |= low_mask(command.page_shift - 1U) & ~low_mask(kPageShift);
    range |= flag_if(true, 11);
  }
  return message_words(0, command.to, range | flag_if(command.all_processes, 0));
}
Words words_of(const AtsPrgr& command) {
  return message_words(1, command.to,
                       std::uint64_t{command.group} << 32 | static_cast<std::uint64_t>(command.response) << 44);
}
Words words_of(const IllegalCommand& /*command*/) { throw std::logic_error("an illegal command has no words"); }

}  // namespace

std::array<std::uint64_t, 2> encode_command(const IommuCommand& command) {
  return std::visit([](const auto& operands) { return words_of(operands); }, command);
}

unsigned device_id_bits(const IommuCapabilities& capabilities, IommuMode mode) {
  // "Device-Directory-Table (DDT)": 9 bits a level, but in the last one as many contexts as a page holds.
  const unsigned leaf = capabilities.msi_flat() ? 6 : 7;
  switch (mode) {
    case IommuMode::one_level: return leaf;
    case IommuMode::two_levels: return leaf + 9;
    default: return 24;
  }
}

IommuCommand decode_command(const Words& words, const IommuCapabilities& capabilities, IommuMode mode, bool wired) {
  const auto opcode = static_cast<unsigned>(bit_field(words[0], 6, 0));
  const auto function = static_cast<unsigned>(bit_field(words[0], 9, 7));
  switch (opcode) {
    case kIotinval: return iotinval(words, function);
    case kIofence: return iofence(words, function, wired);
    case kIodir: return iodir(words, function, capabilities, mode);
    case kAts: return ats(words, function, capabilities);
    default: return IllegalCommand{opcode < kFirstCustom ? "reserved opcode" : "no custom commands"};
  }
}

}  // namespace pagoda

// The commands that software puts into a RISC-V IOMMU's command queue, as structs.
//
// Models: RISC-V IOMMU Architecture Specification 1.0, "Command-Queue (CQ)": every operand, and every rule by which a
// command is illegal or unsupported, which the IOMMU answers alike (cqcsr.cmd_ill). Does not model: the draft
// extensions for non-leaf and range invalidation (bits NL and S, which are reserved here) and custom opcodes (64 to
// 127, unsupported). What is open in the specification: a device wider than the directory is illegal; without a
// directory (Off and Bare) all 24 bits are allowed. A PCIe response code that is reserved is a failure (PCIe 5.0,
// 10.4.2).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "pagoda/base/page_response.h"
#include "pagoda/iommu/iommu_registers.h"

namespace pagoda {

/// First-stage translations: of the host (no GSCID) or a guest, of one or all address spaces, of one or all addresses.
struct IotinvalVma {
  std::optional<std::uint16_t> gscid;
  std::optional<std::uint32_t> pscid;
  std::optional<Addr> address;

  bool operator==(const IotinvalVma&) const = default;
};

/// Second-stage translations: of one or all guests; an address comes only with a guest.
struct IotinvalGvma {
  std::optional<std::uint16_t> gscid;
  std::optional<Addr> address;

  bool operator==(const IotinvalGvma&) const = default;
};

struct IofenceC {
  struct Store {
    Addr address = 0;
    std::uint32_t data = 0;

    bool operator==(const Store&) const = default;
  };

  bool orders_reads = false;     ///< PR
  bool orders_writes = false;    ///< PW
  bool wired_interrupt = false;  ///< WSI
  std::optional<Store> store;    ///< AV: 4 bytes written on completion

  bool operator==(const IofenceC&) const = default;
};

struct IodirInvalDdt {
  std::optional<std::uint32_t> device_id;  ///< none: all devices

  bool operator==(const IodirInvalDdt&) const = default;
};

struct IodirInvalPdt {
  std::uint32_t device_id = 0;
  std::uint32_t process_id = 0;

  bool operator==(const IodirInvalPdt&) const = default;
};

/// The device and process that a PCIe message is for.
struct AtsDestination {
  std::uint16_t requester = 0;          ///< RID
  std::optional<std::uint8_t> segment;  ///< DSEG
  std::optional<std::uint32_t> process_id;

  /// The device_id of the function: the segment above its requester ID.
  std::uint32_t device_id() const { return std::uint32_t{segment.value_or(0)} << 16 | requester; }
  bool operator==(const AtsDestination&) const = default;
};

struct AtsInval {
  AtsDestination to;
  Addr address = 0;              ///< aligned to 2^page_shift
  std::uint8_t page_shift = 12;  ///< 64: every address
  bool all_processes = false;    ///< G

  bool operator==(const AtsInval&) const = default;
};

struct AtsPrgr {
  AtsDestination to;
  std::uint16_t group = 0;
  PageResponse response = PageResponse::success;

  bool operator==(const AtsPrgr&) const = default;
};

struct IllegalCommand {
  const char* reason = "";  ///< for a log

  bool operator==(const IllegalCommand&) const = default;
};

using IommuCommand =
    std::variant<IotinvalVma, IotinvalGvma, IofenceC, IodirInvalDdt, IodirInvalPdt, AtsInval, AtsPrgr, IllegalCommand>;

inline constexpr unsigned kCommandBytes = 16;

/// `wired`: interrupts are signalled by wire (fctl.WSI).
IommuCommand decode_command(const std::array<std::uint64_t, 2>& words, const IommuCapabilities& capabilities,
                            IommuMode mode, bool wired);

/// The command as software writes it, of fields that are not given 0; not of an IllegalCommand (std::logic_error).
std::array<std::uint64_t, 2> encode_command(const IommuCommand& command);

/// Bits of a device_id that a directory of this mode tells apart; 24 without one.
unsigned device_id_bits(const IommuCapabilities& capabilities, IommuMode mode);

}  // namespace pagoda

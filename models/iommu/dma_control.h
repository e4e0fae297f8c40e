// DMA control in shared page-table entries: which bits of a leaf entry say what devices may do with a page that is
// mapped for the CPU as well.
//
// Models: four fields of one bit each, in bits that a CPU's walker ignores: deny all DMA, deny reads, deny writes, and
// copy on read (a device reads a copy of the page and never writes it). IOMMU-wide, the control is off, and the fields
// are ignored, or on: then a clear field leaves the entry's ordinary permissions in force and a set one withholds them.
// Only leaf entries count; of nested stages, the most restrictive wins. The custom register `dma_control` switches it,
// `dma_copies` says where the copies are: a table in format Sv48 that translates the physical address of a page to that
// of its copy, which all devices share. Does not model: fields of several bits, control per process.
#pragma once

#include <cstdint>
#include <optional>

#include "pagoda/paging/stage.h"

namespace pagoda {

class ConfigInfo;

/// Where the fields lie in the entries of one format; none: the format's entries do not have the field.
struct DmaControlBits {
  std::optional<std::uint32_t> deny{};
  std::optional<std::uint32_t> deny_read{};
  std::optional<std::uint32_t> deny_write{};
  std::optional<std::uint32_t> copy_on_read{};

  static const ConfigInfo& config_info();

  std::uint64_t copies() const { return mask(copy_on_read); }
  WithheldRights withheld() const {
    return {.no_read = mask(deny) | mask(deny_read), .no_write = mask(deny) | mask(deny_write) | mask(copy_on_read)};
  }

 private:
  static std::uint64_t mask(std::optional<std::uint32_t> bit) { return bit ? std::uint64_t{1} << *bit : 0; }
};

/// Defaults: RISC-V has two bits for software in every entry (RSW, 9:8) and two more with Svrsw60t59b; x86 ignores
/// 58:52 with protection keys off, EPT 56:52 (Intel SDM vol. 3A, table 4-20; vol. 3C, table 29-7).
struct DmaControlLayout {
  DmaControlBits riscv{.deny = 8, .copy_on_read = 9};
  DmaControlBits x86{.deny = 52, .deny_read = 53, .deny_write = 54, .copy_on_read = 55};
  DmaControlBits ept{.deny = 52, .deny_read = 53, .deny_write = 54, .copy_on_read = 55};

  static const ConfigInfo& config_info();

  const DmaControlBits& of(Family family) const {
    switch (family) {
      case Family::x86: return x86;
      case Family::ept: return ept;
      default: return riscv;
    }
  }
};

/// What is in force.
struct DmaControl {
  DmaControlLayout layout;
  bool enabled = false;
  Addr copies = 0;  ///< root of the table of copies; 0: there are none
};

}  // namespace pagoda

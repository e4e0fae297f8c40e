// The parameters of a storage adapter on a coherent link.
//
// Defaults: 128-byte lines and a clock of 250 MHz (IBM, Coherent Accelerator Processor Interface User's Manual 1.2,
// PSL accelerator interface: "cache line" of 128 bytes, ha_pclock). 64 line requests under way: the credits that
// ha_croom grants a CAPI 1.0 accelerator there. Contexts, commands under way, the largest transfer, the sizes of
// translation caches and the times of registers and of reporting a fault are round figures; the flash adapter that Linux
// supports has 512 contexts with 256 commands at most (drivers/scsi/cxlflash/common.h: MAX_CONTEXT, CXLFLASH_MAX_CMDS).
#pragma once

#include <cstdint>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/devices/medium_config.h"
#include "pagoda/interconnect/io_link_config.h"
#include "pagoda/mmu/tlb_config.h"
#include "pagoda/mmu/walker_config.h"

namespace pagoda {

/// The adapter's own translation of effective addresses.
struct CapiTranslationConfig {
  TlbConfig tlb{.entries = 256, .ways = 4, .latency = Latency::cycles(4), .ports = 1};
  WalkerConfig walker{.slots = 4};
  std::uint32_t fault_attempts = 3;  ///< how often software is asked for a page before the command fails

  static const ConfigInfo& config_info();
};

struct CapiAdapterConfig {
  Frequency clock{250'000'000};
  std::uint32_t requester = 0;
  std::uint64_t register_base = 0;
  Latency register_latency = Latency::cycles(8);
  std::uint32_t contexts = 16;
  std::uint32_t commands = 64;  ///< worked on at a time, of all contexts; 0: no limit
  Bytes line{128};
  std::uint32_t outstanding = 64;  ///< line requests under way; 0: no limit
  Latency issue_interval = Latency::cycles(1);
  Bytes max_transfer{128 * 1024};
  Latency fault_report = Latency::time(1 * kMicrosecond);  ///< from a fault to software's handler
  CapiTranslationConfig translation;
  MediumConfig medium{.block = {4096}};

  static const ConfigInfo& config_info();
};

/// CAPI 1.0 over PCI Express 3.0 x8, OpenCAPI 3.0: what capi_config.cc says of them, for IoLink.
IoLinkConfig capi1_link();
IoLinkConfig opencapi_link();

}  // namespace pagoda

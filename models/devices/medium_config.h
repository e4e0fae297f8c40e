// The parameters of what storage devices keep their blocks in.
//
// Presets of flash, each figure with its source, are in flash_presets.cc.
//
// Remote memory, defaults: 100 Gb/s with 60 bytes of headers and framing around each message of at most 4 KiB (RoCE v2:
// Ethernet 26 with preamble and gap, IPv4 20, UDP 8, BTH 12 and RETH 16 less what short acknowledgements save); one way
// 1.5 us, so that a read of 4 KiB takes about the 3.5 to 4.5 us that Infiniswap (Gu et al., NSDI 2017) and Fastswap
// (Amaro et al., EuroSys 2020) tell of RDMA. What the server takes is a round figure.
//
// Faults, defaults: none. A read error is told of after the medium has tried again for a while; how long an error
// recovery may take is a setting of NVMe devices as well (NVM Express Base Specification 1.4, 5.21.1.5, Time Limited
// Error Recovery). The times are round figures.
#pragma once

#include <cstdint>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/devices/flash_config.h"

namespace pagoda {

struct RemoteMemoryConfig {
  Bandwidth rate{12.5e9};
  Duration latency{1'500 * kNanosecond};  ///< one way
  Bytes headers{60};                      ///< around each message
  Duration service{200 * kNanosecond};    ///< of the server, for each command
  std::uint32_t servers = 8;              ///< commands served at a time; 0: no limit

  static const ConfigInfo& config_info();
};

struct MediumFaultConfig {
  double read_errors = 0;   ///< of all reads
  double write_errors = 0;  ///< of all writes
  double timeouts = 0;      ///< of both
  Duration recovery{2 * kMillisecond};
  Duration timeout{10 * kMillisecond};
  std::uint64_t seed = 1;

  static const ConfigInfo& config_info();
};

enum class MediumKind : std::uint8_t { flash, remote };
BOOST_DESCRIBE_ENUM(MediumKind, flash, remote)

struct MediumConfig {
  MediumKind kind = MediumKind::flash;
  Bytes capacity{std::uint64_t{1} << 30};
  Bytes block{512};
  FlashConfig flash;
  RemoteMemoryConfig remote;
  MediumFaultConfig faults;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

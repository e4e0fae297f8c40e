// The parameters of an I/O link.
//
// Defaults: PCI Express 3.0 with eight lanes. Rate and encoding: PCI Express Base Specification 3.0, 4.2. Framing: 8
// bytes a packet, that is 4 of STP token with the sequence number and 4 of LCRC (4.2.2.3, 3.6; before 3.0: STP,
// sequence number, LCRC and END, 8 bytes as well). Headers: 16 bytes with addresses of 64 bits, 12 of a completion
// (2.2.4, 2.2.9). Tags: those of the 8-bit field (2.2.6.2). The read completion boundary of 64 bytes is the smallest
// (2.3.1.1). The share of control packets: one Ack and one flow-control update of 8 bytes for every 203 bytes, and 4
// bytes of SKP for every 1538, as in the model of Neugebauer et al., "Understanding PCIe performance for end host
// networking", SIGCOMM 2018, for this rate, width and payload size (Base Specification, tables 2-46 to 2-48 and 3-7 to
// 3-9). Payload and read-request sizes are those that firmware commonly sets. Latency and credits are round figures.
#pragma once

#include <cstdint>
#include <string>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

struct IoLinkConfig {
  std::uint32_t lanes = 8;
  double transfer_rate = 8;             ///< per lane, in GT/s
  std::string encoding = "128b/130b";   ///< 8b/10b, 64b/66b, 128b/130b or 242b/256b
  double control_share = 0.0814;        ///< of the bandwidth that is left to data-link packets and ordered sets
  Duration latency{150 * kNanosecond};  ///< one way, from the last byte sent to the packet being acted upon
  Bytes max_payload{256};
  Bytes max_read_request{512};
  Bytes read_completion_boundary{64};
  bool completion_per_boundary = false;
  Bytes framing{8};
  Bytes request_header{16};
  Bytes completion_header{12};
  std::uint32_t read_tags = 256;
  std::uint32_t posted_credits = 64;
  std::uint32_t non_posted_credits = 256;

  /// The time of a byte, in one direction, beside the control packets.
  double ps_per_byte() const;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

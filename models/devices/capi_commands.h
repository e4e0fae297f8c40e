// What software and a storage adapter on a coherent link tell each other: the bytes of commands and answers. All are
// little-endian.
//
// Models: commands in the manner of SISLite, the interface of IBM's CAPI flash adapters, in its mode with a submission
// queue (Linux, drivers/scsi/cxlflash/sislite.h: sisl_ioarcb, sisl_ioasa; the request response queue with its toggle
// bit), with fields of its own. Does not model: SCSI command blocks, handles of resources, scatter lists.
#pragma once

#include <cstdint>
#include <span>

#include "pagoda/base/access.h"

namespace pagoda {

enum class CapiOpcode : std::uint8_t { read = 1, write = 2, discard = 3 };

/// | bytes | 0-1 | 2 | 8-15 | 16-19 | 20-23 | 24-31 | 56-63 |
/// |---|---|---|---|---|---|---|---|
/// | | context | opcode | data | blocks | time-out, us | first block | status area |
/// Addresses are effective ones, of multiples of 16 bytes. A time-out counts from when the
/// command has been fetched; zero is none.
struct CapiCommand {
  static constexpr std::uint32_t kBytes = 64;

  std::uint16_t context = 0;
  std::uint8_t opcode = 0;  ///< a CapiOpcode, or invalid
  Addr data = 0;
  std::uint32_t blocks = 0;
  std::uint32_t timeout_us = 0;
  std::uint64_t first_block = 0;
  Addr status_area = 0;

  static CapiCommand decode(std::span<const unsigned char, kBytes> bytes);
  void encode(std::span<unsigned char, kBytes> bytes) const;
};

/// How a command ended.
enum class CapiStatus : std::uint8_t {
  success = 0,
  invalid_opcode = 1,
  invalid_field = 2,  ///< a wrong context, a misaligned address, too much data
  out_of_range = 3,
  data_fault = 4,  ///< memory could not be read or written there, also after software was asked
  media_error = 5,
  timed_out = 6,
  volume_full = 7
};

/// The status area of 16 bytes: byte 0 the status, 8-15 the address that could not be accessed.
struct CapiStatusArea {
  static constexpr std::uint32_t kBytes = 16;

  CapiStatus status = CapiStatus::success;
  Addr fault_address = 0;

  static CapiStatusArea decode(std::span<const unsigned char, kBytes> bytes);
  void encode(std::span<unsigned char, kBytes> bytes) const;
};

/// An entry of the response queue: the address of the status area, with the toggle bit as bit 0. The toggle bit is 1 in
/// the first round through the queue, then 0, and so on.
struct CapiResponse {
  static constexpr std::uint32_t kBytes = 8;

  Addr status_area = 0;
  bool toggle = false;

  static CapiResponse decode(std::span<const unsigned char, kBytes> bytes);
  void encode(std::span<unsigned char, kBytes> bytes) const;
};

}  // namespace pagoda

// What drivers and devices write into rings: the bytes of descriptors, commands and completions. All are little-endian.
//
// Models: a network descriptor in the manner of Intel's 8254x (PCI/PCI-X Family of Gigabit Ethernet Controllers
// Software Developer's Manual, 3.2.3: address, length and a status that the device writes back), with fields of its
// own; block commands and completions with the layout of the NVM Express Base Specification 1.4, 4.2 and 4.6, and of
// its read, write, flush and, for one range, dataset management commands (6.7, 6.8, 6.9, 6.15). Does not model: scatter lists and PRP lists (a buffer is one
// range of the device's address space), metadata, namespaces, checksums.
#pragma once

#include <cstdint>
#include <span>

#include "pagoda/base/access.h"

namespace pagoda {

enum class DescriptorError : std::uint8_t {
  none,
  empty,      ///< a buffer of no bytes
  too_long,   ///< for the device
  truncated,  ///< received: the frame is longer than its buffer
  data        ///< the buffer could not be read or written
};

/// | bytes | 0-7 | 8-11 | 12 | 13 | 14-15 |
/// |---|---|---|---|---|---|
/// | | address | length | bit 0: done | error | zero |
/// The device writes back the last eight; of what it received, the length is that of the bytes in the buffer.
struct NicDescriptor {
  static constexpr std::uint32_t kBytes = 16;
  static constexpr std::uint32_t kRecordOffset = 8;  ///< what the device writes back, and how much
  static constexpr std::uint32_t kRecordBytes = 8;

  Addr address = 0;
  std::uint32_t length = 0;
  bool done = false;
  DescriptorError error = DescriptorError::none;

  static NicDescriptor decode(std::span<const unsigned char, kBytes> bytes);
  void encode(std::span<unsigned char, kBytes> bytes) const;
};

/// Deallocate is dataset management with that attribute, of the one range that the command itself names.
enum class BlockOpcode : std::uint8_t { flush = 0, write = 1, read = 2, deallocate = 9 };
constexpr bool is_block_opcode(std::uint8_t opcode) { return opcode <= 2 || opcode == 9; }

/// Of the 64 bytes: 0 opcode, 2-3 identifier, 24-31 address of the data (PRP 1), 40-47 first block, 48-49 blocks less
/// one.
struct BlockCommand {
  static constexpr std::uint32_t kBytes = 64;

  std::uint8_t opcode = 0;  ///< a BlockOpcode, or invalid
  std::uint16_t id = 0;
  Addr data = 0;
  std::uint64_t first_block = 0;
  std::uint16_t blocks_less_one = 0;

  std::uint32_t blocks() const { return std::uint32_t{blocks_less_one} + 1; }

  static BlockCommand decode(std::span<const unsigned char, kBytes> bytes);
  void encode(std::span<unsigned char, kBytes> bytes) const;
};

/// Status code types 0 and 2, above the code of 8 bits: generic command status (4.6.1.2.1), and errors of the medium
/// (4.6.1.2.3).
enum class BlockStatus : std::uint16_t {
  success = 0,
  invalid_opcode = 1,
  invalid_field = 2,
  data_transfer_error = 4,
  aborted = 7,  ///< by the device, which gave it up
  out_of_range = 0x80,
  capacity_exceeded = 0x81,
  write_fault = 0x280,
  unrecovered_read = 0x281
};

/// Of the 16 bytes: 8-9 head of the submission queue, 12-13 identifier, 14-15 phase (bit 0) and status (code in bits 8-1,
/// type in bits 11-9).
struct BlockCompletion {
  static constexpr std::uint32_t kBytes = 16;

  std::uint16_t submission_head = 0;
  std::uint16_t id = 0;
  bool phase = false;
  BlockStatus status = BlockStatus::success;

  static BlockCompletion decode(std::span<const unsigned char, kBytes> bytes);
  void encode(std::span<unsigned char, kBytes> bytes) const;
};

}  // namespace pagoda

#include "pagoda/devices/ring_entries.h"

#include <algorithm>

#include "pagoda/devices/record_bytes.h"

namespace pagoda {

using record_bytes::get;
using record_bytes::put;

NicDescriptor NicDescriptor::decode(std::span<const unsigned char, kBytes> bytes) {
  return {.address = get<std::uint64_t>(bytes, 0),
          .length = get<std::uint32_t>(bytes, 8),
          .done = (bytes[12] & 1) != 0,
          .error = static_cast<DescriptorError>(bytes[13])};
}

void NicDescriptor::encode(std::span<unsigned char, kBytes> bytes) const {
  std::fill(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  put(bytes, 0, address);
  put(bytes, 8, length);
  bytes[12] = done ? 1 : 0;
  bytes[13] = static_cast<unsigned char>(error);
}

BlockCommand BlockCommand::decode(std::span<const unsigned char, kBytes> bytes) {
  return {.opcode = bytes[0],
          .id = get<std::uint16_t>(bytes, 2),
          .data = get<std::uint64_t>(bytes, 24),
          .first_block = get<std::uint64_t>(bytes, 40),
          .blocks_less_one = get<std::uint16_t>(bytes, 48)};
}

void BlockCommand::encode(std::span<unsigned char, kBytes> bytes) const {
  std::fill(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  bytes[0] = opcode;
  put(bytes, 2, id);
  put(bytes, 24, data);
  put(bytes, 40, first_block);
  put(bytes, 48, blocks_less_one);
}

BlockCompletion BlockCompletion::decode(std::span<const unsigned char, kBytes> bytes) {
  const auto status = get<std::uint16_t>(bytes, 14);
  return {.submission_head = get<std::uint16_t>(bytes, 8),
          .id = get<std::uint16_t>(bytes, 12),
          .phase = (status & 1) != 0,
          .status = static_cast<BlockStatus>(status >> 1 & 0x7ff)};
}

void BlockCompletion::encode(std::span<unsigned char, kBytes> bytes) const {
  std::fill(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  put(bytes, 8, submission_head);
  put(bytes, 12, id);
  put(bytes, 14, static_cast<std::uint16_t>(static_cast<unsigned>(status) << 1 | (phase ? 1u : 0u)));
}

}  // namespace pagoda

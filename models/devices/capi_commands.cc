#include "pagoda/devices/capi_commands.h"

#include <algorithm>

#include "pagoda/devices/record_bytes.h"

namespace pagoda {

using record_bytes::get;
using record_bytes::put;

CapiCommand CapiCommand::decode(std::span<const unsigned char, kBytes> bytes) {
  return {.context = get<std::uint16_t>(bytes, 0),
          .opcode = bytes[2],
          .data = get<std::uint64_t>(bytes, 8),
          .blocks = get<std::uint32_t>(bytes, 16),
          .timeout_us = get<std::uint32_t>(bytes, 20),
          .first_block = get<std::uint64_t>(bytes, 24),
          .status_area = get<std::uint64_t>(bytes, 56)};
}

void CapiCommand::encode(std::span<unsigned char, kBytes> bytes) const {
  std::fill(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  put(bytes, 0, context);
  bytes[2] = opcode;
  put(bytes, 8, data);
  put(bytes, 16, blocks);
  put(bytes, 20, timeout_us);
  put(bytes, 24, first_block);
  put(bytes, 56, status_area);
}

CapiStatusArea CapiStatusArea::decode(std::span<const unsigned char, kBytes> bytes) {
  return {.status = static_cast<CapiStatus>(bytes[0]), .fault_address = get<std::uint64_t>(bytes, 8)};
}

void CapiStatusArea::encode(std::span<unsigned char, kBytes> bytes) const {
  std::fill(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  bytes[0] = static_cast<unsigned char>(status);
  put(bytes, 8, fault_address);
}

CapiResponse CapiResponse::decode(std::span<const unsigned char, kBytes> bytes) {
  const auto word = get<std::uint64_t>(bytes, 0);
  return {.status_area = word & ~std::uint64_t{1}, .toggle = (word & 1) != 0};
}

void CapiResponse::encode(std::span<unsigned char, kBytes> bytes) const {
  put(bytes, 0, status_area | (toggle ? 1u : 0u));
}

}  // namespace pagoda

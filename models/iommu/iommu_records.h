// The records that a RISC-V IOMMU writes for software: faults, and devices' page requests.
// RISC-V IOMMU Architecture Specification 1.0, "Fault/Event-Queue (FQ)" and "Page-Request-Queue (PQ)". Both consist of
// 64-bit words, whose bytes are in the order that fctl.BE says. Custom fields are 0.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "pagoda/iommu/iommu_translator.h"

namespace pagoda {

/// A message of the IOMMU itself that memory refused.
inline constexpr auto kMessageWriteFault = static_cast<IommuCause>(273);
/// The message code of a PCIe page request (PCIe 5.0, 10.4.1), iotval of a fault that is met with one.
inline constexpr std::uint64_t kPageRequestMessage = 0x04;

enum class IommuTransaction : std::uint8_t {
  none,
  untranslated_fetch,
  untranslated_read,
  untranslated_write,
  translated_fetch = 5,
  translated_read,
  translated_write,
  translation_request,
  message
};

struct PageRequestRecord;

struct FaultRecord {
  static constexpr unsigned kBytes = 32;

  IommuCause cause = IommuCause::none;
  IommuTransaction transaction = IommuTransaction::none;  ///< TTYP; without one there is no device or process
  std::uint32_t device_id = 0;
  std::uint32_t process_id = 0;
  bool has_process = false;
  bool supervisor = false;  ///< PRIV; only with a process
  std::uint64_t iotval = 0;
  std::uint64_t iotval2 = 0;

  static FaultRecord of(const IommuRequest& request, const IommuAnswer& answer);
  static FaultRecord of(const PageRequestRecord& request, IommuCause cause);
  /// For a message of the IOMMU's own to this address that memory refused.
  static FaultRecord of_message(Addr address);

  std::array<std::uint8_t, kBytes> encode(std::endian order = std::endian::little) const;
  static FaultRecord decode(const std::array<std::uint8_t, kBytes>& bytes, std::endian order = std::endian::little);
  bool operator==(const FaultRecord&) const = default;
};

struct PageRequestRecord {
  static constexpr unsigned kBytes = 16;

  std::uint32_t device_id = 0;
  std::uint32_t process_id = 0;
  bool has_process = false;
  bool supervisor = false;  ///< PRIV; only with a process
  bool execute = false;     ///< EXEC; only with a process
  bool read = false;        ///< R
  bool write = false;       ///< W
  bool last = false;        ///< L: of its group
  std::uint16_t group = 0;  ///< 9 bits
  Addr page = 0;            ///< aligned to 4 KiB

  /// Announces that a process is no longer used; nobody answers it.
  bool stop_marker() const { return last && !read && !write; }

  std::array<std::uint8_t, kBytes> encode(std::endian order = std::endian::little) const;
  static PageRequestRecord decode(const std::array<std::uint8_t, kBytes>& bytes,
                                  std::endian order = std::endian::little);
  bool operator==(const PageRequestRecord&) const = default;
};

/// The words of a structure as its bytes say.
template <std::size_t Bytes>
std::array<std::uint64_t, Bytes / 8> to_words(const std::array<std::uint8_t, Bytes>& bytes, std::endian order) {
  std::array<std::uint64_t, Bytes / 8> words{};
  for (std::size_t i = 0; i < Bytes; ++i) {
    const std::size_t place = order == std::endian::little ? i % 8 : 7 - i % 8;
    words[i / 8] |= std::uint64_t{bytes[i]} << 8 * place;
  }
  return words;
}

/// ... and back.
template <std::size_t Words>
std::array<std::uint8_t, Words * 8> to_bytes(const std::array<std::uint64_t, Words>& words, std::endian order) {
  std::array<std::uint8_t, Words * 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const std::size_t place = order == std::endian::little ? i % 8 : 7 - i % 8;
    bytes[i] = static_cast<std::uint8_t>(words[i / 8] >> 8 * place);
  }
  return bytes;
}

}  // namespace pagoda

// How a RISC-V IOMMU translates one request: the architecture's process, without time, queues or caches.
//
// Models: RISC-V IOMMU Architecture Specification 1.0, "Process to translate an IOVA" and what it calls upon: locating
// device and process context through their directories, first and second stage (the walk is paging's Walk), MSI page
// tables (flat and MRIF), A/D updates, faults with their causes, and the answers to ATS translation requests. Does not
// model: 32-bit address translation, big-endian structures, QoS identifiers, custom MSI formats (a custom entry is
// misconfigured). Beyond the architecture: DMA control in page-table entries (dma_control.h), and tables in x86-64 and
// EPT formats (IommuSetup::custom_formats).
//
// Nothing here knows where memory is, or what is kept from earlier requests: the caller does (IommuMemory), at whatever
// cost. A page that was kept and does not suit a request is translated anew, so that every fault is found in memory.
#pragma once

#include <cstdint>

#include "pagoda/iommu/iommu_memory.h"

namespace pagoda {

enum class IommuRequestType : std::uint8_t { untranslated, translation_request, translated };

struct IommuRequest {
  std::uint32_t device_id = 0;   ///< 24 bits
  std::uint32_t process_id = 0;  ///< 20 bits
  bool has_process = false;
  bool supervisor = false;  ///< privileged mode requested; only with a process
  IommuRequestType type = IommuRequestType::untranslated;
  AccessKind access = AccessKind::read;  ///< a translation request: fetch asks for execute permission
  bool no_write = false;                 ///< a translation request that asks for no write permission
  Addr address = 0;
};

enum class IommuStatus : std::uint8_t { success = 0, unsupported_request = 1, completer_abort = 4 };

/// CAUSE of a fault record.
enum class IommuCause : std::uint16_t {
  none = 0,
  fetch_access_fault = 1,
  read_access_fault = 5,
  write_access_fault = 7,
  fetch_page_fault = 12,
  read_page_fault = 13,
  write_page_fault = 15,
  fetch_guest_page_fault = 20,
  read_guest_page_fault = 21,
  write_guest_page_fault = 23,
  all_inbound_disallowed = 256,
  ddt_load_access_fault = 257,
  ddt_entry_invalid = 258,
  ddt_entry_misconfigured = 259,
  type_disallowed = 260,
  msi_load_access_fault = 261,
  msi_entry_invalid = 262,
  msi_entry_misconfigured = 263,
  mrif_access_fault = 264,
  pdt_load_access_fault = 265,
  pdt_entry_invalid = 266,
  pdt_entry_misconfigured = 267,
  ddt_corrupt = 268,
  pdt_corrupt = 269,
  msi_table_corrupt = 270,
  mrif_corrupt = 271,
  page_table_corrupt = 274,
  // Custom causes.
  dma_denied = 2048,         ///< DMA control withholds the permission
  copy_missing = 2049,       ///< a page that devices read a copy of has none
  translated_refused = 2050  ///< the guard of translated requests has refused one
};

struct IommuAnswer {
  IommuStatus status = IommuStatus::success;
  IommuCause cause = IommuCause::none;  ///< also of a translation request that succeeds without granting anything
  bool reported = false;                ///< a fault record is written
  bool hides_faults = false;            ///< DC.tc.DTF: nor is one of a fault that is met after a translation
  std::uint8_t transaction_type = 0;    ///< TTYP of the record
  std::uint64_t iotval2 = 0;            ///< of the record
  Addr address = 0;                     ///< where the request goes
  std::uint8_t page_shift = 0;          ///< the smaller of both stages'; 0: not limited by a page
  MemoryType memory_type = MemoryType::platform;
  bool msi = false;   ///< the address is that of a virtual interrupt file
  bool mrif = false;  ///< ... which is kept in memory
  Addr mrif_address = 0;
  std::uint32_t notice_id = 0;
  // What a translation request is granted.
  bool readable = false, writable = false, executable = false;
  bool untranslated_only = false, global = false, privileged = false;
};

/// Reads words of a structure: none, `denied` where memory refuses, `corrupt` where it is poisoned.
IommuCause load_words(IommuMemory& memory, Addr address, std::span<std::uint64_t> words, IommuCause denied,
                      IommuCause corrupt);

/// "Process to locate the Device-context": in one of the modes with a directory.
IommuCause find_device(const IommuSetup& setup, std::uint32_t device_id, IommuMemory& memory, DeviceContext& found);

IommuAnswer translate(const IommuSetup& setup, const IommuRequest& request, IommuMemory& memory);

}  // namespace pagoda

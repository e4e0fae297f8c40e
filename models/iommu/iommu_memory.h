// What the IOMMU's translation process asks of its surroundings: memory, and what is kept from earlier requests.
#pragma once

#include <cstdint>
#include <span>

#include "pagoda/iommu/device_context.h"
#include "pagoda/paging/run_walk.h"

namespace pagoda {

/// A page as both stages translate it. A stage that is Bare has the shift kUnlimitedShift.
struct IommuPage {
  Addr guest = 0;  ///< first byte of the page that the first stage maps to
  Addr host = 0;   ///< and of the one that the last stage maps to
  std::uint8_t guest_shift = kUnlimitedShift;
  std::uint8_t host_shift = kUnlimitedShift;
  std::uint8_t host_leaf_shift = kUnlimitedShift;  ///< as mapped; a copy is of one base page
  Rights guest_rights = kPermissions | kFlags;
  Rights host_rights = kPermissions | kFlags;
  MemoryType memory_type = MemoryType::platform;
  bool copy_on_read = false;
  bool copied = false;  ///< `host` is that of the copy

  unsigned shift() const { return guest_shift < host_shift ? guest_shift : host_shift; }
  Addr guest_address(Addr address) const { return guest | (address & low_mask(guest_shift)); }
  Addr host_address(Addr address) const { return host | (guest_address(address) & low_mask(host_shift)); }
};

/// The stages of a request and the tag that its translations are known by: PSCID and GSCID, each above the values of
/// the field if its stage is Bare.
struct IommuSpace {
  static constexpr std::uint32_t kNoProcess = 1u << 20;
  static constexpr std::uint32_t kNoGuest = 1u << 16;

  std::array<Stage, 2> stages{};  ///< first, second
  AddressSpaceTag tag{kNoProcess, kNoGuest};
};

class IommuMemory {
 public:
  virtual ~IommuMemory() = default;

  /// Reads the words of one structure: none, access_error or poison.
  virtual FaultCause load(Addr address, std::span<std::uint64_t> words) = 0;
  /// Page-table entries, as a walk asks for them.
  virtual EntryRead read(const Step& step) = 0;
  virtual EntryUpdate update(const Step& step) = 0;

  // What is kept; by default nothing is. Only what is well formed and valid is kept.
  virtual const DeviceContext* find_device(std::uint32_t /*device*/) { return nullptr; }
  virtual void keep_device(std::uint32_t /*device*/, const DeviceContext& /*context*/) {}
  virtual const ProcessContext* find_process(std::uint32_t /*device*/, std::uint32_t /*process*/) { return nullptr; }
  virtual void keep_process(std::uint32_t /*device*/, std::uint32_t /*process*/, const ProcessContext& /*context*/) {}
  /// The page of an address.
  virtual const IommuPage* find_page(const IommuSpace& /*space*/, Addr /*address*/) { return nullptr; }
  /// What was found does not suit the request: it is looked for in memory after all.
  virtual void reject_page() {}
  virtual void keep_page(const IommuSpace& /*space*/, Addr /*address*/, const IommuPage& /*page*/) {}
  /// What walk caches know about the input address of a stage that is about to start, and what there is to keep.
  virtual WalkHint find_table(const IommuSpace& /*space*/, const Step& /*step*/) { return {}; }
  virtual void keep_table(const IommuSpace& /*space*/, const Learned& /*learned*/) {}
};

}  // namespace pagoda

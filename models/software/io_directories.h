// The device directory and process directories of a RISC-V IOMMU, as system software writes them.
//
// Models: directories of one to three levels with contexts in the base or extended format, process directories of 8, 17
// or 20 bits in the memory of the machine that the device works for (RISC-V IOMMU 1.0, "Data Structures"); lower
// directories made when an id needs them; a context becomes valid with its last word, and invalid with its first. Does
// not model: time, and invalidations: who calls sees to them.
//
// Errors: UserError if memory runs out.
#pragma once

#include "pagoda/iommu/device_context.h"
#include "pagoda/paging/byte_store.h"
#include "pagoda/paging/frame_source.h"

namespace pagoda {

/// Cleared frames. Throws UserError if there are none left.
Addr cleared_frames(ByteStore& store, FrameSource& frames, std::uint64_t bytes);

class DeviceDirectoryTable {
 public:
  /// The fewest levels that tell ids of so many bits apart.
  static unsigned levels_for(const IommuCapabilities& capabilities, unsigned id_bits);

  DeviceDirectoryTable(const IommuCapabilities& capabilities, unsigned levels, ByteStore& store, FrameSource& frames);

  /// What the register ddtp is to say.
  std::uint64_t ddtp() const { return root_ >> kPageShift << 10 | (levels_ + 1); }
  bool reaches(std::uint32_t device_id) const;
  void set(std::uint32_t device_id, const DeviceContext& context);

 private:
  IommuCapabilities capabilities_;
  unsigned levels_;
  ByteStore& store_;
  FrameSource& frames_;
  Addr root_;
};

class ProcessDirectoryTable {
 public:
  /// `bits`: 8, 17 or 20. All addresses are of `store`'s space.
  ProcessDirectoryTable(unsigned bits, ByteStore& store, FrameSource& frames);

  /// What DC.fsc is to say.
  std::uint64_t pdtp() const;
  bool reaches(std::uint32_t process_id) const { return process_id >> bits_ == 0; }
  void set(std::uint32_t process_id, const ProcessContext& context);

 private:
  unsigned bits_;
  ByteStore& store_;
  FrameSource& frames_;
  Addr root_;
};

}  // namespace pagoda

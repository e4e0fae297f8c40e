#include "pagoda/software/io_directories.h"

#include "pagoda/base/error.h"
#include "pagoda/iommu/iommu_commands.h"

namespace pagoda {
namespace {

constexpr unsigned kProcessLeafBits = 8;
constexpr unsigned kProcessContextBytes = 16;

// The table below an entry of a directory, made if there is none.
Addr table_below(Addr entry, ByteStore& store, FrameSource& frames) {
  const DirectoryEntry found{store.read(entry)};
  if (found.valid()) return found.table();
  const Addr table = cleared_frames(store, frames, kPageBytes);
  store.write(entry, table >> kPageShift << 10 | 1);
  return table;
}

// Levels of a process directory, which are also the MODE of pdtp.
unsigned process_levels(unsigned bits) { return bits <= 8 ? 1 : bits <= 17 ? 2 : 3; }

}  // namespace

Addr cleared_frames(ByteStore& store, FrameSource& frames, std::uint64_t bytes) {
  const std::optional<Addr> frame = frames.allocate(bytes);
  if (!frame) throw UserError("there is no memory left for the IOMMU's structures");
  store.clear(*frame, bytes);
  return *frame;
}

unsigned DeviceDirectoryTable::levels_for(const IommuCapabilities& capabilities, unsigned id_bits) {
  if (id_bits <= device_id_bits(capabilities, IommuMode::one_level)) return 1;
  return id_bits <= device_id_bits(capabilities, IommuMode::two_levels) ? 2 : 3;
}

DeviceDirectoryTable::DeviceDirectoryTable(const IommuCapabilities& capabilities, unsigned levels, ByteStore& store,
                                           FrameSource& frames)
    : capabilities_(capabilities),
      levels_(levels),
      store_(store),
      frames_(frames),
      root_(cleared_frames(store, frames, kPageBytes)) {}

bool DeviceDirectoryTable::reaches(std::uint32_t device_id) const {
  return device_id >> device_id_bits(capabilities_, static_cast<IommuMode>(levels_ + 1)) == 0;
}

void DeviceDirectoryTable::set(std::uint32_t device_id, const DeviceContext& context) {
  const unsigned leaf_bits = device_id_bits(capabilities_, IommuMode::one_level);
  Addr table = root_;
  for (unsigned level = levels_ - 1; level > 0; --level) {
    const std::uint32_t index = device_id >> (leaf_bits + 9 * (level - 1)) & 0x1ff;
    table = table_below(table + index * kEntryBytes, store_, frames_);
  }
  const std::array<std::uint64_t, 8> words{context.tc,
                                           context.iohgatp,
                                           context.ta,
                                           context.fsc,
                                           context.msiptp,
                                           context.msi_addr_mask,
                                           context.msi_addr_pattern,
                                           context.reserved};
  const unsigned count = DeviceContext::words(capabilities_);
  const Addr place = table + (device_id & low_mask(leaf_bits)) * count * sizeof(std::uint64_t);
  if (!context.valid()) store_.write(place, context.tc);
  for (unsigned word = count; word-- > 0;) store_.write(place + word * sizeof(std::uint64_t), words[word]);
}

ProcessDirectoryTable::ProcessDirectoryTable(unsigned bits, ByteStore& store, FrameSource& frames)
    : bits_(bits), store_(store), frames_(frames), root_(cleared_frames(store, frames, kPageBytes)) {}

std::uint64_t ProcessDirectoryTable::pdtp() const {
  return std::uint64_t{process_levels(bits_)} << 60 | root_ >> kPageShift;
}

void ProcessDirectoryTable::set(std::uint32_t process_id, const ProcessContext& context) {
  Addr table = root_;
  for (unsigned level = process_levels(bits_) - 1; level > 0; --level) {
    const std::uint32_t index = process_id >> (kProcessLeafBits + 9 * (level - 1)) & 0x1ff;
    table = table_below(table + index * kEntryBytes, store_, frames_);
  }
  const Addr place = table + (process_id & low_mask(kProcessLeafBits)) * kProcessContextBytes;
  if (!context.valid()) store_.write(place, context.ta);
  store_.write(place + sizeof(std::uint64_t), context.fsc);
  store_.write(place, context.ta);
}

}  // namespace pagoda

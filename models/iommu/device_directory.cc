// "Process to locate the Device-context": the walk of the device directory.
#include "pagoda/iommu/iommu_translator.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kCustomControl = std::uint64_t{0xff} << 24;  // of DC.tc

}  // namespace

IommuCause load_words(IommuMemory& memory, Addr address, std::span<std::uint64_t> words, IommuCause denied,
                      IommuCause corrupt) {
  switch (memory.load(address, words)) {
    case FaultCause::none: return IommuCause::none;
    case FaultCause::poison: return corrupt;
    default: return denied;
  }
}

IommuCause find_device(const IommuSetup& setup, std::uint32_t id, IommuMemory& memory, DeviceContext& found) {
  const bool extended = setup.capabilities.msi_flat();
  const unsigned leaf_bits = extended ? 6 : 7;
  const std::array<std::uint32_t, 3> index{id & ((1u << leaf_bits) - 1), id >> leaf_bits & 0x1ff,
                                           id >> (leaf_bits + 9)};
  const unsigned levels = setup.directory.levels();
  for (unsigned level = levels; level < index.size(); ++level) {
    if (index[level] != 0) return IommuCause::type_disallowed;
  }
  if (const DeviceContext* known = memory.find_device(id)) {
    found = *known;
    return IommuCause::none;
  }
  Addr table = setup.directory.root;
  for (unsigned level = levels - 1; level > 0; --level) {
    DirectoryEntry entry;
    const IommuCause cause = load_words(memory, table + index[level] * 8, {&entry.value, 1},
                                        IommuCause::ddt_load_access_fault, IommuCause::ddt_corrupt);
    if (cause != IommuCause::none) return cause;
    if (!entry.valid()) return IommuCause::ddt_entry_invalid;
    if (entry.misconfigured()) return IommuCause::ddt_entry_misconfigured;
    table = entry.table();
  }
  std::array<std::uint64_t, 8> words{};
  const std::span<std::uint64_t> used(words.data(), DeviceContext::words(setup.capabilities));
  const IommuCause cause = load_words(memory, table + index[0] * used.size_bytes(), used,
                                      IommuCause::ddt_load_access_fault, IommuCause::ddt_corrupt);
  if (cause != IommuCause::none) return cause;
  DeviceContext device = DeviceContext::of(used);
  if (!setup.custom_formats) device.tc &= ~kCustomControl;
  if (!device.valid()) return IommuCause::ddt_entry_invalid;
  if (device.misconfigured(setup)) return IommuCause::ddt_entry_misconfigured;
  found = device;
  memory.keep_device(id, device);
  return IommuCause::none;
}

}  // namespace pagoda

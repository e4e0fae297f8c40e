#include "pagoda/paging/family_ept.h"

namespace pagoda::ept {
namespace {

// SDM vol. 3A, table "Effective Page-Level Memory Types": what a range type (here the EPT type) makes of a PAT type.
MemoryType effective_type(MemoryType range, MemoryType pat) {
  using enum MemoryType;
  if (pat == uncached || pat == write_combining) return pat;
  switch (range) {
    case write_back: return pat == uncached_minus ? uncached : pat;
    case write_protected: return pat == uncached_minus ? write_combining : pat == write_back ? range : pat;
    case write_through: return pat == uncached_minus ? uncached : pat == write_back ? range : pat;
    case write_combining: return pat == write_through || pat == write_protected ? uncached : range;
    default: return uncached;
  }
}

}  // namespace

std::uint64_t encode_table(Addr table) {
  // Permissive, and accessed as KVM makes them; without accessed and dirty flags that bit is ignored.
  return table | 1U << kRead | 1U << kWrite | 1U << kExecute | 1U << kExecuteUser | 1U << kAccessed;
}

std::optional<std::uint64_t> encode_leaf(const EptControls& controls, unsigned level, const LeafSpec& leaf) {
  const bool execute = has(leaf.rights, Rights::execute_supervisor);
  const bool execute_user = has(leaf.rights, Rights::execute);
  if (!controls.mode_based_execute && execute != execute_user) return {};
  const MemoryType wanted = leaf.memory_type == MemoryType::platform ? MemoryType::write_back : leaf.memory_type;
  for (unsigned type = 0; type < kTypes.size(); ++type) {
    if (!type_defined(type) || kTypes[type] != wanted) continue;
    std::uint64_t value = leaf.address | leaf.extra | type << kTypeLow | bit_if(level > 0, kPageSize);
    value |= bit_if(has(leaf.rights, Rights::read), kRead) | bit_if(has(leaf.rights, Rights::write), kWrite);
    value |= bit_if(execute, kExecute) | bit_if(execute_user && controls.mode_based_execute, kExecuteUser);
    const bool present = execute || execute_user || (value & 3U) != 0;
    if (!present || misconfigured_rights(controls, value)) return {};
    return controls.accessed_dirty ? with_flags(value, leaf.rights) : value;
  }
  return {};
}

MemoryType combine(MemoryType earlier, MemoryType own, std::uint64_t leaf) {
  if (bit(leaf, kIgnorePat)) return own;
  // With paging off in the guest the PAT type is write-back (SDM vol. 3C, "Memory Type Used for Translated
  // Guest-Physical Addresses").
  return effective_type(own, earlier == MemoryType::platform ? MemoryType::write_back : earlier);
}

}  // namespace pagoda::ept

#include "pagoda/paging/family_x86.h"

namespace pagoda::x86 {

std::uint64_t encode_table(Addr table) {
  // Permissive: the leaves decide. Accessed, so that the processor need not write it as it walks, as Linux makes them.
  return table | 1U << kPresent | 1U << kWrite | 1U << kUser | 1U << kAccessed;
}

std::optional<std::uint64_t> encode_leaf(const StageControls& controls, unsigned level, const LeafSpec& leaf) {
  const bool execute = has(leaf.rights, Rights::execute);
  if (!has(leaf.rights, Rights::read) || execute != has(leaf.rights, Rights::execute_supervisor)) return {};
  if (!execute && !controls.x86.nxe) return {};
  const MemoryType wanted = leaf.memory_type == MemoryType::platform ? MemoryType::write_back : leaf.memory_type;
  for (unsigned index = 0; index < kPatTypes.size(); ++index) {
    if (pat_type(controls.x86, index) != wanted) continue;
    std::uint64_t value = leaf.address | leaf.extra | 1U << kPresent;
    value |= bit_if(bit(index, 0), kWriteThrough) | bit_if(bit(index, 1), kCacheDisable);
    value |= bit_if(bit(index, 2), pat_bit(level)) | bit_if(level > 0, kPageSize);
    value |= bit_if(has(leaf.rights, Rights::write), kWrite) | bit_if(has(leaf.rights, Rights::user), kUser);
    value |= bit_if(has(leaf.rights, Rights::global), kGlobal) | bit_if(!execute, kExecuteDisable);
    return with_flags(value, leaf.rights);
  }
  return {};
}

}  // namespace pagoda::x86

#include "pagoda/paging/family_riscv.h"

namespace pagoda::riscv {

std::uint64_t encode_table(Addr table) { return table >> 2 | 1U << kValid; }

std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const RiscvControls& controls,
                                         const LeafSpec& leaf) {
  const bool execute = has(leaf.rights, Rights::execute);
  const bool read = has(leaf.rights, Rights::read);
  const bool write = has(leaf.rights, Rights::write);
  if (execute != has(leaf.rights, Rights::execute_supervisor)) return {};
  if ((!read && !execute) || (write && !read)) return {};
  std::uint64_t value = leaf.address >> format.address_shift | leaf.extra | 1U << kValid;
  if (leaf.group) value = (value & ~kNapotFrameBits) | kNapot64K | 1ULL << kNapot;
  value |= bit_if(read, kRead) | bit_if(write, kWrite) | bit_if(execute, kExecute) |
           bit_if(has(leaf.rights, Rights::user), kUser) | bit_if(has(leaf.rights, Rights::global), kGlobal);
  if (leaf.memory_type != MemoryType::platform && leaf.memory_type != MemoryType::write_back) {
    const bool non_cacheable = leaf.memory_type == MemoryType::non_cacheable;
    if (!controls.pbmte || (!non_cacheable && leaf.memory_type != MemoryType::io)) return {};
    value |= (non_cacheable ? 1ULL : 2ULL) << kPbmt;
  }
  return with_flags(value, leaf.rights);
}

}  // namespace pagoda::riscv

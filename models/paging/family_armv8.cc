#include "pagoda/paging/family_armv8.h"

namespace pagoda::armv8 {
namespace {

constexpr unsigned kInnerShareable = 3;

bool is_device(MemoryType type) { return type >= MemoryType::device_gre; }

std::optional<unsigned> attribute_index(const ArmControls& controls, MemoryType type) {
  for (unsigned index = 0; index < 8; ++index) {
    if (mair_type(controls.mair, index) == type) return index;
  }
  return {};
}

std::optional<unsigned> stage2_attribute(const ArmControls& controls, MemoryType type) {
  // With FWB the field says what stage 2 makes of stage 1's type: 6 forces write-back (D8.6, "stage 2 memory
  // attributes with FEAT_S2FWB").
  if (controls.fwb && type == MemoryType::write_back) return 6;
  for (unsigned attribute = 0; attribute < 16; ++attribute) {
    const bool inner_equals_outer = attribute < 4 || attribute >> 2 == (attribute & 3U);
    if (inner_equals_outer && stage2_type(attribute) == type && !(controls.fwb && attribute > 3)) return attribute;
  }
  return {};
}

}  // namespace

std::uint64_t encode_table(Addr table) { return table | 1U << kValid | 1U << kTableOrPage; }

std::optional<std::uint64_t> encode_leaf(const PageFormat& format, const ArmControls& controls, unsigned level,
                                         const LeafSpec& leaf) {
  const bool write = has(leaf.rights, Rights::write);
  // Without hardware-managed dirty state a writable entry is a dirty one.
  const bool written = write && (has(leaf.rights, Rights::dirty) || !controls.hd);
  const bool execute = has(leaf.rights, Rights::execute);
  const bool execute_supervisor = has(leaf.rights, Rights::execute_supervisor);
  const MemoryType type = leaf.memory_type == MemoryType::platform ? MemoryType::write_back : leaf.memory_type;
  std::uint64_t value = leaf.address | leaf.extra | 1U << kValid | kInnerShareable << kShareable;
  value |= bit_if(level == 0, kTableOrPage) | bit_if(leaf.group, kContiguous) | bit_if(write, kDirtyModifier) |
           bit_if(has(leaf.rights, Rights::accessed), kAccessFlag);
  if (format.family == Family::armv8_stage1) {
    const std::optional<unsigned> index = attribute_index(controls, type);
    if (!index || !has(leaf.rights, Rights::read)) return {};
    value |= std::uint64_t{*index} << kAttributes | bit_if(has(leaf.rights, Rights::user), kAccessibleByEl0) |
             bit_if(!written, kReadOnly) | bit_if(!has(leaf.rights, Rights::global), kNotGlobal) |
             bit_if(!execute, kUxn) | bit_if(!execute_supervisor, kPxn);
    return value;
  }
  const std::optional<unsigned> attribute = stage2_attribute(controls, type);
  if (!attribute) return {};
  const std::uint64_t xn = execute ? (execute_supervisor ? 0U : 1U) : (execute_supervisor ? 3U : 2U);
  return value | std::uint64_t{*attribute} << kAttributes | bit_if(has(leaf.rights, Rights::read), kS2Read) |
         bit_if(written, kS2Write) | xn << kS2Xn;
}

MemoryType combine(const ArmControls& controls, MemoryType earlier, MemoryType own, std::uint64_t leaf) {
  if (!controls.fwb) return stricter(earlier, own);
  const unsigned attribute = memory_attribute(leaf);
  switch (attribute) {
    case 7: return earlier;
    case 6: return MemoryType::write_back;
    case 5: return is_device(earlier) ? earlier : MemoryType::non_cacheable;
    default: return attribute < 4 ? own : MemoryType::device_ngnrne;
  }
}

}  // namespace pagoda::armv8

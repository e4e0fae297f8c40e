// Page-table formats as data: how many levels, which address bits index them, where entries keep their frame, which
// levels may hold leaves and which bits must be zero. What a value in such an entry means is in page_entry.h.
//
// Formats and their sources:
//   x86-64-4, x86-64-5        Intel SDM vol. 3A, 4.5 (4-level and 5-level paging); AMD APM vol. 2, 5.3
//   ept-4, ept-5              Intel SDM vol. 3C, "The Extended Page Table Mechanism (EPT)"
//   sv39, sv48, sv57          RISC-V Privileged Architecture, Sv39/Sv48/Sv57, Svnapot, Svpbmt, Svadu, Svrsw60t59b
//   sv39x4, sv48x4, sv57x4    RISC-V Privileged Architecture, hypervisor extension, guest address translation
//   armv8-s1, armv8-s2        Arm ARM (DDI 0487) chapter D8, VMSAv8-64, 4 KiB granule, 48-bit output addresses
//
// Not modelled: 32-bit formats, Arm's 16 and 64 KiB granules, 52-bit Arm addresses (LPA2) and security states.
//
// Levels count from the last one: level 0 maps 4 KiB pages, level 1 2 MiB, level 2 1 GiB, and so on. Arm numbers them
// the other way round; arm_level() in fault_encoding.h converts.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "pagoda/base/access.h"

namespace pagoda {

inline constexpr unsigned kPageShift = 12;
inline constexpr std::uint64_t kPageBytes = std::uint64_t{1} << kPageShift;
/// The page sizes that every format has, the largest first.
inline constexpr std::array<unsigned, 3> kPageShifts{30, 21, kPageShift};
inline constexpr unsigned kIndexBits = 9;
inline constexpr unsigned kEntryBytes = 8;
inline constexpr int kMaxLevels = 5;

/// `bits` low ones.
constexpr std::uint64_t low_mask(unsigned bits) { return bits >= 64 ? ~0ULL : (1ULL << bits) - 1; }
/// Ones from bit `high` down to bit `low`, both included.
constexpr std::uint64_t bit_range(unsigned high, unsigned low) { return low_mask(high + 1) & ~low_mask(low); }
/// Bits `high` to `low` of a word, and one of its bits.
constexpr std::uint64_t bit_field(std::uint64_t word, unsigned high, unsigned low) {
  return word >> low & low_mask(high - low + 1);
}
constexpr bool bit_of(std::uint64_t word, unsigned index) { return (word >> index & 1) != 0; }

/// Whose rules an entry follows.
enum class Family : std::uint8_t { x86, ept, riscv, riscv_guest, armv8_stage1, armv8_stage2 };

/// What the input address must look like above the translated bits.
enum class InputForm : std::uint8_t {
  sign_extended,  ///< copies of the top translated bit
  zero_extended,  ///< zeros
  two_ranges      ///< Arm stage 1: all zeros use the root, all ones the upper root
};

struct PageFormat {
  Family family;
  InputForm input_form;
  std::uint8_t levels;           ///< the root is at level levels - 1
  std::uint8_t input_bits;       ///< translated bits of the input address
  std::uint8_t root_index_bits;  ///< 9, or 11 for x4 roots, or what is left for Arm (up to 13: concatenated tables)
  std::uint8_t leaf_levels;      ///< bit l set: level l may hold leaves
  /// Bit l set: a leaf of level l gets its accessed flag even if its rights then refuse the access. The x86 manual
  /// leaves open whether such an entry has been used (SDM vol. 3A, 4.8).
  std::uint8_t accessed_if_refused;
  std::uint8_t address_shift;  ///< the frame field's value is shifted left by this to become an address
  Addr address_mask;           ///< where an entry keeps its frame
  Addr software_mask;          ///< bits that hardware ignores and leaves to software, in every kind of entry
  Addr attribute_mask;         ///< leaf bits with a meaning to hardware that Entry and LeafSpec have no field for
  std::array<Addr, kMaxLevels> reserved_table;  ///< bits that must be zero in an entry that points to a table ...
  std::array<Addr, kMaxLevels> reserved_leaf;   ///< ... and in a leaf; feature and width dependent ones come on top
  std::array<char, 16> name_text;

  std::string_view name() const { return name_text.data(); }

  /// Input bits below the index of this level: log2 of what one entry covers.
  static constexpr unsigned shift(unsigned level) { return kPageShift + kIndexBits * level; }
  constexpr unsigned root_level() const { return levels - 1U; }
  constexpr unsigned index_bits(unsigned level) const { return level == root_level() ? root_index_bits : kIndexBits; }
  constexpr Addr index(unsigned level, Addr input) const {
    return (input >> shift(level)) & low_mask(index_bits(level));
  }
  constexpr Addr entry_address(unsigned level, Addr table, Addr input) const {
    return table + index(level, input) * kEntryBytes;
  }
  /// The same below the root, where all tables are alike.
  static constexpr Addr inner_entry_address(unsigned level, Addr table, Addr input) {
    return table + (input >> shift(level) & low_mask(kIndexBits)) * kEntryBytes;
  }
  constexpr bool leaf_allowed(unsigned level) const { return (leaf_levels >> level & 1U) != 0; }
  /// Bytes of the root table, which is aligned to its size.
  constexpr std::uint64_t root_bytes() const { return std::uint64_t{kEntryBytes} << root_index_bits; }
  /// True if the input address lies within what the format translates.
  constexpr bool accepts(Addr input) const {
    const unsigned unused = 64U - input_bits;
    switch (input_form) {
      case InputForm::sign_extended:
        return static_cast<Addr>(static_cast<std::int64_t>(input << unused) >> unused) == input;
      case InputForm::zero_extended: return input >> input_bits == 0;
      case InputForm::two_ranges: return input >> input_bits == 0 || input >> input_bits == low_mask(unused);
    }
    return false;
  }
};

/// The format of that name, or nullptr. Besides the names of page_format_names(), `armv8-s1-N` and `armv8-s2-N` are
/// known for an input size of N = 25 to 48 bits, and `armv8-s2-N-lL` for a walk that starts at Arm level L = 0 to 2
/// (with up to 16 concatenated root tables); without `-lL` stage 2 starts at the lowest level that needs no more than
/// one root table. `armv8-s1` and `armv8-s2` are the 48-bit ones.
const PageFormat* find_page_format(std::string_view name);

/// The names of the main formats, separated by commas, for messages and lists.
std::string page_format_names();

}  // namespace pagoda

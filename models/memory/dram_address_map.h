// Which bits of a physical address select the channel, rank, bank group, bank, row and column of a DRAM.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pagoda/base/access.h"
#include "pagoda/memory/dram_config.h"

namespace pagoda {

/// Where a burst lies. `column` counts bursts of a row, not beats.
struct DramAddress {
  std::uint32_t channel = 0;
  std::uint32_t rank = 0;
  std::uint32_t bank_group = 0;
  std::uint32_t bank = 0;  ///< in its bank group
  std::uint32_t row = 0;
  std::uint32_t column = 0;

  bool operator==(const DramAddress&) const = default;
};

/// A one-to-one map between burst numbers (address divided by the burst's bytes) and DRAM addresses.
///
/// The map is a text of fields from the most to the least significant bits, separated by colons: `channel`,
/// `rank`, `bankgroup`, `bank`, `row`, `column`. A field may occur several times, its parts from most to
/// least significant; all parts but one say how many bits they have, as in
/// `row:bank:column:bankgroup:column*1`. The bytes within a burst lie below all fields. Addresses wrap at the
/// capacity.
class DramAddressMap {
 public:
  /// The map must be right: see mapping_problem().
  explicit DramAddressMap(const DramOrganisation& organisation);

  DramAddress decode(Addr address) const;
  /// The address of the first byte of a burst.
  Addr encode(const DramAddress& where) const;
  int burst_shift() const { return burst_shift_; }

  /// What is wrong with the organisation's mapping text, if its other figures are right.
  static std::optional<std::string> mapping_problem(const DramOrganisation& organisation);

 private:
  enum Field : std::uint8_t { channel, rank, bank_group, bank, row, column };
  static constexpr int kFields = 6;
  struct Piece {
    Field field;
    std::uint8_t from;  ///< lowest bit in the address
    std::uint8_t to;    ///< lowest bit in the field
    std::uint8_t bits;
  };

  static std::array<int, kFields> field_bits(const DramOrganisation& organisation);
  static std::optional<std::string> parse(const DramOrganisation& organisation, std::vector<Piece>& pieces);
  void hash_banks(DramAddress& where) const;

  std::vector<Piece> pieces_;
  int burst_shift_ = 0;
  std::uint32_t bank_mask_ = 0;
  std::uint32_t bank_group_mask_ = 0;
  int bank_bits_ = 0;
  bool hash_ = false;
};

}  // namespace pagoda

// Which bits of a physical address select the channel, rank, bank group, bank, row and column of a DRAM.
#pragma once

#include <array>
#include <bit>
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
  /// What the scheduler needs of a DramAddress, quicker to find: the banks of a channel are numbered, from the most
  /// significant bits, by rank, bank and bank group.
  struct Place {
    std::uint32_t channel;
    std::uint32_t bank;
    std::uint32_t row;
  };

  /// The map must be right: see mapping_problem().
  explicit DramAddressMap(const DramOrganisation& organisation);

  Place place(Addr address) const {
    const std::uint64_t packed = gather(place_pieces_, address);
    Place place{.channel = static_cast<std::uint32_t>(packed & channel_mask_),
                .bank = static_cast<std::uint32_t>((packed >> channel_bits_) & banks_mask_),
                .row = static_cast<std::uint32_t>(packed >> row_shift_)};
    if (hash_) place.bank = hashed(place.bank, place.row);
    return place;
  }
  DramAddress decode(Addr address) const;
  /// The address of the first byte of a burst.
  Addr encode(const DramAddress& where) const;
  /// The rank, bank group and bank that a bank number of place() stands for.
  DramAddress bank_address(std::uint32_t bank) const;

  int burst_shift() const { return burst_shift_; }

  /// What is wrong with the organisation's mapping text, if its other figures are right.
  static std::optional<std::string> mapping_problem(const DramOrganisation& organisation);

 private:
  static constexpr std::size_t kFields = 6;
  /// Bits that stay together: from an address to a packed place (row, rank, bank, bank group and channel, the
  /// channel lowest) or to a column.
  struct Piece {
    std::uint64_t mask;  ///< its bits in the address
    int turn;            ///< by how much the address is rotated to the right to bring them where they go
  };
  struct Part {
    std::size_t field;
    int bits;  ///< -1: what the other parts leave
  };

  static std::array<int, kFields> field_bits(const DramOrganisation& organisation);
  static std::optional<std::string> parse(const DramOrganisation& organisation, std::vector<Part>& parts);
  static std::optional<std::string> parse_part(std::string_view text, Part& part);
  static std::uint64_t low_bits(int count) { return (std::uint64_t{1} << count) - 1; }
  static std::uint32_t field_of(std::uint64_t bits, int from, int count) {
    return static_cast<std::uint32_t>((bits >> from) & low_bits(count));
  }
  static std::uint64_t gather(const std::vector<Piece>& pieces, Addr address) {
    std::uint64_t value = 0;
    for (const Piece& piece : pieces) value |= std::rotr(address & piece.mask, piece.turn);
    return value;
  }
  static Addr scatter(const std::vector<Piece>& pieces, std::uint64_t value);
  std::uint32_t hashed(std::uint32_t bank, std::uint32_t row) const;

  std::vector<Piece> place_pieces_;
  std::vector<Piece> column_pieces_;
  int burst_shift_;
  int channel_bits_;
  int group_bits_;
  int bank_bits_;
  int row_shift_;  ///< in a packed place: bits of channel, rank, bank and bank group together
  std::uint64_t channel_mask_;
  std::uint64_t banks_mask_;
  bool hash_;
};

}  // namespace pagoda

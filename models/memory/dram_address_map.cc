#include "pagoda/memory/dram_address_map.h"

#include <bit>
#include <charconv>

#include <fmt/format.h>

namespace pagoda {
namespace {

// The order in which they are packed into a place, from the lowest bits; the column is not part of it.
enum Field : std::size_t { channel, bank_group, bank, rank, row, column };
constexpr std::array<std::string_view, 6> kFieldNames{"channel", "bankgroup", "bank", "rank", "row", "column"};

int log2(std::uint64_t power_of_two) { return std::countr_zero(power_of_two); }

}  // namespace

std::array<int, DramAddressMap::kFields> DramAddressMap::field_bits(const DramOrganisation& organisation) {
  return {log2(organisation.channels), log2(organisation.bank_groups),
          log2(organisation.banks),    log2(organisation.ranks),
          log2(organisation.rows),     log2(organisation.columns / organisation.burst_length)};
}

/// One `name` or `name*bits` of a mapping.
std::optional<std::string> DramAddressMap::parse_part(std::string_view text, Part& part) {
  const std::size_t star = text.find('*');
  const std::string_view name = text.substr(0, star);
  part = {.field = 0, .bits = -1};
  while (part.field < kFields && kFieldNames[part.field] != name) ++part.field;
  if (part.field == kFields) return fmt::format("`{}` is no field", name);
  if (star == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(star + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), part.bits);
  if (error != std::errc{} || end != digits.data() + digits.size() || part.bits < 0 || part.bits > 63) {
    return fmt::format("`{}` is no number of bits", digits);
  }
  return std::nullopt;
}

/// The parts of a mapping from the most significant on, all with their number of bits.
std::optional<std::string> DramAddressMap::parse(const DramOrganisation& organisation, std::vector<Part>& parts) {
  std::string_view rest = organisation.mapping;
  for (std::size_t colon = 0; colon != std::string_view::npos;) {
    colon = rest.find(':');
    Part part{};
    if (auto problem = parse_part(rest.substr(0, colon), part)) return problem;
    parts.push_back(part);
    if (colon != std::string_view::npos) rest.remove_prefix(colon + 1);
  }
  const std::array<int, kFields> wanted = field_bits(organisation);
  for (std::size_t field = 0; field < kFields; ++field) {
    int given = 0;
    Part* open = nullptr;
    for (Part& part : parts) {
      if (part.field != field) continue;
      if (part.bits >= 0) {
        given += part.bits;
      } else if (open != nullptr) {
        return fmt::format("`{}` has more than one part without a width", kFieldNames[field]);
      } else {
        open = &part;
      }
    }
    if (given > wanted[field] || (open == nullptr && given < wanted[field])) {
      return fmt::format("`{}` has {} bits, the organisation {}", kFieldNames[field], given, wanted[field]);
    }
    if (open != nullptr) open->bits = wanted[field] - given;
  }
  return std::nullopt;
}

std::optional<std::string> DramAddressMap::mapping_problem(const DramOrganisation& organisation) {
  std::vector<Part> parts;
  return parse(organisation, parts);
}

DramAddressMap::DramAddressMap(const DramOrganisation& organisation)
    : burst_shift_(log2(burst_bytes(organisation))),
      channel_bits_(log2(organisation.channels)),
      group_bits_(log2(organisation.bank_groups)),
      bank_bits_(log2(organisation.banks)),
      row_shift_(channel_bits_ + group_bits_ + bank_bits_ + log2(organisation.ranks)),
      channel_mask_(low_bits(channel_bits_)),
      banks_mask_(low_bits(row_shift_ - channel_bits_)),
      hash_(organisation.bank_hash) {
  std::vector<Part> parts;
  parse(organisation, parts);
  const std::array<int, kFields> bits = field_bits(organisation);
  std::array<int, kFields> to{};  // where the next part of each field goes
  for (std::size_t field = bank_group; field < column; ++field) to[field] = to[field - 1] + bits[field - 1];
  int from = burst_shift_;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    std::vector<Piece>& pieces = part->field == column ? column_pieces_ : place_pieces_;
    const Piece piece{low_bits(part->bits) << from, from - to[part->field]};
    if (!pieces.empty() && pieces.back().turn == piece.turn) {
      pieces.back().mask |= piece.mask;
    } else if (part->bits > 0) {
      pieces.push_back(piece);
    }
    from += part->bits;
    to[part->field] += part->bits;
  }
}

Addr DramAddressMap::scatter(const std::vector<Piece>& pieces, std::uint64_t value) {
  Addr address = 0;
  for (const Piece& piece : pieces) address |= std::rotl(value, piece.turn) & piece.mask;
  return address;
}

/// The low row bits turn the bank, the next ones the bank group. Its own inverse, because the row does not change.
std::uint32_t DramAddressMap::hashed(std::uint32_t bank, std::uint32_t row) const {
  return bank ^ (field_of(row, 0, bank_bits_) << group_bits_) ^ field_of(row, bank_bits_, group_bits_);
}

DramAddress DramAddressMap::bank_address(std::uint32_t bank) const {
  return {.channel = 0,
          .rank = bank >> (bank_bits_ + group_bits_),
          .bank_group = field_of(bank, 0, group_bits_),
          .bank = field_of(bank, group_bits_, bank_bits_),
          .row = 0,
          .column = 0};
}

DramAddress DramAddressMap::decode(Addr address) const {
  const Place at = place(address);
  DramAddress where = bank_address(at.bank);
  where.channel = at.channel;
  where.row = at.row;
  where.column = static_cast<std::uint32_t>(gather(column_pieces_, address));
  return where;
}

Addr DramAddressMap::encode(const DramAddress& where) const {
  std::uint32_t bank = (((where.rank << bank_bits_) | where.bank) << group_bits_) | where.bank_group;
  if (hash_) bank = hashed(bank, where.row);
  const std::uint64_t packed =
      (std::uint64_t{where.row} << row_shift_) | (std::uint64_t{bank} << channel_bits_) | where.channel;
  return scatter(place_pieces_, packed) | scatter(column_pieces_, where.column);
}

}  // namespace pagoda

#include "pagoda/memory/dram_address_map.h"

#include <bit>
#include <charconv>

#include <fmt/format.h>

namespace pagoda {
namespace {

constexpr std::array<std::string_view, 6> kFieldNames{"channel", "rank", "bankgroup",
                                                      "bank",    "row",  "column"};

int log2(std::uint64_t power_of_two) { return std::countr_zero(power_of_two); }

struct Part {
  std::size_t field;
  int bits;  // -1: what the other parts leave
};

/// One `name` or `name*bits` of a mapping.
std::optional<std::string> parse_part(std::string_view text, Part& part) {
  const std::size_t star = text.find('*');
  const std::string_view name = text.substr(0, star);
  part.field = 0;
  while (part.field < kFieldNames.size() && kFieldNames[part.field] != name) ++part.field;
  if (part.field == kFieldNames.size()) return fmt::format("`{}` is no field", name);
  part.bits = -1;
  if (star == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(star + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), part.bits);
  if (error != std::errc{} || end != digits.data() + digits.size() || part.bits < 0 || part.bits > 63) {
    return fmt::format("`{}` is no number of bits", digits);
  }
  return std::nullopt;
}

}  // namespace

std::array<int, DramAddressMap::kFields> DramAddressMap::field_bits(const DramOrganisation& organisation) {
  return {log2(organisation.channels),    log2(organisation.ranks),
          log2(organisation.bank_groups), log2(organisation.banks),
          log2(organisation.rows),        log2(organisation.columns / organisation.burst_length)};
}

std::optional<std::string> DramAddressMap::parse(const DramOrganisation& organisation,
                                                 std::vector<Piece>& pieces) {
  const std::array<int, kFields> wanted = field_bits(organisation);
  std::array<int, kFields> given{};
  std::array<int, kFields> open{};
  std::vector<Part> parts;
  std::string_view rest = organisation.mapping;
  while (true) {
    const std::size_t colon = rest.find(':');
    Part part{};
    if (auto problem = parse_part(rest.substr(0, colon), part)) return problem;
    if (part.bits < 0) {
      ++open[part.field];
    } else {
      given[part.field] += part.bits;
    }
    parts.push_back(part);
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  for (std::size_t field = 0; field < kFields; ++field) {
    if (open[field] > 1)
      return fmt::format("`{}` has more than one part without a width", kFieldNames[field]);
    const bool fits = open[field] == 1 ? given[field] <= wanted[field] : given[field] == wanted[field];
    if (!fits) {
      return fmt::format("`{}` has {} bits, the organisation has {}", kFieldNames[field], given[field],
                         wanted[field]);
    }
  }
  auto from = static_cast<std::uint8_t>(log2(burst_bytes(organisation)));
  std::array<std::uint8_t, kFields> done{};
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    const std::size_t field = part->field;
    const auto bits = static_cast<std::uint8_t>(part->bits < 0 ? wanted[field] - given[field] : part->bits);
    if (bits != 0) pieces.push_back({static_cast<Field>(field), from, done[field], bits});
    from = static_cast<std::uint8_t>(from + bits);
    done[field] = static_cast<std::uint8_t>(done[field] + bits);
  }
  return std::nullopt;
}

std::optional<std::string> DramAddressMap::mapping_problem(const DramOrganisation& organisation) {
  std::vector<Piece> pieces;
  return parse(organisation, pieces);
}

DramAddressMap::DramAddressMap(const DramOrganisation& organisation)
    : burst_shift_(log2(burst_bytes(organisation))),
      bank_mask_(organisation.banks - 1),
      bank_group_mask_(organisation.bank_groups - 1),
      bank_bits_(log2(organisation.banks)),
      hash_(organisation.bank_hash) {
  parse(organisation, pieces_);
}

/// Its own inverse, because the row is not changed.
void DramAddressMap::hash_banks(DramAddress& where) const {
  where.bank ^= where.row & bank_mask_;
  where.bank_group ^= (where.row >> bank_bits_) & bank_group_mask_;
}

DramAddress DramAddressMap::decode(Addr address) const {
  std::array<std::uint32_t, kFields> value{};
  for (const Piece& piece : pieces_) {
    const std::uint64_t bits = (address >> piece.from) & ((std::uint64_t{1} << piece.bits) - 1);
    value[piece.field] |= static_cast<std::uint32_t>(bits << piece.to);
  }
  DramAddress where{value[channel], value[rank], value[bank_group], value[bank], value[row], value[column]};
  if (hash_) hash_banks(where);
  return where;
}

Addr DramAddressMap::encode(const DramAddress& where) const {
  DramAddress plain = where;
  if (hash_) hash_banks(plain);
  const std::array<std::uint32_t, kFields> value{plain.channel, plain.rank, plain.bank_group,
                                                 plain.bank,    plain.row,  plain.column};
  Addr address = 0;
  for (const Piece& piece : pieces_) {
    const std::uint64_t bits = (value[piece.field] >> piece.to) & ((std::uint64_t{1} << piece.bits) - 1);
    address |= bits << piece.from;
  }
  return address;
}

}  // namespace pagoda

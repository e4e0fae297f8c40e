#include "pagoda/iommu/bundle_tables.h"

#include <algorithm>
#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace {

constexpr unsigned kWordBytes = 8;
constexpr unsigned kRightsBits = 2;

std::uint64_t whole_words(std::uint64_t bytes) { return (bytes + kWordBytes - 1) / kWordBytes * kWordBytes; }

// Bytes for so many fields of two bits.
std::uint64_t rights_bytes(std::uint64_t fields) { return (fields * kRightsBits + 7) / 8; }

TableField field_at(Addr table, std::uint64_t first_bit, unsigned bits) {
  const Addr byte = table + first_bit / 8;
  const Addr word = byte / kWordBytes * kWordBytes;
  return {word, static_cast<std::uint8_t>((byte - word) * 8 + first_bit % 8), static_cast<std::uint8_t>(bits)};
}

}  // namespace

PageNumbers PageNumbers::common(const PageNumbers& other) const {
  const Addr from = std::max(first, other.first);
  const Addr to = std::min(end(), other.end());
  return {from, to > from ? to - from : 0};
}

TableField BundleLayout::id_field(Addr page) const {
  return field_at(ids, (page - pages.range.first) * id_bits, id_bits);
}

TableField BundleLayout::rights_field(BundleId bundle, std::uint32_t device) const {
  return field_at(row(bundle), std::uint64_t{device} * kRightsBits, kRightsBits);
}

std::uint64_t BundleLayout::row_bytes() const {
  const std::uint64_t bytes = rights_bytes(devices);
  return bytes <= kWordBytes ? std::bit_ceil(bytes) : whole_words(bytes);
}

std::uint64_t BundleLayout::table1_bytes() const { return whole_words(pages.range.count * (id_bits / 8)); }

std::uint64_t BundleLayout::table2_bytes() const { return whole_words(bundles * row_bytes()); }

TableField PermissionLayout::rights_field(Addr page, std::uint32_t device) const {
  return field_at(table(device), (page - pages.range.first) * kRightsBits, kRightsBits);
}

std::uint64_t PermissionLayout::bytes_per_device() const { return whole_words(rights_bytes(pages.range.count)); }

BundleLayout BundleFormat::layout(Addr base, std::uint64_t memory, std::uint32_t devices) const {
  BundleLayout layout;
  layout.pages.page_shift = static_cast<unsigned>(std::countr_zero(page_size.count));
  layout.pages.range = {base / page_size.count, memory / page_size.count};
  layout.id_bits = id_bits;
  layout.bundles = bundles;
  layout.devices = devices;
  return layout;
}

const ConfigInfo& BundleFormat::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<BundleFormat>("bundle tables", "The shape of the tables of bundle access control.")
          .field("id_bits", &BundleFormat::id_bits, "width of a bundle id: 8, 16 or 32", in_range(8, 32))
          .field("bundles", &BundleFormat::bundles, "rows of table 2; bundle 0 means no access", in_range(2u, 1u << 31))
          .field("page_size", &BundleFormat::page_size, "memory that has one bundle id")
          .check([](const BundleFormat& f) -> std::optional<ConfigProblem> {
            if (f.id_bits == 8 || f.id_bits == 16 || f.id_bits == 32) return std::nullopt;
            return ConfigProblem{"id_bits", fmt::format("{} is no width of a bundle id", f.id_bits),
                                 "allowed: 8, 16 or 32"};
          })
          .check([](const BundleFormat& f) -> std::optional<ConfigProblem> {
            const std::uint64_t ids = std::uint64_t{1} << f.id_bits;
            if (f.bundles <= ids) return std::nullopt;
            return ConfigProblem{"bundles", fmt::format("{} are more than ids of {} bits", f.bundles, f.id_bits),
                                 fmt::format("allowed: 2 to {}", ids)};
          })
          .check([](const BundleFormat& f) -> std::optional<ConfigProblem> {
            if (std::has_single_bit(f.page_size.count) && f.page_size >= Bytes{4096}) return std::nullopt;
            return ConfigProblem{"page_size", to_string(f.page_size) + " is no page size",
                                 "allowed: a power of two from 4 KiB on"};
          });
  return info;
}

}  // namespace pagoda

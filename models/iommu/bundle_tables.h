// Tables that say which device may reach which page of physical memory: the two tables of bundle access control, and
// the flat permission table per device that they stand against.
//
// Bundle access control: table 1 gives every page the id of its bundle, table 2 gives every bundle a row with two bits
// for each device. Pages with the same devices and rights share a bundle, so a page costs an id instead of two bits for
// every device. Id 0 means that nobody has access; its row is never read. What lies outside of the tables (a page, a
// device) has no access either.
//
// Shapes: little-endian 8-byte words at 8-byte-aligned addresses. An id has 8, 16 or 32 bits. A row has 1, 2, 4 or a
// multiple of 8 bytes, so that no field lies in two words. Caches read whole granules of up to 64 bytes: tables are to
// begin at a multiple of kTableAlignment and their last one is to lie in memory entirely.
//
// Does not model: hierarchical tables. The layouts are Pagoda's own: there is no published format.
// Errors: none here; fields are asked for pages, bundles and devices that are inside.
#pragma once

#include <cstdint>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/paging/byte_store.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

inline constexpr Addr kTableAlignment = 64;

/// What a device may do with a page: two bits of a table.
enum class DmaRights : std::uint8_t { none = 0, read = 1, write = 2, read_write = 3 };

constexpr DmaRights operator|(DmaRights a, DmaRights b) {
  return static_cast<DmaRights>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}
constexpr DmaRights operator&(DmaRights a, DmaRights b) {
  return static_cast<DmaRights>(static_cast<unsigned>(a) & static_cast<unsigned>(b));
}
/// True if `granted` holds all of `wanted`.
constexpr bool has(DmaRights granted, DmaRights wanted) { return (granted & wanted) == wanted; }
/// What an access needs; a device's instruction fetch is a read.
constexpr DmaRights needed_for(AccessKind access) {
  return access == AccessKind::write ? DmaRights::write : DmaRights::read;
}

using BundleId = std::uint32_t;
inline constexpr BundleId kNoBundle = 0;  ///< nobody has access

/// Bits of a word of a table.
struct TableField {
  Addr word;
  std::uint8_t shift;
  std::uint8_t bits;

  std::uint64_t get(std::uint64_t from) const { return from >> shift & low_mask(bits); }
  std::uint64_t put(std::uint64_t into, std::uint64_t value) const {
    const std::uint64_t mask = low_mask(bits) << shift;
    return (into & ~mask) | (value << shift & mask);
  }
};

inline std::uint64_t read_field(ByteStore& store, const TableField& field) { return field.get(store.read(field.word)); }
inline void write_field(ByteStore& store, const TableField& field, std::uint64_t value) {
  store.write(field.word, field.put(store.read(field.word), value));
}

/// Pages one after the other, by number.
struct PageNumbers {
  Addr first = 0;
  std::uint64_t count = 0;

  Addr end() const { return first + count; }
  bool contains(Addr page) const { return page - first < count; }
  /// What both have in common; its count is 0 if that is nothing.
  PageNumbers common(const PageNumbers& other) const;

  bool operator==(const PageNumbers&) const = default;
};

/// The physical memory that tables speak of.
struct GuardedPages {
  unsigned page_shift = kPageShift;
  PageNumbers range;  ///< of pages of 2^page_shift bytes

  Addr page_of(Addr address) const { return address >> page_shift; }
  bool contains(Addr page) const { return range.contains(page); }
};

/// Where the two tables of bundle access control are, and what shape they have.
struct BundleLayout {
  GuardedPages pages;
  Addr ids = 0;   ///< table 1
  Addr rows = 0;  ///< table 2
  unsigned id_bits = 16;
  std::uint32_t bundles = 1024;  ///< rows of table 2; ids from this on are corrupt
  std::uint32_t devices = 1;     ///< device ids from this on have no access

  TableField id_field(Addr page) const;
  TableField rights_field(BundleId bundle, std::uint32_t device) const;
  Addr row(BundleId bundle) const { return rows + Addr{bundle} * row_bytes(); }
  std::uint64_t row_bytes() const;

  std::uint64_t table1_bytes() const;
  std::uint64_t table2_bytes() const;
  std::uint64_t storage_bytes() const { return table1_bytes() + table2_bytes(); }
};

/// Where the permission table of every device is: two bits for each page, one device after the other.
struct PermissionLayout {
  GuardedPages pages;
  Addr base = 0;
  std::uint32_t devices = 1;  ///< device ids from this on have no access

  TableField rights_field(Addr page, std::uint32_t device) const;
  Addr table(std::uint32_t device) const { return base + device * bytes_per_device(); }
  std::uint64_t bytes_per_device() const;
  std::uint64_t storage_bytes() const { return devices * bytes_per_device(); }
};

/// The shape of a platform's bundle tables. The number of bundles is a round figure without a source.
struct BundleFormat {
  std::uint32_t id_bits = 16;
  std::uint32_t bundles = 1024;
  Bytes page_size{4096};

  /// Tables of that shape for `memory` bytes from `base` on (both multiples of the page size) and device ids below
  /// `devices`; the caller places them.
  BundleLayout layout(Addr base, std::uint64_t memory, std::uint32_t devices) const;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

// Data accesses that are about to be made: has the host fetch what it will need for them, while others are simulated.
//
// Models: nothing; no result depends on it. A program that roams over a large region costs the host as many misses as
// the modelled machine: the entry that a walk reads last, the tags of every cache, the keys of the lines that give way.
// They depend on one another, so an access is looked at three times, some accesses apart: where the entry lies, what
// page it maps, which lines will give way. Where that is not what happens, a fetch was in vain.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "pagoda/base/downlink.h"
#include "pagoda/base/lazy_array.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {

class Lookahead {
 public:
  /// So many accesses before its own an access is best told of.
  static constexpr std::size_t kDistance = 24;

  /// `tables` and `data` are where a walk reads tables and where what it translates goes.
  Lookahead(Downlink& tables, Downlink& data) : tables_below_(tables), data_below_(data), tables_(kTables) {}

  /// A walk of one stage for `address` has found a page of 2^shift bytes in the table entry at `entry`.
  void learn(Addr address, unsigned shift, Addr entry) {
    shift_ = shift - (shift - kPageShift) % kIndexBits;  // of an entry, where several make a page
    tables_[region_of(address) % kTables] = {region_of(address) + 1, entry - index_of(address) * kEntryBytes};
  }

  /// The program is about to access the address, in an address space of this format.
  void expect(Addr address, const PageFormat& format);

 private:
  struct Table {
    Addr region;  // what its entries map, by number and counted from 1
    Addr address;
  };
  struct Coming {
    Addr address;   // of the program
    Addr entry;     // 0: not known
    Addr physical;  // likewise
  };

  static constexpr std::size_t kTables = 4096;
  static constexpr std::size_t kGroup = kDistance / 3;
  using Group = std::array<Coming, kGroup>;

  Addr region_of(Addr address) const { return address >> (shift_ + kIndexBits); }
  Addr index_of(Addr address) const { return address >> shift_ & low_mask(kIndexBits); }

  void advance(const PageFormat& format);
  void find_entry(Coming& access);
  void find_page(const PageFormat& format, Coming& access);
  void find_lines(const Coming& access);

  Downlink& tables_below_;
  Downlink& data_below_;
  unsigned shift_ = kPageShift;  // of the page that was walked for last
  LazyArray<Table> tables_;      // by region modulo their number
  std::array<Group, 3> groups_{};
  std::size_t newest_ = 0;
  std::size_t collected_ = 0;
};

}  // namespace pagoda

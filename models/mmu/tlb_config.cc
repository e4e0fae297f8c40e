#include "pagoda/mmu/tlb_config.h"

#include <algorithm>
#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace {

constexpr Bytes kBasePage{4096};

std::optional<ConfigProblem> page_sizes_problem(const std::vector<Bytes>& sizes) {
  for (const Bytes size : sizes) {
    if (!std::has_single_bit(size.count) || size < kBasePage) {
      return ConfigProblem{"page_sizes", to_string(size) + " is no page size", "allowed: a power of two from 4 KiB on"};
    }
  }
  return std::nullopt;
}

bool takes_base_pages(const std::vector<Bytes>& sizes) {
  return sizes.empty() || std::find(sizes.begin(), sizes.end(), kBasePage) != sizes.end();
}

std::optional<ConfigProblem> shape_problem(const AssocGeometry& geometry) {
  const std::string problem = geometry.problem();
  if (problem.empty()) return std::nullopt;
  return ConfigProblem{"ways", problem, ""};
}

}  // namespace

const ConfigInfo& TlbArrayConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<TlbArrayConfig>("TLB array", "An array of a TLB for some page sizes of its own.")
          .field("page_sizes", &TlbArrayConfig::page_sizes, "page sizes it takes")
          .field("entries", &TlbArrayConfig::entries, "number of entries", in_range(1, 1 << 20))
          .field("ways", &TlbArrayConfig::ways, "associativity", in_range(1, 1 << 16))
          .field("replacement", &TlbArrayConfig::replacement, "which way a fill takes")
          .check([](const TlbArrayConfig& c) { return shape_problem(c.geometry()); })
          .check([](const TlbArrayConfig& c) -> std::optional<ConfigProblem> {
            if (c.page_sizes.empty()) return ConfigProblem{"page_sizes", "is empty", "allowed: at least one page size"};
            return page_sizes_problem(c.page_sizes);
          });
  return info;
}

const ConfigInfo& TlbConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<TlbConfig>("TLB",
                               "A translation look-aside buffer: a main array, and others for superpages if split.")
          .field("entries", &TlbConfig::entries, "entries of the main array", in_range(1, 1 << 20))
          .field("ways", &TlbConfig::ways, "associativity of the main array", in_range(1, 1 << 16))
          .field("replacement", &TlbConfig::replacement, "which way a fill takes")
          .field("latency", &TlbConfig::latency, "time of a look-up; 0: hidden behind the first-level cache's")
          .field("ports", &TlbConfig::ports, "look-ups that can start per cycle; 0: no limit", in_range(0, 64))
          .field("page_sizes", &TlbConfig::page_sizes, "page sizes the main array takes; empty: all (unified)")
          .field("superpages", &TlbConfig::superpages, "further arrays, for other page sizes")
          .check([](const TlbConfig& c) { return shape_problem(c.geometry()); })
          .check([](const TlbConfig& c) { return page_sizes_problem(c.page_sizes); })
          .check([](const TlbConfig& c) -> std::optional<ConfigProblem> {
            bool base = takes_base_pages(c.page_sizes);
            for (const TlbArrayConfig& array : c.superpages) base |= takes_base_pages(array.page_sizes);
            if (base) return std::nullopt;
            return ConfigProblem{"page_sizes", "no array takes 4 KiB pages",
                                 "allowed: page sizes with 4 KiB among them"};
          });
  return info;
}

}  // namespace pagoda

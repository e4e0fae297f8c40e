// How a pattern is described in a platform file, and what makes one impossible.
#include "pagoda/base/config_builder.h"
#include "pagoda/workload/pattern.h"

namespace pagoda {
namespace {

using Problem = std::optional<ConfigProblem>;

Problem parts_problem(const PatternConfig& c) {
  const bool is_mix = c.kind == PatternKind::mix;
  if (is_mix && c.parts.empty()) return ConfigProblem{"parts", "a mix of nothing", "allowed: at least one part"};
  if (!is_mix && !c.parts.empty()) {
    return ConfigProblem{"parts", "parts of a pattern that is no mix", "allowed: parts only with kind mix"};
  }
  return std::nullopt;
}

Problem region_problem(const PatternConfig& c) {
  if (c.kind == PatternKind::mix) return std::nullopt;
  if (c.size < c.access_size) {
    return ConfigProblem{"size", "smaller than one access",
                         "allowed: at least access_size, " + to_string(c.access_size)};
  }
  if (c.base + (c.size.count - 1) < c.base) {
    return ConfigProblem{"size", "the region goes beyond the last address", "allowed: base + size up to 2^64"};
  }
  return std::nullopt;
}

Problem element_problem(const PatternConfig& c) {
  const bool picks_elements = c.kind == PatternKind::random || c.kind == PatternKind::zipf ||
                              c.kind == PatternKind::chase || c.kind == PatternKind::hot_cold;
  if (!picks_elements) return std::nullopt;
  if (c.element < c.access_size) {
    return ConfigProblem{"element", "smaller than one access",
                         "allowed: at least access_size, " + to_string(c.access_size)};
  }
  // One hot and one cold.
  const std::uint64_t fewest = c.kind == PatternKind::hot_cold ? 2 : 1;
  if (c.size.count / c.element.count < fewest) {
    return ConfigProblem{"size", "too small for its elements",
                         fmt::format("allowed: at least {} of {}", fewest, to_string(c.element))};
  }
  return std::nullopt;
}

}  // namespace

const ConfigInfo& PatternConfig::config_info() {
  using T = PatternConfig;
  static const ConfigInfo info =
      ConfigBuilder<T>("pattern", "A synthetic stream of accesses of a known character.")
          .field("kind", &T::kind, "how the next element is picked")
          .field("seed", &T::seed, "seed; the platform's seed and the core's number are added")
          .field("count", &T::count, "accesses; 0: without end")
          .field("base", &T::base, "virtual address where the region starts")
          .field("size", &T::size, "size of the region", in_range(Bytes{1}, Bytes{std::uint64_t{1} << 46}))
          .field("element", &T::element, "random, zipf, chase, hot_cold: what is picked")
          .field("stride", &T::stride, "strided: from one access to the next",
                 in_range(Bytes{1}, Bytes{std::uint64_t{1} << 63}))
          .field("access_size", &T::access_size, "bytes of each access", in_range(Bytes{1}, Bytes{kMaxAccessBytes}))
          .field("gap", &T::gap, "instructions between two accesses", in_range(0, 1'000'000))
          .field("write_ratio", &T::write_ratio, "part of the accesses that write", in_range(0.0, 1.0))
          .field("read_modify_write", &T::read_modify_write, "those that write load the old value first")
          .field("zipf_exponent", &T::zipf_exponent, "zipf: 0 is uniform", in_range(0.0, 4.0))
          .field("hot_fraction", &T::hot_fraction, "hot_cold: part of the elements that are hot", in_range(0.0, 1.0))
          .field("hot_share", &T::hot_share, "hot_cold: part of the accesses that go to them", in_range(0.0, 1.0))
          .field("scattered", &T::scattered, "popular elements lie all over the region, else at its front")
          .field("spread_lines", &T::spread_lines,
                 "elements larger than a line are accessed in a line of their own choice")
          .field("weight", &T::weight, "as a part of a mix: how often, beside the other weights", in_range(1e-6, 1e12))
          .field("parts", &T::parts, "mix: the patterns that it consists of")
          .check(parts_problem)
          .check(region_problem)
          .check(element_problem);
  return info;
}

}  // namespace pagoda

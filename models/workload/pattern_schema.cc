// How a pattern is described in a platform file.
#include "pagoda/base/config_builder.h"
#include "pagoda/workload/pattern.h"

namespace pagoda {

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
          .field("stride", &T::stride, "strided: from one access to the next")
          .field("access_size", &T::access_size, "bytes of each access", in_range(Bytes{1}, Bytes{4096}))
          .field("gap", &T::gap, "instructions between two accesses", in_range(0, 1'000'000))
          .field("write_ratio", &T::write_ratio, "part of the accesses that write", in_range(0.0, 1.0))
          .field("read_modify_write", &T::read_modify_write, "those that write load the old value first")
          .field("zipf_exponent", &T::zipf_exponent, "zipf: 0 is uniform", in_range(0.0, 4.0))
          .field("hot_fraction", &T::hot_fraction, "hot_cold: part of the elements that are hot", in_range(0.0, 1.0))
          .field("hot_share", &T::hot_share, "hot_cold: part of the accesses that go to them", in_range(0.0, 1.0))
          .field("scattered", &T::scattered, "popular elements lie all over the region, else at its front")
          .field("spread_lines", &T::spread_lines,
                 "elements larger than a line are accessed in a line of their own choice")
          .field("weight", &T::weight, "as a part of a mix: how often, beside the other weights", in_range(0.0, 1e12))
          .field("parts", &T::parts, "mix: the patterns that it consists of");
  return info;
}

}  // namespace pagoda

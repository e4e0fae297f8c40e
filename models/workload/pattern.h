// Synthetic workloads: streams of accesses with a known character, reproducible from a seed.
//
// A pattern picks one element of its region after the other. It says where a program accesses memory, not how
// fast: `gap` instructions pass between two accesses. The same configuration gives the same stream on every
// machine: the engine is Boost.Random's Mersenne twister, and the distributions use nothing but exact
// arithmetic. Addresses and the choice between reading and writing draw from engines of their own, so that
// changing the share of writes leaves the addresses as they are.
#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"
#include "pagoda/workload/trace_source.h"

namespace pagoda {

enum class PatternKind : std::uint8_t {
  sequential,  ///< the region from front to back, `access_size` at a time, again and again
  strided,     ///< the same in steps of `stride`
  random,      ///< each element equally likely: GUPS with read_modify_write and a write_ratio of 1
  zipf,        ///< the k-th most popular element is drawn with a probability proportional to k^-zipf_exponent
  chase,       ///< pointer chase: one random cycle through all elements, each load's address out of the one before
  hot_cold,    ///< hot_share of the accesses go to hot_fraction of the elements, equally likely within either
  mix,         ///< each record from one of `parts`, drawn by weight
};
BOOST_DESCRIBE_ENUM(PatternKind, sequential, strided, random, zipf, chase, hot_cold, mix)

/// Accesses of a pattern without end.
inline constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

struct PatternConfig {
  PatternKind kind = PatternKind::sequential;
  std::uint64_t seed = 1;
  std::uint64_t count = 1'000'000;  ///< accesses; 0 is without end. Of a mix: of all its parts together
  Addr base = 0x1'0000'0000;        ///< where the region starts
  Bytes size{64ULL << 20};          ///< of the region; what does not fill an element at its end is left out
  Bytes element{64};                ///< random, zipf, chase, hot_cold: what is picked, at least access_size
  Bytes stride{64};                 ///< strided: from one access to the next
  Bytes access_size{8};             ///< of each access, 1 to 4096 bytes
  std::uint32_t gap = 0;            ///< other instructions before each access
  double write_ratio = 0;           ///< share of the accesses that write, 0 to 1. Of a chase they load as well
  bool read_modify_write = false;   ///< those that write load the old value first
  double zipf_exponent = 0.99;      ///< 0 (uniform) to 4
  double hot_fraction = 0.1;        ///< hot_cold: share of the elements, at least one is hot and one is cold
  double hot_share = 0.9;           ///< hot_cold: share of the accesses
  /// zipf, hot_cold: popular elements lie all over the region; else at its front, the most popular one first.
  bool scattered = true;
  /// Elements larger than a line: each is accessed in a line of its own choice, so that pages do not fall
  /// into the same few sets of the caches; else at its start.
  bool spread_lines = true;
  double weight = 1;                 ///< as a part of a mix: how often, beside the other weights; above 0
  std::vector<PatternConfig> parts;  ///< of a mix; a part's own `count` is not used

  static const ConfigInfo& config_info();
};

/// UserError, with the path of the field, if the configuration is impossible (the rules stand in config_info()).
std::unique_ptr<AccessSource> make_pattern(const PatternConfig& config);

}  // namespace pagoda

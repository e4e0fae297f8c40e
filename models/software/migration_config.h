// The parameters of a migration.
//
// Sources: downtime 300 ms, a header of 8 bytes for a page and one more for a page of zeros: QEMU 8.2
// (migration/options.c: DEFAULT_MIGRATE_SET_DOWNTIME 300; migration/ram.c: an offset of 64 bits with flags). At most 30
// rounds: about what Xen allows (Clark et al., "Live migration of virtual machines", NSDI 2005, section 4.3, has its
// rounds bounded). The state of processors and devices, pauses, looking at an entry and at a page for zeros, and what
// counts as progress are round figures; 2 ns for an entry are a cache line of eight read from memory.
#pragma once

#include <cstdint>
#include <optional>

#include <boost/describe/enum.hpp>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

enum class MigrationMode : std::uint8_t {
  pre_copy,       ///< rounds while the guest runs, then the rest while it stands still
  stop_and_copy,  ///< all while it stands still
  post_copy,      ///< it moves first, pages follow as it asks for them and in turn
  hybrid          ///< some rounds of pre-copy, then post-copy
};
BOOST_DESCRIBE_ENUM(MigrationMode, pre_copy, stop_and_copy, post_copy, hybrid)

/// What to do when rounds make no progress, or are too many.
enum class NoConvergence : std::uint8_t { stop_and_copy, post_copy, cancel };
BOOST_DESCRIBE_ENUM(NoConvergence, stop_and_copy, post_copy, cancel)

struct MigrationConfig {
  MigrationMode mode = MigrationMode::pre_copy;
  Duration start{200 * kMicrosecond};
  Bandwidth bandwidth{0};
  Duration downtime{300 * kMillisecond};
  std::uint32_t rounds = 30;
  std::uint32_t hybrid_rounds = 1;
  double progress = 0.05;
  std::uint32_t patience = 3;
  NoConvergence no_convergence = NoConvergence::stop_and_copy;
  Bytes state{1 << 20};
  Duration resume{100 * kMicrosecond};
  bool zero_pages = true;
  Bytes page_header{8};
  Bytes memory{std::uint64_t{1} << 40};
  std::uint32_t window = 32;
  Duration scan{2 * kNanosecond};
  std::optional<Duration> cancel_after;
  std::uint32_t attempts = 1;
  Duration retry{200 * kMicrosecond};

  /// Whether the process may run on the other machine before all of its memory is there.
  bool moves_first() const {
    return mode == MigrationMode::post_copy || mode == MigrationMode::hybrid ||
           no_convergence == NoConvergence::post_copy;
  }

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

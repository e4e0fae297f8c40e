#include "pagoda/software/migration_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& MigrationConfig::config_info() {
  using C = MigrationConfig;
  static const ConfigInfo info =
      ConfigBuilder<C>("migration manager", "The software that moves a process to another machine.")
          .field("mode", &C::mode, "when pages are copied: before, while or after the process stands still")
          .field("start", &C::start, "when it begins", in_range(Duration{kNanosecond}, Duration{100 * kSecond}))
          .field("bandwidth", &C::bandwidth, "of pages sent while the process runs; 0: as much as the link has",
                 in_range(Bandwidth{0}, Bandwidth{1e12}))
          .field("downtime", &C::downtime,
                 "the process is stopped when what is dirty can be sent in this time at the bandwidth just measured",
                 in_range(Duration{0}, Duration{100 * kSecond}))
          .field("rounds", &C::rounds, "rounds at most while the process runs", in_range(1u, 10000u))
          .field("hybrid_rounds", &C::hybrid_rounds, "of mode hybrid, before the process moves", in_range(1u, 1000u))
          .field("progress", &C::progress, "share by which a round has to leave less dirty pages than the one before",
                 in_range(0.0, 1.0))
          .field("patience", &C::patience, "rounds in a row without progress, until it counts as not converging",
                 in_range(1u, 10000u))
          .field("no_convergence", &C::no_convergence, "what is done then, and after the last round")
          .field("state", &C::state, "of processors and devices, sent while the process stands still",
                 in_range(Bytes{0}, Bytes{std::uint64_t{1} << 40}))
          .field("resume", &C::resume, "until the process runs on the other machine",
                 in_range(Duration{0}, Duration{10 * kSecond}))
          .field("zero_pages", &C::zero_pages, "of a page of zeros only a mark is sent")
          .field("page_header", &C::page_header, "bytes sent with each page", in_range(Bytes{0}, Bytes{4096}))
          .field("memory", &C::memory, "of the other machine for the process",
                 in_range(Bytes{0}, Bytes{std::uint64_t{1} << 50}))
          .field("window", &C::window, "pages that are read and sent at a time", in_range(1u, 65536u))
          .field("scan", &C::scan, "software's time to look at a page-table entry",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .field("cancel_after", &C::cancel_after, "the first attempt is called off so long after its beginning")
          .field("attempts", &C::attempts, "how often it is tried", in_range(1u, 1000u))
          .field("retry", &C::retry, "from a failure to the next attempt",
                 in_range(Duration{0}, Duration{100 * kSecond}));
  return info;
}

}  // namespace pagoda

#include "pagoda/devices/dirty_log_config.h"

#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& DirtyLogConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<DirtyLogConfig>("dirty log", "A device's log of the memory that it writes.")
          .field("regions", &DirtyLogConfig::regions, "regions that are monitored at a time", in_range(1u, 64u))
          .field("queues", &DirtyLogConfig::queues, "access-log queues; pages take turns", in_range(1u, 64u))
          .field("queue_depth", &DirtyLogConfig::queue_depth,
                 "entries of each; when it is full, writes that are to be logged wait", in_range(1u, 65536u))
          .field("service", &DirtyLogConfig::service, "from one word of a queue's head entry to the next")
          .field("words", &DirtyLogConfig::words, "words of maps that are gathered or updated at a time",
                 in_range(1u, 1024u))
          .field("word", &DirtyLogConfig::word, "bytes of a map that one update writes: its write combining",
                 in_range(Bytes{1}, Bytes{64}))
          .field("gather", &DirtyLogConfig::gather, "how long a word waits for more before it is written",
                 in_range(Duration{0}, Duration{kSecond}))
          .field("outstanding", &DirtyLogConfig::outstanding, "the logger's own DMA requests under way",
                 in_range(1u, 1024u))
          .check([](const DirtyLogConfig& c) -> std::optional<ConfigProblem> {
            if (std::has_single_bit(c.word.count)) return std::nullopt;
            return ConfigProblem{"word", "not a power of two", "allowed: 1 B, 2 B, ... 64 B"};
          });
  return info;
}

}  // namespace pagoda

#include "pagoda/devices/rogue_config.h"

#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& RogueConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<RogueConfig>("rogue device", "A device that reaches for memory that nobody has given to it.")
          .field("requester", &RogueConfig::requester, "the number by which the IOMMU knows the device",
                 in_range(0, 0xffffff))
          .field("interval", &RogueConfig::interval, "from one attempt to the next, at least",
                 in_range(Duration{kNanosecond}, Duration{kSecond}))
          .field("forged", &RogueConfig::forged,
                 "share of the attempts with a physical address made up; the others use a stale translation",
                 in_range(0.0, 1.0))
          .field("write_ratio", &RogueConfig::write_ratio, "share of the attempts that write", in_range(0.0, 1.0))
          .field("request_size", &RogueConfig::request_size, "bytes of an attempt, a power of two",
                 in_range(Bytes{1}, Bytes{4096}))
          .field("kept", &RogueConfig::kept, "translations it keeps, valid or not; the oldest gives way",
                 in_range(1u, 1u << 20))
          .field("seed", &RogueConfig::seed, "seed of what it does")
          .check([](const RogueConfig& c) -> std::optional<ConfigProblem> {
            if (std::has_single_bit(c.request_size.count)) return std::nullopt;
            return ConfigProblem{"request_size", "not a power of two", "allowed: 1 B, 2 B, ... 4 KiB"};
          });
  return info;
}

}  // namespace pagoda

#include "pagoda/base/assoc_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& AssocConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<AssocConfig>("structure", "A tagged structure of hardware: its shape, latency and ports.")
          .field("entries", &AssocConfig::entries, "number of entries", in_range(1, 1 << 24))
          .field("ways", &AssocConfig::ways, "associativity; as many as entries: fully associative",
                 in_range(1, 1 << 16))
          .field("replacement", &AssocConfig::replacement, "which way a fill takes")
          .field("latency", &AssocConfig::latency, "time of a look-up")
          .field("ports", &AssocConfig::ports, "look-ups that can start per cycle; 0: no limit", in_range(0, 64))
          .check([](const AssocConfig& c) -> std::optional<ConfigProblem> {
            const std::string problem = c.geometry().problem();
            if (problem.empty()) return std::nullopt;
            return ConfigProblem{"ways", problem, ""};
          });
  return info;
}

}  // namespace pagoda

#include "pagoda/workload/smt_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& SmtConfig::config_info() {
  using C = SmtConfig;
  static const ConfigInfo info =
      ConfigBuilder<C>("smt", "Hardware threads that share a core's issue slots, caches and MMU.")
          .field("threads", &C::threads, "hardware threads", in_range(1, 8))
          .field("programs", &C::programs,
                 "software threads that take turns on them; one keeps its hardware thread until it sleeps or ends; 0: "
                 "as many as hardware threads",
                 in_range(0, 64))
          .field("normal", &C::normal, "priority level of a program", in_range(kLowestPriority, kHighestPriority))
          .field("low", &C::low, "priority level of a thread that waits by polling, where its software lowers it",
                 in_range(kLowestPriority, kHighestPriority))
          .field("slot_base", &C::slot_base,
                 "b in R = b^(|X-Y|+1): of two threads at levels X and Y, the lower one gets one of R slots",
                 in_range(2, 16))
          .field("least_share", &C::least_share,
                 "a thread at level 1 gets one slot of so many, and what the others leave", in_range(2, 4096))
          .field("poll_loop", &C::poll_loop, "instructions of a loop that polls", in_range(1, 1000))
          .field("context_switch", &C::context_switch, "from one software thread to another on a hardware thread",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .check([](const C& c) -> std::optional<ConfigProblem> {
            if (c.low <= c.normal) return std::nullopt;
            return ConfigProblem{"low", "is above normal", "allowed: at most normal"};
          });
  return info;
}

}  // namespace pagoda

#include "pagoda/workload/core_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& CoreConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<CoreConfig>("core", "A core that issues in program order into a window and completes out of order.")
          .field("issue_width", &CoreConfig::issue_width, "instructions that enter the window per cycle",
                 in_range(1, 64))
          .field("window", &CoreConfig::window, "instructions in flight (reorder buffer); 1: in-order",
                 in_range(1, 65536))
          .field("outstanding_loads", &CoreConfig::outstanding_loads, "loads in flight (load queue)", in_range(1, 4096))
          .field("store_buffer", &CoreConfig::store_buffer, "stores not written yet (store queue and buffer)",
                 in_range(1, 4096))
          .field("fetch", &CoreConfig::fetch, "send instruction fetches through the ITLB and the instruction cache")
          .field("fetch_ahead", &CoreConfig::fetch_ahead,
                 "fetch latency that the front end hides; what is beyond stalls issue")
          .field("fault_entry", &CoreConfig::fault_entry,
                 "entering the fault handler, beyond what its own time includes");
  return info;
}

}  // namespace pagoda

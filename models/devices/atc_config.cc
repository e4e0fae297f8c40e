#include "pagoda/devices/atc_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& AtcConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<AtcConfig>("ATC", "A device's address translation cache, and what it asks of the host.")
          .field("cache", &AtcConfig::cache, "the translations that are kept")
          .field("translation_requests", &AtcConfig::translation_requests,
                 "translation requests under way; 0: no limit", in_range(0, 4096))
          .field(
              "reads_want_no_write", &AtcConfig::reads_want_no_write,
              "translation requests for reads ask for no write permission, so that no page counts as written for them")
          .field("page_requests", &AtcConfig::page_requests,
                 "page requests under way; 0: the device makes none, and gives up where it is granted nothing",
                 in_range(0, 512))
          .field("page_request_attempts", &AtcConfig::page_request_attempts,
                 "how often a page is asked for before the access is given up", in_range(1, 1000));
  return info;
}

}  // namespace pagoda

// The parameters of a device's address translation cache.
//
// Defaults are round figures: makers publish none. Entries of 4 KiB pages reach 4 MiB.
#pragma once

#include <cstdint>

#include "pagoda/base/assoc_config.h"

namespace pagoda {

struct AtcConfig {
  AssocConfig cache{.entries = 1024, .ways = 8};
  std::uint32_t translation_requests = 16;
  bool reads_want_no_write = true;  ///< NW (PCI Express Base Specification, 10.2.2)
  std::uint32_t page_requests = 16;
  std::uint32_t page_request_attempts = 4;

  static const ConfigInfo& config_info();
};

}  // namespace pagoda

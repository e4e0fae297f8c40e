// What becomes of a group of page requests: the response code of PCI Express Base Specification 5.0, 10.4.2.
#pragma once

#include <cstdint>

namespace pagoda {

enum class PageResponse : std::uint8_t { success = 0, invalid_request = 1, failure = 15 };

}  // namespace pagoda

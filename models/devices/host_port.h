// How a device's parts reach the host: DMA requests, and the messages of address translation services.
#pragma once

#include <cstdint>

#include "pagoda/base/ats_message.h"
#include "pagoda/base/timed_target.h"

namespace pagoda {

/// Each call adds where its time went to the request.
class HostPort {
 public:
  struct Translation {
    Ps done;
    bool answered;   ///< false: the host supports no such request, or could not carry it out
    AtsGrant grant;  ///< if it was
  };

  virtual ~HostPort() = default;
  /// A DMA request. Without bytes it is for time alone.
  virtual TimedAnswer access(TimedRequest& request, Ps at, unsigned char* bytes) = 0;
  /// A translation request for the page that `cause` is about.
  virtual Translation translate(const TimedRequest& cause, bool no_write, Ps at) = 0;
  /// A page request for it, alone in its group. Its response comes some time after, or even before this returns.
  virtual TimedAnswer request_page(const TimedRequest& cause, std::uint16_t group, Ps at) = 0;
};

}  // namespace pagoda

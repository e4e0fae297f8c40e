// The short way between two of Pagoda's own modules: a request for time alone, in absolute times, without a payload.
//
// Models: what b_transport with a timing-only payload models, in fewer steps. A module offers it beside b_transport
// through its TargetSocket; an initiator takes it through a Downlink, which falls back to b_transport where the other
// end is somebody else's. What stands between two modules (a monitor, a router of a user's) sees payloads, as TLM-2.0
// has them.
#pragma once

#include <cstdint>

#include <tlm>

#include "pagoda/base/attributes.h"
#include "pagoda/base/time.h"

namespace pagoda {

/// A request whose bytes move elsewhere or not at all.
struct TimedRequest {
  Addr address = 0;
  std::uint32_t bytes = 0;
  RequestInfo info;
  bool expected = false;  ///< expect() has been called for it
  bool for_line = false;  ///< it is a cache's for a line: whose address it was once does not matter any more
  Ps floor = 0;           ///< kernel time: no later call asks about a time before it
  TimeSplit* time;        ///< never null: the callee adds where the time went
  Fault* fault;           ///< never null, and none when the request is made; set if it is refused in translation

  bool is_write() const { return info.access == AccessKind::write; }
};

class TimedAnswer {
 public:
  Ps done;

  TimedAnswer(Ps done_at, tlm::tlm_response_status status = tlm::TLM_OK_RESPONSE) : done(done_at), status_(status) {}
  tlm::tlm_response_status status() const { return static_cast<tlm::tlm_response_status>(status_); }
  void set_status(tlm::tlm_response_status status) { status_ = status; }
  bool ok() const { return status_ > 0; }  // errors and an incomplete answer are not (IEEE 1666-2011, 14.17)

 private:
  std::int64_t status_;  // as wide as a register: the answer travels in two
};

class TimedTarget {
 public:
  virtual ~TimedTarget() = default;
  /// A request that reaches the module at `at`, which is not before its floor; when it is done, and how it ended. The
  /// module may change what the request asks for, and its info but for requester, key and origin, as it passes it on.
  virtual TimedAnswer access(TimedRequest& request, Ps at) = 0;
  /// Who gains from knowing which requests are about to come to the module: itself, one below it, or nobody (null).
  /// Once the simulation runs.
  virtual TimedTarget* forewarned() { return nullptr; }
  /// A request for this address is about to come: has the host fetch what it will need.
  virtual void expect(Addr /*address*/) {}
  /// Likewise, somewhat later, when that is there: has it fetch what depends on it.
  virtual void expect_next(Addr /*address*/) {}
};

/// A target port through which a TimedTarget may be reached as well.
class TimedPort : public tlm::tlm_fw_transport_if<> {
 public:
  /// Null if there is none.
  TimedTarget* timed_target() const { return timed_target_; }

 protected:
  TimedTarget* timed_target_ = nullptr;
};

}  // namespace pagoda

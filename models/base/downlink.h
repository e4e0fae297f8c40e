// What is bound below a module's initiator socket, as the module uses it: time through the shortest way there is, and
// bytes beside it.
//
// A target that is not Pagoda's gets proper TLM-2.0 payloads with data: reads go to a buffer that nobody looks at,
// writes carry the bytes that the target already holds (Pagoda's models write bytes when an access is made, and account
// for the time of write-backs later). For those the target must grant a direct pointer or support transport_dbg.
#pragma once

#include <optional>

#include <tlm>

#include "pagoda/base/data_path.h"
#include "pagoda/base/module.h"
#include "pagoda/base/timed_target.h"
#include "pagoda/base/transaction.h"

namespace pagoda {

class Downlink {
 public:
  using Below = tlm::tlm_fw_transport_if<>;

  /// At the end of elaboration, when `below` is known. Once.
  void bind(Below& below);
  bool bound() const { return below_ != nullptr; }
  /// Null if requests go as payloads.
  TimedTarget* timed_target() const { return timed_; }

  /// A request that leaves at `at`; afterwards it may have changed, see TimedTarget::access().
  TimedAnswer access(TimedRequest& request, Ps at) {
    return timed_ != nullptr ? timed_->access(request, at) : access_by_payload(request, at);
  }
  /// Likewise, and moves the bytes it is about.
  TimedAnswer access_data(TimedRequest& request, Ps at, unsigned char* bytes);
  /// See TimedTarget.
  TimedTarget* forewarned() {
    if (!asked_) [[unlikely]] {
      asked_ = true;
      forewarned_ = timed_ != nullptr ? timed_->forewarned() : nullptr;
    }
    return forewarned_;
  }
  void expect(Addr address) {
    if (TimedTarget* const target = forewarned()) target->expect(address);
  }
  void expect_next(Addr address) {
    if (TimedTarget* const target = forewarned()) target->expect_next(address);
  }

  Below& operator*() const { return *below_; }
  Below* operator->() const { return below_; }
  DataPath& data() { return *data_; }

 private:
  TimedAnswer access_by_payload(const TimedRequest& request, Ps at);
  TimedAnswer transport(const TimedRequest& request, Ps at, unsigned char* bytes);

  Below* below_ = nullptr;
  TimedTarget* timed_ = nullptr;
  TimedTarget* forewarned_ = nullptr;
  bool asked_ = false;  // who that is
  std::optional<DataPath> data_;
  TransactionPool transactions_;
};

}  // namespace pagoda

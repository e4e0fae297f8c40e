// Which calls into a module have not returned yet. There is more than one only where a component below waits inside
// b_transport, as TLM-2.0 allows: what such a call has read before it waited may be old by the time it goes on.
#pragma once

#include <algorithm>
#include <cstdint>

#include <boost/container/small_vector.hpp>
#include <systemc>

namespace pagoda {

class CallsUnderWay {
 public:
  /// A call, as long as this lives.
  class Call {
   public:
    explicit Call(CallsUnderWay& calls) : calls_(calls), number_(calls.next_++) { calls.open_.push_back(number_); }
    ~Call() { calls_.leave(number_); }
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

   private:
    CallsUnderWay& calls_;
    std::uint64_t number_;
  };

  /// Waits, in a thread, until the calls that are under way now have returned; whether there were any.
  bool drain() {
    if (open_.empty()) return false;
    const std::uint64_t end = next_;
    draining_ = true;
    while (!open_.empty() && open_.front() < end) sc_core::wait(left_);
    draining_ = false;
    return true;
  }

 private:
  void leave(std::uint64_t number) {
    if (open_.back() == number) {
      open_.pop_back();
    } else {
      open_.erase(std::find(open_.begin(), open_.end(), number));
    }
    if (draining_) left_.notify(sc_core::SC_ZERO_TIME);
  }

  boost::container::small_vector<std::uint64_t, 4> open_;  // in the order in which they began
  std::uint64_t next_ = 0;
  bool draining_ = false;
  sc_core::sc_event left_{"call_left"};
};

}  // namespace pagoda

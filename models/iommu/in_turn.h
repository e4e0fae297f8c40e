// Jobs that must be done one after the other, in the order in which they come, also where memory waits inside
// b_transport and another comes meanwhile: that one is left to whoever is at work.
#pragma once

#include <deque>
#include <utility>

namespace pagoda {

template <class Job>
class InTurn {
 public:
  bool busy() const { return busy_; }

  /// Has `work` do the job: at once, or after those that it is doing.
  template <class Work>
  void add(Job job, Work work) {
    waiting_.push_back(std::move(job));
    if (busy_) return;
    busy_ = true;
    while (!waiting_.empty()) {
      const Job next = std::move(waiting_.front());
      waiting_.pop_front();
      work(next);
    }
    busy_ = false;
  }

 private:
  std::deque<Job> waiting_;
  bool busy_ = false;
};

}  // namespace pagoda

// What a device has to do, in order of time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "pagoda/base/time.h"

namespace pagoda {

/// Something that goes on at some time.
class AgendaTask {
 public:
  virtual void run(Ps at) = 0;

 protected:
  ~AgendaTask() = default;
};

/// Tasks at the same time run in the order in which they were added.
class Agenda {
 public:
  /// The task is to live until it has run.
  void add(Ps at, AgendaTask& task) {
    items_.push_back({at, added_++, &task});
    std::push_heap(items_.begin(), items_.end(), later);
  }
  bool empty() const { return items_.empty(); }
  /// When the first task runs; there is one.
  Ps next() const { return items_.front().at; }
  /// Runs the first task: at its time, or at `now` if that has passed.
  void run_next(Ps now) {
    std::pop_heap(items_.begin(), items_.end(), later);
    const Item item = items_.back();
    items_.pop_back();
    item.task->run(std::max(item.at, now));
  }

 private:
  struct Item {
    Ps at;
    std::uint64_t number;
    AgendaTask* task;
  };
  static bool later(const Item& a, const Item& b) { return a.at != b.at ? a.at > b.at : a.number > b.number; }

  std::vector<Item> items_;  // a heap
  std::uint64_t added_ = 0;
};

}  // namespace pagoda

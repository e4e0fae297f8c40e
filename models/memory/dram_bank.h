// The rows that one bank of a DRAM has open, one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pagoda/memory/dram_clocks.h"

namespace pagoda {

/// One row from its ACT to its PRE. The PRE is not fixed while later accesses may still join the row: all that is
/// known is the earliest clock that the accesses so far allow.
struct RowSession {
  Clock activate;
  Clock earliest_precharge;
  Clock latest_precharge;    ///< what the next refresh allows
  std::int32_t last_column;  ///< its latest RD or WR, in clocks after ACT
  std::uint32_t row;
};

/// The row sessions of one bank in time order, from the last one that began before what can still be reserved.
class DramBank {
 public:
  std::size_t size() const { return end_ - begin_; }
  const RowSession& operator[](std::size_t index) const { return sessions_[begin_ + index]; }

  /// How many sessions began at or before `clock`.
  std::size_t begun_until(Clock clock) const {
    std::size_t end = end_;
    while (end > begin_ && sessions_[end - 1].activate > clock) --end;
    return end - begin_;
  }

  /// Whether insert() would have to make room: a good time to retire sessions.
  bool full() const { return end_ == sessions_.size(); }

  void insert(std::size_t index, const RowSession& session) {
    if (full()) make_room();
    for (std::size_t i = end_++; i > begin_ + index; --i) sessions_[i] = sessions_[i - 1];
    sessions_[begin_ + index] = session;
    ++activates_;
  }

  /// An access joins a session.
  void join(std::size_t index, Clock column, Clock earliest_precharge) {
    RowSession& session = sessions_[begin_ + index];
    session.last_column = std::max(session.last_column, static_cast<std::int32_t>(column - session.activate));
    session.earliest_precharge = std::max(session.earliest_precharge, earliest_precharge);
  }

  /// Forgets the first session, which was precharged at `precharge`.
  void retire_first(Clock precharge, Clock row_precharge) {
    const RowSession& session = sessions_[begin_++];
    row_open_ += precharge - session.activate;
    busy_ += session.earliest_precharge + row_precharge - session.activate;
  }

  std::uint64_t activates() const { return activates_; }
  /// Clocks that rows of retired sessions were open.
  Clock row_open() const { return row_open_; }
  /// Clocks that retired sessions kept the bank from opening another row.
  Clock busy() const { return busy_; }

 private:
  /// Moves the sessions down over the retired ones, or grows if there are hardly any of those.
  void make_room() {
    if (begin_ * 2 <= end_) sessions_.resize(std::max<std::size_t>(8, 2 * end_));
    std::copy(sessions_.begin() + static_cast<std::ptrdiff_t>(begin_),
              sessions_.begin() + static_cast<std::ptrdiff_t>(end_), sessions_.begin());
    end_ -= begin_;
    begin_ = 0;
  }

  std::vector<RowSession> sessions_;  ///< those from begin_ to end_ are live
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t activates_ = 0;
  Clock row_open_ = 0;
  Clock busy_ = 0;
};

}  // namespace pagoda

// The rows that one bank of a DRAM has open, one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pagoda/memory/dram_clocks.h"

namespace pagoda {

/// One row from its ACT to its PRE. The PRE is not fixed while later accesses may still join the row: all
/// that is known is the earliest clock that the accesses so far allow.
struct RowSession {
  Clock activate = 0;
  Clock earliest_precharge = 0;
  Clock latest_precharge = 0;  ///< what the next refresh allows
  Clock last_column = 0;       ///< its latest RD or WR
  std::uint32_t row = 0;
};

/// The row sessions of one bank in time order, from the last one that began before what can still be
/// reserved.
class DramBank {
 public:
  std::size_t size() const { return sessions_.size() - first_; }
  bool empty() const { return size() == 0; }
  const RowSession& operator[](std::size_t index) const { return sessions_[first_ + index]; }

  /// How many sessions began at or before `clock`.
  std::size_t begun_until(Clock clock) const {
    std::size_t count = size();
    while (count > 0 && (*this)[count - 1].activate > clock) --count;
    return count;
  }

  void insert(std::size_t index, const RowSession& session) {
    sessions_.insert(sessions_.begin() + static_cast<std::ptrdiff_t>(first_ + index), session);
    ++activates_;
  }

  /// An access joins a session.
  void join(std::size_t index, Clock column, Clock earliest_precharge) {
    RowSession& session = sessions_[first_ + index];
    session.last_column = std::max(session.last_column, column);
    session.earliest_precharge = std::max(session.earliest_precharge, earliest_precharge);
  }

  /// Forgets the first session, which was precharged at `precharge`.
  void retire_first(Clock precharge, Clock row_precharge) {
    const RowSession& session = sessions_[first_];
    row_open_ += precharge - session.activate;
    busy_ += session.earliest_precharge + row_precharge - session.activate;
    // Moving the rest down now and then keeps the vector as short as what is live.
    if (++first_ >= 16) {
      sessions_.erase(sessions_.begin(), sessions_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }

  std::uint64_t activates() const { return activates_; }
  /// Clocks that rows of retired sessions were open.
  Clock row_open() const { return row_open_; }
  /// Clocks that retired sessions kept the bank from opening another row.
  Clock busy() const { return busy_; }

 private:
  std::vector<RowSession> sessions_;
  std::size_t first_ = 0;
  std::uint64_t activates_ = 0;
  Clock row_open_ = 0;
  Clock busy_ = 0;
};

}  // namespace pagoda

// The rows that one bank of a DRAM has open, one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "pagoda/memory/dram_clocks.h"

namespace pagoda {

/// Accesses to one row that follow closely. A session begins with an ACT, or it continues the one before it with the
/// row still open; it ends with a PRE unless the next one continues it. Sessions that continue each other have room
/// between them for another row: a request that comes late in call order may claim it, and the session after it then
/// gets an ACT of its own.
struct RowSession {
  Clock begin = 0;               ///< its ACT, or its first RD or WR if it continues
  Clock activate = 0;            ///< the ACT that opened the row
  Clock earliest_precharge = 0;  ///< what the accesses to the open row so far allow
  Clock latest_precharge = 0;    ///< what the next refresh allows
  Clock last_column = 0;         ///< its latest RD or WR
  std::uint32_t row = 0;
  bool continues = false;
};

/// The row sessions of one bank in time order, from the last one that began before what can still be reserved.
class DramBank {
 public:
  std::size_t size() const { return end_ - begin_; }
  const RowSession& operator[](std::size_t index) const { return sessions_[begin_ + index]; }

  /// How many sessions began at or before `clock`.
  std::size_t begun_until(Clock clock) const {
    std::size_t end = end_;
    while (end > begin_ && sessions_[end - 1].begin > clock) --end;
    return end - begin_;
  }

  /// Whether insert() would have to make room: a good time to retire sessions.
  bool full() const { return end_ == sessions_.size(); }

  void insert(std::size_t index, const RowSession& session) {
    if (full()) make_room();
    for (std::size_t i = end_++; i > begin_ + index; --i) sessions_[i] = sessions_[i - 1];
    sessions_[begin_ + index] = session;
  }

  RowSession& at(std::size_t index) { return sessions_[begin_ + index]; }

  /// Whether the row of a session stays open until the next session.
  bool continued(std::size_t index) const { return index + 1 < size() && (*this)[index + 1].continues; }

  void count_activate() { ++activates_; }

  /// Forgets the first session, which ended at `end`: with its PRE, or where the next one continues it.
  void retire_first(Clock end, Clock row_precharge) {
    const RowSession& session = sessions_[begin_++];
    row_open_ += end - session.begin;
    busy_ += std::min(end, session.earliest_precharge) + row_precharge - session.begin;
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

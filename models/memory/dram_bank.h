// The rows that one bank of a DRAM has open, one after the other.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

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
  RowSession* begin() { return first_; }
  RowSession* end() { return end_; }
  const RowSession* begin() const { return first_; }
  const RowSession* end() const { return end_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - first_); }

  /// The first session that begins after `clock`, or end().
  RowSession* after(Clock clock) {
    RowSession* session = end_;
    while (session != first_ && session[-1].begin > clock) --session;
    return session;
  }

  /// Whether the row of a session stays open until the next session.
  bool continued(const RowSession* session) const { return session + 1 != end_ && session[1].continues; }

  /// Whether insert() would have to make room: a good time to retire sessions.
  bool full() const { return end_ == limit_; }

  /// Returns where the session is. Others may move: what points to them is no longer valid.
  RowSession* insert(RowSession* before, const RowSession& session) {
    if (full()) before = make_room(before);
    std::copy_backward(before, end_, end_ + 1);
    ++end_;
    *before = session;
    return before;
  }

  void count_activate() { ++activates_; }

  /// Forgets the first session, which ended at `end`: with its PRE, or where the next one continues it.
  void retire_first(Clock end, Clock row_precharge) {
    const RowSession& session = *first_++;
    row_open_ += end - session.begin;
    busy_ += std::min(end, session.earliest_precharge) + row_precharge - session.begin;
  }

  std::uint64_t activates() const { return activates_; }
  /// Clocks that rows of retired sessions were open.
  Clock row_open() const { return row_open_; }
  /// Clocks that retired sessions kept the bank from opening another row.
  Clock busy() const { return busy_; }

 private:
  /// Moves the sessions down over the retired ones, or to a larger place if there are hardly any of those. Returns
  /// where `session` went.
  RowSession* make_room(const RowSession* session) {
    const std::ptrdiff_t index = session - first_;
    const std::ptrdiff_t used = end_ - sessions_.get();
    if ((first_ - sessions_.get()) * 2 <= used) {
      const std::ptrdiff_t wanted = std::max<std::ptrdiff_t>(8, 2 * used);
      auto larger = std::make_unique<RowSession[]>(static_cast<std::size_t>(wanted));
      end_ = std::copy(first_, end_, larger.get());
      sessions_ = std::move(larger);
      limit_ = sessions_.get() + wanted;
    } else {
      end_ = std::copy(first_, end_, sessions_.get());
    }
    first_ = sessions_.get();
    return first_ + index;
  }

  std::unique_ptr<RowSession[]> sessions_;
  RowSession* first_ = nullptr;  ///< those from here to end_ are live
  RowSession* end_ = nullptr;
  RowSession* limit_ = nullptr;  ///< the end of sessions_
  std::uint64_t activates_ = 0;
  Clock row_open_ = 0;
  Clock busy_ = 0;
};

}  // namespace pagoda

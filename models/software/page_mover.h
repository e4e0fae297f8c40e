// How software moves pages between memory and a volume, whatever the volume is attached by.
//
// Models: orders with their answers; the order's bytes really move. Two ways of it: CapiVolume (a context of a coherent
// adapter for each user, polled) and BlockVolume (one queue for all, with interrupts). Does not model: which page goes
// where, which is the pager's.
#pragma once

#include <cstdint>

#include "pagoda/base/access.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/time.h"

namespace pagoda {

enum class MoveDirection : std::uint8_t { out, in };

enum class MoveStatus : std::uint8_t {
  ok,
  out_of_range,  ///< the volume has no such page
  volume_full,   ///< no room for what is written
  media_error,
  timed_out,
  memory_fault  ///< the page in memory could not be reached
};

/// A page: `address` in the mover's address space, `page` on the volume.
struct MoveOrder {
  MoveDirection direction = MoveDirection::in;
  Addr address = 0;
  std::uint64_t page = 0;
  std::uint64_t tag = 0;  ///< the user's own
};

/// Where the time of an order went. The parts add up to it.
struct MoveTime {
  Ps software = 0;     ///< of the driver: building, mapping, ringing, unmapping; a processor's
  Ps queue = 0;        ///< waiting for something busy, or for a handler
  Ps translation = 0;  ///< of addresses, page faults included
  Ps link = 0;         ///< BlockVolume: with all that the device's requests pass, translation and memory included
  Ps memory = 0;
  Ps media = 0;

  Ps total() const { return software + queue + translation + link + memory + media; }
  MoveTime& operator+=(const MoveTime& other);
};
/// The group `order_time`.
void visit_move_time(StatVisitor& visitor, MoveTime& time);

struct MoveResult {
  MoveOrder order;
  MoveStatus status = MoveStatus::ok;
  Ps submitted = 0;
  Ps done = 0;  ///< from when on software can know: what polls sees it then, what waits is told then
  MoveTime time;

  bool ok() const { return status == MoveStatus::ok; }
};

class MoveClient {
 public:
  virtual ~MoveClient() = default;
  /// CapiVolume: before submit() returns, and `done` lies in the future. BlockVolume: from the driver's thread, when
  /// kernel time is `done`. Either way the client may submit more from here.
  virtual void moved(const MoveResult& result) = 0;
};

class PageMover {
 public:
  struct Submission {
    bool accepted = true;
    /// Accepted: when the submitting thread has done its part. Else: when there may be room; kNever: when one of the
    /// orders under way has ended.
    Ps until = 0;
  };

  virtual ~PageMover() = default;
  /// An order that its user makes at local time `at`, not before kernel time.
  virtual Submission submit(const MoveOrder& order, Ps at, MoveClient& client) = 0;
  /// Orders that could be submitted at `at`.
  virtual std::uint32_t room(Ps at) const = 0;
};

}  // namespace pagoda

// Tables in memory as hardware reaches them that reads tables by itself: a walker's 8-byte accesses and loads of
// several words, below the module, with the tables' real bytes.
#pragma once

#include <span>

#include "pagoda/base/downlink.h"
#include "pagoda/mmu/walker.h"

namespace pagoda {

class TablePort final : public TableMemory {
 public:
  /// Accesses on behalf of `cause`; all of their time is walk time to it. `observer`, if there is one, outlives this.
  TablePort(Downlink& below, const TimedRequest& cause, const TableObserver* observer = nullptr)
      : below_(below), cause_(cause), observer_(observer) {}

  /// Reads the words from `address` on as one access; the answer's value is the first.
  Answer load(Addr address, std::span<std::uint64_t> words, Ps at);
  Answer read(Addr address, Ps at) override;
  /// The address that was read last.
  Addr last_read() const { return last_read_; }
  Answer compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) override;

 private:
  void access(AccessKind kind, Addr address, std::span<std::uint64_t> words, Answer& answer, Ps at);

  Downlink& below_;
  const TimedRequest& cause_;
  const TableObserver* observer_;
  Addr last_read_ = 0;
};

}  // namespace pagoda

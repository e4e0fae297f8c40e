// Page tables as the walker of an MMU reaches them: 8-byte accesses below the MMU, with the entries' real bytes.
#pragma once

#include "pagoda/base/downlink.h"
#include "pagoda/mmu/walker.h"

namespace pagoda {

class TablePort final : public TableMemory {
 public:
  /// Accesses on behalf of `cause`; all of their time is walk time to it.
  TablePort(Downlink& below, const TimedRequest& cause) : below_(below), cause_(cause) {}

  Answer read(Addr address, Ps at) override;
  Answer compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) override;

 private:
  void access(AccessKind kind, Addr address, Answer& answer, Ps at);

  Downlink& below_;
  const TimedRequest& cause_;
};

}  // namespace pagoda

// An MMU's way to a walker in memory, as transactions below one of its sockets.
#pragma once

#include "pagoda/base/transaction.h"
#include "pagoda/mmu/memory_walk.h"

namespace pagoda {

class MemoryWalkPort final : public MemoryWalks {
 public:
  using Below = tlm::tlm_fw_transport_if<>;

  explicit MemoryWalkPort(Below& below) : below_(below) {}

  MemoryWalkOutcome walk(const WalkJob& job, Ps at, WalkResult& result) override;
  Ps invalidate(const TlbInvalidation& what, std::span<const Stage> stages, Ps at) override;

 private:
  Ps send(MemoryWalkCommand& command, std::span<const Stage> stages, Ps at);

  Below& below_;
  TransactionPool transactions_;
};

}  // namespace pagoda

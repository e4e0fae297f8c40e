#include "pagoda/mmu/memory_walk_port.h"

#include "pagoda/base/module.h"

namespace pagoda {
namespace {

// Where the tables begin that the memory itself knows the addresses of: those of the last stage that translates.
Addr outermost_root(std::span<const Stage> stages) {
  for (auto stage = stages.rbegin(); stage != stages.rend(); ++stage) {
    if (stage->format != nullptr) return stage->root;
  }
  return 0;
}

}  // namespace

MemoryWalkOutcome MemoryWalkPort::walk(const WalkJob& job, Ps at, WalkResult& result) {
  MemoryWalkCommand command;
  command.job = job;
  const Ps done = send(command, job.stages, at);
  result = command.result;
  result.done = done;
  return command.outcome;
}

Ps MemoryWalkPort::invalidate(const TlbInvalidation& what, std::span<const Stage> stages, Ps at) {
  MemoryWalkCommand command;
  command.kind = MemoryWalkCommand::Kind::invalidate;
  command.invalidation = what;
  return send(command, stages, at);
}

Ps MemoryWalkPort::send(MemoryWalkCommand& command, std::span<const Stage> stages, Ps at) {
  const TransactionPool::Lease transaction = transactions_.lease();
  transaction->prepare(tlm::TLM_IGNORE_COMMAND, outermost_root(stages), MemoryWalkCommand::kRecordBytes, nullptr);
  transaction->attributes.requester = command.job.requester;
  transaction->attributes.origin = Origin::walk;
  transaction->payload.set_extension(&command);
  sc_core::sc_time delay = delay_until(at);
  below_.b_transport(transaction->payload, delay);
  transaction->payload.clear_extension(&command);
  return local_time(delay);
}

}  // namespace pagoda

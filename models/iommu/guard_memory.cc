#include "pagoda/iommu/guard_memory.h"

#include "pagoda/mmu/table_port.h"

namespace pagoda {

GuardMemory::Answer GuardPort::load(Addr address, std::span<std::uint64_t> words, const TranslatedGuard::Request& cause,
                                    Ps at) {
  TimeSplit time;
  Fault fault;
  const TimedRequest request{.info = {.requester = requester_}, .floor = cause.floor, .time = &time, .fault = &fault};
  const TableMemory::Answer answer = TablePort(below_, request).load(address, words, at);
  return {answer.done, answer.refused};
}

}  // namespace pagoda

#include "pagoda/mmu/table_port.h"

namespace pagoda {
namespace {

unsigned char* bytes_of(TableMemory::Answer& answer) { return reinterpret_cast<unsigned char*>(&answer.value); }

}  // namespace

TableMemory::Answer TablePort::read(Addr address, Ps at) {
  Answer answer;
  access(AccessKind::read, address, answer, at);
  return answer;
}

// Nothing else runs between the look at the old value and the write: neither waits.
TableMemory::Answer TablePort::compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) {
  Answer answer;
  const bool known = below_.data().move(tlm::TLM_READ_COMMAND, address, bytes_of(answer), sizeof answer.value);
  answer.swapped = !known || answer.value == expected;
  if (answer.swapped) answer.value = desired;
  access(answer.swapped ? AccessKind::write : AccessKind::read, address, answer, at);
  return answer;
}

void TablePort::access(AccessKind kind, Addr address, Answer& answer, Ps at) {
  TimeSplit walks;
  Fault fault;
  TimedRequest request{.address = address,
                       .bytes = sizeof answer.value,
                       .info = {.requester = cause_.info.requester, .access = kind, .origin = Origin::walk},
                       .floor = cause_.floor,
                       .time = &walks,
                       .fault = &fault};
  const TimedAnswer timed = below_.access_data(request, at, bytes_of(answer));
  answer.done = timed.done;
  if (!timed.ok()) answer.refused = FaultCause::access_error;
}

}  // namespace pagoda

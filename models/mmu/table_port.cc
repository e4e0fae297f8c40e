#include "pagoda/mmu/table_port.h"

namespace pagoda {
namespace {

unsigned char* bytes_of(std::span<std::uint64_t> words) { return reinterpret_cast<unsigned char*>(words.data()); }

}  // namespace

TableMemory::Answer TablePort::load(Addr address, std::span<std::uint64_t> words, Ps at) {
  Answer answer;
  access(AccessKind::read, address, words, answer, at);
  answer.value = words.front();
  return answer;
}

TableMemory::Answer TablePort::read(Addr address, Ps at) {
  last_read_ = address;
  std::uint64_t word = 0;
  return load(address, {&word, 1}, at);
}

// Nothing else runs between the look at the old value and the write: neither waits.
TableMemory::Answer TablePort::compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) {
  Answer answer;
  const std::span<std::uint64_t> word{&answer.value, 1};
  const bool known = below_.data().move(tlm::TLM_READ_COMMAND, address, bytes_of(word), sizeof answer.value);
  answer.swapped = !known || answer.value == expected;
  if (answer.swapped) answer.value = desired;
  access(answer.swapped ? AccessKind::write : AccessKind::read, address, word, answer, at);
  if (answer.swapped && observer_ != nullptr && *observer_) (*observer_)(address, desired);
  return answer;
}

void TablePort::access(AccessKind kind, Addr address, std::span<std::uint64_t> words, Answer& answer, Ps at) {
  TimeSplit walks;
  Fault fault;
  TimedRequest request{.address = address,
                       .bytes = static_cast<std::uint32_t>(words.size_bytes()),
                       .info = {.requester = cause_.info.requester, .access = kind, .origin = Origin::walk},
                       .expected = cause_.expected,
                       .floor = cause_.floor,
                       .time = &walks,
                       .fault = &fault};
  const TimedAnswer timed = below_.access_data(request, at, bytes_of(words));
  answer.done = timed.done;
  if (!timed.ok()) answer.refused = FaultCause::access_error;
}

}  // namespace pagoda

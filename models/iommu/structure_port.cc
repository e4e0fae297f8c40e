#include "pagoda/iommu/structure_port.h"

#include <array>
#include <bit>

namespace pagoda {

static_assert(std::endian::native == std::endian::little, "the structures are little-endian");

StructurePort::Answer StructurePort::load(Addr address, std::span<std::uint64_t> words, Ps at) {
  return access(AccessKind::read, address, words.data(), words.size_bytes(), at);
}

StructurePort::Answer StructurePort::store(Addr address, std::span<const std::uint64_t> words, Ps at) {
  std::array<std::uint64_t, 8> copy{};
  std::copy(words.begin(), words.end(), copy.begin());
  return access(AccessKind::write, address, copy.data(), words.size_bytes(), at);
}

StructurePort::Answer StructurePort::store32(Addr address, std::uint32_t value, Ps at) {
  return access(AccessKind::write, address, &value, sizeof value, at);
}

// Nothing else runs between the look at the old value and the write: neither waits.
StructurePort::Answer StructurePort::compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired,
                                                      Ps at) {
  std::uint64_t value = 0;
  const bool known =
      below_.data().move(tlm::TLM_READ_COMMAND, address, reinterpret_cast<unsigned char*>(&value), sizeof value);
  const bool swapped = !known || value == expected;
  if (swapped) value = desired;
  Answer answer = access(swapped ? AccessKind::write : AccessKind::read, address, &value, sizeof value, at);
  answer.swapped = swapped;
  answer.value = value;
  return answer;
}

StructurePort::Answer StructurePort::access(AccessKind kind, Addr address, void* bytes, std::size_t length, Ps at) {
  TimeSplit time;
  Fault fault;
  TimedRequest request{.address = address,
                       .bytes = static_cast<std::uint32_t>(length),
                       .info = {.requester = requester_, .access = kind, .origin = Origin::walk},
                       .floor = floor_,
                       .time = &time,
                       .fault = &fault};
  const TimedAnswer timed = below_.access_data(request, at, static_cast<unsigned char*>(bytes));
  Answer answer{.done = timed.done};
  if (!timed.ok()) answer.refused = fault.cause == FaultCause::poison ? FaultCause::poison : FaultCause::access_error;
  return answer;
}

}  // namespace pagoda

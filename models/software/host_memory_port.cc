#include "pagoda/software/host_memory_port.h"

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/software/software_time.h"

namespace pagoda {

Ps HostMemoryPort::access(Addr address, std::uint32_t bytes, AccessKind kind, Ps at) {
  (kind == AccessKind::write ? written_ : read_) += bytes;
  if (!below_.bound()) return at;
  TimedRequest request{.address = address,
                       .bytes = bytes,
                       .info = {.access = kind, .origin = Origin::migration},
                       .floor = kernel_now(),
                       .time = &time_,
                       .fault = &fault_};
  const TimedAnswer answer = below_.access(request, at);
  if (!answer.ok()) throw UserError(fmt::format("migration reaches no memory at {:#x}", address));
  return answer.done;
}

void HostMemoryPort::wait_for(Ps done) {
  const Ps now = kernel_now();
  if (done > now) spend(done - now);
}

}  // namespace pagoda

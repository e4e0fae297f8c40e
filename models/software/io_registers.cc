#include "pagoda/software/io_registers.h"

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/software/software_time.h"

namespace pagoda {

std::uint64_t IoRegisters::access(bool write, std::uint32_t offset, unsigned bytes, std::uint64_t value) {
  ++accesses_;
  spend(config_.costs.register_access.ps);
  Transaction transaction;  // of its own: other threads come along while this one waits
  transaction.prepare(write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND, config_.register_base + offset, bytes,
                      reinterpret_cast<unsigned char*>(&value));
  transaction.attributes.requester = config_.requester;
  transaction.attributes.access = write ? AccessKind::write : AccessKind::read;
  transaction.attributes.uncached = true;
  sc_core::sc_time delay;
  target_->b_transport(transaction.payload, delay);
  if (!transaction.payload.is_response_ok()) {
    throw UserError(
        fmt::format("no IOMMU answers at {:#x}, where its driver looks for registers", config_.register_base + offset));
  }
  spend(delay.value());
  return value;
}

}  // namespace pagoda

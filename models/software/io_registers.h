// The registers of an IOMMU as its driver reaches them.
//
// Models: accesses of 4 and 8 bytes through TLM, one after the other, for which the thread that makes them waits: what
// they cost the processor, then what the call's delay says. Before the simulation starts they cost nothing.
//
// Errors: UserError if an access is refused.
#pragma once

#include "pagoda/base/transaction.h"
#include "pagoda/software/io_driver_config.h"

namespace pagoda {

class IoRegisters {
 public:
  explicit IoRegisters(const IoDriverConfig& config) : config_(config) {}
  void bind(tlm::tlm_fw_transport_if<>& target) { target_ = &target; }

  std::uint32_t read32(std::uint32_t offset) { return static_cast<std::uint32_t>(access(false, offset, 4, 0)); }
  std::uint64_t read64(std::uint32_t offset) { return access(false, offset, 8, 0); }
  void write32(std::uint32_t offset, std::uint32_t value) { access(true, offset, 4, value); }
  void write64(std::uint32_t offset, std::uint64_t value) { access(true, offset, 8, value); }

  std::uint64_t& accesses() { return accesses_; }

 private:
  std::uint64_t access(bool write, std::uint32_t offset, unsigned bytes, std::uint64_t value);

  const IoDriverConfig& config_;
  tlm::tlm_fw_transport_if<>* target_ = nullptr;
  std::uint64_t accesses_ = 0;
};

}  // namespace pagoda

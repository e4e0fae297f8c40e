#include "platforms/cpu.h"

namespace pagoda {

Cpu::Cpu(const sc_core::sc_module_name& name, const CpuConfig& config, unsigned number)
    : Core(name, config.core, config.clock.period(), number), config_(config), mmu_("mmu", config.mmu) {
  if (config.core.fetch && config.l1i) l1i_ = std::make_unique<Cache>("l1i", *config.l1i);
  if (config.l1d) l1d_ = std::make_unique<Cache>("l1d", *config.l1d);
  if (config.l2) l2_ = std::make_unique<Cache>("l2", *config.l2);
  data.bind(mmu_.data);
  if (config.core.fetch) fetch.bind(mmu_.fetch);
}

}  // namespace pagoda

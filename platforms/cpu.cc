#include "platforms/cpu.h"

#include <fmt/format.h>

namespace pagoda {
namespace {

CoreConfig core_of_thread(const CpuConfig& config) {
  return config.smt ? SmtCore::part_of(config.core, *config.smt) : config.core;
}

}  // namespace

Cpu::Cpu(const sc_core::sc_module_name& name, const CpuConfig& config, unsigned number, unsigned hardware_thread)
    : Core(name, core_of_thread(config), config.clock.period(), number), config_(config), mmu_("mmu", config.mmu) {
  if (config.core.fetch && config.l1i) l1i_ = std::make_unique<Cache>("l1i", *config.l1i);
  if (config.l1d) l1d_ = std::make_unique<Cache>("l1d", *config.l1d);
  if (config.l2) l2_ = std::make_unique<Cache>("l2", *config.l2);
  data.bind(mmu_.data);
  if (config.core.fetch) fetch.bind(mmu_.fetch);
  if (!config.smt) return;
  const Ps period = config.clock.period();
  smt_ = std::make_unique<SmtCore>("smt", *config.smt, config.core, period, hardware_thread);
  join(smt_->thread(0));
  for (unsigned i = 1; i < smt_->software_threads(); ++i) {
    auto thread =
        std::make_unique<Core>(fmt::format("thread{}", i).c_str(), core_of_thread(config), period, number + i);
    thread->data.bind(mmu_.data);
    if (config.core.fetch) thread->fetch.bind(mmu_.fetch);
    thread->join(smt_->thread(i));
    threads_.push_back(thread.get());
    siblings_.push_back(std::move(thread));
  }
}

}  // namespace pagoda

// A core with its MMU and private caches, wired up.
#pragma once

#include <memory>
#include <vector>

#include "pagoda/memory/cache.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/workload/core.h"
#include "platforms/platform_config.h"
#include "platforms/write_tap.h"

namespace pagoda {

/// The module `cpuN`; its MMU and caches are its children. On a core with several hardware threads it is the first
/// software thread, and the others are its children as well.
class Cpu final : public Core {
 public:
  /// `config` must have its clocks filled in (resolve_clocks()). `number`: of its first software thread among all, and
  /// `hardware_thread` likewise.
  Cpu(const sc_core::sc_module_name& name, const CpuConfig& config, unsigned number, unsigned hardware_thread);

  /// Itself and the other software threads.
  const std::vector<Core*>& threads() const { return threads_; }
  /// Null if it has one hardware thread.
  const SmtCore* smt() const { return smt_.get(); }

  /// Binds all that leaves the private caches to a shared level, and table walks to where the configuration says:
  /// `shared` is in front of the last-level cache (or memory), `memory` in front of memory.
  /// `tap`: between the MMU and what is below it, if there is one.
  template <class Socket>
  void connect(Socket& shared, Socket& memory, WriteTap* tap = nullptr);

  Mmu& unit() { return mmu_; }
  /// Its data caches, the smallest first.
  std::vector<Cache*> data_caches() const {
    std::vector<Cache*> caches;
    for (const auto* cache : {&l1d_, &l2_}) {
      if (*cache) caches.push_back(cache->get());
    }
    return caches;
  }

 private:
  CpuConfig config_;
  Mmu mmu_;
  std::unique_ptr<SmtCore> smt_;
  std::vector<std::unique_ptr<Core>> siblings_;
  std::vector<Core*> threads_{this};
  std::unique_ptr<Cache> l1i_, l1d_, l2_;
};

template <class Socket>
void Cpu::connect(Socket& shared, Socket& memory, WriteTap* tap) {
  if (l2_) l2_->memory.bind(shared);
  const auto below_l1 = [&](auto& socket) {
    if (l2_) {
      socket.bind(l2_->cpu);
    } else {
      socket.bind(shared);
    }
  };
  const auto data_to = [&](auto& socket) {
    if (l1d_) {
      socket.bind(l1d_->cpu);
      below_l1(l1d_->memory);
    } else {
      below_l1(socket);
    }
  };
  if (tap != nullptr) {
    mmu_.data_memory.bind(tap->in);
    data_to(tap->out);
  } else {
    data_to(mmu_.data_memory);
  }
  if (config_.core.fetch) {
    if (l1i_) {
      mmu_.fetch_memory.bind(l1i_->cpu);
      below_l1(l1i_->memory);
    } else {
      below_l1(mmu_.fetch_memory);
    }
  }
  switch (config_.walks_enter) {
    case WalkEntry::l1d: mmu_.walk_memory.bind(l1d_->cpu); break;
    case WalkEntry::l2: mmu_.walk_memory.bind(l2_->cpu); break;
    case WalkEntry::llc: mmu_.walk_memory.bind(shared); break;
    case WalkEntry::memory: mmu_.walk_memory.bind(memory); break;
  }
  if (config_.mmu.walker.place != WalkerPlace::host) mmu_.memory_walks.bind(memory);
}

}  // namespace pagoda

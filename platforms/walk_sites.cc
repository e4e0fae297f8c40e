#include "platforms/walk_sites.h"

#include <algorithm>

#include <fmt/format.h>

namespace pagoda {

void WalkSites::add(const MemoryWalkerConfig& config, Dram& dram, PhysicalMemory& bytes) {
  const std::string name = fmt::format("{}_walker", dram.basename());
  sites_.push_back({&dram, std::make_unique<MemoryWalker>(name.c_str(), config, dram, bytes)});
  sites_.back().walker->connect(*this);
}

TablePlacement WalkSites::placement() const {
  TablePlacement placement;
  for (const Site& site : sites_) {
    TableRows& rows = site.walker->rows();
    if (rows.begin() == rows.end()) continue;
    placement.kept.push_back({rows.begin(), rows.end()});
    for (std::uint32_t channel = 0; channel < rows.channels(); ++channel) {
      placement.frames.push_back(&rows.frames(channel));
    }
  }
  return placement;
}

void WalkSites::connect(const std::vector<std::unique_ptr<Cpu>>& cpus, Cache* shared) {
  cpus_ = &cpus;
  for (const auto& cpu : cpus) {
    for (Cache* cache : cpu->data_caches()) caches_.push_back(cache);
  }
  if (shared != nullptr) caches_.push_back(shared);
}

HostCaches::Copy WalkSites::find(Addr line) {
  Copy copy = Copy::none;
  for (Cache* cache : caches_) {
    if (cache->core().holds_dirty(line)) return Copy::dirty;
    if (cache->core().holds(line)) copy = Copy::clean;
  }
  return copy;
}

Ps WalkSites::recall(Addr line, Ps at, Ps floor) {
  Ps gone = at;
  for (Cache* cache : caches_) gone = std::max(gone, cache->recall(line, at, floor));
  return gone;
}

void WalkSites::visit_stats(StatVisitor& v) {
  std::uint64_t walks = 0, activates = 0, table_bytes = 0, bank_time = 0;
  double joules = 0;
  for (const auto& cpu : *cpus_) walks += cpu->unit().walks();
  for (Site& site : sites_) {
    const HostCosts now{site.dram->walk_activates(), site.dram->walk_bursts()};
    if (v.clears()) site.before = now;
    const std::uint64_t opened = now.activates - site.before.activates;
    const std::uint64_t bursts = now.bursts - site.before.bursts;
    DramTiming& dram = site.dram->timing();
    const DramOperationEnergy& operation = dram.operation_energy();
    const std::uint64_t burst = burst_bytes(dram.config().organisation);
    const double link = static_cast<double>(burst) * site.walker->config().link_energy.joules;
    const WalkTableCounters tables = site.walker->table_counters();
    activates += opened + tables.activates;
    table_bytes += (bursts + tables.bursts) * burst;
    bank_time += opened * dram.clocks().time_of(dram.clocks().row_cycle[kDramRead]) + tables.bank_time;
    joules += static_cast<double>(opened) * operation.activate.joules +
              static_cast<double>(bursts) * (operation.read_burst.joules + link) + site.walker->energy().joules;
  }
  const double each = walks == 0 ? 0 : 1 / static_cast<double>(walks);
  v.counter("walks", walks, kCount, "page-table walks of all cores");
  v.counter("table_bytes", table_bytes, kSizeInBytes, "table entries carried over memory channels");
  v.value("table_bytes_per_walk", ratio(table_bytes, walks), "B", "of these per walk");
  v.value("activates_per_walk", ratio(activates, walks), "", "rows opened for table entries per walk");
  v.counter("bank_time", bank_time, kTimeInNs, "time that walks took of banks");
  v.value("bank_time_per_walk", ratio(bank_time, walks) / kTimeInNs.scale, "ns", "of this per walk");
  v.value("energy_per_walk", joules * each * 1e9, "nJ", "rows, bursts, selections, link");
}

}  // namespace pagoda

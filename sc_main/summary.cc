#include "sc_main/summary.h"

#include <algorithm>
#include <array>
#include <functional>

#include <fmt/format.h>

#include "pagoda/base/attributes.h"
#include "pagoda/base/units.h"
#include "sc_main/table.h"

namespace pagoda {
namespace {

constexpr std::size_t kMaxColumns = 8;

// One core's statistics, read by path.
class CoreFigures {
 public:
  CoreFigures(const StatNode& stats, std::string core) : stats_(stats), core_(std::move(core)) {}

  bool has(const std::string& path) const { return stats_.find(core_ + "." + path) != nullptr; }
  double at(const std::string& path) const { return stats_.number(core_ + "." + path); }
  std::string count(const std::string& path) const { return pretty_count(at(path)); }
  std::string ns(const std::string& path) const { return fmt::format("{:.1f}", at(path)); }
  // Hits of all look-ups, with the misses.
  std::string hit_rate(const std::string& structure) const {
    const double hits = at(structure + ".hits");
    const double misses = at(structure + ".misses");
    if (hits + misses == 0) return "-";
    return fmt::format("{:.2f} %", hits / (hits + misses) * 100);
  }
  std::string per_access(const std::string& sum) const {
    const double accesses = at("accesses");
    return accesses == 0 ? "-" : fmt::format("{:.2f}", at(sum) / accesses);
  }

 private:
  const StatNode& stats_;
  std::string core_;
};

using Cell = std::function<std::string(const CoreFigures&)>;

class CoreTable {
 public:
  explicit CoreTable(std::vector<CoreFigures> cores) : cores_(std::move(cores)), table_(header()) {}

  void row(const std::string& label, const Cell& cell) {
    std::vector<std::string> line{label};
    for (const CoreFigures& core : cores_) line.push_back(cell(core));
    table_.add(std::move(line));
  }
  // Only if some core has the structure.
  void hit_row(const std::string& label, const std::string& structure) {
    const bool any = std::any_of(cores_.begin(), cores_.end(), [&](const CoreFigures& c) {
      return c.at(structure + ".hits") + c.at(structure + ".misses") > 0;
    });
    if (any) row(label, [&](const CoreFigures& c) { return c.hit_rate(structure); });
  }
  std::string print() const { return table_.print(); }

 private:
  std::vector<std::string> header() const {
    std::vector<std::string> line{""};
    for (std::size_t i = 0; i < cores_.size(); ++i) line.push_back(fmt::format("cpu{}", i));
    return line;
  }

  std::vector<CoreFigures> cores_;
  Table table_;
};

std::string core_section(const StatNode& stats) {
  std::vector<CoreFigures> cores;
  while (stats.find(fmt::format("cpu{}", cores.size())) != nullptr && cores.size() < kMaxColumns) {
    cores.emplace_back(stats, fmt::format("cpu{}", cores.size()));
  }
  CoreTable table(cores);
  table.row("loads and stores", [](const CoreFigures& c) { return c.count("accesses"); });
  table.row("instructions per cycle", [](const CoreFigures& c) { return fmt::format("{:.2f}", c.at("ipc")); });
  table.row("average access, ns",
            [](const CoreFigures& c) { return fmt::format("{:.2f}", c.at("access_latency.mean")); });
  constexpr std::array<const char*, kTimeParts> kLabels{"  TLB look-ups", "  page-table walks", "  caches", "  buses",
                                                        "  DRAM",         "  queueing"};
  for (std::size_t part = 0; part < kLabels.size(); ++part) {
    table.row(kLabels[part],
              [&](const CoreFigures& c) { return c.per_access(std::string("access_time.") + kTimePartNames[part]); });
  }
  table.hit_row("DTLB hit rate", "mmu.dtlb");
  table.hit_row("ITLB hit rate", "mmu.itlb");
  table.hit_row("STLB hit rate", "mmu.stlb");
  table.row("page-table walks", [](const CoreFigures& c) { return c.count("mmu.walker.walks"); });
  table.row("  latency p50 / p99, ns", [](const CoreFigures& c) {
    return c.ns("mmu.walker.latency.p50") + " / " + c.ns("mmu.walker.latency.p99");
  });
  table.row("  table reads per walk",
            [](const CoreFigures& c) { return fmt::format("{:.2f}", c.at("mmu.walker.reads_per_walk")); });
  table.hit_row("  nested TLB hit rate", "mmu.walker.nested_tlb");
  table.hit_row("L1D hit rate", "l1d");
  table.hit_row("L1I hit rate", "l1i");
  table.hit_row("L2 hit rate", "l2");
  return table.print();
}

std::string shared_section(const StatNode& stats) {
  std::string text;
  if (stats.find("llc") != nullptr) {
    text += fmt::format("last-level cache  {:.2f} % hits of {}\n", stats.number("llc.hit_rate") * 100,
                        pretty_count(stats.number("llc.hits") + stats.number("llc.misses")));
  }
  for (int i = 0; stats.find(fmt::format("memory{}", i)) != nullptr; ++i) {
    const std::string memory = fmt::format("memory{}.", i);
    if (stats.find(memory + "bandwidth") == nullptr) continue;
    text += fmt::format("memory{}           {:.2f} GB/s, {:.1f} % row hits, {:.1f} uJ ({:.1f} uJ without standby)\n", i,
                        stats.number(memory + "bandwidth"), stats.number(memory + "row_hit_rate") * 100,
                        stats.number(memory + "energy.total"),
                        stats.number(memory + "energy.total") - stats.number(memory + "energy.background"));
  }
  const double faults =
      stats.number("os.minor_faults") + stats.number("os.major_faults") + stats.number("os.machine_faults");
  if (faults > 0) {
    text += fmt::format("faults            {} minor, {} major, {} to a hypervisor\n", stats.number("os.minor_faults"),
                        stats.number("os.major_faults"), stats.number("os.machine_faults"));
  }
  if (stats.number("os.shootdowns") > 0) {
    text += fmt::format("TLB shootdowns    {}, {:.2f} us on average\n", stats.number("os.shootdowns"),
                        stats.number("os.shootdown_latency.mean") / 1000);
  }
  return text;
}

}  // namespace

std::string summary(const PlatformConfig& config, const std::string& variant, const StatNode& stats,
                    const HostFigures& host) {
  std::string text =
      fmt::format("{}{}: {}\n\n", config.name, variant.empty() ? "" : " (" + variant + ")", config.description);
  text += core_section(stats) + "\n" + shared_section(stats);
  text +=
      fmt::format("simulated         {} at quantum {}, seed {}\n",
                  pretty_duration(stats.number("simulated_time_ns") * 1e-9), to_string(config.quantum), config.seed);
  text += fmt::format("host              {} after {} of setting up, {} accesses/s, {} MiB\n",
                      pretty_duration(host.seconds), pretty_duration(host.setup_seconds),
                      pretty_count(host.seconds > 0 ? static_cast<double>(host.accesses) / host.seconds : 0),
                      host.peak_rss_bytes >> 20);
  return text;
}

}  // namespace pagoda

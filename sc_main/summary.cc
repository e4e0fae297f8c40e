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

constexpr std::array<const char*, kTimeParts> kPartLabels{
    "  TLB look-ups", "  page-table walks", "  caches", "  buses and links", "  DRAM", "  queueing"};

// One core's or device's statistics, read by path.
class Figures {
 public:
  Figures(const StatNode& stats, std::string module) : stats_(stats), module_(std::move(module)) {}

  // Without `io.` in front.
  std::string name() const { return module_.substr(module_.rfind('.') + 1); }

  bool has(const std::string& path) const { return stats_.find(module_ + "." + path) != nullptr; }
  double at(const std::string& path) const { return stats_.number(module_ + "." + path); }
  std::string count(const std::string& path) const { return pretty_count(at(path)); }
  std::string ns(const std::string& path) const { return fmt::format("{:.1f}", at(path)); }
  // Hits of all look-ups, with the misses.
  std::string hit_rate(const std::string& structure) const {
    const double hits = at(structure + ".hits");
    const double misses = at(structure + ".misses");
    if (hits + misses == 0) return "-";
    return fmt::format("{:.2f} %", hits / (hits + misses) * 100);
  }
  std::string per_access(const std::string& sum, const std::string& count = "accesses") const {
    const double accesses = at(count);
    return accesses == 0 ? "-" : fmt::format("{:.2f}", at(sum) / accesses);
  }

 private:
  const StatNode& stats_;
  std::string module_;
};

using Cell = std::function<std::string(const Figures&)>;

class FigureTable {
 public:
  explicit FigureTable(std::vector<Figures> columns) : columns_(std::move(columns)), table_(header()) {}

  void row(const std::string& label, const Cell& cell) {
    std::vector<std::string> line{label};
    for (const Figures& core : columns_) line.push_back(cell(core));
    table_.add(std::move(line));
  }
  // Only if some core has the structure.
  void hit_row(const std::string& label, const std::string& structure) {
    const bool any = std::any_of(columns_.begin(), columns_.end(), [&](const Figures& c) {
      return c.at(structure + ".hits") + c.at(structure + ".misses") > 0;
    });
    if (any) row(label, [&](const Figures& c) { return c.hit_rate(structure); });
  }
  std::string print() const { return table_.print(); }

 private:
  std::vector<std::string> header() const {
    std::vector<std::string> line{""};
    for (const Figures& column : columns_) line.push_back(column.name());
    return line;
  }

  std::vector<Figures> columns_;
  Table table_;
};

std::string core_section(const StatNode& stats) {
  std::vector<Figures> cores;
  while (stats.find(fmt::format("cpu{}", cores.size())) != nullptr && cores.size() < kMaxColumns) {
    cores.emplace_back(stats, fmt::format("cpu{}", cores.size()));
  }
  FigureTable table(cores);
  table.row("loads and stores", [](const Figures& c) { return c.count("accesses"); });
  table.row("instructions per cycle", [](const Figures& c) { return fmt::format("{:.2f}", c.at("ipc")); });
  table.row("average access, ns", [](const Figures& c) { return fmt::format("{:.2f}", c.at("access_latency.mean")); });
  for (std::size_t part = 0; part < kPartLabels.size(); ++part) {
    table.row(kPartLabels[part],
              [&](const Figures& c) { return c.per_access(std::string("access_time.") + kTimePartNames[part]); });
  }
  table.hit_row("DTLB hit rate", "mmu.dtlb");
  table.hit_row("ITLB hit rate", "mmu.itlb");
  table.hit_row("STLB hit rate", "mmu.stlb");
  table.row("page-table walks", [](const Figures& c) { return c.count("mmu.walker.walks"); });
  table.row("  latency p50 / p99, ns",
            [](const Figures& c) { return c.ns("mmu.walker.latency.p50") + " / " + c.ns("mmu.walker.latency.p99"); });
  table.row("  table reads per walk",
            [](const Figures& c) { return fmt::format("{:.2f}", c.at("mmu.walker.reads_per_walk")); });
  table.hit_row("  nested TLB hit rate", "mmu.walker.nested_tlb");
  table.hit_row("L1D hit rate", "l1d");
  table.hit_row("L1I hit rate", "l1i");
  table.hit_row("L2 hit rate", "l2");
  return table.print();
}

std::string device_section(const PlatformConfig& config, const StatNode& stats) {
  std::vector<Figures> devices;
  for (const DeviceConfig& group : config.io.devices) {
    for (std::uint32_t i = 0; i < group.count && devices.size() < kMaxColumns; ++i) {
      devices.emplace_back(stats, fmt::format("io.{}{}", group.name, i));
    }
  }
  FigureTable table(devices);
  table.row("DMA requests", [](const Figures& d) { return d.count("requests"); });
  table.row("payload, Gb/s", [](const Figures& d) { return fmt::format("{:.2f}", d.at("payload_rate")); });
  table.row("average request, ns", [](const Figures& d) { return fmt::format("{:.1f}", d.at("latency.mean")); });
  for (std::size_t part = 0; part < kPartLabels.size(); ++part) {
    table.row(kPartLabels[part], [&](const Figures& d) {
      return d.per_access(std::string("request_time.") + kTimePartNames[part], "requests");
    });
  }
  table.row("  p50 / p99", [](const Figures& d) { return d.ns("latency.p50") + " / " + d.ns("latency.p99"); });
  table.hit_row("ATC hit rate", "atc");
  table.row("refused", [](const Figures& d) { return d.count("faults"); });
  std::string text = table.print();
  if (stats.find("io.iommu") == nullptr) return text;
  const Figures iommu(stats, "io.iommu");
  text += fmt::format(
      "IOMMU             IOTLB {} hits, {} walks of {} ns (p99 {}) with {:.2f} reads, {} requests refused\n",
      iommu.hit_rate("iotlb"), iommu.count("walker.walks"), iommu.ns("walker.latency.mean"),
      iommu.ns("walker.latency.p99"), iommu.at("walker.reads_per_walk"), iommu.count("refused"));
  return text;
}

std::string control_section(const StatNode& stats) {
  if (stats.find("io.control") == nullptr) return {};
  const Figures control(stats, "io.control");
  return fmt::format(
      "control of DMA    {} times, in force after {:.2f} us (p99 {:.2f}), {} requests let through meanwhile\n",
      control.count("episodes"), control.at("block_latency.mean") / 1000, control.at("block_latency.p99") / 1000,
      control.count("let_through"));
}

std::string migration_section(const StatNode& stats) {
  if (stats.find("migration.outcome") == nullptr) return {};
  constexpr const char* kOutcomes[] = {"not begun",           "done, verified", "given up: the link failed",
                                       "given up: no memory", "cancelled",      "given up: no convergence"};
  const Figures migration(stats, "migration");
  const auto outcome = static_cast<std::size_t>(migration.at("outcome"));
  return fmt::format("migration         {}; {} pages in {} rounds and a stop, {:.2f} ms, downtime {:.1f} us\n",
                     kOutcomes[std::min(outcome, std::size(kOutcomes) - 1)], migration.count("pages_sent"),
                     migration.count("rounds"), migration.at("total_time") / 1e6, migration.at("downtime") / 1000);
}

// Programs larger than memory.
std::string paging_section(const StatNode& stats) {
  if (stats.find("paging.throughput") == nullptr) return {};
  const Figures paging(stats, "paging");
  constexpr std::pair<const char*, const char*> kParts[] = {
      {"software", "software"}, {"shootdown", "shootdown"}, {"context", "context"},
      {"frame", "frame"},       {"other", "other"},         {"page_out", "page-out"},
      {"driver", "driver"},     {"queue", "queue"},         {"translation", "translation"},
      {"link", "link"},         {"memory", "memory"},       {"media", "media"},
      {"retry", "retry"},       {"notice", "notice"}};
  std::string text =
      fmt::format("paging            {} pages in {} frames; {} faults of {:.2f} us (p50 {:.2f}, p99 {:.2f}), {}/s\n",
                  paging.count("pages"), paging.count("frames"), paging.count("pager.fault_latency.count"),
                  paging.at("pager.fault_latency.mean") / 1000, paging.at("pager.fault_latency.p50") / 1000,
                  paging.at("pager.fault_latency.p99") / 1000, paging.count("pager.fault_rate"));
  const double faults = paging.at("pager.fault_latency.count");
  if (faults > 0) {
    text += "  of these, us   ";
    for (const auto& [part, label] : kParts) {
      const double time = paging.at(std::string("pager.fault_time.") + part) / faults / 1000;
      if (time >= 0.005) text += fmt::format(" {} {:.2f}", label, time);
    }
    text += "\n";
  }
  return text + fmt::format(
                    "  programs        {} accesses/s, {:.2f} instructions per cycle of a core while a thread pages\n"
                    "  waiting         {} context switches, {} issue slots for polling ({:.1f} % of all)\n"
                    "  pages moved     {} in, {} out, {} dropped as clean; medium used {:.1f} % of the time\n",
                    pretty_count(paging.at("throughput") * 1e6), paging.at("sibling_ipc"),
                    paging.count("context_switches"), paging.count("polling_slots"), paging.at("polling_share") * 100,
                    paging.count("pager.page_ins"), paging.count("pager.page_outs"),
                    paging.count("pager.clean_victims"), paging.at("medium_utilisation") * 100);
}

// Pages that change hands, what checks them, and attacks.
std::string sharing_section(const StatNode& stats) {
  const Figures agent(stats, "io.agent");
  const Figures guard(stats, "io.guard");
  std::string text = fmt::format("shared pages      {} given, {} taken in {} ns each (p99 {})\n", agent.count("given"),
                                 agent.count("taken"), agent.ns("revocation.mean"), agent.ns("revocation.p99"));
  if (guard.has("checks")) {
    text += fmt::format("guard             {} checks of {} ns (p99 {}), {} refused\n", guard.count("checks"),
                        guard.ns("latency.mean"), guard.ns("latency.p99"), guard.count("blocked"));
    text += fmt::format("  tables          {} B, {:.2f} of permission tables'; ", guard.count("storage"),
                        guard.at("storage_share"));
    text += guard.has("table") ? fmt::format("hits {}\n", guard.hit_rate("table"))
                               : fmt::format("hits {} and {}\n", guard.hit_rate("table1"), guard.hit_rate("table2"));
  }
  if (guard.has("bookkeeping")) {
    const Figures bundles(stats, "io.guard.bookkeeping");
    text += fmt::format("  bundles         {} in use, {} at most; {} made, {} freed\n", bundles.at("bundles"),
                        bundles.at("bundles_max"), bundles.count("allocated"), bundles.count("freed"));
  }
  const Figures attacks(stats, "io.attacks");
  return text + fmt::format("attacks           {}, {} blocked, {} successful\n", attacks.count("attempts"),
                            attacks.count("blocked"), attacks.count("succeeded"));
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
  if (!config.cpus.empty()) text += core_section(stats) + "\n";
  if (!config.io.devices.empty()) text += device_section(config, stats) + "\n";
  if (config.io.sharing) text += sharing_section(stats);
  text += control_section(stats) + migration_section(stats) + paging_section(stats) + shared_section(stats);
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

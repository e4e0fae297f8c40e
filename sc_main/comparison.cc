#include "sc_main/comparison.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <limits>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/error.h"
#include "pagoda/base/stats_file.h"
#include "pagoda/base/units.h"
#include "sc_main/table.h"

namespace pagoda {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// More variants than this stand below each other, with fewer figures.
constexpr std::size_t kMaxColumns = 5;

using Row = report::Headline;
// `device.` stands for the first device.
constexpr Row kRows[] = {{"simulated_time_ns", "simulated time, ns"},
                         {"cpu0.ipc", "instructions per cycle"},
                         {"cpu0.access_latency.mean", "average access, ns"},
                         {"cpu0.access_latency.p99", "  p99, ns"},
                         {"cpu0.mmu.dtlb.hit_rate", "DTLB hit rate"},
                         {"cpu0.mmu.stlb.hit_rate", "STLB hit rate"},
                         {"cpu0.mmu.walker.walks", "page-table walks"},
                         {"cpu0.mmu.walker.reads_per_walk", "  table reads per walk"},
                         {"cpu0.mmu.walker.latency.mean", "  latency, ns"},
                         {"cpu0.mmu.walker.latency.p50", "  p50, ns"},
                         {"cpu0.mmu.walker.latency.p99", "  p99, ns"},
                         {"walks.table_bytes_per_walk", "  table bytes over channels"},
                         {"walks.activates_per_walk", "  rows opened for tables"},
                         {"walks.energy_per_walk", "  energy, nJ"},
                         {"walks.bank_time_per_walk", "  time taken of banks, ns"},
                         {"cpu0.l1d.hit_rate", "L1D hit rate"},
                         {"device.payload_rate", "DMA payload, Gb/s"},
                         {"device.latency.mean", "DMA request, ns"},
                         {"device.latency.p99", "  p99, ns"},
                         {"device.atc.hit_rate", "ATC hit rate"},
                         {"io.iommu.iotlb.hit_rate", "IOTLB hit rate"},
                         {"io.iommu.walker.latency.mean", "IOMMU walk, ns"},
                         {"io.iommu.refused", "DMA requests refused"},
                         {"io.control.block_latency.mean", "until DMA is blocked, ns"},
                         {"io.control.block_latency.p99", "  p99, ns"},
                         {"io.control.unblock_latency.mean", "until it is allowed, ns"},
                         {"io.control.let_through", "  let through while blocked"},
                         {"io.control.table_bytes", "tables for devices alone, B"},
                         {"os.held_faults", "faults on pages held"},
                         {"io.guard.storage", "guard's tables, B"},
                         {"io.guard.storage_share", "  of permission tables'"},
                         {"io.guard.latency.mean", "check of a request, ns"},
                         {"io.guard.latency.p99", "  p99, ns"},
                         {"io.guard.table.hit_rate", "  permission table hit rate"},
                         {"io.guard.table1.hit_rate", "  table 1 hit rate"},
                         {"io.guard.table2.hit_rate", "  table 2 hit rate"},
                         {"io.guard.bookkeeping.bundles_max", "most bundles in use"},
                         {"io.guard.bookkeeping.allocated", "  bundles made"},
                         {"io.guard.bookkeeping.freed", "  bundles freed"},
                         {"io.agent.revocation.mean", "taking a page away, ns"},
                         {"io.agent.revocation.p99", "  p99, ns"},
                         {"io.agent.guard_words_written", "  guard's words written"},
                         {"io.attacks.attempts", "attacks"},
                         {"io.attacks.blocked", "  blocked"},
                         {"io.attacks.succeeded", "  successful"},
                         {"migration.rounds", "rounds of copying"},
                         {"migration.pages_sent", "  pages"},
                         {"migration.bytes_sent", "  bytes"},
                         {"migration.total_time", "total time, ns"},
                         {"migration.downtime", "downtime, ns"},
                         {"migration.dma_rate", "DMA, all devices, Gb/s"},
                         {"migration.dma_latency.p99", "  request p99, ns"},
                         {"migration.log_bytes", "log traffic on links, B"},
                         {"migration.false_dirty_ratio", "pages said dirty that are not"},
                         {"migration.guest_slowdown", "instructions lost"},
                         {"migration.verified_pages", "pages verified"},
                         {"paging.pager.fault_rate", "page faults per second"},
                         {"paging.pager.fault_latency.mean", "  latency, ns"},
                         {"paging.pager.fault_latency.p50", "  p50, ns"},
                         {"paging.pager.fault_latency.p99", "  p99, ns"},
                         {"paging.throughput", "accesses of all programs, M/s"},
                         {"paging.sibling_ipc", "IPC of a core while a thread pages"},
                         {"paging.context_switches", "context switches"},
                         {"paging.polling_share", "issue slots for polling"},
                         {"paging.medium_utilisation", "utilisation of the medium"},
                         {"llc.hit_rate", "last-level cache hit rate"},
                         {"memory0.bandwidth", "DRAM bandwidth, GB/s"},
                         {"memory0.bytes_by_origin.walk", "  bytes for walks"},
                         {"memory0.row_hit_rate", "  row hit rate"},
                         {"memory0.energy.total", "  energy, uJ"}};
constexpr Row kColumns[] = {{"simulated_time_ns", "time, ns"},        {"cpu0.access_latency.mean", "access, ns"},
                            {"cpu0.mmu.dtlb.hit_rate", "DTLB hits"},  {"cpu0.mmu.stlb.hit_rate", "STLB hits"},
                            {"cpu0.mmu.walker.walks", "walks"},       {"cpu0.mmu.walker.latency.mean", "walk, ns"},
                            {"cpu0.l1d.hit_rate", "L1D hits"},        {"device.payload_rate", "DMA Gb/s"},
                            {"device.latency.mean", "DMA, ns"},       {"io.iommu.iotlb.hit_rate", "IOTLB hits"},
                            {"io.iommu.walker.walks", "IOMMU walks"}, {"memory0.bandwidth", "DRAM GB/s"}};
// Instead of those, of platforms with a process that migrates.
constexpr Row kMigrationColumns[] = {{"migration.rounds", "rounds"},
                                     {"migration.pages_sent", "pages"},
                                     {"migration.bytes_sent", "bytes"},
                                     {"migration.total_time", "total, ns"},
                                     {"migration.downtime", "downtime, ns"},
                                     {"migration.dma_rate", "DMA Gb/s"},
                                     {"migration.dma_latency.p99", "DMA p99, ns"},
                                     {"migration.log_bytes", "log, B"},
                                     {"migration.false_dirty_ratio", "false dirty"},
                                     {"migration.guest_slowdown", "slowdown"},
                                     {"migration.verified_pages", "verified"}};

// Of platforms whose programs are paged.
constexpr Row kPagingColumns[] = {
    {"simulated_time_ns", "time, ns"},         {"simulated_time_ns", "x first", true},
    {"paging.pager.fault_rate", "faults/s"},   {"paging.pager.fault_latency.mean", "fault, ns"},
    {"paging.pager.fault_latency.p50", "p50"}, {"paging.pager.fault_latency.p99", "p99"},
    {"paging.throughput", "M acc/s"},          {"paging.sibling_ipc", "sibling IPC"},
    {"paging.context_switches", "switches"},   {"paging.polling_slots", "poll slots"},
    {"paging.medium_utilisation", "medium"}};

// Of platforms with walkers in memory.
constexpr Row kWalkColumns[] = {{"simulated_time_ns", "time, ns"},
                                {"cpu0.access_latency.mean", "access, ns"},
                                {"walks.walks", "walks"},
                                {"cpu0.mmu.walker.latency.mean", "walk, ns"},
                                {"cpu0.mmu.walker.latency.p50", "p50"},
                                {"cpu0.mmu.walker.latency.p99", "p99"},
                                {"walks.table_bytes_per_walk", "channel B"},
                                {"walks.activates_per_walk", "rows"},
                                {"walks.energy_per_walk", "nJ"},
                                {"walks.bank_time_per_walk", "banks, ns"}};

constexpr report::HeadlineSet kPlatforms[] = {{"paging.throughput", kPagingColumns},
                                              {"migration.outcome", kMigrationColumns},
                                              {"walks.walks", kWalkColumns},
                                              {"", kColumns}};

std::string figure(double value) {
  if (std::isnan(value)) return "-";
  return std::abs(value) >= 1000 ? pretty_count(value) : fmt::format("{:.3g}", value);
}

std::string csv_number(double value) { return std::isnan(value) ? "" : fmt::format("{}", value); }

}  // namespace

report::Headlines headlines() { return {kRows, kPlatforms}; }

void Comparison::add(const std::string& variant, const std::filesystem::path& stats_csv) {
  std::ifstream file(stats_csv);
  if (!file) throw UserError({stats_csv.string(), 0}, "cannot be read");
  const std::size_t column = variants_.size();
  variants_.push_back(variant);
  for (Statistic& statistic : statistics_) statistic.values.push_back(kMissing);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  for (const StatLine& line : parse_stats_csv(text, stats_csv.string())) {
    auto known =
        std::find_if(statistics_.begin(), statistics_.end(), [&](const Statistic& s) { return s.name == line.name; });
    if (known == statistics_.end()) {
      statistics_.push_back({line.name, line.unit, std::vector<double>(column + 1, kMissing)});
      known = std::prev(statistics_.end());
    }
    known->values[column] = line.value;
  }
}

const Comparison::Statistic* Comparison::find(const std::string& headline) const {
  const std::string name = report::with_first_device(headline, statistics_);
  const auto found =
      std::find_if(statistics_.begin(), statistics_.end(), [&](const Statistic& s) { return s.name == name; });
  return found == statistics_.end() ? nullptr : &*found;
}

double Comparison::ratio_of(const Statistic& statistic, std::size_t variant) {
  return statistic.values.front() == 0 ? kMissing : statistic.values[variant] / statistic.values.front();
}

std::string Comparison::json(const std::string& platform) const {
  using Json = nlohmann::ordered_json;
  Json statistics = Json::object();
  for (const Statistic& statistic : statistics_) {
    Json values = Json::object();
    Json ratios = Json::object();
    for (std::size_t i = 0; i < variants_.size(); ++i) {
      if (!std::isnan(statistic.values[i])) values[variants_[i]] = statistic.values[i];
      if (const double ratio = ratio_of(statistic, i); !std::isnan(ratio)) ratios[variants_[i]] = ratio;
    }
    statistics[statistic.name] = {{"unit", statistic.unit}, {"values", values}, {"ratios", ratios}};
  }
  const Json all = {{"platform", platform},
                    {"baseline", variants_.front()},
                    {"variants", variants_},
                    {"statistics", std::move(statistics)}};
  return all.dump(2) + "\n";
}

std::string Comparison::csv() const {
  std::string text = "name,unit";
  for (const std::string& variant : variants_) text += "," + variant;
  for (std::size_t i = 1; i < variants_.size(); ++i) text += "," + variants_[i] + "/" + variants_.front();
  text += "\n";
  for (const Statistic& statistic : statistics_) {
    text += statistic.name + "," + statistic.unit;
    for (const double value : statistic.values) text += "," + csv_number(value);
    for (std::size_t i = 1; i < variants_.size(); ++i) text += "," + csv_number(ratio_of(statistic, i));
    text += "\n";
  }
  return text;
}

std::string Comparison::table() const {
  return variants_.size() > kMaxColumns ? table_by_variant() : table_by_statistic();
}

std::string Comparison::table_by_variant() const {
  std::vector<std::string> header{""};
  std::vector<std::pair<const Statistic*, bool>> columns;
  for (const Row& column : report::headlines_for(headlines(), statistics_)) {
    const Statistic* statistic = find(column.statistic);
    if (statistic == nullptr) continue;
    header.emplace_back(column.label);
    columns.emplace_back(statistic, column.ratio);
  }
  Table table(header);
  for (std::size_t i = 0; i < variants_.size(); ++i) {
    std::vector<std::string> line{variants_[i]};
    for (const auto& [statistic, ratio] : columns) {
      line.push_back(ratio ? fmt::format("{:.2f}", ratio_of(*statistic, i)) : figure(statistic->values[i]));
    }
    table.add(std::move(line));
  }
  return table.print();
}

std::string Comparison::table_by_statistic() const {
  std::vector<std::string> header{""};
  header.insert(header.end(), variants_.begin(), variants_.end());
  Table table(header);
  for (const Row& row : kRows) {
    const Statistic* statistic = find(row.statistic);
    if (statistic == nullptr) continue;
    std::vector<std::string> line{row.label};
    for (std::size_t i = 0; i < variants_.size(); ++i) {
      std::string cell = figure(statistic->values[i]);
      const double ratio = ratio_of(*statistic, i);
      if (i > 0 && !std::isnan(ratio)) cell += fmt::format(" (x{:.2f})", ratio);
      line.push_back(cell);
    }
    table.add(std::move(line));
  }
  return table.print();
}

}  // namespace pagoda

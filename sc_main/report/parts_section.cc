#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "sc_main/report/sections.h"

namespace pagoda::report {
namespace {

/// Statistics that make up a whole, as `cpu0.access_time.walk` and its neighbours do.
struct Whole {
  const char* group;  ///< what they are below: `access_time`
  const char* per;    ///< a statistic beside the group that the sum is divided by; empty: none
  const char* title;
  const char* label;
  const char* unit;
};
constexpr std::array kWholes{
    Whole{"access_time", "accesses", "Where the time of an average access goes", "average access", "ns"},
    Whole{"energy", "", "Energy of the DRAM", "energy", "uJ"},
    Whole{"bytes_by_origin", "", "What the DRAM's traffic is for", "bytes read and written", "B"}};
constexpr std::size_t kMostStacks = 48;

struct Part {
  std::string owner;  ///< `cpu0`
  std::string name;   ///< `walk`
  std::size_t statistic;
};

std::vector<Part> parts_of(const Study& study, const Whole& whole) {
  std::vector<Part> parts;
  const std::string middle = fmt::format(".{}.", whole.group);
  for (std::size_t i = 0; i < study.statistics.size(); ++i) {
    const std::string& name = study.statistics[i].name;
    const std::size_t at = name.find(middle);
    if (at == std::string::npos) continue;
    const std::string part = name.substr(at + middle.size());
    if (part != "total" && part.find('.') == std::string::npos) parts.push_back({name.substr(0, at), part, i});
  }
  return parts;
}

Figure stack(const Study& study, const Whole& whole, const std::vector<Part>& parts) {
  std::vector<std::string> owners;
  std::vector<std::string> names;
  const auto add = [](std::vector<std::string>& list, const std::string& name) {
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
  };
  for (const Part& part : parts) {
    add(owners, part.owner);
    add(names, part.name);
  }
  const std::vector<Cell> cells = study.cells();
  const std::vector<std::size_t> varying = study.varying();
  StackChart chart;
  for (const std::string& name : names) chart.parts.push_back({name, {}});
  std::vector<double> sums;
  for (const Cell& cell : cells) {
    for (const std::string& owner : owners) {
      const std::size_t per = *whole.per == '\0' ? kNone : study.find_statistic(owner + "." + whole.per);
      const double divisor = per == kNone ? 1 : study.spread(cell, per).mean;
      double sum = 0;
      for (const Part& part : parts) {
        if (part.owner != owner) continue;
        const double value = study.spread(cell, part.statistic).mean / divisor;
        if (!std::isfinite(value)) continue;
        const auto at = std::find(names.begin(), names.end(), part.name) - names.begin();
        chart.parts[static_cast<std::size_t>(at)].points.push_back(
            {.x = static_cast<double>(chart.rows.size()), .y = value});
        sum += value;
      }
      std::string row = study.label(cell.settings, varying);
      if (row.empty() || owners.size() > 1) row += (row.empty() ? "" : ", ") + owner;
      chart.rows.push_back(row);
      sums.push_back(sum);
    }
  }
  std::erase_if(chart.parts, [](const Series& part) {
    return std::all_of(part.points.begin(), part.points.end(), [](const ChartPoint& p) { return p.y == 0; });
  });
  chart.value = value_axis(whole.label, whole.unit, sums);
  return {whole.title, fmt::format("{}.*{}", whole.group, *whole.per == '\0' ? "" : fmt::format(" / {}", whole.per)),
          std::move(chart)};
}

}  // namespace

Section parts_section(const Study& study) {
  Section section{"parts", "Parts of the whole", {}, {}};
  for (const Whole& whole : kWholes) {
    const std::vector<Part> parts = parts_of(study, whole);
    std::vector<std::string> owners;
    for (const Part& part : parts) owners.push_back(part.owner);
    std::sort(owners.begin(), owners.end());
    owners.erase(std::unique(owners.begin(), owners.end()), owners.end());
    const std::size_t rows = owners.size() * study.cells().size();
    if (rows == 0 || rows > kMostStacks) continue;
    Figure figure = stack(study, whole, parts);
    if (std::get<StackChart>(figure.chart).parts.size() > 1) section.figures.push_back(std::move(figure));
  }
  return section;
}

}  // namespace pagoda::report

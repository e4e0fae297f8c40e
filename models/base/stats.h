// Statistics: how a model names what it counts, and how a run reads it.
//
// A model keeps plain integers and Distributions and lists them once:
//
//   void Tlb::visit_stats(StatVisitor& v) {
//     v.counter("hits", hits_, "", "look-ups that found a translation");
//     v.distribution("latency", latency_, kTimeInNs, "from miss to translation");
//     v.value("hit_rate", ratio(hits_, hits_ + misses_), "", "hits per look-up");
//   }
//
// The same list serves reading at the end of a run and clearing after warm-up. Names are snake_case.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "pagoda/base/distribution.h"

namespace pagoda {

/// What the numbers of a distribution count: values are divided by `scale` and then have `unit`.
struct StatUnit {
  const char* name = "";
  double scale = 1;
};
inline constexpr StatUnit kCount{};
inline constexpr StatUnit kTimeInNs{"ns", 1000};  ///< recorded in picoseconds
inline constexpr StatUnit kSizeInBytes{"B", 1};

inline double ratio(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0.0 : static_cast<double>(part) / static_cast<double>(whole);
}

class StatVisitor {
 public:
  virtual ~StatVisitor() = default;
  virtual void counter(const char* name, std::uint64_t& value, StatUnit unit, const char* meaning) = 0;
  virtual void distribution(const char* name, Distribution& value, StatUnit unit, const char* meaning) = 0;
  /// A figure computed from others, already in `unit`; NaN if there is nothing to compute it from.
  virtual void value(const char* name, double value, const char* unit, const char* meaning) = 0;
  /// Whether the visit clears what it is shown. A model whose figures come from elsewhere takes its baseline then.
  virtual bool clears() const { return false; }
  /// Opens and closes a group for a part that is not a module of its own.
  virtual void enter(const char* group) = 0;
  virtual void leave() = 0;
};

/// Sets everything it visits to zero.
class StatReset final : public StatVisitor {
 public:
  void counter(const char*, std::uint64_t& value, StatUnit, const char*) override { value = 0; }
  void distribution(const char*, Distribution& value, StatUnit, const char*) override { value = {}; }
  void value(const char*, double, const char*, const char*) override {}
  bool clears() const override { return true; }
  void enter(const char*) override {}
  void leave() override {}
};

/// Where distributions.csv says what a distribution looks like: close together at its tail.
inline constexpr std::array kQuantileFractions{0.0, 0.01, 0.05, 0.1,  0.2,   0.3,  0.4,   0.5,   0.6,    0.7,    0.75,
                                               0.8, 0.85, 0.9,  0.95, 0.975, 0.99, 0.995, 0.999, 0.9995, 0.9999, 1.0};

/// The figures of a distribution that results show, in the distribution's unit; all but the count are NaN if it recorded
/// nothing.
struct DistributionSummary {
  std::uint64_t count = 0;
  double mean = 0, min = 0, p50 = 0, p95 = 0, p99 = 0, max = 0;
  std::array<double, kQuantileFractions.size()> quantiles{};

  static DistributionSummary of(const Distribution& distribution, double scale);
};

/// A tree of named results: groups (modules and their parts) of statistics.
struct StatNode {
  using Value = std::variant<std::monostate, std::uint64_t, double, DistributionSummary>;

  std::string name;
  std::string unit;
  std::string meaning;
  Value value;                     ///< monostate for a group
  std::vector<StatNode> children;  ///< of a group

  /// The child of that name, made at the end if missing.
  StatNode& child(const std::string& child_name);
  const StatNode* find(std::string_view dotted_path) const;
  /// The number at a path such as `cpu0.mmu.walker.latency.p99`; 0 if there is none, or nothing was
  /// recorded for it.
  double number(std::string_view dotted_path) const;
};

/// Copies everything it visits into a tree.
class StatReader final : public StatVisitor {
 public:
  explicit StatReader(StatNode& group) : open_{&group} {}
  void counter(const char* name, std::uint64_t& value, StatUnit unit, const char* meaning) override;
  void distribution(const char* name, Distribution& value, StatUnit unit, const char* meaning) override;
  void value(const char* name, double value, const char* unit, const char* meaning) override;
  void enter(const char* group) override { open_.push_back(&open_.back()->child(group)); }
  void leave() override { open_.pop_back(); }

 private:
  void add(const char* name, const char* unit, const char* meaning, StatNode::Value value);

  std::vector<StatNode*> open_;
};

/// Nested by path, numbers only; distributions are objects {count, mean, min, p50, p95, p99, max}, all but the count null
/// if nothing was recorded.
std::string stats_json(const StatNode& root);
/// One line per number: name,value,unit,description; the value is empty where a distribution recorded nothing.
std::string stats_csv(const StatNode& root);
/// One line per distribution that recorded anything: name,unit,count, then its value at each of kQuantileFractions.
std::string distributions_csv(const StatNode& root);

}  // namespace pagoda

#include "pagoda/base/stats.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace pagoda::stats_test {

struct Model {
  std::uint64_t hits = 3;
  std::uint64_t misses = 1;
  std::uint64_t wait_ps = 2500;
  Distribution latency;

  void visit_stats(StatVisitor& v) {
    v.enter("dtlb");
    v.counter("hits", hits, kCount, "look-ups that hit");
    v.counter("misses", misses, kCount, "look-ups that missed");
    v.value("hit_rate", ratio(hits, hits + misses), "", "hits, per look-up");
    v.leave();
    v.counter("wait", wait_ps, kTimeInNs, "time waited");
    v.distribution("latency", latency, kTimeInNs, "miss latency");
  }
};

StatNode read(Model& model) {
  StatNode root;
  StatReader reader(root);
  model.visit_stats(reader);
  return root;
}

TEST(Stats, PathsReadTheSameInTheTreeTheJsonAndTheCsv) {
  Model model;
  model.latency.record(10'000);
  model.latency.record(30'000);
  const StatNode root = read(model);
  EXPECT_EQ(root.number("dtlb.hits"), 3);
  EXPECT_EQ(root.number("dtlb.hit_rate"), 0.75);
  EXPECT_EQ(root.number("wait"), 2.5);
  EXPECT_EQ(root.number("latency.mean"), 20);
  EXPECT_EQ(root.number("latency.max"), 30);
  EXPECT_EQ(root.number("latency.nonsense"), 0);
  EXPECT_EQ(root.number("no.such"), 0);

  const auto json = nlohmann::json::parse(stats_json(root));
  EXPECT_EQ(json["dtlb"]["hits"], 3);
  EXPECT_EQ(json["latency"]["count"], 2);
  EXPECT_EQ(json["latency"]["p99"], root.number("latency.p99"));

  const std::string csv = stats_csv(root);
  EXPECT_NE(csv.find("name,value,unit,description\n"), std::string::npos);
  EXPECT_NE(csv.find("dtlb.hits,3,,look-ups that hit\n"), std::string::npos);
  EXPECT_NE(csv.find("latency.mean,20,ns,miss latency\n"), std::string::npos);
  EXPECT_NE(csv.find("dtlb.hit_rate,0.75,,\"hits, per look-up\"\n"), std::string::npos);
}

TEST(Stats, ResetClearsWhatReadingShows) {
  Model model;
  model.latency.record(5);
  StatReset reset;
  model.visit_stats(reset);
  const StatNode root = read(model);
  EXPECT_EQ(root.number("dtlb.hits"), 0);
  EXPECT_EQ(root.number("latency.count"), 0);
}

}  // namespace pagoda::stats_test

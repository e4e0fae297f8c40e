// Folders of results, as `pagoda run` and `pagoda sweep` leave them, and what is refused.
#include "sc_main/report/read_results.h"

#include <cmath>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/error.h"

namespace pagoda::report::read_results_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json sweep() {
  return Json::parse(R"({
    "pagoda_sweep": 1, "name": "small", "description": "A sweep", "version": "0.1.0", "sampling": "grid", "repeats": 2,
    "platforms": [{"name": "desktop", "description": "One core", "variants": [{"name": "", "description": ""}]}],
    "parameters": [
      {"name": "window", "path": "w", "description": "", "unit": "B", "numeric": true, "spacing": "list", "together": 0,
       "values": ["64 KiB", "1 MiB"]},
      {"name": "policy", "path": "p", "description": "", "unit": "", "numeric": false, "spacing": "list", "together": 1,
       "values": ["lru"]}],
    "statistics": [{"name": "s", "unit": "ns", "description": "time"}],
    "points": [
      {"point": 0, "folder": "points/00000", "platform": "desktop", "variant": "", "repeat": 0, "seed": 1,
       "status": "done", "reason": "", "parameters": [65536, "lru"], "statistics": [12.5]},
      {"point": 1, "folder": "points/00001", "platform": "desktop", "variant": "", "repeat": 1, "seed": 2,
       "status": "failed", "reason": "ran longer than 10 s", "parameters": [1048576, "lru"], "statistics": [null]}]})");
}

TEST(Sweeps, AreReadWithValuesAsWritten) {
  const Study study = parse_sweep(sweep().dump(), "results.json");
  EXPECT_EQ(study.kind, StudyKind::sweep);
  ASSERT_EQ(study.parameters.size(), 4U) << "platform and variant come first";
  EXPECT_THAT(study.parameters[2].values, ElementsAre("64 KiB", "1 MiB"));
  ASSERT_EQ(study.points.size(), 2U);
  EXPECT_THAT(study.points[1].settings, ElementsAre(0U, 0U, 1U, 0U));
  EXPECT_EQ(study.points[0].values[0], 12.5);
  EXPECT_TRUE(std::isnan(study.points[1].values[0]));
  EXPECT_FALSE(study.points[1].done);
  EXPECT_EQ(study.points[1].reason, "ran longer than 10 s");
  EXPECT_EQ(study.points[1].seed, "2");
}

TEST(Sweeps, OfContinuousRangesHaveTheValuesOfTheirPoints) {
  Json json = sweep();
  json["parameters"][0]["values"] = Json::array();
  const Study study = parse_sweep(json.dump(), "results.json");
  EXPECT_THAT(study.parameters[2].values, ElementsAre("65536 B", "1048576 B"));
}

TEST(Sweeps, SayWhatTheirReportsShow) {
  Json json = sweep();
  json["report"] = {{"x", "window"}, {"y", {"s"}}, {"group", {"policy"}}, {"pareto", {"window", "s"}}};
  const Study study = parse_sweep(json.dump(), "results.json");
  EXPECT_EQ(study.choice.x, "window");
  EXPECT_THAT(study.choice.y, ElementsAre("s"));
  EXPECT_THAT(study.choice.groups, ElementsAre("policy"));
  EXPECT_THAT(study.choice.pareto, ElementsAre("window", "s"));
}

struct Damage {
  const char* pointer;  // what is changed
  const char* value;    // into what; empty: taken away
  const char* says;
};

class Damaged : public ::testing::TestWithParam<Damage> {};

TEST_P(Damaged, ResultsAreRefusedInOneLine) {
  Json json = sweep();
  const nlohmann::ordered_json::json_pointer at(GetParam().pointer);
  if (*GetParam().value == '\0') {
    json[at.parent_pointer()].erase(at.back());
  } else {
    json[at] = Json::parse(GetParam().value);
  }
  try {
    parse_sweep(json.dump(), "results.json");
    FAIL() << "not refused";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
    EXPECT_THAT(error.what(), ::testing::StartsWith("results.json: "));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, Damaged,
    ::testing::Values(Damage{"/pagoda_sweep", "2", "is of another format than 1: 2"},
                      Damage{"/name", "", "the file has no `name`"},
                      Damage{"/name", "7", "`name` of the file is no text"},
                      Damage{"/points", "{}", "`points` of the file is no list"},
                      Damage{"/points/0", "3", "a point is no object"},
                      Damage{"/points/1/parameters", "[1]", "point 1 has another number of parameters"},
                      Damage{"/points/1/statistics", "[1, 2]", "point 1 has another number of statistics"},
                      Damage{"/points/0/statistics", "[\"fast\"]", "point 0 has a statistic that is no number"},
                      Damage{"/points/0/parameters/0", "[]", "a point's `window` is neither number nor text"},
                      Damage{"/parameters/0/values/0", "1", "a value of a parameter is no text"},
                      Damage{"/platforms/0/variants", "", "a platform has no `variants`"},
                      Damage{"/parameters/1/together", "-1", "`together` of a parameter is no number of an axis"},
                      Damage{"/report", "[]", "`report` is no object"},
                      Damage{"/report", "{\"y\": [1]}", "`y` of `report` holds something that is no text"}));

TEST(Sweeps, ThatAreNoJsonAreRefused) {
  EXPECT_THROW(parse_sweep("", "results.json"), UserError);
  EXPECT_THROW(parse_sweep("[]", "results.json"), UserError);
  EXPECT_THROW(parse_sweep("{\"pagoda_sweep\": 1", "results.json"), UserError);
  EXPECT_THROW(parse_sweep("{\"pagoda_sweep\": 1e3080}", "results.json"), UserError);
}

TEST(Folders, OfSomethingElseAreRefused) {
  for (const char* folder : {"/proc/self/fdinfo", "/nonexistent", "/dev/null"}) {
    EXPECT_THROW(read_results(folder), UserError) << folder;
  }
}

}  // namespace pagoda::report::read_results_test

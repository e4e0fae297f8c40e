// The table of a sweep, made from folders of points that the test writes.
#include "sc_main/sweep/results.h"

#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "unit/sweep/sweep_folders.h"
#include "unit/sweep/sweep_sources.h"

namespace pagoda::results_test {

using testing::read_file;
using testing::SweepOnDisk;

constexpr const char* kSweep =
    "repeats: 2\nstatistics: [\"*.rate\", time]\naxes:\n"
    "  - {path: cpus.*.mmu.stlb, name: \"stlb, \\\"second\\\"\", values: [none, {entries: 512, ways: 4}]}\n";
constexpr const char* kHeader = "name,value,unit,description\n";

TEST(Results, AreOneRowPerPoint) {
  SweepOnDisk sweep(kSweep);
  // Columns come in the order of patterns, within one in that of the first point; what a point lacks is empty.
  sweep.put(0, PointStatus::done, std::string(kHeader) + "time,12.5,ns,\"how long, all in all\"\na.rate,1,,x\n");
  sweep.put(3, PointStatus::done, std::string(kHeader) + "b.rate,0.5,GB/s,y\ntime,18446744073709551615,ns,z\n");
  sweep.put(1, PointStatus::failed, "", "it said \"no\", and left");
  const SweepOutcome outcome = write_results(sweep.plan(), sweep.folder());
  EXPECT_EQ(outcome.done, 2u);
  EXPECT_EQ(outcome.failed, 1u);
  EXPECT_EQ(outcome.missing, 1u);
  EXPECT_EQ(read_file(sweep.folder().path() / "results.csv"),
            "point,platform,variant,repeat,seed,\"stlb, \"\"second\"\"\",status,reason,a.rate,b.rate,time\n"
            "0,small,,0,10,none,done,,1,,12.5\n"
            "1,small,,1,11,none,failed,\"it said \"\"no\"\", and left\",,,\n"
            "2,small,,0,10,\"{entries: 512, ways: 4}\",missing,,,,\n"
            "3,small,,1,11,\"{entries: 512, ways: 4}\",done,,,0.5,18446744073709551615\n");
}

TEST(Results, SayUnitsAndDescriptionsInJson) {
  SweepOnDisk sweep(kSweep);
  sweep.put(0, PointStatus::done,
            std::string(kHeader) + "time,12.5,ns,\"how \"\"long\"\", all in all\"\na.rate,nan,,x\n");
  write_results(sweep.plan(), sweep.folder());
  const nlohmann::json json = nlohmann::json::parse(read_file(sweep.folder().path() / "results.json"));
  EXPECT_EQ(json["statistics"][1]["name"], "time");
  EXPECT_EQ(json["statistics"][1]["unit"], "ns");
  EXPECT_EQ(json["statistics"][1]["description"], "how \"long\", all in all");
  EXPECT_EQ(json["parameters"][0]["path"], "cpus.*.mmu.stlb");
  EXPECT_EQ(json["parameters"][0]["spacing"], "list");
  ASSERT_EQ(json["points"].size(), 4u);
  EXPECT_EQ(json["points"][0]["folder"], "points/00000");
  EXPECT_EQ(json["points"][0]["statistics"][1], 12.5);
  EXPECT_TRUE(json["points"][0]["statistics"][0].is_null()) << "not a number";
  EXPECT_EQ(json["points"][3]["status"], "missing");
}

TEST(StatisticColumns, WithoutPatternsTakeEverything) {
  StatisticColumns columns({});
  EXPECT_EQ(columns.column_of("b", "", ""), 0u);
  EXPECT_EQ(columns.column_of("a", "", ""), 1u);
  EXPECT_EQ(columns.column_of("b", "", ""), 0u);
  EXPECT_EQ(columns.order(), (std::vector<std::size_t>{0, 1}));
}

}  // namespace pagoda::results_test

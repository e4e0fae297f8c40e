// What runs write as CSV is read back as it was; anything else is refused with its line.
#include "pagoda/base/stats_file.h"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/csv.h"
#include "pagoda/base/stats.h"

namespace pagoda::stats_file_test {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::vector<std::string>> records(std::string_view text) {
  CsvReader reader(text, "a.csv");
  std::vector<std::vector<std::string>> all;
  for (std::vector<std::string> fields; reader.next(fields);) all.push_back(fields);
  return all;
}

// The examples of RFC 4180, section 2.
TEST(Csv, IsReadAsRfc4180Says) {
  EXPECT_THAT(records("aaa,bbb,ccc\r\nzzz,yyy,xxx\r\n"),
              ElementsAre(ElementsAre("aaa", "bbb", "ccc"), ElementsAre("zzz", "yyy", "xxx")));
  EXPECT_THAT(records("aaa,bbb,ccc\nzzz,yyy,xxx"),
              ElementsAre(ElementsAre("aaa", "bbb", "ccc"), ElementsAre("zzz", "yyy", "xxx")));
  EXPECT_THAT(records("\"aaa\",\"b\r\nbb\",\"ccc\"\r\nzzz,yyy,xxx"),
              ElementsAre(ElementsAre("aaa", "b\r\nbb", "ccc"), ElementsAre("zzz", "yyy", "xxx")));
  EXPECT_THAT(records("\"aaa\",\"b\"\"bb\",\"ccc\""), ElementsAre(ElementsAre("aaa", "b\"bb", "ccc")));
  EXPECT_THAT(records(",,\n"), ElementsAre(ElementsAre("", "", "")));
  EXPECT_TRUE(records("").empty());
}

TEST(Csv, FieldsComeBackAsTheyWere) {
  for (const std::string text : {"plain", "", "a,b", "say \"x\"", "two\nlines", "\r", "\"", "'"}) {
    EXPECT_THAT(records(csv_field(text) + ",end\n"), ElementsAre(ElementsAre(text, "end"))) << text;
  }
}

TEST(Csv, KnowsTheLineARecordBeginsIn) {
  CsvReader reader("a\n\"b\nc\"\nd\n", "a.csv");
  std::vector<std::string> fields;
  for (const int line : {1, 2, 4}) {
    ASSERT_TRUE(reader.next(fields));
    EXPECT_EQ(reader.where().line, line);
  }
}

TEST(StatsFile, HoldsWhatWasWritten) {
  StatNode root;
  StatReader reader(root);
  std::uint64_t hits = 3;
  Distribution latency;
  for (std::uint64_t i = 1; i <= 1000; ++i) latency.record(i * 1000);
  Distribution nothing;
  reader.enter("cpu0");
  reader.counter("hits", hits, kCount, "hits, \"all\" of them");
  reader.distribution("latency", latency, kTimeInNs, "of a walk");
  reader.distribution("nothing", nothing, kTimeInNs, "never recorded");
  reader.leave();

  const std::vector<StatLine> lines = parse_stats_csv(stats_csv(root), "stats.csv");
  ASSERT_EQ(lines.size(), 15U);
  EXPECT_EQ(lines[0].name, "cpu0.hits");
  EXPECT_EQ(lines[0].value, 3);
  EXPECT_EQ(lines[0].description, "hits, \"all\" of them");
  EXPECT_EQ(lines[2].name, "cpu0.latency.mean");
  EXPECT_EQ(lines[2].value, 500.5);
  EXPECT_EQ(lines[2].unit, "ns");
  EXPECT_EQ(lines[8].name, "cpu0.nothing.count");
  EXPECT_EQ(lines[8].value, 0);
  EXPECT_EQ(lines[9].name, "cpu0.nothing.mean");
  EXPECT_TRUE(std::isnan(lines[9].value)) << "nothing has no mean";
  EXPECT_TRUE(nlohmann::json::parse(stats_json(root))["cpu0"]["nothing"]["p99"].is_null());
  EXPECT_EQ(root.number("cpu0.nothing.p99"), 0);

  const std::vector<DistributionLine> all = parse_distributions_csv(distributions_csv(root), "distributions.csv");
  ASSERT_EQ(all.size(), 1U) << "what recorded nothing has no line";
  EXPECT_EQ(all[0].name, "cpu0.latency");
  EXPECT_EQ(all[0].count, 1000);
  ASSERT_EQ(all[0].quantiles.size(), kQuantileFractions.size());
  EXPECT_EQ(all[0].quantiles.front(), 1);
  EXPECT_EQ(all[0].quantiles.back(), 1000);
  for (std::size_t i = 1; i + 1 < kQuantileFractions.size(); ++i) {
    EXPECT_NEAR(all[0].quantiles[i], 1000 * kQuantileFractions[i], 8 + 1) << kQuantileFractions[i];
  }
}

struct BadFile {
  const char* text;
  const char* says;
};

class BadStatsFiles : public ::testing::TestWithParam<BadFile> {};

TEST_P(BadStatsFiles, AreRefused) {
  try {
    parse_stats_csv(GetParam().text, "stats.csv");
    FAIL() << "not refused";
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadStatsFiles,
    ::testing::Values(BadFile{"", "stats.csv: is empty"}, BadFile{"a,b,c,d\n", "stats.csv:1: is no header"},
                      BadFile{"name,value,unit,description\nx,1\n", "stats.csv:2: 2 fields where 4"},
                      BadFile{"name,value,unit,description\nx,one,,\n", "stats.csv:2: `one` is no"},
                      BadFile{"name,value,unit,description\nx,1,,\"d\n", "stats.csv:2: a quote"},
                      BadFile{"name,value,unit,description\nx,1,,\"d\"e\n", "stats.csv:2: text after"}));

}  // namespace pagoda::stats_file_test

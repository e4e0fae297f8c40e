// pagoda report, of what pagoda run and pagoda sweep leave: one page that needs nothing else, or one line and status 2.
#include <algorithm>
#include <fstream>
#include <regex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::report_test {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Outcome;
using testing::read_file;
using testing::Workspace;

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

void run(const Workspace& workspace, const std::vector<std::string>& arguments) {
  const Outcome outcome = workspace.pagoda(arguments);
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
}

// The page, which has to stand alone: nothing in it names a place to load something from.
std::string report_of(const Workspace& workspace, std::vector<std::string> arguments) {
  const std::string folder = arguments.front();
  arguments.insert(arguments.begin(), "report");
  const Outcome outcome = workspace.pagoda(arguments);
  EXPECT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_EQ(outcome.out, "report  " + folder + "/report.html\n");
  const std::string page = read_file(workspace.path(folder + "/report.html"));
  for (const char* loads : {"src=", "@import", "url(http", "<link", "<iframe", "<img"}) {
    EXPECT_THAT(page, Not(HasSubstr(loads)));
  }
  // Addresses are names of namespaces only.
  const std::regex addresses("https?://[^\"' ]*");
  for (std::sregex_iterator at(page.begin(), page.end(), addresses); at != std::sregex_iterator(); ++at) {
    EXPECT_THAT(at->str(), ::testing::StartsWith("http://www.w3.org/"));
  }
  EXPECT_EQ(count_of(page, "<script>"), 1U);
  EXPECT_EQ(count_of(page, "<svg"), count_of(page, "<figure>"));
  return page;
}

TEST(Reports, OfARunSayWhatItWasAndWhereTheTimeWent) {
  const Workspace workspace;
  run(workspace, {"run", "desktop", "--limit", "20000", "--out", "here"});
  const std::string page = report_of(workspace, {"here"});
  EXPECT_THAT(page, HasSubstr("<h1>desktop</h1>"));
  EXPECT_THAT(page, HasSubstr("Where the time of an average access goes"));
  EXPECT_THAT(page, HasSubstr("Percentiles of latencies"));
  EXPECT_THAT(page, HasSubstr("Tails of latencies"));
  EXPECT_THAT(page, HasSubstr("<td>cpu0.mmu.walker.latency.p95</td>")) << "every statistic is there";
}

TEST(Reports, OfVariantsHaveThemBesideEachOther) {
  const Workspace workspace;
  run(workspace, {"run", "guest", "--all-variants", "--limit", "10000", "--out", "here"});
  const std::string page = report_of(workspace, {"here"});
  const auto comparison = nlohmann::json::parse(read_file(workspace.path("here/comparison.json")));
  const double ratio = comparison["statistics"]["cpu0.access_latency.mean"]["ratios"]["nested"];
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "×%.3g", ratio);
  EXPECT_THAT(page, HasSubstr(text.data()));
  EXPECT_THAT(page, HasSubstr("Ratios to the baseline"));
  EXPECT_THAT(page, HasSubstr("<td>hypervisors.0.page_size</td><td>-</td><td>4 KiB</td><td>2 MiB</td>"));
}

constexpr const char* kSweep =
    "name: \"a <b>bold</b> & `odd` 'name'\"\n"
    "description: It's \"quoted\" <script>alert(1)</script>\n"
    "platform: gups\n"
    "variants: [\"*\"]\n"
    "limit: 500\n"
    "set: {cpus.*.workload.pattern.size: 16 MiB}\n"
    "axes:\n"
    "  - {path: cpus.*.mmu.dtlb.entries, name: entries, values: [16, 32, 64]}\n"
    "  - {path: cpus.*.mmu.stlb.entries, name: stlb, values: [384, 768, 1536]}\n"
    "repeats: 2\n"
    "statistics: [cpu0.access_latency.*, simulated_time_ns]\n";

TEST(Reports, OfASweepPlotWhatWasVaried) {
  const Workspace workspace;
  workspace.write("sweep.yaml", kSweep);
  run(workspace, {"sweep", "sweep.yaml", "--out", "here"});
  const std::string page = report_of(workspace, {"here"});
  for (const char* has : {"cpu0.access_latency.mean against entries", "cpu0.access_latency.mean by entries and stlb",
                          "ratio to the baseline", "cpu0.access_latency: percentiles", "cpu0.access_latency: tails",
                          "Spread over repeats", "Trade-off", "All points", "class=\"sortable\""}) {
    EXPECT_THAT(page, HasSubstr(has));
  }
  EXPECT_THAT(page, Not(HasSubstr("Points that are not done")));
  EXPECT_THAT(page, HasSubstr("a &lt;b&gt;bold&lt;/b&gt; &amp; `odd` &#39;name&#39;"));
  EXPECT_THAT(page, Not(HasSubstr("alert(1)</script>")));
  const std::string other = report_of(workspace, {"here", "--x", "stlb", "--y", "simulated_time_ns", "--group",
                                                  "variant", "--pareto", "min:stlb,simulated_time_ns"});
  EXPECT_THAT(other, HasSubstr("simulated_time_ns against stlb"));
  EXPECT_THAT(other, Not(HasSubstr("cpu0.access_latency.mean against")));
}

TEST(Reports, SayWhyPointsFailed) {
  const Workspace workspace;
  workspace.write("sweep.yaml", std::string(kSweep) + "time_limit: 1 ms\n");
  EXPECT_EQ(workspace.pagoda({"sweep", "sweep.yaml", "--out", "here"}).status, 1);
  const std::string page = report_of(workspace, {"here"});
  EXPECT_THAT(page, HasSubstr("points are not done"));
  EXPECT_THAT(page, HasSubstr("<tr class=\"failed\">"));
}

void expect_refused(const Outcome& outcome, const std::string& says) {
  EXPECT_EQ(outcome.status, 2) << outcome.errors;
  EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
  EXPECT_THAT(outcome.errors, HasSubstr(says));
}

TEST(BadReports, AreRefusedInOneLine) {
  const Workspace workspace;
  run(workspace, {"run", "gups", "--limit", "200", "--out", "here"});
  fs::create_directory(workspace.path("foreign"));
  workspace.write("foreign/letter.txt", "Dear all");
  expect_refused(workspace.pagoda({"report", "foreign"}),
                 "foreign: holds no results of `pagoda run` or `pagoda sweep`");
  expect_refused(workspace.pagoda({"report", "nowhere"}), "nowhere: is no folder");
  expect_refused(workspace.pagoda({"report", "here", "--y", "cpu0.ipx"}), "did you mean `cpu0.ipc`?");
  expect_refused(workspace.pagoda({"report", "here", "--x", "variant"}), "a single run has none");
  expect_refused(workspace.pagoda({"report", "here", "--out", "no/such/folder/r.html"}), "cannot be written");
  EXPECT_FALSE(fs::exists(workspace.path("foreign/report.html")));
  EXPECT_FALSE(fs::exists(workspace.path("here/report.html")));
  expect_refused(workspace.execute("/usr/bin/env", {"PATH=/nonexistent", PAGODA_PROGRAM, "report", "here"}),
                 "gnuplot is missing");
  for (const char* file : {"stats.csv", "run.json", "platform.yaml"}) {
    const std::string path = std::string("here/") + file;
    const std::string before = read_file(workspace.path(path));
    workspace.write(path, "name: [no");
    expect_refused(workspace.pagoda({"report", "here"}), file);
    workspace.write(path, before);
  }
  EXPECT_EQ(workspace.pagoda({"report", "here"}).status, 0);
}

TEST(Reports, ReplaceTheOneBefore) {
  const Workspace workspace;
  run(workspace, {"run", "gups", "--limit", "200", "--out", "here"});
  report_of(workspace, {"here"});
  const std::string first = read_file(workspace.path("here/report.html"));
  report_of(workspace, {"here"});
  EXPECT_EQ(read_file(workspace.path("here/report.html")), first) << "the same results, the same page";
  for (const auto& entry : fs::directory_iterator(workspace.path("here"))) {
    EXPECT_THAT(entry.path().filename().string(), Not(::testing::StartsWith("."))) << "nothing is left beside it";
  }
}

}  // namespace pagoda::report_test

// Whatever is wrong with what a user gives: one line that says where and what is allowed, exit status 2, nothing left.
#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda {
namespace {

using testing::Outcome;
using testing::Workspace;

constexpr const char* kGood = "name: small\ncpus: [{core: {fetch: false}, workload: {pattern: {count: 10}}}]\n";

void expect_refusal(const Workspace& workspace, const Outcome& outcome, const std::string& says) {
  EXPECT_EQ(outcome.status, 2) << outcome.errors;
  EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
  EXPECT_NE(outcome.errors.find(says), std::string::npos) << outcome.errors;
  EXPECT_FALSE(std::filesystem::exists(workspace.path("results"))) << "no partial results";
}

struct BadPlatform {
  const char* name;
  const char* text;
  const char* says;  // the place, and a word of what is wrong
};

class BadPlatforms : public ::testing::TestWithParam<BadPlatform> {};

TEST_P(BadPlatforms, AreRefusedInOneLine) {
  const Workspace workspace;
  const std::string file = workspace.write("bad.yaml", GetParam().text);
  expect_refusal(workspace, workspace.pagoda({"run", file, "--out", "results"}), GetParam().says);
  expect_refusal(workspace, workspace.pagoda({"check", file}), GetParam().says);
}

INSTANTIATE_TEST_SUITE_P(
    Each, BadPlatforms,
    ::testing::Values(
        BadPlatform{"UnknownKey", "name: x\ncpus:\n  - {coer: {}}\n", "bad.yaml:3: cpus.0.coer: unknown key"},
        BadPlatform{"WrongUnit", "name: x\nquantum: 3 KiB\n", "bad.yaml:2: quantum"},
        BadPlatform{"OutOfRange", "name: x\ncpus:\n  - {count: 5000}\n", "bad.yaml:3: cpus.0.count"},
        BadPlatform{"ImpossibleCache", "name: x\nllc: {size: 3 MiB, ways: 16}\n", "bad.yaml:2: llc"},
        BadPlatform{"ImpossibleTlb", "name: x\ncpus:\n  - mmu:\n      dtlb: {entries: 65, ways: 4}\n", "bad.yaml:4:"},
        BadPlatform{"ImpossiblePattern",
                    "name: x\ncpus:\n  - workload:\n      pattern: {kind: random, size: 4 B, element: 64 B}\n",
                    "bad.yaml:4:"},
        BadPlatform{"WrongType", "name: x\ncpus: 7\n", "bad.yaml:2: cpus"},
        BadPlatform{"UnknownFormat", "name: x\nos: {format: x87}\n", "bad.yaml:2: os.format"},
        BadPlatform{"ImpossibleFlags", "name: x\nos: {flags: software}\n", "bad.yaml:2: os.flags"},
        BadPlatform{"UnknownPreset", "name: x\nmemory: [{preset: DDR9}]\n", "bad.yaml:2: memory.0.preset"},
        BadPlatform{"NoYaml", "name: [x\n", "bad.yaml:"},
        BadPlatform{"Twice", "name: x\nname: y\n", "bad.yaml:2: name"}, BadPlatform{"Empty", "", "bad.yaml"},
        BadPlatform{"Binary",
                    "\x7f"
                    "ELF\x01\x02\xff",
                    "bad.yaml"},
        BadPlatform{"NoName", "cpus: [{}]\n", "name"}),
    [](const auto& test) { return test.param.name; });

TEST(BadInput, CommandLine) {
  const Workspace workspace;
  const std::string good = workspace.write("good.yaml", kGood);
  expect_refusal(workspace, workspace.pagoda({"run", "no-such-platform", "--out", "results"}), "no-such-platform");
  expect_refusal(workspace, workspace.pagoda({"run", good, "--set", "llcc.size=1 MiB", "--out", "results"}), "llcc");
  expect_refusal(workspace, workspace.pagoda({"run", good, "--set", "llc", "--out", "results"}), "--set");
  expect_refusal(workspace, workspace.pagoda({"run", good, "--quantum", "7 parsecs", "--out", "results"}), "quantum");
  expect_refusal(workspace, workspace.pagoda({"run", good, "--variant", "none", "--out", "results"}), "none");
  expect_refusal(workspace, workspace.pagoda({"run", good, "--all-variants", "--out", "results"}), "variants");
  EXPECT_EQ(workspace.pagoda({"run"}).status, 2);
  EXPECT_EQ(workspace.pagoda({"fly"}).status, 2);
  EXPECT_EQ(workspace.pagoda({"run", good, "--no-such-option"}).status, 2);
}

TEST(BadInput, Traces) {
  const Workspace workspace;
  const auto run = [&](const std::string& trace) {
    return workspace.pagoda({"run", "desktop", "--trace", trace, "--out", "results"});
  };
  expect_refusal(workspace, run("missing.xz"), "missing.xz");
  expect_refusal(workspace, run(workspace.write("junk", std::string(500, '\x93'))), "junk");
  expect_refusal(workspace, run(workspace.write("empty.lackey", "")), "empty.lackey");
  expect_refusal(workspace, run(workspace.write("far.lackey", "I  0400,4\n L ffff80000000000000,8\n")), "far.lackey:2");
  expect_refusal(workspace, run(workspace.write("hole.lackey", "I  0400,4\n L 0000800000000000,8\n")),
                 "0x800000000000");

  std::ifstream shipped(PAGODA_SOURCE_DIR "/traces/sort.lackey.xz", std::ios::binary);
  std::string half(100'000, '\0');
  shipped.read(half.data(), static_cast<std::streamsize>(half.size()));
  expect_refusal(workspace, run(workspace.write("half.lackey.xz", half)), "half.lackey.xz");
  half[50'000] ^= 0x55;
  expect_refusal(workspace, run(workspace.write("damaged.lackey.xz", half)), "damaged.lackey.xz");
}

TEST(BadInput, FoldersThatCannotBeWritten) {
  const Workspace workspace;
  const std::string good = workspace.write("good.yaml", kGood);
  const std::string file = workspace.write("file", "");
  expect_refusal(workspace, workspace.pagoda({"run", good, "--out", "/proc/nowhere"}), "/proc/nowhere");
  expect_refusal(workspace, workspace.pagoda({"run", good, "--out", file + "/below"}), "below");
  expect_refusal(workspace, workspace.pagoda({"run", good, "--out", "results", "--vcd", "/proc/none.vcd"}), "none.vcd");
}

TEST(BadInput, AFullDisk) {
  const Workspace workspace;
  const std::string good = workspace.write("good.yaml", kGood);
  expect_refusal(workspace, workspace.pagoda({"run", good, "--out", "results", "--vcd", "/dev/full"}), "/dev/full");
  // Results are small: with room for less than one file they cannot be written.
  const Outcome limited = workspace.execute(
      "/bin/bash", {"-c", "ulimit -f 1; trap '' XFSZ; exec '" PAGODA_PROGRAM "' run '" + good + "' --out results"});
  expect_refusal(workspace, limited, "results");
  const Outcome waveform =
      workspace.execute("/bin/bash", {"-c", "ulimit -f 64; trap '' XFSZ; exec '" PAGODA_PROGRAM
                                            "' run desktop --limit 20000 --vcd wave.vcd --out results"});
  expect_refusal(workspace, waveform, "wave.vcd");
  EXPECT_FALSE(std::filesystem::exists(workspace.path("wave.vcd")));
}

}  // namespace
}  // namespace pagoda

// Whatever is wrong with what a user gives: one line that says where and what is allowed, exit status 2, nothing left.
#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::bad_input_test {

using testing::Outcome;
using testing::Workspace;

constexpr const char* kGood = "name: small\ncpus: [{core: {fetch: false}, workload: {pattern: {count: 10}}}]\n";

std::size_t occurrences(const std::string& text, const std::string& word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + word.size())) ++count;
  return count;
}

void expect_refusal(const Workspace& workspace, const Outcome& outcome, const std::string& says) {
  EXPECT_EQ(outcome.status, 2) << outcome.errors;
  EXPECT_EQ(std::count(outcome.errors.begin(), outcome.errors.end(), '\n'), 1) << outcome.errors;
  EXPECT_NE(outcome.errors.find(says), std::string::npos) << outcome.errors;
  EXPECT_LE(occurrences(outcome.errors, "allowed: "), 1u) << outcome.errors;
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

struct Refusal {
  const char* name;
  const char* text;
  const char* line;
};

class Refusals : public ::testing::TestWithParam<Refusal> {};

// Rules between values of one part, as printed.
TEST_P(Refusals, SayOnceWhatIsAllowed) {
  const Workspace workspace;
  const std::string file = workspace.write("bad.yaml", std::string("name: x\n") + GetParam().text);
  const Outcome outcome = workspace.pagoda({"check", file});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_EQ(outcome.errors, "pagoda: " + file + ":2: " + GetParam().line + "\n");
}

INSTANTIATE_TEST_SUITE_P(
    Each, Refusals,
    ::testing::Values(
        Refusal{"Mix", "cpus: [{workload: {pattern: {kind: mix}}}]\n",
                "cpus.0.workload.pattern.parts: a mix of nothing; allowed: at least one part"},
        Refusal{"Element", "cpus: [{workload: {pattern: {kind: random, element: 4 B}}}]\n",
                "cpus.0.workload.pattern.element: smaller than one access; allowed: at least access_size, 8 B"},
        Refusal{"Flags", "os: {flags: software}\n",
                "os.flags: x86 processors set accessed and dirty themselves; allowed: preset, hardware"},
        Refusal{"Stage", "os: {format: ept-4}\n",
                "os.format: ept-4 is for hypervisors; allowed: a first-stage format such as x86-64-4 or sv48"},
        Refusal{"PageSize", "os: {page_size: 8 KiB}\n",
                "os.page_size: 8 KiB is not supported; allowed: 4 KiB, 2 MiB, 1 GiB"},
        Refusal{"Zeroing", "os: {zeroing: 0 GB/s}\n", "os.zeroing: is zero; allowed: a rate such as `5.5 GB/s`"},
        Refusal{
            "Contiguity", "os: {frames: {contiguity_1g: 1}}\n",
            "os.frames.contiguity_1g: is more than contiguity_2m; allowed: at most contiguity_2m, since a whole GiB "
            "consists of whole 2 MiB blocks"},
        Refusal{"TlbPages", "cpus: [{mmu: {dtlb: {page_sizes: [3 KiB]}}}]\n",
                "cpus.0.mmu.dtlb.page_sizes: 3 KiB is no page size; allowed: a power of two from 4 KiB on"},
        Refusal{"TlbWithoutBasePages", "cpus: [{mmu: {dtlb: {page_sizes: [2 MiB]}}}]\n",
                "cpus.0.mmu.dtlb.page_sizes: no array takes 4 KiB pages; allowed: page sizes with 4 KiB among them"},
        Refusal{"WalkCaches", "cpus: [{mmu: {walker: {walk_caches: [{level: 1}, {level: 1}]}}}]\n",
                "cpus.0.mmu.walker.walk_caches: names a level twice; allowed: one cache per level"},
        Refusal{"Cores", "cpus: []\n",
                "cpus: is empty, and there is no device; allowed: at least one group of cores, or one of io.devices"},
        Refusal{"Memories", "memory: []\n", "memory: is empty; allowed: at least one memory"},
        Refusal{"Fetch", "cpus: [{l1i: none}]\n",
                "cpus: core.fetch needs an instruction cache; allowed: a cache l1i, or core.fetch: false"},
        Refusal{"Latency", "memory: [{fixed: {latency: 3 cycles}}]\n",
                "memory.0.fixed.latency: this memory has no clock; allowed: a time such as `100 ns`"},
        Refusal{"Banks", "memory: [{dram: {organisation: {banks: 3}}}]\n",
                "memory.0.dram: organisation.banks: is 3; allowed: a power of two from 1 to 64"}),
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

}  // namespace pagoda::bad_input_test

// Secure ATS as a user runs it: attacks succeed where nobody checks, and nowhere else.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "platform/program.h"

namespace pagoda::secure_ats_test {

using testing::Outcome;
using testing::read_file;
using testing::run_platform;
using testing::RunStats;
using testing::Workspace;

constexpr const char* kLimit = "6000";

const std::vector<std::string>& variants() {
  static const std::vector<std::string> names{"trusting", "permission_table", "bundles", "bundles_series",
                                              "bundles_parallel"};
  return names;
}

TEST(SecureAts, AttacksSucceedOnlyWhereNobodyChecks) {
  const Workspace workspace;
  const Outcome outcome = workspace.pagoda({"run", "secure_ats", "--all-variants", "--limit", kLimit, "--out", "all"});
  ASSERT_EQ(outcome.status, 0) << outcome.errors;
  EXPECT_NE(outcome.out.find("successful"), std::string::npos);
  for (const std::string& variant : variants()) {
    const RunStats stats(workspace.path("all/" + variant + "/stats.json"));
    const bool trusting = variant == "trusting";
    EXPECT_GT(stats["io.attacks.attempts"], 100) << variant;
    EXPECT_EQ(stats["io.attacks.attempts"], stats["io.attacks.blocked"] + stats["io.attacks.succeeded"]) << variant;
    EXPECT_EQ(stats["io.attacks.succeeded"] > 0, trusting) << variant;
    EXPECT_EQ(stats["io.attacks.succeeded"], stats["io.monitor.unallowed"]) << variant;
    EXPECT_EQ(stats["io.attacks.attempts"], stats["io.mallory.attempts"] + stats["io.trudy.attempts"]) << variant;
    EXPECT_GT(stats["io.mallory.forged"], 0) << variant;
    EXPECT_GT(stats["io.trudy.stale"], 0) << variant;
    EXPECT_GT(stats["io.agent.taken"], 10) << variant;
    EXPECT_EQ(stats["io.agent.taken"], stats["io.agent.revocation.count"]) << variant;
    if (trusting) {
      EXPECT_FALSE(stats.has("io.guard.checks"));
      EXPECT_EQ(stats["io.guard.storage"], 0);
      continue;
    }
    EXPECT_EQ(stats["io.monitor.late"], 0) << variant;
    EXPECT_EQ(stats["io.guard.blocked"], stats["io.iommu.refused_by_guard"]) << variant;
    EXPECT_GE(stats["io.guard.blocked"], stats["io.attacks.blocked"]) << variant;
    EXPECT_EQ(stats["io.guard.checks"], stats["io.guard.allowed"] + stats["io.guard.blocked"]) << variant;
  }
}

// 16 GiB are 2^22 pages; 18 device ids; a row of 18 x 2 bits takes 8 bytes.
TEST(SecureAts, StorageIsThatOfTheTables) {
  const Workspace workspace;
  constexpr double kPages = 1 << 22;
  const RunStats flat = run_platform(workspace, {"secure_ats", "--variant", "permission_table", "--limit", "3000"});
  EXPECT_EQ(flat["io.guard.storage"], 18 * kPages * 2 / 8);
  EXPECT_EQ(flat["io.guard.storage_share"], 1);
  const RunStats bundles = run_platform(workspace, {"secure_ats", "--variant", "bundles", "--limit", "3000"});
  EXPECT_EQ(bundles["io.guard.storage"], kPages * 2 + 1024 * 8);
  EXPECT_EQ(bundles["io.guard.permission_table_storage"], flat["io.guard.storage"]);
}

TEST(SecureAts, IsByteIdenticalForTheSameSeed) {
  const Workspace workspace;
  const auto stats_of = [&](const char* seed) {
    run_platform(workspace, {"secure_ats", "--variant", "bundles", "--limit", "3000", "--seed", seed});
    return read_file(workspace.path("results/stats.json"));
  };
  const std::string first = stats_of("3");
  EXPECT_EQ(first, stats_of("3"));
  EXPECT_NE(first, stats_of("4"));
}

// Devices ahead of the kernel must not get past a revocation either.
TEST(SecureAts, HoldsAtAnyQuantum) {
  const Workspace workspace;
  for (const char* variant : {"permission_table", "bundles_parallel"}) {
    const RunStats stats = run_platform(
        workspace, {"secure_ats", "--variant", variant, "--limit", "4000", "--quantum", "2 us", "--seed", "5"});
    EXPECT_EQ(stats["io.attacks.succeeded"], 0);
  }
}

// Three ids besides that of no access, for dozens of sets.
TEST(SecureAts, HoldsWhenBundleIdsRunOut) {
  const Workspace workspace;
  for (const char* exhaustion : {"deny", "no_access", "narrower"}) {
    const RunStats stats = run_platform(
        workspace, {"secure_ats", "--variant", "bundles", "--limit", "4000", "--set", "io.guard.tables.bundles=4",
                    "--set", fmt::format("io.guard.bookkeeping.exhaustion={}", exhaustion)});
    EXPECT_LE(stats["io.guard.bookkeeping.bundles_max"], 4) << exhaustion;
    EXPECT_EQ(stats["io.attacks.succeeded"], 0) << exhaustion;
    EXPECT_GT(stats["io.guard.bookkeeping.refused"] + stats["io.guard.bookkeeping.fallbacks"], 0) << exhaustion;
  }
}

// Pages change hands as fast as software can do it, and few pages mean that many are in use when they are taken.
TEST(SecureAts, HoldsWithDmaInFlightAtEveryChange) {
  const Workspace workspace;
  for (const char* variant : {"permission_table", "bundles", "bundles_series"}) {
    const RunStats stats = run_platform(workspace, {"secure_ats", "--variant", variant, "--limit", "4000", "--set",
                                                    "io.sharing.interval=100 ns", "--set", "io.sharing.pages=32"});
    EXPECT_GT(stats["io.agent.late"], 0);
    EXPECT_EQ(stats["io.monitor.late"], 0);
    EXPECT_EQ(stats["io.attacks.succeeded"], 0);
  }
}

TEST(SecureAts, RefusesWhatMakesNoSense) {
  const Workspace workspace;
  const auto refusal = [&](const std::string& set) {
    const Outcome outcome = workspace.pagoda({"check", "secure_ats", "--set", set});
    EXPECT_EQ(outcome.status, 2) << set;
    return outcome.errors;
  };
  const auto says = [&](const std::string& set, const std::string& words) {
    const std::string text = refusal(set);
    EXPECT_NE(text.find(words), std::string::npos) << set << ": " << text;
  };
  says("io.rogues.0.name=store", "`store` stands");
  says("io.rogues.0.name=web2", "`web2` stands");
  says("io.rogues.0.name=Eve", "`Eve` is no name");
  says("io.rogues.0.device.requester=3", "requester 3 of `mallory` is another's");
  says("io.rogues.0.device.requester=70000", "16 bits");
  says("io.rogues.0.device.request_size=48 B", "power of two");
  says("io.sharing.tenants.0.devices=[webb]", "`webb`, which is not there");
  says("io.sharing.tenants.0.devices=[]", "has no devices");
  says("io.sharing.tenants.1.devices=[web]", "nobody has `store`");
  says("io.sharing.tenants.1.name=red", "`red` stands here twice");
  says("io.sharing.base=100", "not the address of a page");
  says("io.sharing=none", "shares");
  says("io.guard.tables.page_size=8 KiB", "page_size: 4 KiB");
  says("io.guard.kind=bundle", "bundles");
}

}  // namespace pagoda::secure_ats_test

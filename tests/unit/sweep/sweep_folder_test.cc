// What lies on disk of a sweep, and what a kill or another process cannot spoil.
#include "sc_main/sweep/sweep_folder.h"

#include <fstream>

#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "unit/sweep/sweep_folders.h"
#include "unit/sweep/sweep_sources.h"

namespace pagoda::sweep_folder_test {

using testing::SweepOnDisk;
using Numbers = std::vector<std::size_t>;

TEST(SweepFolder, KeepsItsSources) {
  SweepOnDisk sweep("repeats: 3\n");
  const SweepFolder again(sweep.folder().path());
  EXPECT_EQ(again.sources().sweep.text, sweep.plan().sources().sweep.text);
  EXPECT_EQ(again.sources().platforms[0].text, sweep.plan().sources().platforms[0].text);
  EXPECT_EQ(again.manifest().points, 3u);
  EXPECT_EQ(again.manifest().identity, SweepManifest::identity_of(SweepPlan(again.sources())));
}

TEST(SweepFolder, FinishedPointsAreThoseInPlace) {
  SweepOnDisk sweep("repeats: 3\n");
  EXPECT_EQ(sweep.folder().finished(), Numbers{});
  EXPECT_TRUE(sweep.put(2, PointStatus::done, ""));
  EXPECT_TRUE(sweep.put(0, PointStatus::failed, ""));
  EXPECT_EQ(sweep.folder().finished(), (Numbers{0, 2}));
  EXPECT_FALSE(sweep.put(2, PointStatus::done, "of a second worker")) << "the first one counts";
  EXPECT_EQ(testing::read_file(sweep.folder().point_path(2) / "stats.csv"), "");
  sweep.folder().remove_point(2);
  EXPECT_EQ(sweep.folder().finished(), Numbers{0});
}

TEST(SweepFolder, LostPointsMakeRoom) {
  SweepOnDisk sweep("repeats: 3\n");
  EXPECT_TRUE(sweep.put(1, PointStatus::lost, ""));
  EXPECT_TRUE(sweep.put(1, PointStatus::done, "found"));
  EXPECT_EQ(testing::read_file(sweep.folder().point_path(1) / "stats.csv"), "found");
}

TEST(SweepFolder, HasOneLeader) {
  SweepOnDisk sweep("");
  SweepFolder other(sweep.folder().path());
  EXPECT_THROW(other.lock(), UserError);
}

TEST(SweepFolder, OfASlurmTaskWorkIsLeftAlone) {
  SweepOnDisk sweep("");
  sweep.folder().make_work("local-1");
  sweep.folder().make_work("slurm-node-1");
  sweep.folder().remove_work(false);
  EXPECT_FALSE(std::filesystem::exists(sweep.folder().path() / "work/local-1"));
  EXPECT_TRUE(std::filesystem::exists(sweep.folder().path() / "work/slurm-node-1"));
  sweep.folder().remove_work(true);
  EXPECT_FALSE(std::filesystem::exists(sweep.folder().path() / "work/slurm-node-1"));
}

TEST(SweepFolder, TakesThePlaceOfNothing) {
  SweepOnDisk sweep("");
  const std::filesystem::path foreign = sweep.temporary() / "foreign";
  std::filesystem::create_directory(foreign);
  std::ofstream(foreign / "thesis.tex") << "mine";
  EXPECT_THROW(SweepFolder{foreign}, UserError);
  EXPECT_THROW(SweepFolder::create(foreign, sweep.folder().manifest(), sweep.plan().sources()), UserError);
  EXPECT_EQ(testing::read_file(foreign / "thesis.tex"), "mine");
  EXPECT_THROW(SweepFolder{sweep.temporary() / "missing"}, UserError);
}

TEST(SweepManifest, IdentityIsThatOfThePoints) {
  const auto identity = [](const std::string& rest) {
    return SweepManifest::identity_of(SweepPlan(testing::sources_of(rest)));
  };
  const std::string plain = identity("repeats: 2\n");
  EXPECT_EQ(plain, identity("# a comment\nrepeats:   2\ndescription: x\nstatistics: [time]\ntime_limit: 1 s\n"));
  EXPECT_NE(plain, identity("repeats: 3\n"));
  EXPECT_NE(plain, identity("repeats: 2\nset: {warmup: 1}\n"));
  EXPECT_NE(plain, identity("repeats: 2\nvariants: [a]\n"));
  SweepSources changed = testing::sources_of("repeats: 2\n");
  changed.sets = {"warmup=1"};
  EXPECT_NE(plain, SweepManifest::identity_of(SweepPlan(changed)));
  changed = testing::sources_of("repeats: 2\n");
  changed.limit = "5";
  EXPECT_NE(plain, SweepManifest::identity_of(SweepPlan(changed)));
  changed = testing::sources_of("repeats: 2\n");
  changed.platforms[0].text += "warmup: 3\n";
  EXPECT_NE(plain, SweepManifest::identity_of(SweepPlan(changed)));
}

}  // namespace pagoda::sweep_folder_test

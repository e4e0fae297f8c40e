// What is remembered of submissions, from one process to the next.
#include "sc_main/sweep/slurm_batches.h"

#include <fstream>

#include <gtest/gtest.h>

#include "pagoda/base/error.h"
#include "unit/sweep/sweep_folders.h"

namespace pagoda::slurm_batches_test {

using testing::SweepOnDisk;

TEST(SlurmBatches, OutliveTheProcess) {
  SweepOnDisk sweep("repeats: 9\n");
  EXPECT_FALSE(SlurmBatches::exist(sweep.folder()));
  SlurmBatches batches(sweep.folder());
  batches.options() = {.partition = "p", .account = "a", .time = "1:00", .memory = "4G", .others = {"--qos=q"}};
  batches.batches().push_back({"17", {{{0, 1, 2}, true}, {{3, 4}, false}}});
  batches.batches().push_back({"", {{{5}, false}}});
  batches.strikes()[4] = 2;
  batches.save();
  SlurmBatches again(sweep.folder());
  EXPECT_EQ(again.job_name(), batches.job_name());
  EXPECT_EQ(again.options().arguments(), batches.options().arguments());
  EXPECT_EQ(again.outstanding(), (std::set<std::size_t>{3, 4, 5}));
  EXPECT_EQ(again.batches()[0].job, "17");
  EXPECT_EQ(again.strikes(), batches.strikes());
}

TEST(SlurmBatches, DamageIsTold) {
  SweepOnDisk sweep("");
  SlurmBatches(sweep.folder()).save();
  std::ofstream(sweep.folder().path() / "slurm/state.json") << "{";
  EXPECT_THROW(SlurmBatches{sweep.folder()}, UserError);
}

TEST(SlurmOptions, ArePassedOn) {
  const SlurmOptions options{
      .partition = "long", .time = "10", .memory = "2G", .others = {"--qos=low"}, .cpus_per_task = 4};
  EXPECT_EQ(options.arguments(), (std::vector<std::string>{"--no-requeue", "--cpus-per-task=4", "--partition=long",
                                                           "--time=10", "--mem=2G", "--qos=low"}));
}

}  // namespace pagoda::slurm_batches_test

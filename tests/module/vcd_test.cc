#include "pagoda/base/vcd.h"

#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pagoda/base/error.h"

namespace pagoda::vcd_test {

using ::testing::HasSubstr;

struct Blinker : Module {
  Probe level;
  Probe busy;

  explicit Blinker(const sc_core::sc_module_name& name) : Module(name) {}
  void visit_probes(ProbeVisitor& v) override {
    v.enter("part");
    v.probe("level", level, 8, "a level");
    v.leave();
    v.probe("busy", busy, 4, "how many");
  }
};

std::string read(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Vcd, ChangesToldOutOfOrderAppearAtTheirOwnTimes) {
  const std::string path = ::testing::TempDir() + "probe.vcd";
  Blinker blinker("blinker");
  VcdRecorder recorder(path);
  // All told at kernel time 0, ahead of it and out of order, as decoupled initiators do.
  blinker.level.set(3000, 7);
  blinker.level.set(1234, 5);
  blinker.busy.during(100, 900);
  blinker.busy.during(50, 400);
  blinker.busy.during(600, 600);
  sc_core::sc_start();
  recorder.close();

  const std::string vcd = read(path);
  const std::string level = "!\n";
  const std::string busy = "\"\n";
  EXPECT_THAT(vcd, HasSubstr("$scope module blinker $end\n$scope module part $end\n$var wire 8 ! level [7:0] $end\n"
                             "$upscope $end\n$var wire 4 \" busy [3:0] $end\n$upscope $end\n"));
  for (const std::string& change : {"#50\nb1 " + busy, "#100\nb10 " + busy, "#400\nb1 " + busy, "#900\nb0 " + busy,
                                    "#1234\nb101 " + level, "#3000\nb111 " + level}) {
    EXPECT_THAT(vcd, HasSubstr(change));
  }
  EXPECT_THAT(vcd, ::testing::Not(HasSubstr("#600\n")));
  const std::string save_path = ::testing::TempDir() + "probe.gtkw";
  const std::string save = read(save_path);
  EXPECT_THAT(save, HasSubstr("-blinker.part\n"));
  EXPECT_THAT(save, HasSubstr("\nblinker.part.level[7:0]\n"));
  std::filesystem::remove(path);
  std::filesystem::remove(save_path);
}

TEST(Vcd, AProbeNobodyRecordsDoesNothing) {
  Blinker blinker("blinker");
  blinker.level.set(5, 1);
  EXPECT_FALSE(blinker.level.recorded());
}

TEST(Vcd, AFileThatCannotBeWrittenIsAUserError) {
  Blinker blinker("blinker");
  EXPECT_THROW(VcdRecorder("/nonexistent/folder/x.vcd"), UserError);
  EXPECT_THROW(VcdRecorder(::testing::TempDir() + "x.txt"), UserError);
}

TEST(Vcd, NothingIsLeftOfASaveFileThatCouldNotBeCompleted) {
  const std::string waveform = ::testing::TempDir() + "full.vcd";
  const std::string save = ::testing::TempDir() + "full.gtkw";
  std::filesystem::remove(save);
  std::filesystem::create_symlink("/dev/full", save);  // opens, and takes nothing
  Blinker blinker("blinker");
  {
    VcdRecorder recorder(waveform);
    blinker.level.set(1, 1);
    sc_core::sc_start();
    EXPECT_THROW(recorder.close(), UserError);
  }
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::symlink_status(save)));
  EXPECT_FALSE(std::filesystem::exists(waveform));
}

TEST(Vcd, WhatStandsInTheWayOfASaveFileStays) {
  const std::string waveform = ::testing::TempDir() + "blocked.vcd";
  const std::string save = ::testing::TempDir() + "blocked.gtkw";
  std::filesystem::create_directory(save);
  Blinker blinker("blinker");
  {
    VcdRecorder recorder(waveform);
    sc_core::sc_start();
    EXPECT_THROW(recorder.close(), UserError);
  }
  EXPECT_TRUE(std::filesystem::is_directory(save));
  EXPECT_FALSE(std::filesystem::exists(waveform));
  std::filesystem::remove(save);
}

}  // namespace pagoda::vcd_test

// The engine of a DRAM channel with page tables in its rows, driven without a kernel.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/paging/page_table_editor.h"
#include "pagoda/pim/walk_engine.h"

namespace pagoda::test {

inline constexpr Rights kUserPage =
    Rights::read | Rights::write | Rights::user | kExecuteBoth | Rights::accessed | Rights::dirty;

/// Words that were never written are 0.
class StoredBytes final : public TableBytes {
 public:
  EntryRead load(Addr address) override { return {words.read(address), FaultCause::none}; }
  EntryUpdate compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired) override {
    std::uint64_t current = expected;
    if (words.compare_and_swap(address, current, desired)) return {true, desired, FaultCause::none};
    return {false, current, FaultCause::none};
  }
  void store(Addr address, std::uint64_t value) override { words.write(address, value); }

  SparseStore words;
};

/// One rank of DDR4-3200 without refresh, banks above the rows' 8 KiB; selections of 8 clocks, decoding of 1, no buffer.
struct EngineBench : testing::Test {
  EngineBench() {
    dram_config.organisation.ranks = 1;
    dram_config.organisation.mapping = "row:rank:bank:bankgroup:column:channel";
    dram_config.timings.t_refi = Latency::cycles(0);
    config.buffer.reset();
  }

  /// Once, when the configurations are as wanted.
  void build(const char* format = "sv48") {
    dram.emplace(dram_config);
    rows.emplace(config, dram_config, dram->address_map(), 0);
    copies.emplace(rows->begin(), rows->end() - rows->begin(), kRecall);
    WalkTablesSite site{.dram = *dram,
                        .base = 0,
                        .rows = *rows,
                        .bytes = bytes,
                        .copies = *copies,
                        .select = clocks(8),
                        .decode = clocks(1)};
    engine.emplace(config, site, 0);
    add_stage(format, rows->frames(0));
  }
  Stage& add_stage(const char* format, FrameSource& frames) {
    stages.push_back({.format = find_page_format(format)});
    stages.back().controls.riscv.adue = true;
    stages.back().root = *PageTableEditor::make_root(*stages.back().format, bytes.words, frames);
    return stages.back();
  }
  PageTableEditor editor(std::size_t stage = 0) { return {stages[stage], bytes.words, rows->frames(0)}; }
  void map(Addr input, Addr output, unsigned shift = 12, Rights rights = kUserPage) {
    ASSERT_EQ(editor().map(input, {.output = output, .page_shift = shift, .rights = rights}), EditStatus::ok);
  }

  struct Reply {
    MemoryWalkOutcome outcome;
    Ps done;
    Addr output;
    WalkResult result;
  };
  Reply walk(Addr address, Ps at, AccessKind access = AccessKind::read, AddressSpaceTag tag = {.asid = 1},
             std::uint32_t data_bytes = 0) {
    MemoryWalkCommand command;
    command.job = {.stages = stages,
                   .tag = tag,
                   .request = {.address = address, .access = access, .privilege = Privilege::user},
                   .data_bytes = data_bytes};
    const WalkEngine::Answer answer = engine->walk(command, stages.back().root, at);
    return {command.outcome, answer.done, command.result.entry.output(address), command.result};
  }

  Ps clocks(std::uint64_t count) const { return count * dram_config.timings.t_ck.ps; }
  Ps time(const Latency& value) const { return value.at(dram_config.timings.t_ck.ps); }
  /// From the controller to the engine, and from there with one burst to the requester's port.
  Ps way_in() const { return dram_config.controller.frontend_latency.ps; }
  Ps way_out() const { return time(dram_config.timings.t_cl) + clocks(4) + dram_config.controller.backend_latency.ps; }
  double stat(const std::string& path) {
    StatNode root;
    StatReader reader(root);
    engine->visit_stats(reader);
    EXPECT_NE(root.find(path), nullptr) << path;
    return root.number(path);
  }

  static constexpr Ps kRecall = 60'000;
  DramConfig dram_config;
  MemoryWalkerConfig config;
  StoredBytes bytes;
  std::optional<DramTiming> dram;
  std::optional<TableRows> rows;
  std::optional<HostCopies> copies;
  std::optional<WalkEngine> engine;
  std::vector<Stage> stages;
};

}  // namespace pagoda::test

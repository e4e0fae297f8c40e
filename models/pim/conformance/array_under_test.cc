#include "pagoda/pim/conformance/array_under_test.h"

#include "pagoda/pim/walk_engine.h"

namespace pagoda {
namespace {

/// The memory of a vector file. Reads are noted there.
class VectorTableBytes final : public TableBytes {
 public:
  EntryRead load(Addr address) override {
    Step step{};
    step.address = address;
    return memory->read(step);
  }
  EntryUpdate compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired) override {
    return memory->compare_and_swap(address, expected, desired);
  }
  void store(Addr address, std::uint64_t value) override { memory->set(address, value); }

  VectorMemory* memory = nullptr;
};

/// All that RISC-V can address, 2^56 bytes, in one channel.
DramConfig large_dram() {
  DramConfig config;
  config.organisation.ranks = 1;
  config.organisation.rows = 1u << 30;
  config.organisation.columns = 1u << 16;
  config.organisation.bus_width = 512;
  return config;
}

MemoryWalkerConfig bare_engine() {
  return {.tables = {.rows = 0, .everywhere = true}, .buffer = std::nullopt, .walk_caches = {}};
}

class ArrayUnderTest final : public CpuUnderTest {
 public:
  CpuTranslation translate(std::span<const Stage> stages, const WalkRequest& request, VectorMemory& memory) override {
    bytes_.memory = &memory;
    const std::uint64_t reads_before = engine_.walker().table_reads();
    MemoryWalkCommand command;
    command.job = {.stages = stages, .request = request, .floor = now_};
    now_ = engine_.walk(command, 0, now_).done;
    const bool done = command.outcome == MemoryWalkOutcome::result;
    CpuTranslation got{.done = done, .reads = engine_.walker().table_reads() - reads_before};
    if (done) got.output = command.result.entry.output(request.address);
    got.fault = command.result.fault;
    return got;
  }

 private:
  DramConfig dram_config_ = large_dram();
  DramTiming dram_{dram_config_};
  MemoryWalkerConfig config_ = bare_engine();
  TableRows rows_{config_, dram_config_, dram_.address_map(), 0};
  VectorTableBytes bytes_;
  HostCopies copies_{0, 0, 0};
  WalkEngine engine_{config_,
                     {.dram = dram_,
                      .base = 0,
                      .rows = rows_,
                      .bytes = bytes_,
                      .copies = copies_,
                      .select = dram_config_.timings.t_ccd_l.at(dram_config_.timings.t_ck.ps),
                      .decode = config_.decode.at(dram_config_.timings.t_ck.ps)},
                     0};
  Ps now_ = 0;
};

}  // namespace

std::unique_ptr<CpuUnderTest> make_array_under_test() { return std::make_unique<ArrayUnderTest>(); }

}  // namespace pagoda

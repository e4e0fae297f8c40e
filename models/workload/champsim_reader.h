// Reads ChampSim's instruction traces: records of 64 bytes without a header, little-endian.
//
//   offset  bytes  field
//        0      8  ip                     becomes the fetch that begins the instruction
//        8      1  is_branch              0 or 1, else ignored
//        9      1  branch_taken           0 or 1, else ignored
//       10    2x1  destination_registers  ignored
//       12    4x1  source_registers       ignored
//       16    2x8  destination_memory     stores; 0 is an unused slot
//       32    4x8  source_memory          loads; 0 is an unused slot
//
// An address that an instruction both loads and stores becomes one modify, in the place of the load. The
// format has no sizes: every access is of 1 byte, which touches the line that ChampSim itself touches and
// invents no crossing. Nor does it tell the registers that make up an address from those that are operands,
// so nothing depends on a load. The file has no mark either. It is taken for ChampSim's if its first records
// are plausible: flags of 0 or 1, an ip that is not 0, addresses that a 57-bit machine has, and no incomplete
// record. Source: struct input_instr in ChampSim's inc/trace_instruction.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "pagoda/workload/trace_reader.h"

namespace pagoda {

class ChampsimReader final : public TraceReader {
 public:
  static constexpr std::size_t kRecordBytes = 64;

  explicit ChampsimReader(std::unique_ptr<TraceInput> input) : TraceReader(TraceFormat::champsim, std::move(input)) {}

 private:
  static constexpr std::size_t kMostAccesses = 7;  // a fetch, four loads, two stores

  std::size_t decode(std::span<Access> out) override;
  void restart() override;
  /// Reads one record into `to`; 0 at the end.
  std::size_t next(std::span<Access, kMostAccesses> to);

  std::uint64_t record_number_ = 0;
  std::array<Access, kMostAccesses> waiting_;  // of a record that a batch had no room for
  std::size_t waiting_at_ = 0;
  std::size_t waiting_end_ = 0;
};

/// Whether the start of a file can be ChampSim's. `is_whole` if the file ends where `head` does.
bool looks_like_champsim(std::string_view head, bool is_whole);

}  // namespace pagoda

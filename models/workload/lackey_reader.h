// Reads what `valgrind --tool=lackey --trace-mem=yes` prints (trace_format.h has the lines).
//
// A data line belongs to the instruction line above it, which gives its `ip`; a data line above which there
// is none is an instruction of its own. Skipped because they certainly are no accesses: valgrind's own lines
// (`==PID== ...`,
// `--PID-- ...`, `**PID** ...`, also with time stamps), the `SB ADDR` lines of --trace-superblocks=yes, and
// blank lines. Anything else is an error: the output of the traced program, mixed in, may have swallowed
// records. Source: lackey/lk_main.c of Valgrind 3.19 and its manual, section "Lackey: an example tool".
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "pagoda/workload/trace_reader.h"

namespace pagoda {

class LackeyReader final : public TraceReader {
 public:
  explicit LackeyReader(std::unique_ptr<TraceInput> input) : TraceReader(TraceFormat::lackey, std::move(input)) {}

 private:
  std::size_t decode(std::span<Access> out) override;
  void restart() override;
  [[noreturn]] void refuse(std::string_view line) const;

  std::uint64_t line_number_ = 0;
  Addr ip_ = 0;
  bool in_instruction_ = false;
};

/// Whether the start of a file holds a line that only lackey prints.
bool looks_like_lackey(std::string_view head);

}  // namespace pagoda

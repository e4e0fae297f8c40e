// Reads Pagoda's text format, made to be written by hand or by a script.
//
//   # pagoda-trace 1
//   # gap kind address size
//   3 L 0x7f0010 8
//   0 S 0x7f0018 8 same
//   2 L 0x90a000 8 dep ip=0x401002
//
// The first line is the header `# pagoda-trace 1`. Each further line is one record, its fields apart by
// blanks or tabs; from `#` to the end of a line is a comment; blank lines are skipped.
//
//   gap      instructions without a record before this one, decimal
//   kind     L load, S store, M modify (load and store), I instruction fetch
//   address  hexadecimal with 0x, or decimal
//   size     bytes, decimal, 1 to 4096
//
// and then, in any order:
//
//   same     the access is made by the instruction that the record above belongs to; its gap is 0
//   dep=N    the address comes from the value of the N-th last load, 1 to 127; `dep` alone is dep=1
//   ip=A     the address of the instruction; else a fetch's own, with `same` that of the record above, and
//   unknown
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "pagoda/workload/trace_reader.h"

namespace pagoda {

inline constexpr std::string_view kTextHeader = "# pagoda-trace 1";

class TextReader final : public TraceReader {
 public:
  explicit TextReader(std::unique_ptr<TraceInput> input) : TraceReader(TraceFormat::text, std::move(input)) {}

 private:
  std::size_t decode(std::span<Access> out) override;
  void restart() override;

  std::uint64_t line_number_ = 0;
  Addr ip_ = 0;  // of the last record
};

}  // namespace pagoda

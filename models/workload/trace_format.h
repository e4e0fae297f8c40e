// The trace file formats, how they are told apart, and how each is written down.
//
// lackey    What `valgrind --tool=lackey --trace-mem=yes` prints: one line an access, `I  ADDR,SIZE` for an
//           instruction fetch, ` L ADDR,SIZE`, ` S ADDR,SIZE` and ` M ADDR,SIZE` for a load, a store and a
//           modify of the instruction above; ADDR in hexadecimal, SIZE in decimal bytes.
// champsim  Fixed records of 64 bytes, one an instruction (champsim_reader.h).
// text      Pagoda's own, to be written by hand or by a script (text_reader.h).
// binary    Pagoda's own, compact and fast to read (binary_format.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pagoda/workload/trace_input.h"

namespace pagoda {

enum class TraceFormat : std::uint8_t { lackey, champsim, text, binary };

std::string_view to_string(TraceFormat format);

/// UserError naming the choices if `name` is none of them.
TraceFormat parse_trace_format(std::string_view name);

/// Which format the input is in, by its content; consumes nothing. UserError if it is none of them.
TraceFormat recognise_format(TraceInput& input);

/// What the name of a trace to be written asks for.
struct TraceName {
  std::optional<TraceFormat> format;            ///< .pgt binary, .txt text, .lackey lackey; else none
  Compression compression = Compression::none;  ///< a further .gz, .bz2, .xz or .zst
};
TraceName parse_trace_name(std::string_view path);

}  // namespace pagoda

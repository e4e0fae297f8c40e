#include "pagoda/workload/trace_format.h"

#include <array>
#include <utility>

#include "pagoda/base/error.h"
#include "pagoda/workload/binary_format.h"
#include "pagoda/workload/champsim_reader.h"
#include "pagoda/workload/lackey_reader.h"
#include "pagoda/workload/text_reader.h"
#include "pagoda/workload/trace_text.h"

namespace pagoda {
namespace {

constexpr std::array<std::string_view, 4> kFormatNames = {"lackey", "champsim", "text", "binary"};

constexpr std::array<std::pair<std::string_view, TraceFormat>, 3> kFormatExtensions = {
    {{".pgt", TraceFormat::binary}, {".txt", TraceFormat::text}, {".lackey", TraceFormat::lackey}}};

constexpr std::array<std::pair<std::string_view, Compression>, 4> kCompressionExtensions = {
    {{".gz", Compression::gzip}, {".bz2", Compression::bzip2}, {".xz", Compression::xz}, {".zst", Compression::zstd}}};

/// How much of a file is looked at: valgrind's and the traced program's first words fit, and a thousand
/// instructions.
constexpr std::size_t kHeadBytes = 64 * 1024;

}  // namespace

std::string_view to_string(TraceFormat format) { return kFormatNames[static_cast<std::size_t>(format)]; }

TraceFormat parse_trace_format(std::string_view name) {
  for (std::size_t i = 0; i < kFormatNames.size(); ++i) {
    if (kFormatNames[i] == name) return static_cast<TraceFormat>(i);
  }
  throw UserError({}, {}, "not a trace format: " + trace_text::quoted(name), "allowed: lackey, champsim, text, binary");
}

TraceFormat recognise_format(TraceInput& input) {
  const std::string_view head = input.peek(kHeadBytes);
  if (head.starts_with(binary_format::kMagic)) return TraceFormat::binary;
  if (head.starts_with(kTextHeader)) return TraceFormat::text;
  if (looks_like_lackey(head)) return TraceFormat::lackey;
  if (looks_like_champsim(head, head.size() < kHeadBytes)) return TraceFormat::champsim;
  throw UserError({input.name(), 0}, {}, "not a trace in a known format",
                  "allowed: valgrind lackey --trace-mem=yes, ChampSim (records of 64 bytes), text (first line `" +
                      std::string(kTextHeader) +
                      "`), binary (pagoda trace convert), each also compressed with gzip, "
                      "bzip2, xz or zstd");
}

TraceName parse_trace_name(std::string_view path) {
  TraceName name;
  for (const auto& [extension, compression] : kCompressionExtensions) {
    if (!path.ends_with(extension)) continue;
    name.compression = compression;
    path.remove_suffix(extension.size());
    break;
  }
  for (const auto& [extension, format] : kFormatExtensions) {
    if (path.ends_with(extension)) name.format = format;
  }
  return name;
}

}  // namespace pagoda

#include "pagoda/workload/trace_convert.h"

#include <memory>
#include <span>
#include <vector>

#include "pagoda/base/error.h"
#include "pagoda/workload/file_writer.h"
#include "pagoda/workload/trace_reader.h"
#include "pagoda/workload/trace_writer.h"

namespace pagoda {

WriteResult write_trace(AccessSource& source, const std::string& path, const WriteOptions& options,
                        const std::function<void()>& after_batch) {
  const TraceName name = parse_trace_name(path);
  const std::optional<TraceFormat> format = options.format ? options.format : name.format;
  if (!format) {
    throw UserError({path, 0}, {}, "the name does not say the format of the trace to write",
                    "allowed: .pgt (binary), .txt (text), .lackey, each also with .gz, .bz2, .xz or .zst, or a format "
                    "given beside the name");
  }
  const Compression compression = options.compression.value_or(name.compression);
  const auto writer = make_trace_writer(*format, make_compressor(compression, std::make_unique<FileWriter>(path)));
  WriteResult result{.format = *format, .compression = compression};
  std::vector<Access> batch(16 * 1024);
  while (const std::size_t count = source.fill(batch)) {
    writer->write(std::span(batch).first(count));
    result.records += count;
    if (after_batch) after_batch();
  }
  writer->finish();
  result.simplified = writer->simplified();
  return result;
}

WriteResult convert_trace(const std::string& from, const std::string& to, std::optional<TraceFormat> from_format,
                          const WriteOptions& options, const TraceProgress& progress) {
  const std::unique_ptr<TraceReader> reader = open_trace(from, from_format);
  return write_trace(*reader, to, options, [&] {
    if (progress) progress(reader->compressed_bytes());
  });
}

}  // namespace pagoda

// What every trace reader must keep to, whatever bytes it is given.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/require.h"
#include "pagoda/base/error.h"
#include "pagoda/workload/trace_reader.h"
#include "pagoda/workload/trace_writer.h"
#include "support/string_sink.h"

namespace pagoda::fuzz {

/// No records and the message if the bytes are refused; any other exception ends the run.
inline std::pair<std::vector<Access>, std::string> read_all(std::string_view bytes, std::optional<TraceFormat> format,
                                                            std::size_t batch) {
  std::vector<Access> all;
  try {
    const auto reader = read_trace(std::make_unique<MemoryBytes>(bytes), "input", format);
    std::vector<Access> buffer(batch);
    while (const std::size_t count = reader->fill(buffer)) {
      all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
    }
    require(reader->fill(buffer) == 0, "the end stays the end");
    reader->rewind();
    require(reader->fill(buffer) == std::min(all.size(), batch), "a reader starts again");
  } catch (const UserError& error) {
    const std::string message = error.what();
    require(message.starts_with("input:") && message.find('\n') == std::string::npos, "one line that names the file");
    require(message.find("; allowed: ") != std::string::npos, "a message says what is allowed");
    return {{}, message};
  }
  return {std::move(all), ""};
}

inline void check_record(const Access& access) {
  require(access.size >= 1 && access.size <= kMaxAccessBytes, "the size is in range");
  require(access.address + (access.size - 1U) >= access.address, "an access does not wrap");
  require(!access.same_instruction || access.gap == 0, "no gap inside an instruction");
  if (access.kind == RecordKind::fetch) {
    require(!access.same_instruction && access.ip == access.address, "a fetch begins an instruction");
  }
}

inline void check_round_trip(const std::vector<Access>& records, TraceFormat format) {
  std::string bytes;
  const auto writer = make_trace_writer(format, std::make_unique<testing::StringSink>(bytes));
  writer->write(records);
  writer->finish();
  require(read_all(bytes, format, 100).first == records, "what is written reads back");
}

/// Reads `bytes` in two ways and checks that they agree, that every record is one, and that it can be written.
inline void check_trace(std::string_view bytes, std::optional<TraceFormat> format) {
  const auto [records, message] = read_all(bytes, format, 1000);
  require(read_all(bytes, format, 3) == std::pair(records, message), "batches do not matter");
  if (records.empty()) return;
  for (const Access& access : records) check_record(access);
  check_round_trip(records, TraceFormat::binary);
  check_round_trip(records, TraceFormat::text);
}

}  // namespace pagoda::fuzz

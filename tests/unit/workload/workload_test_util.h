// What the tests of traces and patterns share.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/base/temporary_folder.h"
#include "pagoda/workload/file_writer.h"
#include "pagoda/workload/trace_reader.h"
#include "pagoda/workload/trace_writer.h"
#include "support/string_sink.h"

namespace pagoda {

/// So that a failing comparison of records can be read.
inline void PrintTo(const Access& access, std::ostream* os) {
  *os << fmt::format("{} {:#x} size {} gap {} ip {:#x}{} dep {}", to_string(access.kind), access.address, access.size,
                     access.gap, access.ip, access.same_instruction ? " same" : "",
                     static_cast<unsigned>(access.depends_on));
}

namespace test {

/// Everything a source gives, pulled `batch` records at a time.
inline std::vector<Access> drain(AccessSource& source, std::size_t batch = 512) {
  std::vector<Access> all;
  std::vector<Access> buffer(batch);
  while (const std::size_t count = source.fill(buffer)) {
    all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
  }
  return all;
}

inline std::unique_ptr<TraceReader> reader_of(std::string_view bytes, std::optional<TraceFormat> format = {}) {
  return read_trace(std::make_unique<MemoryBytes>(bytes), "trace", format);
}

inline std::vector<Access> read_all(std::string_view bytes, std::optional<TraceFormat> format = {}) {
  return drain(*reader_of(bytes, format));
}

/// What the user is told when `action` fails, or "" if it does not.
inline std::string user_error(const std::function<void()>& action) {
  try {
    action();
  } catch (const UserError& error) {
    return error.what();
  }
  return "";
}

inline std::string read_error(std::string_view bytes, std::optional<TraceFormat> format = {}) {
  return user_error([&] { read_all(bytes, format); });
}

inline std::string written(TraceFormat format, std::span<const Access> records) {
  std::string bytes;
  const auto writer = make_trace_writer(format, std::make_unique<testing::StringSink>(bytes));
  writer->write(records);
  writer->finish();
  return bytes;
}

inline std::string compressed(Compression compression, std::string_view bytes) {
  std::string result;
  const auto sink = make_compressor(compression, std::make_unique<testing::StringSink>(result));
  sink->write(bytes);
  sink->finish();
  return result;
}

/// Records that use every field and every coding, by chance; valid, but without sense.
inline std::vector<Access> random_records(std::size_t count, unsigned seed) {
  std::mt19937_64 engine(seed);
  std::vector<Access> records(count);
  Addr ip = 0x400000;
  for (Access& access : records) {
    access.kind = static_cast<RecordKind>(engine() % kRecordKinds);
    access.size = static_cast<std::uint16_t>(engine() % 8 == 0 ? 1 + engine() % kMaxAccessBytes : 1 + engine() % 16);
    access.address = engine() >> engine() % 64;
    if (access.address + (access.size - 1U) < access.address) access.address -= kMaxAccessBytes;
    if (engine() % 4 == 0) ip = engine() >> engine() % 64;
    access.ip = access.kind == RecordKind::fetch ? access.address : ip;
    access.same_instruction = access.kind != RecordKind::fetch && engine() % 2 == 0;
    if (!access.same_instruction && engine() % 2 == 0) {
      access.gap = static_cast<std::uint32_t>(engine()) >> engine() % 32;
    }
    if (engine() % 8 == 0) set_dependence(access, engine() % 4 == 0 ? 1 + engine() % kMaxDependence : 1);
  }
  return records;
}

/// A folder that is gone after the test.
class TestFolder {
 public:
  std::string file(const std::string& name) const { return (folder_.path() / name).string(); }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(folder_.path()), {}));
  }

 private:
  TemporaryFolder folder_{"pagoda-test"};
};

inline void write_file(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

inline std::string file_content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace test
}  // namespace pagoda

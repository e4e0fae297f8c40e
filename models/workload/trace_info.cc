#include "pagoda/workload/trace_info.h"

#include <algorithm>
#include <memory>
#include <span>

#include "pagoda/workload/trace_reader.h"
#include "pagoda/workload/trace_reuse.h"

namespace pagoda {
namespace {

class SideScan {
 public:
  void add(const Access& access) {
    const Addr last = access.address + (access.size - 1U);
    side_.lowest = side_.records == 0 ? access.address : std::min(side_.lowest, access.address);
    side_.highest = std::max(side_.highest, last);
    ++side_.records;
    side_.bytes += access.size;
    if (access.address >> kLineShift != last >> kLineShift) ++side_.line_crossings;
    reuse_.access(access.address >> kPageShift);
    if (access.address >> kPageShift != last >> kPageShift) {
      ++side_.page_crossings;
      reuse_.access(last >> kPageShift);
    }
    touched_.touch(access.address, access.size);
  }

  TraceSide finish() {
    side_.lines = touched_.lines();
    side_.pages = touched_.pages();
    side_.ranges = touched_.ranges();
    side_.page_accesses = reuse_.accesses();
    for (std::size_t i = 0; i < kReuseEntries.size(); ++i) side_.tlb_hits[i] = reuse_.hits(kReuseEntries[i]);
    return side_;
  }

 private:
  static_assert(kMaxAccessBytes <= kPageBytes, "an access touches at most two pages");

  TraceSide side_;
  TouchedPages touched_;
  ReuseDistance reuse_;
};

}  // namespace

TraceInfo trace_info(const std::string& path, std::optional<TraceFormat> format, const TraceProgress& progress) {
  const std::unique_ptr<TraceReader> reader = open_trace(path, format);
  TraceInfo info{.format = reader->format(), .compression = reader->compression()};
  SideScan data;
  SideScan code;
  std::vector<Access> batch(16 * 1024);
  while (const std::size_t count = reader->fill(batch)) {
    for (const Access& access : std::span(batch).first(count)) {
      ++info.by_kind[static_cast<std::size_t>(access.kind)];
      info.instructions += instructions(access);
      if (access.depends_on != 0) ++info.dependent;
      (access.kind == RecordKind::fetch ? code : data).add(access);
    }
    info.records += count;
    if (progress) progress(reader->compressed_bytes());
  }
  info.file_bytes = reader->compressed_bytes();
  info.data = data.finish();
  info.code = code.finish();
  return info;
}

}  // namespace pagoda

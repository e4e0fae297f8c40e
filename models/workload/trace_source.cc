#include "pagoda/workload/trace_source.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

namespace pagoda {
namespace {

std::uint32_t saturated(std::uint64_t gap) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(gap, std::numeric_limits<std::uint32_t>::max()));
}

}  // namespace

Footprint AccessSource::footprint() {
  if (std::optional<Footprint> owned = region()) return *std::move(owned);
  rewind();
  TouchedPages data;
  TouchedPages code;
  std::array<Access, 512> batch;
  while (const std::size_t count = fill(batch)) {
    for (const Access& access : std::span(batch).first(count)) {
      (access.kind == RecordKind::fetch ? code : data).touch(access.address, access.size);
    }
  }
  rewind();
  return {data.ranges(), code.ranges()};
}

LimitSource::LimitSource(std::unique_ptr<AccessSource> source, std::uint64_t records)
    : source_(std::move(source)), records_(records), left_(records) {}

std::size_t LimitSource::fill(std::span<Access> out) {
  const std::size_t wanted = std::min<std::uint64_t>(out.size(), left_);
  if (wanted == 0) return 0;
  const std::size_t count = source_->fill(out.first(wanted));
  left_ -= count;
  return count;
}

void LimitSource::rewind() {
  source_->rewind();
  left_ = records_;
}

RepeatSource::RepeatSource(std::unique_ptr<AccessSource> source, std::uint64_t times)
    : source_(std::move(source)), times_(times) {}

std::size_t RepeatSource::fill(std::span<Access> out) {
  if (out.empty()) return 0;
  while (true) {
    const std::size_t count = source_->fill(out);
    if (count > 0) {
      pass_is_empty_ = false;
      return count;
    }
    // An empty source repeated without end is still empty.
    if (passes_ == times_ || pass_is_empty_) return 0;
    source_->rewind();
    ++passes_;
    pass_is_empty_ = true;
  }
}

void RepeatSource::rewind() {
  source_->rewind();
  passes_ = 1;
  pass_is_empty_ = true;
}

FetchFolder::FetchFolder(std::unique_ptr<AccessSource> source, FetchDetail detail)
    : source_(std::move(source)), detail_(detail) {}

std::size_t FetchFolder::fill(std::span<Access> out) {
  if (detail_ == FetchDetail::every) return source_->fill(out);
  while (const std::size_t count = source_->fill(out)) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (!keep(out[i])) continue;
      if (kept != i) out[kept] = out[i];
      ++kept;
    }
    if (kept > 0) return kept;
  }
  return 0;
}

bool FetchFolder::keep(Access& access) {
  if (access.kind == RecordKind::fetch) {
    const std::uint64_t first = access.address >> kLineShift;
    const std::uint64_t last = (access.address + access.size - 1) >> kLineShift;
    const bool wanted = detail_ == FetchDetail::line && (first != line_ || last != line_);
    if (!wanted) {
      folded_ += instructions(access);
      return false;
    }
    line_ = last;
  }
  if (folded_ == 0) return true;
  if (access.same_instruction) {
    // The fetch that began this instruction was the last one left out: the record begins it now.
    access.same_instruction = false;
    --folded_;
  }
  access.gap = saturated(access.gap + folded_);
  folded_ = 0;
  return true;
}

void FetchFolder::rewind() {
  source_->rewind();
  folded_ = 0;
  line_ = ~0ULL;
}

}  // namespace pagoda

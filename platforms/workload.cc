#include "platforms/workload.h"

#include <algorithm>
#include <filesystem>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

std::optional<TraceFormat> format_of(TraceFormatChoice choice) {
  switch (choice) {
    case TraceFormatChoice::detect: return {};
    case TraceFormatChoice::lackey: return TraceFormat::lackey;
    case TraceFormatChoice::champsim: return TraceFormat::champsim;
    case TraceFormatChoice::text: return TraceFormat::text;
    case TraceFormatChoice::binary: return TraceFormat::binary;
  }
  return {};
}

}  // namespace

Workload::Workload(const WorkloadConfig& config, std::uint64_t seed) {
  if (config.pattern) {
    PatternConfig pattern = *config.pattern;
    pattern.seed += seed;
    source_ = make_pattern(pattern);
    records_ = pattern.count;
  } else if (!config.trace.empty()) {
    std::unique_ptr<TraceReader> reader = open_trace(config.trace, format_of(config.trace_format));
    if (config.repeat == 1) reader_ = reader.get();
    std::error_code ignored;
    file_bytes_ = std::filesystem::file_size(config.trace, ignored);
    source_ = std::move(reader);
  } else {
    throw UserError("a core has nothing to run: give workload.trace or workload.pattern");
  }
  if (config.repeat > 1) {
    source_ = std::make_unique<RepeatSource>(std::move(source_), config.repeat);
    records_ *= config.repeat;
  }
  if (config.limit > 0) {
    source_ = std::make_unique<LimitSource>(std::move(source_), config.limit);
    records_ = records_ == 0 ? config.limit : std::min(records_, config.limit);
  }
}

double Workload::progress(std::uint64_t records) const {
  double done = records_ == 0 ? 0.0 : static_cast<double>(records) / static_cast<double>(records_);
  if (reader_ != nullptr && file_bytes_ > 0) {
    done = std::max(done, static_cast<double>(reader_->compressed_bytes()) / static_cast<double>(file_bytes_));
  }
  return std::min(done, 1.0);
}

}  // namespace pagoda

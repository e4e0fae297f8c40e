#include "pagoda/workload/pattern_mix.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "pagoda/workload/pattern_sequences.h"

namespace pagoda {

MixSource::MixSource(const PatternConfig& config, std::vector<std::unique_ptr<AccessSource>> parts)
    : parts_(parts.size()),
      seed_(derived_seed(config.seed, pattern::kParts)),
      engine_(seed_),
      count_(config.count == 0 ? kEndless : config.count),
      left_(count_) {
  double total = 0;
  for (const PatternConfig& part : config.parts) total += part.weight;
  double sum = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    sum += config.parts[i].weight;
    parts_[i].source = std::move(parts[i]);
    // 53 bits, as 2^64 itself does not fit.
    parts_[i].up_to = static_cast<std::uint64_t>(std::ldexp(std::min(1.0, sum / total), 53)) << 11;
  }
  parts_.back().up_to = kEndless;
}

std::size_t MixSource::fill(std::span<Access> out) {
  const std::size_t count = std::min<std::uint64_t>(out.size(), left_);
  for (Access& access : out.first(count)) access = next(draw());
  left_ -= count;
  return count;
}

MixSource::Part& MixSource::draw() {
  const std::uint64_t random = engine_();
  return *std::find_if(parts_.begin(), parts_.end() - 1, [&](const Part& part) { return random < part.up_to; });
}

Access MixSource::next(Part& part) {
  if (part.at == part.end) {
    part.end = part.source->fill(part.batch);
    part.at = 0;
  }
  Access access = part.batch[part.at++];
  // A part counts its own loads, a stream all of them.
  if (access.depends_on != 0) {
    const std::uint64_t load = part.loads - access.depends_on;
    set_dependence(access, loads_ - part.load_times[load % part.load_times.size()]);
  }
  if (loads(access.kind)) part.load_times[part.loads++ % part.load_times.size()] = loads_++;
  return access;
}

void MixSource::rewind() {
  engine_.seed(seed_);
  left_ = count_;
  loads_ = 0;
  for (Part& part : parts_) {
    part.source->rewind();
    part.at = part.end = 0;
    part.loads = 0;
  }
}

std::optional<Footprint> MixSource::region() const {
  Footprint all;
  for (const Part& part : parts_) {
    const std::optional<Footprint> one = part.source->region();
    if (!one) return std::nullopt;
    all.data.insert(all.data.end(), one->data.begin(), one->data.end());
  }
  all.data = merge_ranges(std::move(all.data));
  return all;
}

}  // namespace pagoda

#include "pagoda/base/distribution.h"

#include <cmath>

namespace pagoda {

void Distribution::grow(std::size_t size) { buckets_.resize(size); }

std::uint64_t Distribution::middle_of(std::size_t bucket) const {
  // Invert bucket_of: values below 2 * 64 are their own bucket, above that 64 buckets share a shift.
  const std::size_t shift = bucket < (2u << kPrecisionBits) ? 0 : (bucket >> kPrecisionBits) - 1;
  const std::uint64_t low = (bucket - (shift << kPrecisionBits)) << shift;
  const std::uint64_t middle = low + ((std::uint64_t{1} << shift) - 1) / 2;
  return std::clamp(middle, min_, max_);
}

std::uint64_t Distribution::quantile(double fraction) const {
  std::uint64_t value = 0;
  quantiles({&fraction, 1}, {&value, 1});
  return value;
}

void Distribution::quantiles(std::span<const double> fractions, std::span<std::uint64_t> values) const {
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  for (std::size_t i = 0; i < fractions.size(); ++i) {
    if (count_ == 0) {
      values[i] = 0;
      continue;
    }
    const auto wanted =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::ceil(fractions[i] * static_cast<double>(count_))));
    while (bucket < buckets_.size() && seen + buckets_[bucket] < wanted) seen += buckets_[bucket++];
    values[i] = bucket < buckets_.size() ? middle_of(bucket) : max_;
  }
}

void Distribution::merge(const Distribution& other) {
  if (other.count_ == 0) return;
  last_ = other.last_;
  last_bucket_ = other.last_bucket_;
  if (other.buckets_.size() > buckets_.size()) buckets_.resize(other.buckets_.size());
  for (std::size_t i = 0; i < other.buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

}  // namespace pagoda

// Compiled without contraction to fused multiply-adds, which would round differently on machines that have
// them.
#include "pagoda/workload/pattern_zipf.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace pagoda {
namespace {

constexpr std::uint64_t kRanksPerWidth = 128;

constexpr double kLn2 = 0.693147180559945309417;

/// The area hyperbolic tangent's series, on a mantissa of sqrt(1/2) .. sqrt(2).
double portable_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752440) {
    mantissa *= 2;
    --exponent;
  }
  const double z = (mantissa - 1) / (mantissa + 1);
  const double square = z * z;
  double sum = 0;
  for (int term = 25; term >= 1; term -= 2) sum = sum * square + 1.0 / term;
  return exponent * kLn2 + 2 * z * sum;
}

/// Taylor's series, on what is left after whole powers of two.
double portable_exp(double x) {
  const double power = std::floor(x / kLn2 + 0.5);
  const double rest = x - power * kLn2;
  double sum = 1;
  for (int term = 16; term >= 1; --term) sum = 1 + sum * rest / term;
  return std::ldexp(sum, static_cast<int>(power));
}

}  // namespace

double portable_power(double x, double y) { return portable_exp(y * portable_log(x)); }

ZipfDistribution::ZipfDistribution(std::uint64_t ranks, double exponent) : exponent_(exponent) {
  make_bins(ranks);
  make_aliases();
}

void ZipfDistribution::make_bins(std::uint64_t ranks) {
  for (std::uint64_t first = 1; first <= ranks;) {
    const std::uint64_t width = std::min(std::max<std::uint64_t>(1, first / kRanksPerWidth), ranks - first + 1);
    bins_.push_back(
        {std::numeric_limits<std::uint64_t>::max(), static_cast<std::uint32_t>(bins_.size()), first, width});
    first += width;
  }
}

void ZipfDistribution::make_aliases() {
  std::vector<double> share;  // of each bin, 1 being the average
  double total = 0;
  for (const Bin& bin : bins_) {
    share.push_back(static_cast<double>(bin.width) / portable_power(static_cast<double>(bin.first), exponent_));
    total += share.back();
  }
  std::vector<std::uint32_t> below;
  std::vector<std::uint32_t> above;
  for (std::uint32_t i = 0; i < share.size(); ++i) {
    share[i] *= static_cast<double>(share.size()) / total;
    (share[i] < 1 ? below : above).push_back(i);
  }
  while (!below.empty() && !above.empty()) {
    const std::uint32_t small = below.back();
    const std::uint32_t large = above.back();
    below.pop_back();
    bins_[small].keep = static_cast<std::uint64_t>(std::ldexp(share[small], 64));
    bins_[small].alias = large;
    share[large] -= 1 - share[small];
    if (share[large] < 1) {
      above.pop_back();
      below.push_back(large);
    }
  }
  // What is left has a share of 1 but for rounding, and keeps itself.
}

std::uint64_t ZipfDistribution::operator()(PatternEngine& engine) const {
  while (true) {
    std::uint64_t rest = 0;
    const std::uint64_t drawn = scaled(engine(), bins_.size(), rest);
    const Bin& bin = bins_[rest < bins_[drawn].keep ? drawn : bins_[drawn].alias];
    if (bin.width == 1) return bin.first - 1;
    const std::uint64_t offset = scaled(engine(), bin.width, rest);
    if (accept(bin, offset, rest)) return bin.first - 1 + offset;
  }
}

/// With a probability of (first / (first + offset))^exponent.
bool ZipfDistribution::accept(const Bin& bin, std::uint64_t offset, std::uint64_t random) const {
  const double first = static_cast<double>(bin.first);
  const double distance = static_cast<double>(offset) / first;
  const double uniform = std::ldexp(static_cast<double>(random >> 11), -53);
  // Bernoulli's inequality: (1 + d)^-s >= 1 - s d. It settles nearly every case.
  if (uniform < 1 - exponent_ * distance) return true;
  return uniform < portable_power(1 / (1 + distance), exponent_);
}

}  // namespace pagoda

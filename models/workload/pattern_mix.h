// Several patterns interleaved, each record from one of them, drawn by weight.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "pagoda/workload/pattern.h"
#include "pagoda/workload/pattern_random.h"

namespace pagoda {

class MixSource final : public AccessSource {
 public:
  /// `parts` are endless and as many as the configuration's.
  MixSource(const PatternConfig& config, std::vector<std::unique_ptr<AccessSource>> parts);

  std::size_t fill(std::span<Access> out) override;
  void rewind() override;
  std::optional<Footprint> region() const override;

 private:
  struct Part {
    std::unique_ptr<AccessSource> source;
    std::uint64_t up_to = 0;  // of 2^64: the random numbers below and from the part before on choose this one
    std::array<Access, 128> batch{};
    std::size_t at = 0;
    std::size_t end = 0;
    // When, counted in loads of the whole stream, this part made its last ones.
    std::array<std::uint64_t, kMaxDependence + 1> load_times{};
    std::uint64_t loads = 0;
  };

  Part& draw();
  Access next(Part& part);

  std::vector<Part> parts_;
  std::uint64_t seed_;
  PatternEngine engine_;
  std::uint64_t count_;
  std::uint64_t left_;
  std::uint64_t loads_ = 0;
};

}  // namespace pagoda

#include "pagoda/workload/pattern.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "pagoda/base/error.h"
#include "pagoda/workload/pattern_mix.h"
#include "pagoda/workload/pattern_sequences.h"

namespace pagoda {
namespace {

constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

template <class Sequence>
class PatternSource final : public AccessSource {
 public:
  PatternSource(const PatternConfig& config, Addr ip, Sequence sequence)
      : base_(config.base),
        bytes_(config.size.count),
        count_(config.count == 0 ? kEndless : config.count),
        left_(count_),
        sequence_(std::move(sequence)),
        writes_(config.write_ratio),
        write_seed_(derived_seed(config.seed, pattern::kWrites)),
        write_engine_(write_seed_),
        draws_writes_(config.write_ratio > 0 && config.write_ratio < 1) {
    const bool is_chase = config.kind == PatternKind::chase;
    write_kind_ = config.read_modify_write || is_chase ? RecordKind::modify : RecordKind::store;
    access_.ip = ip;
    access_.gap = config.gap;
    access_.size = static_cast<std::uint16_t>(config.access_size.count);
    access_.kind = config.write_ratio >= 1 ? write_kind_ : RecordKind::load;
    access_.depends_on = is_chase ? 1 : 0;
  }

  std::size_t fill(std::span<Access> out) override {
    const std::size_t count = std::min<std::uint64_t>(out.size(), left_);
    const std::span<Access> batch = out.first(count);
    for (Access& access : batch) {
      access = access_;
      access.address = base_ + sequence_.next();
    }
    if (draws_writes_) {
      for (Access& access : batch) {
        if (writes_(write_engine_)) access.kind = write_kind_;
      }
    }
    if (left_ == count_ && count > 0) batch.front().depends_on = 0;
    left_ -= count;
    return count;
  }

  void rewind() override {
    left_ = count_;
    sequence_.restart();
    write_engine_.seed(write_seed_);
  }

  std::optional<Footprint> region() const override {
    const Addr begin = base_ & ~(kPageBytes - 1);
    const Addr last_page = (base_ + (bytes_ - 1)) & ~(kPageBytes - 1);
    return Footprint{.data = {{begin, last_page - begin + kPageBytes}}, .code = {}};
  }

 private:
  Addr base_;
  std::uint64_t bytes_;
  std::uint64_t count_;
  std::uint64_t left_;
  Sequence sequence_;
  Access access_;  // what all have in common
  Coin writes_;
  std::uint64_t write_seed_;
  PatternEngine write_engine_;
  RecordKind write_kind_ = RecordKind::store;
  bool draws_writes_;
};

template <class Sequence>
std::unique_ptr<AccessSource> source_of(const PatternConfig& config, Addr ip, Sequence sequence) {
  return std::make_unique<PatternSource<Sequence>>(config, ip, std::move(sequence));
}

/// Refuses impossible configurations; `path` names the part in messages.
class Check {
 public:
  Check(const PatternConfig& config, std::string path) : config_(config), path_(std::move(path)) {}

  void run() const {
    if (config_.kind == PatternKind::mix) {
      require(!config_.parts.empty(), "parts", "a mix of nothing", "at least one part");
      for (const PatternConfig& part : config_.parts) {
        require(std::isfinite(part.weight) && part.weight > 0, "parts", "a part's weight is not above 0",
                "weights above 0");
      }
      return;
    }
    require(config_.parts.empty(), "parts", "parts of a pattern that is no mix", "parts only with kind mix");
    check_region();
    check_ratio(config_.write_ratio, "write_ratio");
    if (picks_elements()) check_elements();
    if (config_.kind == PatternKind::strided) require(config_.stride.count > 0, "stride", "0", "at least 1 B");
    if (config_.kind == PatternKind::zipf) {
      require(config_.zipf_exponent >= 0 && config_.zipf_exponent <= 4, "zipf_exponent", "out of range", "0 to 4");
    }
  }

 private:
  bool picks_elements() const {
    return config_.kind != PatternKind::sequential && config_.kind != PatternKind::strided;
  }

  void check_region() const {
    require(config_.access_size.count - 1 < kMaxAccessBytes, "access_size", "out of range", "1 B to 4 KiB");
    require(config_.size.count >= config_.access_size.count, "size", "smaller than one access",
            "at least access_size, " + to_string(config_.access_size));
    require(config_.base + (config_.size.count - 1) >= config_.base, "size", "the region goes beyond the last address",
            "base + size up to 2^64");
  }

  void check_elements() const {
    require(config_.element.count >= config_.access_size.count, "element", "smaller than one access",
            "at least access_size, " + to_string(config_.access_size));
    const bool is_hot_cold = config_.kind == PatternKind::hot_cold;
    require(config_.size.count / config_.element.count >= (is_hot_cold ? 2 : 1), "size", "too small for its elements",
            is_hot_cold ? "at least two elements" : "at least one element");
    if (!is_hot_cold) return;
    check_ratio(config_.hot_fraction, "hot_fraction");
    check_ratio(config_.hot_share, "hot_share");
  }

  void check_ratio(double ratio, const char* field) const {
    require(ratio >= 0 && ratio <= 1, field, "out of range", "0 to 1");
  }

  void require(bool holds, const char* field, const std::string& problem, const std::string& allowed) const {
    if (!holds) throw UserError({}, path_ + "." + field, problem, "allowed: " + allowed);
  }

  const PatternConfig& config_;
  std::string path_;
};

std::unique_ptr<AccessSource> make(const PatternConfig& config, const std::string& path, Addr& ip);

std::unique_ptr<AccessSource> make_mix(const PatternConfig& config, const std::string& path, Addr& ip) {
  std::vector<std::unique_ptr<AccessSource>> parts;
  for (std::size_t i = 0; i < config.parts.size(); ++i) {
    PatternConfig part = config.parts[i];
    part.count = 0;
    // Parts differ even if nobody gave them seeds, and all change with the seed of the mix.
    part.seed = derived_seed(derived_seed(config.seed, pattern::kParts + 1 + i), part.seed);
    // Each part looks to the core, and to its prefetchers, like an instruction of its own.
    ip += 4;
    parts.push_back(make(part, path + ".parts[" + std::to_string(i) + "]", ip));
  }
  return std::make_unique<MixSource>(config, std::move(parts));
}

std::unique_ptr<AccessSource> make(const PatternConfig& config, const std::string& path, Addr& ip) {
  Check(config, path).run();
  switch (config.kind) {
    case PatternKind::sequential: break;
    case PatternKind::strided: return source_of(config, ip, pattern::Stepping(config, config.stride.count));
    case PatternKind::random: return source_of(config, ip, pattern::Uniform(config));
    case PatternKind::zipf: return source_of(config, ip, pattern::Zipf(config));
    case PatternKind::chase: return source_of(config, ip, pattern::Chase(config));
    case PatternKind::hot_cold: return source_of(config, ip, pattern::HotCold(config));
    case PatternKind::mix: return make_mix(config, path, ip);
  }
  return source_of(config, ip, pattern::Stepping(config, config.access_size.count));
}

}  // namespace

std::unique_ptr<AccessSource> make_pattern(const PatternConfig& config) {
  Addr ip = 0;
  return make(config, "pattern", ip);
}

}  // namespace pagoda

#include "pagoda/workload/pattern.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "pagoda/workload/pattern_mix.h"
#include "pagoda/workload/pattern_sequences.h"

namespace pagoda {
namespace {

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
    const Access common = access_;
    const Addr base = base_;
    Sequence sequence = std::move(sequence_);  // stores to the batch cannot reach it: it stays in registers
    for (Access& access : batch) {
      access = common;
      access.address = base + sequence.next();
    }
    sequence_ = std::move(sequence);
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

std::unique_ptr<AccessSource> make(const PatternConfig& config, Addr& ip);

std::unique_ptr<AccessSource> make_mix(const PatternConfig& config, Addr& ip) {
  std::vector<std::unique_ptr<AccessSource>> parts;
  for (std::size_t i = 0; i < config.parts.size(); ++i) {
    PatternConfig part = config.parts[i];
    part.count = 0;
    // Parts differ even if nobody gave them seeds, and all change with the seed of the mix.
    part.seed = derived_seed(derived_seed(config.seed, pattern::kParts + 1 + i), part.seed);
    // Each part looks to the core, and to its prefetchers, like an instruction of its own.
    ip += 4;
    parts.push_back(make(part, ip));
  }
  return std::make_unique<MixSource>(config, std::move(parts));
}

std::unique_ptr<AccessSource> make(const PatternConfig& config, Addr& ip) {
  switch (config.kind) {
    case PatternKind::sequential: break;
    case PatternKind::strided: return source_of(config, ip, pattern::Stepping(config, config.stride.count));
    case PatternKind::random: return source_of(config, ip, pattern::Uniform(config));
    case PatternKind::zipf: return source_of(config, ip, pattern::Zipf(config));
    case PatternKind::chase: return source_of(config, ip, pattern::Chase(config));
    case PatternKind::hot_cold: return source_of(config, ip, pattern::HotCold(config));
    case PatternKind::mix: return make_mix(config, ip);
  }
  return source_of(config, ip, pattern::Stepping(config, config.access_size.count));
}

}  // namespace

std::unique_ptr<AccessSource> make_pattern(const PatternConfig& config) {
  Addr ip = 0;
  return make(validated(config, "pattern"), ip);
}

}  // namespace pagoda

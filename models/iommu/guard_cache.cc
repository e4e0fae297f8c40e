#include "pagoda/iommu/guard_cache.h"

#include <algorithm>
#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {

GuardCache::GuardCache(const GuardCacheConfig& config, Ps period)
    : period_(period),
      latency_(config.latency.at(period)),
      granule_shift_(static_cast<unsigned>(std::countr_zero(config.granule.count))),
      lines_(config.geometry()),
      ports_(config.ports, period),
      fills_(config.fills) {}

GuardCache::Found GuardCache::read(const TableField& field, GuardMemory& memory, const TranslatedGuard::Request& cause,
                                   Ps at) {
  const Ps known = ports_.reserve(at) + latency_;
  const Addr number = number_of(field.word);
  const Line* const line = lines_.use(lines_.set_of(number), key_of(number));
  if (line != nullptr && line->ready <= known) {
    ++hits_;
    hits_probe_.count(known);
    return {true, value_in(*line, field), known};
  }
  ++misses_;
  misses_probe_.count(known);
  if (line == nullptr) return fill(field, memory, cause, known);
  ++merged_;
  return {true, value_in(*line, field), line->ready};
}

GuardCache::Found GuardCache::fill(const TableField& field, GuardMemory& memory, const TranslatedGuard::Request& cause,
                                   Ps at) {
  const Addr number = number_of(field.word);
  const std::uint64_t epoch = epoch_;
  const Servers::Slot slot = fills_.acquire(at, typical_fill_);
  Line line{};
  const GuardMemory::Answer answer =
      memory.load(number << granule_shift_, std::span(line.words).first(granule_words()), cause, slot.start);
  fills_.release(cause.floor, slot, answer.done);
  fills_probe_.during(slot.start, answer.done);
  typical_fill_ = std::max<Ps>(answer.done - slot.start, 1);
  fill_wait_ += slot.start - at;
  if (answer.refused != FaultCause::none) {
    ++refused_;
    return {false, 0, answer.done};
  }
  line.ready = answer.done;
  // Where memory waits inside its b_transport, others may have been here meanwhile.
  const auto set = lines_.set_of(number);
  if (epoch == epoch_ && lines_.find(set, key_of(number)) == nullptr) {
    const auto place = lines_.victim(set);
    if (lines_.key_of(place.entry) != 0) ++evictions_;
    lines_.replace(set, place, key_of(number));
    *place.entry = line;
  }
  return {true, value_in(line, field), answer.done};
}

Ps GuardCache::invalidate(Addr begin, Addr end) {
  ++epoch_;
  if (begin >= end) return 0;
  const Addr first = number_of(begin);
  const Addr last = number_of(end - 1);
  invalidated_ +=
      lines_.erase_if([&](std::uint64_t key, const Line&) { return key >= key_of(first) && key <= key_of(last); });
  return std::min<std::uint64_t>(last - first + 1, lines_.sets()) * period_;
}

void GuardCache::visit_stats(StatVisitor& v) {
  v.counter("hits", hits_, kCount, "look-ups that found their granule");
  v.counter("misses", misses_, kCount, "look-ups that did not, or whose granule was still on its way");
  v.counter("merged", merged_, kCount, "misses that waited for a granule already on its way");
  v.value("hit_rate", ratio(hits_, hits_ + misses_), "", "hits per look-up");
  v.counter("evictions", evictions_, kCount, "granules that gave way to others");
  v.counter("invalidated", invalidated_, kCount, "granules dropped by invalidation");
  v.counter("refused", refused_, kCount, "reads of the table that memory refused");
  v.counter("fill_wait", fill_wait_, kTimeInNs, "time misses waited for a free fill");
}

void GuardCache::visit_probes(ProbeVisitor& v) {
  v.probe("hits", hits_probe_, 32, "hits so far");
  v.probe("misses", misses_probe_, 32, "misses so far");
  v.probe("fills_busy", fills_probe_, 16, "fills under way");
}

const ConfigInfo& GuardCacheConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<GuardCacheConfig>("table cache", "A cache of a table in memory, in granules of a few words.")
          .field("entries", &GuardCacheConfig::entries, "number of granules", in_range(1, 1 << 20))
          .field("ways", &GuardCacheConfig::ways, "associativity; as many as entries: fully associative",
                 in_range(1, 1 << 16))
          .field("replacement", &GuardCacheConfig::replacement, "which way a fill takes")
          .field("latency", &GuardCacheConfig::latency, "time of a look-up")
          .field("ports", &GuardCacheConfig::ports, "look-ups that can start per cycle; 0: no limit", in_range(0, 64))
          .field("granule", &GuardCacheConfig::granule, "bytes of the table that one entry holds: 8, 16, 32 or 64",
                 in_range(Bytes{8}, Bytes{64}))
          .field("fills", &GuardCacheConfig::fills, "fills at a time, more wait; 0: no limit", in_range(0, 256))
          .check([](const GuardCacheConfig& c) -> std::optional<ConfigProblem> {
            const std::string problem = c.geometry().problem();
            if (problem.empty()) return std::nullopt;
            return ConfigProblem{"ways", problem, ""};
          })
          .check([](const GuardCacheConfig& c) -> std::optional<ConfigProblem> {
            if (std::has_single_bit(c.granule.count)) return std::nullopt;
            return ConfigProblem{"granule", to_string(c.granule) + " is no power of two", "allowed: 8, 16, 32 or 64 B"};
          });
  return info;
}

}  // namespace pagoda

#include "pagoda/mmu/walk_cache.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

namespace pagoda {
namespace {

// Stage 0's entries belong to a program, later stages' to a virtual machine.
bool same_space(AddressSpaceTag kept, bool global, AddressSpaceTag asked, unsigned stage) {
  return kept.vmid == asked.vmid && (stage > 0 || global || kept.asid == asked.asid);
}

}  // namespace

WalkCaches::WalkCaches(const WalkerConfig& config, Ps period) {
  for (const WalkCacheConfig& cache : config.walk_caches) {
    levels_.push_back(
        {cache.level, cache.latency.at(period), AssocArray<Pointer>(cache.geometry()), Ports(cache.ports, period)});
  }
  std::sort(levels_.begin(), levels_.end(), [](const auto& a, const auto& b) { return a.level < b.level; });
  if (config.nested_tlb) {
    nested_.emplace(NestedTlb{config.nested_tlb->latency.at(period), AssocArray<Nested>(config.nested_tlb->geometry()),
                              Ports(config.nested_tlb->ports, period)});
  }
}

WalkCaches::Answer WalkCaches::look(const Stage& stage, const Step& step, AddressSpaceTag tag, Ps at) {
  Answer answer{std::monostate{}, at};
  if (step.stage > 0 && nested_) {
    answer.done = nested_->ports.reserve(at) + nested_->latency;
    if (const StageTranslation* known = find_nested(step, tag.vmid)) {
      ++nested_->hits;
      answer.hint = *known;
      return answer;
    }
    ++nested_->misses;
  }
  if (const TablePointer* known = look_table(stage, step, tag, at, answer.done)) answer.hint = *known;
  return answer;
}

const TablePointer* WalkCaches::look_table(const Stage& stage, const Step& step, AddressSpaceTag tag, Ps at, Ps& done) {
  const TablePointer* found = nullptr;
  for (LevelCache& cache : levels_) {
    if (cache.level > stage.format->root_level()) break;
    done = std::max(done, cache.ports.reserve(at) + cache.latency);
    if (found != nullptr) continue;
    if (const Pointer* known = find_pointer(cache, stage, step, tag)) {
      ++cache.hits;
      found = &known->to;
    } else {
      ++cache.misses;
    }
  }
  return found;
}

const StageTranslation* WalkCaches::find_nested(const Step& step, std::uint32_t vmid) {
  for (std::uint64_t sizes = nested_->sizes; sizes != 0; sizes &= sizes - 1) {
    const auto shift = static_cast<unsigned>(std::countr_zero(sizes));
    const Addr number = step.address >> shift;
    const auto set = nested_->entries.set_of(number);
    Nested* entry = nested_->entries.use(set, number << 6 | shift,
                                         [&](const Nested& n) { return n.vmid == vmid && n.stage == step.stage; });
    if (entry == nullptr) continue;
    // An access that needs a flag set, or write permission that is not there, is for memory to decide.
    const Rights wanted = needed_flags(step.access) | (step.access == AccessKind::write ? Rights::write : Rights::none);
    return has(entry->translation.rights, wanted) ? &entry->translation : nullptr;
  }
  return nullptr;
}

const WalkCaches::Pointer* WalkCaches::find_pointer(LevelCache& cache, const Stage& stage, const Step& step,
                                                    AddressSpaceTag tag) {
  const Addr number = stage.canonical(step.address) >> PageFormat::shift(cache.level);
  const std::uint64_t key = (number << 6) + step.stage + 1u;
  const Pointer* const found = cache.entries.use(cache.entries.set_of(number), key, [&](const Pointer& p) {
    return same_space(p.tag, p.global, tag, step.stage);
  });
  if (found == nullptr) {
    cache.missed = key;
    cache.missed_tag = tag;
  }
  return found;
}

void WalkCaches::keep(const Stage& stage, const Learned& learned, AddressSpaceTag tag) {
  if (learned.kind == Learned::Kind::translation) {
    if (learned.stage > 0 && nested_) keep_nested(learned, tag.vmid);
    return;
  }
  const unsigned level = learned.table.level + 1u;  // of the entry that held the pointer
  const auto cache =
      std::find_if(levels_.begin(), levels_.end(), [level](const LevelCache& c) { return c.level == level; });
  if (cache == levels_.end()) return;
  const Addr number = stage.canonical(learned.input) >> PageFormat::shift(level);
  const auto set = cache->entries.set_of(number);
  const std::uint64_t key = (number << 6) + learned.stage + 1u;
  const bool global = has(learned.table.rights, Rights::global);
  const bool absent = std::exchange(cache->missed, 0) == key && cache->missed_tag == tag;
  Pointer* place = nullptr;
  if (!absent) {
    place =
        cache->entries.use(set, key, [&](const Pointer& p) { return same_space(p.tag, p.global, tag, learned.stage); });
  }
  if (place == nullptr) place = cache->entries.insert(set, key);
  // One by one, as they have just been set one by one: hosts wait for what they load in other pieces than it was stored.
  place->to.table = learned.table.table;
  place->to.level = learned.table.level;
  place->to.rights = learned.table.rights;
  place->tag = tag;
  place->stage = learned.stage;
  place->global = global;
}

void WalkCaches::keep_nested(const Learned& learned, std::uint32_t vmid) {
  const unsigned shift = learned.translation.page_shift;
  if (shift >= kUnlimitedShift) return;
  const Addr number = learned.input >> shift;
  const auto set = nested_->entries.set_of(number);
  const std::uint64_t key = number << 6 | shift;
  Nested* place =
      nested_->entries.use(set, key, [&](const Nested& n) { return n.vmid == vmid && n.stage == learned.stage; });
  if (place == nullptr) place = nested_->entries.insert(set, key);
  *place = {learned.translation, vmid, learned.stage};
  nested_->sizes |= std::uint64_t{1} << shift;
}

void WalkCaches::invalidate(const TlbInvalidation& what) {
  for (LevelCache& cache : levels_) {
    cache.entries.erase_if(
        [&](std::uint64_t, const Pointer& entry) { return entry.stage == 0 && what.matches(entry.tag, entry.global); });
  }
  if (what.later_stages) invalidate_later_stages(what.vmid, what.later_address);
}

void WalkCaches::invalidate_later_stages(std::optional<std::uint32_t> vmid, std::optional<Addr> address) {
  for (LevelCache& cache : levels_) {
    if (address) break;  // they hold no leaves
    cache.entries.erase_if(
        [&](std::uint64_t, const Pointer& entry) { return entry.stage > 0 && (!vmid || *vmid == entry.tag.vmid); });
  }
  if (!nested_) return;
  nested_->entries.erase_if([&](std::uint64_t key, const Nested& entry) {
    if (vmid && *vmid != entry.vmid) return false;
    return !address || *address >> (key & low_mask(6)) == key >> 6;
  });
}

void WalkCaches::visit_stats(StatVisitor& v) {
  for (LevelCache& cache : levels_) {
    v.enter(fmt::format("walk_cache_{}", cache.level).c_str());
    v.counter("hits", cache.hits, kCount, "look-ups that found a table");
    v.counter("misses", cache.misses, kCount, "look-ups that did not, when no lower level had either");
    v.value("hit_rate", ratio(cache.hits, cache.hits + cache.misses), "", "hits per look-up");
    v.leave();
  }
  if (!nested_) return;
  v.enter("nested_tlb");
  v.counter("hits", nested_->hits, kCount, "later-stage translations found");
  v.counter("misses", nested_->misses, kCount, "later-stage translations walked for");
  v.value("hit_rate", ratio(nested_->hits, nested_->hits + nested_->misses), "", "hits per look-up");
  v.leave();
}

}  // namespace pagoda

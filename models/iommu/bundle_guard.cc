#include "pagoda/iommu/bundle_guard.h"

#include <algorithm>
#include <stdexcept>

#include "pagoda/base/config_builder.h"

namespace pagoda {

BundleGuard::BundleGuard(const BundleGuardConfig& config, const BundleLayout& layout, Ps period, GuardMemory& memory,
                         Validator* validator)
    : layout_(layout),
      validation_(config.validation),
      memory_(memory),
      validator_(validator),
      ids_(config.ids, period),
      rights_(config.rights, period) {
  if (validation_ != Validation::off && validator_ == nullptr) {
    throw std::invalid_argument("a bundle guard that validates needs a validator");
  }
}

TranslatedGuard::Verdict BundleGuard::check(const Request& request) {
  if (validation_ == Validation::off) {
    const GuardDecision tables = look_up(request, request.at);
    return ledger_.settle(request, tables.why, tables.done);
  }
  const Validator::Outcome outcome = validator_->validate(request, request.at);
  if (validation_ == Validation::series) {
    if (!outcome.ok) return ledger_.settle(request, Blocked::validation, outcome.done);
    const GuardDecision tables = look_up(request, outcome.done);
    return ledger_.settle(request, tables.why, tables.done);
  }
  const GuardDecision tables = look_up(request, request.at);
  const bool blocked = tables.why != Blocked::no;
  if (!outcome.ok && (!blocked || outcome.done < tables.done)) {
    return ledger_.settle(request, Blocked::validation, outcome.done);
  }
  return ledger_.settle(request, tables.why, blocked ? tables.done : std::max(outcome.done, tables.done));
}

GuardDecision BundleGuard::look_up(const Request& request, Ps at) {
  if (request.device_id >= layout_.devices) return {Blocked::outside, at};
  return for_each_page(request, layout_.pages.page_shift, at,
                       [&](Addr page, Ps start) { return look_up_page(request, page, start); });
}

GuardDecision BundleGuard::look_up_page(const Request& request, Addr page, Ps at) {
  if (!layout_.pages.contains(page)) return {Blocked::outside, at};
  const GuardCache::Found id = ids_.read(layout_.id_field(page), memory_, request, at);
  if (!id.known || id.value >= layout_.bundles) return {Blocked::corrupt, id.done};
  const auto bundle = static_cast<BundleId>(id.value);
  if (bundle == kNoBundle) return {Blocked::no_bundle, id.done};
  const GuardCache::Found rights =
      rights_.read(layout_.rights_field(bundle, request.device_id), memory_, request, id.done);
  if (!rights.known) return {Blocked::corrupt, rights.done};
  const bool allowed = has(static_cast<DmaRights>(rights.value), needed_for(request.access));
  return {allowed ? Blocked::no : Blocked::rights, rights.done};
}

Ps BundleGuard::invalidate_pages(PageNumbers pages, Ps floor, Ps at) {
  const PageNumbers known = layout_.pages.range.common(pages);
  if (known.count == 0) return ledger_.invalidate(floor, at, 0);
  const Addr begin = layout_.id_field(known.first).word;
  const Addr end = layout_.id_field(known.end() - 1).word + 8;
  return ledger_.invalidate(floor, at, ids_.invalidate(begin, end));
}

Ps BundleGuard::invalidate_bundle(BundleId bundle, Ps floor, Ps at) {
  const Addr row = layout_.row(bundle);
  const Ps rights = rights_.invalidate(row, row + layout_.row_bytes());
  const Ps ids = ids_.invalidate_if(
      [&](Addr /*address*/, std::span<const std::uint64_t> words) { return holds_id(words, bundle); });
  return ledger_.invalidate(floor, at, std::max(rights, ids));
}

Ps BundleGuard::invalidate_all(Ps floor, Ps at) {
  const auto every = [](Addr, std::span<const std::uint64_t>) { return true; };
  const Ps ids = ids_.invalidate_if(every);
  return ledger_.invalidate(floor, at, std::max(ids, rights_.invalidate_if(every)));
}

bool BundleGuard::holds_id(std::span<const std::uint64_t> words, BundleId bundle) const {
  for (const std::uint64_t word : words) {
    for (unsigned shift = 0; shift < 64; shift += layout_.id_bits) {
      if ((word >> shift & low_mask(layout_.id_bits)) == bundle) return true;
    }
  }
  return false;
}

void BundleGuard::visit_stats(StatVisitor& v) {
  ledger_.visit_stats(v);
  v.enter("table1");
  ids_.visit_stats(v);
  v.leave();
  v.enter("table2");
  rights_.visit_stats(v);
  v.leave();
}

void BundleGuard::visit_probes(ProbeVisitor& v) {
  ledger_.visit_probes(v);
  v.enter("table1");
  ids_.visit_probes(v);
  v.leave();
  v.enter("table2");
  rights_.visit_probes(v);
  v.leave();
}

const ConfigInfo& BundleGuardConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<BundleGuardConfig>("bundle guard", "Checks translated requests by the bundle of their page.")
          .field("ids", &BundleGuardConfig::ids, "cache of table 1, which gives a page's bundle")
          .field("rights", &BundleGuardConfig::rights, "cache of table 2, which gives a bundle's rights")
          .field("validation", &BundleGuardConfig::validation,
                 "whether translation tables are asked too: before table 1, or at the same time");
  return info;
}

}  // namespace pagoda

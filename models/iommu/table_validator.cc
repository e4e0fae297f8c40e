#include "pagoda/iommu/table_validator.h"

#include <algorithm>
#include <span>

#include "pagoda/base/config_builder.h"
#include "pagoda/paging/run_walk.h"

namespace pagoda {
namespace {

TableField word_at(Addr address) { return {.word = address, .shift = 0, .bits = 64}; }

// A walk's way to table entries: one look-up after the other.
struct CachedEntries {
  GuardCache& upper;
  GuardCache& leaves;
  GuardMemory& memory;
  const TranslatedGuard::Request& cause;
  Ps at;

  EntryRead read(const Step& step) {
    GuardCache& cache = step.level == 0 ? leaves : upper;
    const GuardCache::Found found = cache.read(word_at(step.address), memory, cause, at);
    at = found.done;
    return {found.value, found.known ? FaultCause::none : FaultCause::access_error};
  }
  EntryUpdate update(const Step& /*step*/) const { return {.success = false, .refused = FaultCause::access_error}; }
};

}  // namespace

TableValidator::TableValidator(const TableValidatorConfig& config, const ReverseLayout& layout, Ps period,
                               GuardMemory& memory)
    : layout_(layout),
      memory_(memory),
      reverse_(config.reverse, period),
      upper_(config.upper, period),
      leaves_(config.leaves, period) {}

Validator::Outcome TableValidator::validate(const TranslatedGuard::Request& request, Ps at) {
  const auto settle = [&](bool ok, Ps done) -> Outcome {
    if (!ok) ++refused_;
    latency_.record(done - at);
    return {ok, done};
  };
  ++walks_;
  const Addr page = layout_.pages.page_of(request.address);
  const auto stage = stages_.find(request.device_id);
  if (!layout_.pages.contains(page) || stage == stages_.end()) return settle(false, at);
  const GuardCache::Found reverse = reverse_.read(word_at(layout_.entry(page)), memory_, request, at);
  if (!reverse.known || (reverse.value & 1) == 0) return settle(false, reverse.done);
  Walk walk(std::span(&stage->second, 1),
            {.address = (reverse.value & ~low_mask(kPageShift)) | (request.address & low_mask(kPageShift)),
             .access = request.access,
             .privilege = Privilege::user});
  CachedEntries entries{upper_, leaves_, memory_, request, reverse.done};
  const bool translated = run_walk(walk, entries);
  return settle(translated && walk.translation().output == request.address, entries.at);
}

Ps TableValidator::invalidate_page(Addr page) {
  if (!layout_.pages.contains(page)) return 0;
  const Addr entry = layout_.entry(page);
  return reverse_.invalidate(entry, entry + sizeof(std::uint64_t));
}

Ps TableValidator::invalidate_entry(Addr entry) {
  const Addr end = entry + sizeof(std::uint64_t);
  return std::max(upper_.invalidate(entry, end), leaves_.invalidate(entry, end));
}

void TableValidator::visit_stats(StatVisitor& v) {
  v.counter("validations", walks_, kCount, "requests that the translation tables were asked about");
  v.counter("refused", refused_, kCount, "that they do not lead to");
  v.distribution("latency", latency_, kTimeInNs, "of asking them");
  v.enter("reverse");
  reverse_.visit_stats(v);
  v.leave();
  v.enter("upper");
  upper_.visit_stats(v);
  v.leave();
  v.enter("leaves");
  leaves_.visit_stats(v);
  v.leave();
}

const ConfigInfo& TableValidatorConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<TableValidatorConfig>("table validator", "Asks the translation tables about translated requests.")
          .field("reverse", &TableValidatorConfig::reverse, "cache of the table that gives a page's I/O address")
          .field("upper", &TableValidatorConfig::upper, "cache of entries that point to page tables")
          .field("leaves", &TableValidatorConfig::leaves, "cache of entries of the last level");
  return info;
}

}  // namespace pagoda

// Bundle access control: lets a translated request pass if its page's bundle gives its device the right.
//
// Models: table 1 (page to bundle id), then table 2 (bundle and device to rights), each read from memory through a
// cache of its own; a page outside of table 1, a device outside of table 2 and bundle 0 are blocked without reading on.
// Optionally the translation tables are asked as well (Validator), before table 1 or at the same time. Invalidation by
// pages and by bundle. A request over several pages needs every page's leave. Does not model: a limit of checks under
// way beyond that of the caches' ports and fills.
//
// How time is made up: table 1's look-up, then table 2's. Validation in series comes before both: the times add up. In
// parallel, it starts with table 1's look-up: an allowed request waits for whichever ends last, a blocked one for the
// first refusal.
//
// Source: none for layouts and times; which table says what is public (US patent 11526451, claims).
#pragma once

#include <boost/describe/enum.hpp>

#include "pagoda/iommu/guard_cache.h"
#include "pagoda/iommu/guard_ledger.h"

namespace pagoda {

enum class Validation : std::uint8_t { off, series, parallel };
BOOST_DESCRIBE_ENUM(Validation, off, series, parallel)

/// Entries of the caches are round figures without a source.
struct BundleGuardConfig {
  GuardCacheConfig ids{.entries = 256};
  GuardCacheConfig rights{.entries = 64};
  Validation validation = Validation::off;

  static const ConfigInfo& config_info();
};

/// Whether translation tables lead the device to the address, and when that is known.
class Validator {
 public:
  struct Outcome {
    bool ok;
    Ps done;
  };

  virtual ~Validator() = default;
  virtual Outcome validate(const TranslatedGuard::Request& request, Ps at) = 0;
};

class BundleGuard final : public TranslatedGuard {
 public:
  /// `memory`, and `validator` if the configuration asks for validation, outlive the guard. `period`: of its clock.
  /// Throws std::invalid_argument if the validator is missing.
  BundleGuard(const BundleGuardConfig& config, const BundleLayout& layout, Ps period, GuardMemory& memory,
              Validator* validator = nullptr);

  Verdict check(const Request& request) override;

  /// Drops what is cached of the pages' ids. Returns when it is done: no verdict from before is still on its way.
  Ps invalidate_pages(PageNumbers pages, Ps floor, Ps at);
  /// Drops the bundle's row and every granule of table 1 in which its id stands.
  Ps invalidate_bundle(BundleId bundle, Ps floor, Ps at);
  Ps invalidate_all(Ps floor, Ps at);

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  GuardDecision look_up(const Request& request, Ps at);
  GuardDecision look_up_page(const Request& request, Addr page, Ps at);
  bool holds_id(std::span<const std::uint64_t> words, BundleId bundle) const;

  BundleLayout layout_;
  Validation validation_;
  GuardMemory& memory_;
  Validator* validator_;
  GuardCache ids_;
  GuardCache rights_;
  GuardLedger ledger_;
};

}  // namespace pagoda

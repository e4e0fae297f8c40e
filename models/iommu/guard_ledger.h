// What guards of translated requests have in common: they count what they decided, and they carry out invalidations.
//
// Models: one invalidation at a time, each as long as the caches' look at their sets takes. It is done when no verdict
// from before it is still on its way, so that nothing passes on old rights afterwards. Devices run ahead of each other
// by up to a quantum: an invalidation also waits for verdicts that were asked for before it in call order and lie later
// in time. Does not model: requests already past the guard; who fences those waits for them.
#pragma once

#include <array>
#include <cstdint>

#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/timeline.h"
#include "pagoda/iommu/translated_guard.h"

namespace pagoda {

/// Why a guard blocks a request.
enum class Blocked : std::uint8_t {
  no,
  outside,    ///< the tables know nothing of the page or of the device
  no_bundle,  ///< nobody may reach the page
  rights,     ///< the device lacks the right
  corrupt,    ///< memory refused a table's read, or the bundle id is none
  validation  ///< the translation tables do not lead there
};
inline constexpr std::size_t kBlockedKinds = 6;

class GuardLedger {
 public:
  /// Notes a verdict and hands it on.
  TranslatedGuard::Verdict settle(const TranslatedGuard::Request& request, Blocked why, Ps done) {
    ++checks_;
    ++verdicts_[static_cast<std::size_t>(why)];
    latency_.record(done - request.at);
    under_way_.during(request.at, done);
    if (why != Blocked::no) blocked_probe_.count(done);
    if (done > last_verdict_) last_verdict_ = done;
    return {why == Blocked::no, done};
  }

  /// When an invalidation of so long, asked for at `at`, is done.
  Ps invalidate(Ps floor, Ps at, Ps cost);

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  std::uint64_t checks_ = 0, invalidations_ = 0;
  std::array<std::uint64_t, kBlockedKinds> verdicts_{};
  Distribution latency_, invalidation_latency_;
  Ps last_verdict_ = 0;
  Servers engine_{1};
  Probe under_way_, blocked_probe_;
};

struct GuardDecision {
  Blocked why;
  Ps done;
};

/// Asks `look(page, at)`, a GuardDecision, for each page of a request, the next when the one before is decided, until
/// one is blocked.
template <class Look>
GuardDecision for_each_page(const TranslatedGuard::Request& request, unsigned page_shift, Ps at, Look look) {
  const Addr last = request.address + (request.bytes == 0 ? 0 : request.bytes - 1);
  if (last < request.address) return {Blocked::outside, at};
  GuardDecision decision{Blocked::no, at};
  for (Addr page = request.address >> page_shift; page <= last >> page_shift; ++page) {
    decision = look(page, decision.done);
    if (decision.why != Blocked::no) break;
  }
  return decision;
}

}  // namespace pagoda

#include "pagoda/iommu/guard_ledger.h"

#include <algorithm>

namespace pagoda {

Ps GuardLedger::invalidate(Ps floor, Ps at, Ps cost) {
  const Servers::Slot slot = engine_.acquire(at, cost);
  engine_.release(floor, slot, slot.start + cost);
  const Ps done = std::max(slot.start + cost, last_verdict_);
  ++invalidations_;
  invalidation_latency_.record(done - at);
  return done;
}

void GuardLedger::visit_stats(StatVisitor& v) {
  const auto blocked = [this](Blocked why) -> std::uint64_t& { return verdicts_[static_cast<std::size_t>(why)]; };
  v.counter("checks", checks_, kCount, "translated requests checked");
  v.counter("allowed", blocked(Blocked::no), kCount, "that may pass");
  v.value("blocked", static_cast<double>(checks_ - blocked(Blocked::no)), "", "that may not");
  v.counter("blocked_outside", blocked(Blocked::outside), kCount, "for a page or by a device the tables do not know");
  v.counter("blocked_no_bundle", blocked(Blocked::no_bundle), kCount, "for a page that nobody may reach");
  v.counter("blocked_rights", blocked(Blocked::rights), kCount, "by a device that lacks the right");
  v.counter("blocked_corrupt", blocked(Blocked::corrupt), kCount, "because a table could not be read or held nonsense");
  v.counter("blocked_validation", blocked(Blocked::validation), kCount, "because translations do not lead there");
  v.distribution("latency", latency_, kTimeInNs, "that a check adds to a request");
  v.counter("invalidations", invalidations_, kCount, "orders to drop cached entries");
  v.distribution("invalidation_latency", invalidation_latency_, kTimeInNs, "of such an order, with older checks' end");
}

void GuardLedger::visit_probes(ProbeVisitor& v) {
  v.probe("checks_under_way", under_way_, 16, "checks under way");
  v.probe("blocked", blocked_probe_, 32, "requests blocked so far");
}

}  // namespace pagoda

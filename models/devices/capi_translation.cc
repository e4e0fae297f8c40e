#include "pagoda/devices/capi_translation.h"

#include <algorithm>

#include "pagoda/mmu/table_port.h"

namespace pagoda {

CapiTranslation::CapiTranslation(const CapiTranslationConfig& config, Ps period)
    : tlb_(config.tlb, period), walker_(config.walker, period) {}

CapiTranslation::Answer CapiTranslation::translate(const MmuContext& software, const TimedRequest& request, Ps at,
                                                   Downlink& tables) {
  WalkRequest wanted{.address = request.address,
                     .access = request.info.access,
                     .privilege = request.info.privilege,
                     .allow_user_data = software.allow_user_data};
  WalkRequest canonical = wanted;
  const Stage& stage = software.stages.front();
  if (stage.format != nullptr) canonical.address = stage.canonical(wanted.address);
  Ps known = tlb_.look(at, *request.time);
  TlbEntry* entry = find(software, canonical, request, known);
  if (entry == nullptr) entry = walk(software, wanted, request, known, tables);
  if (entry == nullptr) {
    ++refused_;
    return {known, nullptr};
  }
  return {known, entry, entry->output(canonical.address)};
}

// An entry that grants the access, when its walk is over. One that does not is of no use: memory may say otherwise now.
TlbEntry* CapiTranslation::find(const MmuContext& software, const WalkRequest& wanted, const TimedRequest& request,
                                Ps& at) {
  TlbEntry* entry = tlb_.find(wanted.address, software.tag);
  if (entry == nullptr || !grants(*entry, software.stages, wanted)) {
    tlb_.count_miss(at, false);
    return nullptr;
  }
  if (entry->ready > at) {
    tlb_.count_miss(at, true);
    walker_.count_merged();
    (*request.time)[TimePart::walk] += entry->ready - at;
    at = entry->ready;
  } else {
    tlb_.count_hit(at);
  }
  return entry;
}

TlbEntry* CapiTranslation::walk(const MmuContext& software, const WalkRequest& wanted, const TimedRequest& request,
                                Ps& at, Downlink& tables) {
  TablePort port(tables, request);
  const WalkResult result = walker_.walk({.stages = software.stages,
                                          .tag = software.tag,
                                          .request = wanted,
                                          .requester = request.info.requester,
                                          .floor = request.floor,
                                          .at = at},
                                         port);
  (*request.time)[TimePart::queue] += result.start - at;
  (*request.time)[TimePart::walk] += result.done - result.start;
  at = result.done;
  if (result.fault) {
    *request.fault = result.fault;
    return nullptr;
  }
  const Stage& stage = software.stages.front();
  return tlb_.fill(stage.format != nullptr ? stage.canonical(wanted.address) : wanted.address, result.entry);
}

void CapiTranslation::used(Addr effective, const TlbEntry& entry, Ps done, Ps floor) {
  const Addr page = effective & ~low_mask(entry.page_shift);
  if (!uses_.empty() && uses_.back().page == page && uses_.back().entry.page == entry.page &&
      uses_.back().entry.tag == entry.tag) {
    uses_.back().until = std::max(uses_.back().until, done);
    return;
  }
  std::erase_if(uses_, [floor](const Use& use) { return use.until <= floor; });
  uses_.push_back({page, entry, done});
}

Ps CapiTranslation::invalidate(const TlbInvalidation& what, Ps at) {
  ++invalidations_;
  tlb_.invalidate(what);
  walker_.invalidate(what);
  Ps done = at;
  for (const Use& use : uses_) {
    if (what.concerns(use.page, use.entry)) done = std::max(done, use.until);
  }
  drain_ += done - at;
  return done;
}

void CapiTranslation::visit_stats(StatVisitor& v) {
  v.enter("tlb");
  tlb_.visit_stats(v);
  v.leave();
  v.enter("walker");
  walker_.visit_stats(v);
  v.leave();
  v.counter("refused", refused_, kCount, "accesses that page tables refused");
  v.counter("invalidations", invalidations_, kCount, "invalidations that the link brought");
  v.counter("drain", drain_, kTimeInNs, "time they waited for accesses under way");
}

void CapiTranslation::visit_probes(ProbeVisitor& v) {
  v.enter("tlb");
  tlb_.visit_probes(v);
  v.leave();
  v.enter("walker");
  walker_.visit_probes(v);
  v.leave();
}

}  // namespace pagoda

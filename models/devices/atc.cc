#include "pagoda/devices/atc.h"

namespace pagoda {
namespace {

// PCI Express Base Specification, 10.2.3: the smallest translation is one of 4096 bytes.
constexpr unsigned kSmallestPage = 12;
// An invalidation for every one of so many translations of a page: somebody does nothing else.
constexpr unsigned kMaxAttempts = 64;

// Which accesses an entry is for; all accesses without a PASID are the same.
constexpr std::uint32_t kHasPasid = 1u << 31;
constexpr std::uint32_t kSupervisor = 1u << 30;
constexpr std::uint32_t kPasidMask = (1u << 20) - 1;

std::uint32_t space_of(const RequestInfo& info) {
  if (!info.has_pasid) return 0;
  return kHasPasid | (info.privilege == Privilege::supervisor ? kSupervisor : 0) | (info.pasid & kPasidMask);
}

auto visible_to(std::uint32_t space) {
  return [space](const AtcEntry& entry) {
    return entry.space == space || (entry.global && ((entry.space ^ space) & ~kPasidMask) == 0);
  };
}

bool concerns(const AtcInvalidation& what, Addr page, const AtcEntry& entry) {
  const unsigned shift = std::max<unsigned>(what.page_shift, entry.page_shift);
  if (((what.address ^ page) & ~low_mask(shift)) != 0) return false;
  if ((entry.space & kHasPasid) == 0) return !what.has_pasid;
  if (what.all_processes) return true;
  return what.has_pasid && (entry.global || (entry.space & kPasidMask) == (what.pasid & kPasidMask));
}

}  // namespace

Atc::Atc(const AtcConfig& config, Ps period)
    : latency_(config.cache.latency.at(period)),
      reads_want_no_write_(config.reads_want_no_write),
      pages_(config.cache.geometry()),
      ports_(config.cache.ports, period),
      requests_(config.translation_requests) {}

Ps Atc::look(Ps at, TimeSplit& time) {
  const Ps start = ports_.reserve(at);
  time[TimePart::queue] += start - at;
  time[TimePart::tlb] += latency_;
  return start + latency_;
}

AtcEntry* Atc::find(Addr address, std::uint32_t space) { return pages_.find(address, visible_to(space)); }

AtcAnswer Atc::translate(const TimedRequest& request, Ps at, HostPort& host) {
  using Kind = AtcAnswer::Kind;
  at = look(at, *request.time);
  AtcEntry* entry = find(request.address, space_of(request.info));
  if (entry != nullptr && entry->grants(request.is_write())) {
    if (entry->ready > at) {
      ++merged_;
      ++misses_;
      misses_probe_.count(at);
      (*request.time)[TimePart::walk] += entry->ready - at;
      at = entry->ready;
    } else {
      ++hits_;
      hits_probe_.count(at);
    }
  } else {
    ++misses_;
    misses_probe_.count(at);
    const HostPort::Translation answer = ask(request, at, host);
    at = answer.done;
    if (!answer.answered || answer.grant.page_shift < kSmallestPage) return {.kind = Kind::refused, .at = at};
    entry = answer.grant.readable || answer.grant.writable ? fill(request, answer.grant, at) : nullptr;
    if (entry == nullptr || !entry->grants(request.is_write())) {
      ++not_granted_;
      return {.kind = Kind::not_granted, .at = at};
    }
  }
  if (entry->untranslated_only)
    return {.kind = Kind::untranslated, .at = at, .address = request.address, .entry = entry};
  return {.kind = Kind::translated,
          .at = at,
          .address = entry->page | (request.address & low_mask(entry->page_shift)),
          .entry = entry};
}

// An invalidation that arrives meanwhile may be for the very page: what is granted then must not be used (10.3).
HostPort::Translation Atc::ask(const TimedRequest& request, Ps at, HostPort& host) {
  const bool no_write = reads_want_no_write_ && !request.is_write();
  for (unsigned attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const std::uint64_t before = epoch_;
    const Servers::Slot slot = requests_.acquire(at, typical_request_);
    (*request.time)[TimePart::queue] += slot.start - at;
    request_wait_ += slot.start - at;
    const HostPort::Translation answer = host.translate(request, no_write, slot.start);
    requests_.release(request.floor, slot, answer.done);
    typical_request_ = std::max<Ps>(answer.done - slot.start, 1);
    requests_probe_.during(slot.start, answer.done);
    request_latency_.record(answer.done - slot.start);
    ++asked_;
    if (before == epoch_) return answer;
    ++asked_again_;
    at = answer.done;
  }
  return {.done = at, .answered = false, .grant = {}};
}

AtcEntry* Atc::fill(const TimedRequest& request, const AtsGrant& grant, Ps ready) {
  const std::uint32_t space = space_of(request.info);
  const unsigned shift = std::min<unsigned>(grant.page_shift, 63);
  const auto place = pages_.fill(request.address, shift, visible_to(space));
  const Ps busy_until = place.entry->busy_until;
  if (place.evicted) {
    ++evictions_;
    evicted_until_ = std::max(evicted_until_, busy_until);
  }
  *place.entry = {.page = grant.address & ~low_mask(place.shift),
                  .ready = ready,
                  .busy_until = place.evicted ? 0 : busy_until,
                  .space = space,
                  .page_shift = place.shift,
                  .readable = grant.readable,
                  .writable = grant.writable,
                  .untranslated_only = grant.untranslated_only,
                  .global = grant.global && request.info.has_pasid};
  return place.entry;
}

Ps Atc::invalidate(const AtcInvalidation& what, Ps at) {
  ++epoch_;
  ++invalidations_;
  const Ps looked = ports_.reserve(at) + latency_;
  Ps drained = std::max(looked, evicted_until_);
  invalidated_ += pages_.erase_if([&](Addr page, const AtcEntry& entry) {
    if (!concerns(what, page, entry)) return false;
    drained = std::max(drained, entry.busy_until);
    return true;
  });
  drain_ += drained - looked;
  return drained;
}

void Atc::visit_stats(StatVisitor& v) {
  v.counter("hits", hits_, kCount, "look-ups that found a translation");
  v.counter("misses", misses_, kCount, "look-ups that did not, or whose translation was still on its way");
  v.counter("merged", merged_, kCount, "misses that waited for a translation already on its way");
  v.value("hit_rate", ratio(hits_, hits_ + misses_), "", "hits per look-up");
  v.counter("translation_requests", asked_, kCount, "translation requests sent");
  v.counter("asked_again", asked_again_, kCount, "translation requests that an invalidation made void");
  v.counter("request_wait", request_wait_, kTimeInNs, "time misses waited until a translation request could be sent");
  v.distribution("request_latency", request_latency_, kTimeInNs, "round trip of translation requests");
  v.counter("not_granted", not_granted_, kCount, "translation requests that did not permit the access");
  v.counter("evictions", evictions_, kCount, "translations that gave way to others");
  v.counter("invalidations", invalidations_, kCount, "invalidation requests");
  v.counter("invalidated", invalidated_, kCount, "translations dropped by invalidations");
  v.counter("drain", drain_, kTimeInNs, "time invalidations waited for DMA under way");
}

void Atc::visit_probes(ProbeVisitor& v) {
  v.probe("hits", hits_probe_, 32, "hits so far");
  v.probe("misses", misses_probe_, 32, "misses so far");
  v.probe("translation_requests", requests_probe_, 13, "translation requests under way");
}

}  // namespace pagoda

// A device's address translation cache (ATC).
//
// Models: translations that the host granted (PCI Express Base Specification 5.0, 10.2), of any page size, in a
// set-associative array behind ports; tagged with PASID and privilege, or with neither; global ones serve every PASID
// (10.2.3). An entry carries the time at which its grant arrives: a look-up before then joins the request under way.
// A look-up without result, or without the permission, sends a translation request, of which a bounded number is under
// way. An invalidation (10.3) drops every entry that overlaps its range and is answered once DMA under way that used a
// dropped entry is done; one that comes while a translation request is out has it asked again. Does not model:
// translation requests for several pages, prefetching of translations, execute permission.
//
// Time: the wait for a port + the look-up; on a miss the wait for a place + the round trip of the request.
//
// An invalidation drops entries of one PASID, or those without; with all_processes those of every PASID. Global entries
// go with any of them that has one: an ATC may always drop more than it is asked to.
#pragma once

#include "pagoda/base/ports.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/timeline.h"
#include "pagoda/devices/atc_config.h"
#include "pagoda/devices/host_port.h"
#include "pagoda/mmu/page_array.h"

namespace pagoda {

/// All-zero bytes are an empty entry.
struct AtcEntry {
  Addr page;             ///< first byte of the page in the host's memory
  Ps ready;              ///< when the grant arrives
  Ps busy_until;         ///< when the last DMA that used it is done
  std::uint64_t logged;  ///< the logger's epoch in which its page was logged (dirty_logger.h); 0: none
  std::uint32_t space;
  std::uint8_t page_shift;
  bool readable;
  bool writable;
  bool untranslated_only;
  bool global;

  bool grants(bool write) const { return untranslated_only ? readable || writable : write ? writable : readable; }
};

struct AtcAnswer {
  enum class Kind : std::uint8_t {
    translated,
    untranslated,  ///< permitted, but with the address as it is
    not_granted,   ///< the host grants no such access to the page now
    refused        ///< the host does not answer such requests
  };
  Kind kind;
  Ps at;  ///< when that is known
  Addr address = 0;
  AtcEntry* entry = nullptr;  ///< if granted; see Atc::used()
};

/// Of the aligned 2^page_shift bytes around the address; with 64, of all.
struct AtcInvalidation {
  Addr address = 0;
  unsigned page_shift = 12;
  bool has_pasid = false;
  std::uint32_t pasid = 0;
  bool all_processes = false;
};

class Atc {
 public:
  /// `period` of the device's clock.
  Atc(const AtcConfig& config, Ps period);

  /// What the page of a request, which is within one, translates to. Adds the time that this takes to the request.
  AtcAnswer translate(const TimedRequest& request, Ps at, HostPort& host);
  /// The DMA that `entry` was given for is done at `done`. Call it with the answer to that DMA, before the next
  /// look-up.
  static void used(AtcEntry& entry, Ps done) { entry.busy_until = std::max(entry.busy_until, done); }
  /// Drops entries at once; when the completion of an invalidation that arrives at `at` may be sent.
  Ps invalidate(const AtcInvalidation& what, Ps at);

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  Ps look(Ps at, TimeSplit& time);
  AtcEntry* find(Addr address, std::uint32_t space);
  HostPort::Translation ask(const TimedRequest& request, Ps at, HostPort& host);
  AtcEntry* fill(const TimedRequest& request, const AtsGrant& grant, Ps ready);

  Ps latency_;
  bool reads_want_no_write_;
  PageArray<AtcEntry> pages_;
  Ports ports_;
  Servers requests_;
  Ps typical_request_ = 1;
  Ps evicted_until_ = 0;     // when the last DMA that used an entry which gave way is done
  std::uint64_t epoch_ = 0;  // changes with every invalidation

  std::uint64_t hits_ = 0, misses_ = 0, merged_ = 0, asked_ = 0, asked_again_ = 0, request_wait_ = 0, not_granted_ = 0,
                evictions_ = 0, invalidations_ = 0, invalidated_ = 0, drain_ = 0;
  Distribution request_latency_;
  Probe hits_probe_, misses_probe_, requests_probe_;
};

}  // namespace pagoda

// Watches what DMA reaches memory, and holds it against what devices have been given.
//
// Models: nothing of a machine: it takes no time and changes no request. It stands between the IOMMU and memory. Who
// gives pages to devices tells it so (DmaGrants): a grant counts from when it is made, a revocation from when all its
// invalidations are complete. A request is held against the grants of the moment at which it is made; what is under way
// then must have ended when a revocation is complete. So none of the tables and caches that are to keep devices out are
// asked.
#pragma once

#include <string>
#include <unordered_map>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/software/device_set.h"

namespace pagoda {

/// Which devices may do what with a page of 4 KiB.
class DmaGrants {
 public:
  void set(Addr page, const DeviceSet& devices) { pages_[page] = devices; }
  DeviceSet of(Addr page) const {
    const auto known = pages_.find(page);
    return known == pages_.end() ? DeviceSet() : known->second;
  }
  bool allows(std::uint32_t device, Addr address, std::uint64_t bytes, AccessKind access) const;

 private:
  std::unordered_map<Addr, DeviceSet> pages_;
};

class DmaMonitor : public Module, private TimedTarget {
 public:
  TargetSocket<DmaMonitor> in{"in"};
  tlm_utils::simple_initiator_socket<DmaMonitor> out{"out"};

  explicit DmaMonitor(const sc_core::sc_module_name& name);

  const DmaGrants& grants() const { return grants_; }
  /// From now on they may do this with the page, at least what they could do before.
  void grant(Addr page, const DeviceSet& devices) { grants_.set(page, devices); }
  /// Everything is done for this to be all that they may do from now on.
  void revoked(Addr page, const DeviceSet& left);

  /// Of the whole run.
  std::uint64_t violations() const { return total_violations_; }
  /// The first one, in words.
  const std::string& first_violation() const { return first_; }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override {
    visitor.probe("violations", violations_probe_, 32, "accesses so far that nobody has allowed");
  }

 private:
  struct UnderWay {
    Ps reads = 0;
    Ps writes = 0;
  };

  void end_of_elaboration() override { below_.bind(*out.operator->()); }
  TimedAnswer access(TimedRequest& request, Ps at) override;
  TimedTarget* forewarned() override { return below_.forewarned(); }
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& payload) { return out->transport_dbg(payload); }
  void check(const RequestInfo& info, Addr address, std::uint64_t bytes, AccessKind access, Ps done);
  template <class What>
  void violated(std::uint64_t& counter, Ps at, What what);
  static std::uint64_t key(Addr page, std::uint32_t device) { return page << 24 ^ device; }

  DmaGrants grants_;
  Downlink below_;
  std::unordered_map<std::uint64_t, UnderWay> under_way_;
  std::uint64_t checked_ = 0, unallowed_ = 0, late_ = 0, total_violations_ = 0;
  std::string first_;
  Probe violations_probe_;
};

}  // namespace pagoda

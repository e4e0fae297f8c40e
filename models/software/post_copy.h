// Post-copy: the process, or virtual machine, runs on the other machine, and pages that are not there yet follow.
//
// Models: a fault handler in front of the operating system's. A page that has not been received is not mapped; who
// touches it waits for it: a request goes back over the link, the page is read and sent before those whose turn it is,
// unless it is under way already. Pages are mapped when they have arrived. In a virtual machine it is the hypervisor's
// mapping that is missing: programs, hardware that walks the guest's tables, and the guest's kernel that changes them
// wait alike. The same processors stand for those of the other machine. Does not model: devices that run meanwhile
// (they stand still until all is there), faults on pages of 2 MiB as such (pages are split).
//
// A link that is down delays; one that stays down leaves who waits for a page waiting: the caller finds out by push().
#pragma once

#include <map>
#include <unordered_map>

#include "pagoda/base/probe.h"
#include "pagoda/interconnect/network_link.h"
#include "pagoda/software/guest_memory.h"
#include "pagoda/software/host_memory_port.h"
#include "pagoda/software/processor.h"

namespace pagoda {

class PostCopy final : public FaultHandler, private AbsentPages {
 public:
  struct Costs {
    std::uint64_t page_bytes = 0;  ///< on the link, with its header
    Ps fault = 0;                  ///< software's time for a fault, beside waiting
  };

  PostCopy(FaultHandler& os, GuestMemory& guest, NetworkLink& link, HostMemoryPort& memory, const Costs& costs)
      : os_(os), guest_(guest), link_(link), memory_(memory), costs_(costs) {}

  Outcome handle_fault(Processor& processor, const Fault& fault, Ps at) override;

  /// The process moves, without these pages; accesses to them fault in this stage. What TLBs know of them is the
  /// caller's business.
  void begin(const PageSet& missing, ReceivedMemory& there, unsigned stage);
  /// All pages are there.
  void end() { guest_.space().let_be_absent(nullptr); }
  /// Sends the next page that nobody has asked for; when it has been sent, or nothing if there is none. False in `ok`:
  /// the link is down, and the page still has to be sent.
  struct Pushed {
    Ps sent = 0;
    bool ok = true;
  };
  std::optional<Pushed> push(Ps at);
  /// Maps what has arrived by now; when the next page does, or nothing.
  std::optional<Ps> settle(Ps now);
  bool complete() const { return missing_.empty() && arriving_.empty(); }

  std::uint64_t pages_sent() const { return sent_; }
  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor) { visitor.probe("missing", missing_probe_, 32, "pages not asked for yet"); }

 private:
  std::optional<Ps> transfer(std::uint64_t page, Ps at, Ps& sent);
  std::optional<std::uint64_t> page_of(const Fault& fault) const;
  Ps fetch(std::uint64_t page, Ps at);
  Outcome ask_os(Processor& processor, const Fault& fault, Ps at);
  std::optional<MappedPage> reach(Addr input) override;
  void mapped(const MappedPage& page) override;
  void take_out(std::uint64_t page);
  void put_back(std::uint64_t page);

  FaultHandler& os_;
  GuestMemory& guest_;
  NetworkLink& link_;
  HostMemoryPort& memory_;
  Costs costs_;
  ReceivedMemory* there_ = nullptr;
  unsigned stage_ = 0;
  PageSet missing_;                                 // neither there nor under way
  std::unordered_map<std::uint64_t, Ps> arriving_;  // when
  std::multimap<Ps, std::uint64_t> arrivals_;       // the same in order
  std::unordered_map<std::uint64_t, MappedPage> unmapped_;
  std::uint64_t next_ = 0;
  Ps software_waits_until_ = 0;  // for pages that a fault's handler needs itself

  std::uint64_t sent_ = 0, faults_ = 0, software_faults_ = 0, pushed_ = 0, retries_ = 0;
  Distribution fault_time_;
  Probe missing_probe_;
};

}  // namespace pagoda

#include "pagoda/pim/host_copies.h"

namespace pagoda {

Ps HostCopies::settle_copy(Addr address, bool write, Ps at, Ps floor) {
  ++asked_;
  const Addr line = address & ~((Addr{1} << kLineShift) - 1);
  const HostCaches::Copy copy = caches_ == nullptr ? HostCaches::Copy::none : caches_->find(line);
  if (copy == HostCaches::Copy::clean && !write) return at;
  word(address) &= ~bit(address);
  if (copy == HostCaches::Copy::none) return at;
  ++recalls_;
  if (copy == HostCaches::Copy::dirty) ++writebacks_;
  const Ps gone = caches_->recall(line, at + recall_, floor);
  wait_ += gone - at;
  return gone;
}

void HostCopies::visit_stats(StatVisitor& v) {
  v.counter("asked", asked_, kCount, "uses of a line that the host may have had");
  v.counter("recalls", recalls_, kCount, "lines that the host's caches had to give up");
  v.counter("writebacks", writebacks_, kCount, "of these, dirty ones");
  v.counter("wait", wait_, kTimeInNs, "time that walks waited for them");
}

}  // namespace pagoda

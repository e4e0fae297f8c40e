#include "platforms/dma_monitor.h"

#include <algorithm>

#include <fmt/format.h>

namespace pagoda {

bool DmaGrants::allows(std::uint32_t device, Addr address, std::uint64_t bytes, AccessKind access) const {
  const Addr last = address + (bytes == 0 ? 0 : bytes - 1);
  if (last < address) return false;
  for (Addr page = address >> kPageShift; page <= last >> kPageShift; ++page) {
    const auto known = pages_.find(page);
    if (known == pages_.end() || !has(known->second.of(device), needed_for(access))) return false;
  }
  return true;
}

DmaMonitor::DmaMonitor(const sc_core::sc_module_name& name) : Module(name) {
  in.serve(this, &DmaMonitor::b_transport, &DmaMonitor::debug);
  in.serve_timed(this);
}

TimedAnswer DmaMonitor::access(TimedRequest& request, Ps at) {
  const TimedRequest asked = request;
  const TimedAnswer answer = below_.access(request, at);
  if (answer.ok()) check(asked.info, asked.address, asked.bytes, asked.info.access, answer.done);
  return answer;
}

void DmaMonitor::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const Addr address = payload.get_address();
  const AttributesOf owner(payload);
  const RequestInfo info = owner->info();
  out->b_transport(payload, delay);
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND || !payload.is_response_ok()) return;
  const AccessKind access = payload.is_write() ? AccessKind::write : AccessKind::read;
  check(info, address, payload.get_data_length(), access, local_time(delay));
}

template <class What>
void DmaMonitor::violated(std::uint64_t& counter, Ps at, What what) {
  ++counter;
  if (++total_violations_ == 1) first_ = fmt::format("{} (at {} ns)", what(), to_ns(at));
  violations_probe_.count(at);
}

// The IOMMU sends a request on in parts that each lie within a page.
void DmaMonitor::check(const RequestInfo& info, Addr address, std::uint64_t bytes, AccessKind access, Ps done) {
  ++checked_;
  const bool write = access == AccessKind::write;
  if (!grants_.allows(info.requester, address, bytes, access)) {
    violated(unallowed_, done, [&] {
      return fmt::format("device {:#x} {} {} bytes at {:#x}, which nobody had given to it", info.requester,
                         write ? "wrote" : "read", bytes, address);
    });
    return;
  }
  UnderWay& under_way = under_way_[key(address >> kPageShift, info.requester)];
  Ps& until = write ? under_way.writes : under_way.reads;
  until = std::max(until, done);
}

void DmaMonitor::revoked(Addr page, const DeviceSet& left) {
  for (const DeviceRight& right : grants_.of(page)) {
    const auto known = under_way_.find(key(page, right.device));
    if (known == under_way_.end()) continue;
    const DmaRights kept = left.of(right.device);
    const Ps reads = has(kept, DmaRights::read) ? 0 : known->second.reads;
    const Ps writes = has(kept, DmaRights::write) ? 0 : known->second.writes;
    const Ps until = std::max(reads, writes);
    if (until <= kernel_now()) continue;
    violated(late_, until, [&] {
      return fmt::format("device {:#x} still used page {:#x} when taking it away was complete", right.device, page);
    });
  }
  grants_.set(page, left);
}

void DmaMonitor::visit_stats(StatVisitor& v) {
  v.counter("checked", checked_, kCount, "DMA accesses that reached memory");
  v.counter("unallowed", unallowed_, kCount, "of these, by devices that had not been given the page");
  v.counter("late", late_, kCount, "accesses under way when taking away their page was complete");
}

}  // namespace pagoda

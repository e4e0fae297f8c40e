#include "pagoda/devices/remote_memory.h"

#include <algorithm>
#include <cstring>

namespace pagoda {
namespace {

constexpr std::uint64_t kMessageData = 4096;

}  // namespace

RemoteMemory::RemoteMemory(const MediumConfig& config)
    : StorageMedium(config),
      latency_(config.remote.latency.ps),
      service_(config.remote.service.ps),
      headers_(config.remote.headers.count),
      lanes_(1e12 / config.remote.rate.bytes_per_second),
      servers_(config.remote.servers),
      contents_(config.capacity) {}

std::uint64_t RemoteMemory::wire_bytes(std::uint64_t data) const {
  return data + std::max<std::uint64_t>((data + kMessageData - 1) / kMessageData, 1) * headers_;
}

// A message with so much data there, and one back.
MediumAnswer RemoteMemory::exchange(const MediumRequest& request, std::uint64_t there, std::uint64_t back) {
  const auto asked = lanes_.there.carry(request.floor, request.at, wire_bytes(there), there);
  const Ps arrival = asked.end + latency_;
  const Servers::Slot slot = servers_.acquire(arrival, service_);
  servers_.release(request.floor, slot, slot.start + service_);
  ++served_;
  const auto answer = lanes_.back.carry(request.floor, slot.start + service_, wire_bytes(back), back);
  const Ps waited = (asked.start - request.at) + (slot.start - arrival) + (answer.start - slot.start - service_);
  return {.done = answer.end + latency_, .queue = waited};
}

MediumAnswer RemoteMemory::read_blocks(const MediumRequest& request, std::span<unsigned char> to) {
  peek(request.first_block, to);
  return exchange(request, 0, request.blocks * block_bytes());
}

MediumAnswer RemoteMemory::write_blocks(const MediumRequest& request, std::span<const unsigned char> from) {
  poke(request.first_block, from);
  return exchange(request, request.blocks * block_bytes(), 0);
}

MediumAnswer RemoteMemory::discard_blocks(const MediumRequest& request) {
  std::memset(contents_.data(request.first_block * block_bytes()), 0, request.blocks * block_bytes());
  return exchange(request, 0, 0);
}

void RemoteMemory::peek(std::uint64_t first_block, std::span<unsigned char> to) const {
  if (!to.empty()) std::memcpy(to.data(), contents_.data(first_block * block_bytes()), to.size());
}

void RemoteMemory::poke(std::uint64_t first_block, std::span<const unsigned char> from) {
  if (!from.empty()) std::memcpy(contents_.data(first_block * block_bytes()), from.data(), from.size());
}

double RemoteMemory::busy_share(Ps elapsed) const {
  const double servers = servers_.count() == 0 ? 0 : ratio(served_ * service_, elapsed * servers_.count());
  return std::max({ratio(lanes_.there.busy(), elapsed), ratio(lanes_.back.busy(), elapsed), servers});
}

void RemoteMemory::visit_own_stats(StatVisitor& v, Ps elapsed) {
  v.counter("served", served_, kCount, "commands served by the other machine");
  lanes_.visit_stats(v, elapsed);
}

void RemoteMemory::visit_own_probes(ProbeVisitor& v) { lanes_.visit_probes(v); }

}  // namespace pagoda

#include "pagoda/pim/walk_tables.h"

#include <fmt/format.h>

namespace pagoda {
namespace {

std::size_t bank_count(const DramOrganisation& o) { return std::size_t{o.ranks} * o.bank_groups * o.banks; }

}  // namespace

WalkTables::WalkTables(const WalkTablesSite& site, MemoryWalkerKind kind)
    : site_(site),
      in_array_(kind == MemoryWalkerKind::array),
      row_cycle_(site.dram.clocks().time_of(site.dram.clocks().row_cycle[kDramRead])),
      row_probes_(bank_count(site.dram.config().organisation)) {}

void WalkTables::begin(std::uint32_t channel, Ps floor) {
  channel_ = channel;
  floor_ = floor;
  out_of_reach_ = false;
  entries_.clear();
}

TableMemory::Answer WalkTables::read(Addr address, Ps at) {
  if (!reachable(address)) {
    out_of_reach_ = true;
    return {.done = at, .refused = FaultCause::access_error};
  }
  ++counters_.reads;
  entries_.push_back(address);
  const EntryRead entry = site_.bytes.load(address);
  return {.done = use(address, false, at), .value = entry.value, .refused = entry.refused};
}

TableMemory::Answer WalkTables::compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired, Ps at) {
  ++counters_.writes;
  const EntryUpdate update = site_.bytes.compare_and_swap(address, expected, desired);
  return {.done = use(address, update.success, at),
          .value = update.success ? desired : update.current,
          .swapped = update.success,
          .refused = update.refused};
}

// When the entry is known to the sequencer, or changed.
Ps WalkTables::use(Addr address, bool write, Ps at) {
  const Ps ready = site_.copies.settle(address, write, at, floor_);
  if (in_array_) return use_row(address, write, site_.select, ready).done + site_.decode;
  const DramTiming::InsideAccess access = site_.dram.access_inside(address - site_.base, write, ready, floor_);
  if (write) return access.done;
  ++counters_.bursts;
  if (opens_row(access.outcome)) {
    ++counters_.activates;
    counters_.bank_time += row_cycle_;
  }
  return access.done + site_.decode;
}

DramUsedRow WalkTables::use_row(Addr address, bool write, Ps hold, Ps at) {
  const DramUsedRow used = site_.dram.use_row(
      {.address = address - site_.base, .arrival = at, .floor = floor_, .hold = hold, .write = write});
  if (opens_row(used.outcome)) ++counters_.activates;
  counters_.bank_time += used.bank_time;
  banks_probe_.during(used.begin, used.done);
  const DramAddressMap::Place place = site_.dram.address_map().place(address - site_.base);
  Probe& row = row_probes_[place.bank];
  if (row.recorded() && place.channel == 0) {
    row.set(used.begin, place.row + 1u);
    row.set(used.done, 0);
  }
  return used;
}

void WalkTables::visit_probes(ProbeVisitor& v) {
  v.probe("banks_in_use", banks_probe_, 8, "banks whose row logic beside the array is working on");
  if (!in_array_) return;
  for (std::size_t bank = 0; bank < row_probes_.size(); ++bank) {
    v.probe(fmt::format("bank{}_row", bank).c_str(), row_probes_[bank], 32,
            "1 + the row of this bank of channel 0 that it is working on, 0 when none");
  }
}

}  // namespace pagoda

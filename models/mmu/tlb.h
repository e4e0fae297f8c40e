// A TLB: which pages' translations are at hand.
//
// Models: one or more set-associative arrays, each for given page sizes, looked up in parallel; a unified
// array is probed once for every page size it holds. Entries are tagged with ASID and VMID, global ones match
// every ASID of their VMID. An entry keeps the translation it was filled with until it is evicted or
// invalidated, whatever memory says meanwhile. It also carries the time at which its fill arrives: a hit
// before then is a miss that joined the walk under way. Does not model: micro-architectural hashing of the
// index, prefetching of translations, energy.
//
// A page larger than any size the arrays take is kept in pieces of the largest size that fits; invalidating an address
// drops all pieces of its page.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "pagoda/base/attributes.h"
#include "pagoda/base/ports.h"
#include "pagoda/base/probe.h"
#include "pagoda/base/stats.h"
#include "pagoda/mmu/page_array.h"
#include "pagoda/mmu/tlb_config.h"
#include "pagoda/paging/walk.h"

namespace pagoda {

/// Which cached translations to drop: those that agree with everything given.
struct TlbInvalidation {
  std::optional<Addr> address{};  ///< an address of the program; the page that holds it
  std::optional<std::uint32_t> asid{};
  std::optional<std::uint32_t> vmid{};
  bool globals = true;                  ///< global entries too, whatever their ASID
  bool later_stages = false;            ///< and what is cached of the later stages' own tables
  std::optional<Addr> later_address{};  ///< of these alone what translates this address

  bool matches(AddressSpaceTag tag, bool global) const {
    if (vmid && *vmid != tag.vmid) return false;
    if (global) return globals;
    return !asid || *asid == tag.asid;
  }
  /// Whether it drops the entry of the page that begins at `page`.
  inline bool concerns(Addr page, const struct TlbEntry& entry) const;
};

/// All-zero bytes are an empty entry.
struct TlbEntry {
  Addr page;  ///< first byte of the output page
  Ps ready;   ///< when the fill arrives
  AddressSpaceTag tag;
  std::uint8_t page_shift;
  std::uint8_t allowed;  ///< accesses that need no further check, see TlbEntry::access_bit
  bool global : 1;
  /// Page size of stage 0, at least page_shift. Software invalidates pages as it mapped them, also where later stages
  /// or the TLB's arrays have them in pieces (Intel SDM vol. 3A, 4.10.4.1).
  std::uint8_t program_shift : 7;
  MemoryType memory_type;
  std::array<Rights, kMaxStages> rights;  ///< of every stage

  Addr output(Addr input) const { return page | (input & low_mask(page_shift)); }
  static constexpr unsigned access_bit(AccessKind kind, Privilege privilege) {
    return 1u << (static_cast<unsigned>(kind) * 2 + static_cast<unsigned>(privilege));
  }
  static constexpr std::uint8_t kDataAccesses = 0xf;  ///< the bits of reads and writes
};

bool TlbInvalidation::concerns(Addr page, const TlbEntry& entry) const {
  if (address && (*address ^ page) >> entry.program_shift != 0) return false;
  return matches(entry.tag, entry.global);
}

/// Whether a look-up for `tag` may use the entry.
inline bool visible_to(const TlbEntry& entry, AddressSpaceTag tag) {
  return entry.tag.vmid == tag.vmid && (entry.global || entry.tag.asid == tag.asid);
}

/// The part of an entry's page around `input` that an array keeps as 2^shift bytes.
inline TlbEntry piece_of(const TlbEntry& entry, Addr input, std::uint8_t shift) {
  TlbEntry piece = entry;
  piece.page_shift = shift;
  piece.page = entry.output(input) & ~low_mask(shift);
  return piece;
}

/// Whether the rights of all stages that an entry keeps allow an access, and no flag needs setting for it.
bool grants(const TlbEntry& entry, std::span<const Stage> stages, const WalkRequest& wanted);

class Tlb {
 public:
  Tlb(const TlbConfig& config, Ps period);

  Ps latency() const { return latency_; }
  /// When a look-up that arrives at `at` has its answer; adds the waiting and the latency to `time`.
  Ps look(Ps at, TimeSplit& time) {
    const Ps done = look_some(at, 1).at;
    time[TimePart::queue] += done - latency_ - at;
    time[TimePart::tlb] += latency_;
    return done;
  }
  /// Those of `wanted` look-ups arriving together that have their answers together, and when.
  Ports::Start look_some(Ps at, std::uint32_t wanted) { return answered(ports_.reserve_some(at, wanted)); }
  /// The next of those that are left.
  Ports::Start look_more(std::uint32_t wanted) { return answered(ports_.reserve_more(wanted)); }
  /// What look-ups take, for who takes it together with something else.
  Ports& ports() { return ports_; }
  /// Whether somebody wants to know when each hit is.
  bool recorded() const { return hits_probe_.recorded(); }

  /// The entry that translates `input`, or null; counts as a use.
  TlbEntry* find(Addr input, AddressSpaceTag tag);
  /// Puts a translation of the page around `input` in, over an older one of the same page.
  TlbEntry* fill(Addr input, const TlbEntry& entry);
  /// Returns how many entries were dropped.
  std::size_t invalidate(const TlbInvalidation& what);
  /// Has every entry checked again before it grants an access: what the checks depend on has changed.
  void forget_checks();
  /// Changes with every use of another entry than the one used last and whenever entries change: while it is the same,
  /// the entry found last is still there and the one used last.
  std::uint64_t epoch() const { return epoch_; }

  void count_hit(Ps at, std::uint32_t count = 1) {
    hits_ += count;
    hits_probe_.count(at, count);
  }
  void count_miss(Ps at, bool merged) {
    ++misses_;
    if (merged) ++merged_;
    misses_probe_.count(at);
  }

  void visit_stats(StatVisitor& visitor);
  void visit_probes(ProbeVisitor& visitor);

 private:
  Ports::Start answered(const Ports::Start& start) const { return {start.at + latency_, start.count}; }

  static constexpr Addr kNoAddress = ~Addr{0};

  Ps latency_;
  PageArray<TlbEntry> pages_;
  Ports ports_;
  std::uint64_t epoch_ = 0;
  // What was looked for last and not found, unless something has been filled in since.
  Addr missed_ = kNoAddress;
  AddressSpaceTag missed_tag_;
  std::uint64_t hits_ = 0, misses_ = 0, merged_ = 0, evictions_ = 0, invalidated_ = 0;
  Probe hits_probe_, misses_probe_;
};

}  // namespace pagoda

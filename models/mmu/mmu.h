// The memory-management unit of a core: virtual addresses in, physical addresses out, faults with their exact
// cause.
//
// Models: first-level TLBs for instructions and data, a shared second level, walk caches, a nested TLB and
// hardware walkers, over any number of nested translation stages (paging/walk.h). Translations are tagged
// with ASID and VMID and stay until they are evicted or invalidated. The hardware threads of a core share all of
// it; each has translation registers of its own. A page that memory types as uncacheable
// is accessed uncached. Does not model: speculation, PCID-like tags beyond 16 bits, physical memory
// protection in front of the walker.
//
// Sockets: `data` and `fetch` (targets) take the core's requests; `data_memory` and `fetch_memory`
// (initiators) carry the translated ones; `walk_memory` carries table reads, `memory_walks` the commands for a
// walker in memory (memory_walk.h), past the caches. Only `data` and `data_memory` must be bound, and `memory_walks`
// if walks are to be made in memory: without the others, table reads take data_memory, and fetches arriving at
// `data` (Attributes::access) go the way of data. All speak the base protocol; b_transport adds time to the delay
// and never waits. A request that crosses pages is translated as a whole before any part of it is carried
// out. transport_dbg translates without side effects; no DMI is granted.
//
// Errors: a refused access returns TLM_COMMAND_ERROR_RESPONSE for missing permission, else
// TLM_ADDRESS_ERROR_RESPONSE, with Attributes::fault set. A refusal by a stage-0 entry that a TLB holds is
// final without asking memory again, and drops the entry, as on x86 (Intel SDM vol. 3A, 4.10.4.1); for later
// stages memory is asked, as the address their owner needs comes from a walk.
#pragma once

#include <cstdint>
#include <vector>

#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/downlink.h"
#include "pagoda/base/module.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/mmu/lookahead.h"
#include "pagoda/mmu/memory_walk_port.h"
#include "pagoda/mmu/mmu_config.h"
#include "pagoda/mmu/streak.h"
#include "pagoda/mmu/tlb.h"
#include "pagoda/mmu/translated_sender.h"
#include "pagoda/mmu/walker.h"

namespace pagoda {

class Cache;

/// The translation registers of a core: what it runs.
struct MmuContext {
  std::vector<Stage> stages;  ///< stage 0 first; none: addresses pass through
  AddressSpaceTag tag;
  bool allow_user_data = false;  ///< x86 EFLAGS.AC
};

class Mmu : public Module {
 public:
  TargetSocket<Mmu> data{"data"};
  TargetSocket<Mmu, sc_core::SC_ZERO_OR_MORE_BOUND> fetch{"fetch"};
  tlm_utils::simple_initiator_socket<Mmu> data_memory{"data_memory"};
  tlm_utils::simple_initiator_socket_optional<Mmu> fetch_memory{"fetch_memory"};
  tlm_utils::simple_initiator_socket_optional<Mmu> walk_memory{"walk_memory"};
  tlm_utils::simple_initiator_socket_optional<Mmu> memory_walks{"memory_walks"};

  Mmu(const sc_core::sc_module_name& name, const MmuConfig& config);

  /// Writes the translation registers; those of one hardware thread, if the core has several. Cached translations stay:
  /// invalidate them, or change the tag.
  void set_context(MmuContext context, unsigned thread = 0);
  const MmuContext& context() const { return context_; }
  /// The next accesses are of this hardware thread.
  void select(unsigned thread) {
    if (thread != selected_) [[unlikely]]
      select_other(thread);
  }

  /// Drops cached translations at once and returns when the instruction that did it, started at `at`, is
  /// done.
  Ps invalidate(const TlbInvalidation& what, Ps at);

  /// Of walks that it makes itself.
  void observe_tables(TableObserver observer) { table_observer_ = std::move(observer); }

  /// Page-table walks that its statistics count.
  std::uint64_t walks() const { return walker_.walks(); }

  /// Whether it makes use of being told what is to come (TimedTarget::expect()).
  bool looks_ahead() const { return context_.stages.size() == 1; }

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  using Piece = TranslatedPiece;

  // A way in, with the TLB in front of it and the way out behind.
  struct Way final : TimedTarget, StreakSource {
    Mmu& mmu;
    Tlb& tlb;
    Downlink& below;
    CacheCore* cache = nullptr;  // behind it, if that is what is there
    // The page used last, as most often programs stay on it. Good as long as the TLB's epoch is the same.
    struct {
      std::uint64_t epoch = ~std::uint64_t{0};
      Addr page = 0;
      Addr mask = 0;
      Addr to_physical = 0;  // added to an address
      const TlbEntry* entry = nullptr;
      bool uncached = false;
    } recent;

    Way(Mmu& owner, Tlb& first, Downlink& link) : mmu(owner), tlb(first), below(link) {}
    TimedAnswer access(TimedRequest& request, Ps at) override;
    TimedTarget* forewarned() override { return this; }
    void expect(Addr address) override;
    TimedAnswer access_elsewhere(TimedRequest& request, Ps at);
    void begin_streak(Addr address, Privilege privilege, Streak& streak) override;
    Ps join_walk(Ps ready, Ps at, TimeSplit& time) override;
    Fault memory_fault(Addr address, Addr physical, AccessKind access, Privilege privilege) const override;
    bool repeats(const TimedRequest& request) const;
  };
  enum class Verdict { granted, refused, ask_memory };

  static AccessKind kind_of(const tlm::tlm_generic_payload& payload, const Attributes& attributes);
  void end_of_elaboration() override;
  void select_other(unsigned thread);
  void data_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void fetch_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay, Way& way);
  void transport(tlm::tlm_generic_payload& payload, Attributes& attributes, sc_core::sc_time& delay, Way& way);
  unsigned debug(tlm::tlm_generic_payload& payload);
  void invalidate_direct_mem_ptr(sc_dt::uint64 start, sc_dt::uint64 end);

  template <class Sender>
  TimedAnswer serve(TimedRequest& request, Ps at, Way& way, Sender sender);
  template <class Sender>
  TimedAnswer serve_again(TimedRequest& request, Ps at, Way& way, Sender sender);
  template <class Sender>
  TimedAnswer serve_crossing(const TimedRequest& request, Ps at, Way& way, Sender& sender);
  template <class Sender>
  TimedAnswer send(TimedRequest& request, const Piece& piece, const Way& way, Sender& sender);
  bool translate(Way& way, const TimedRequest& request, Piece& piece);
  std::uint32_t data_wanted(const TimedRequest& cause) const;
  WalkRequest wanted_by(const TimedRequest& request, Addr address) const;
  bool walk(const TimedRequest& cause, Piece& piece, WalkResult& result);
  TlbEntry* look_up(Tlb& tlb, const WalkRequest& wanted, const TimedRequest& cause, Piece& piece);
  Ps await(Tlb& tlb, Ps ready, Ps at, TimeSplit& time);
  Verdict judge(TlbEntry& entry, const WalkRequest& wanted) const;
  void drop_page(Addr address);
  TimedAnswer refuse(const TimedRequest& request, const Piece& piece);

  MmuContext context_;              // of the thread that is selected
  std::vector<MmuContext> parked_;  // of the others
  unsigned selected_ = 0;
  bool translating_ = false;
  Tlb itlb_;
  Tlb dtlb_;
  std::optional<Tlb> stlb_;
  Walker walker_;
  bool walks_in_memory_;
  bool fetches_data_;
  std::optional<MemoryWalkPort> memory_walks_;
  Cache* data_cache_ = nullptr;  // behind data_memory, if a cache of ours is there
  Downlink data_below_;
  Downlink fetch_below_;
  Downlink tables_below_;
  Lookahead lookahead_{tables_below_, data_below_};
  TableObserver table_observer_;
  Way data_way_{*this, dtlb_, data_below_};
  Way fetch_way_{*this, itlb_, fetch_below_};
  Way fetch_by_data_way_{*this, itlb_, data_below_};
  Ps invalidate_page_;
  Ps invalidate_all_;
  std::uint64_t invalidations_ = 0, faults_ = 0, crossings_ = 0;
};

}  // namespace pagoda

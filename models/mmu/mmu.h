// The memory-management unit of a core: virtual addresses in, physical addresses out, faults with their exact
// cause.
//
// Models: first-level TLBs for instructions and data, a shared second level, walk caches, a nested TLB and
// hardware walkers, over any number of nested translation stages (paging/walk.h). Translations are tagged
// with ASID and VMID and stay until they are evicted or invalidated. A page that memory types as uncacheable
// is accessed uncached. Does not model: speculation, PCID-like tags beyond 16 bits, physical memory
// protection in front of the walker.
//
// Sockets: `data` and `fetch` (targets) take the core's requests; `data_memory` and `fetch_memory`
// (initiators) carry the translated ones; `walk_memory` carries table reads. Only `data` and `data_memory`
// must be bound: without the others, table reads take data_memory, and fetches arriving at `data`
// (Attributes::access) go the way of data. All speak the base protocol; b_transport adds time to the delay
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

#include <boost/container/small_vector.hpp>
#include <tlm_utils/simple_initiator_socket.h>

#include "pagoda/base/module.h"
#include "pagoda/base/target_socket.h"
#include "pagoda/base/transaction.h"
#include "pagoda/mmu/mmu_config.h"
#include "pagoda/mmu/tlb.h"
#include "pagoda/mmu/walker.h"

namespace pagoda {

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

  Mmu(const sc_core::sc_module_name& name, const MmuConfig& config);

  /// Writes the translation registers. Cached translations stay: invalidate them, or change the tag.
  void set_context(MmuContext context);
  const MmuContext& context() const { return context_; }

  /// Drops cached translations at once and returns when the instruction that did it, started at `at`, is
  /// done.
  Ps invalidate(const TlbInvalidation& what, Ps at);

  void visit_stats(StatVisitor& visitor) override;
  void visit_probes(ProbeVisitor& visitor) override;

 private:
  class Tables;
  // A part of a request that lies within one page.
  struct Piece {
    Ps at;  // when its translation is known
    Addr physical = 0;
    unsigned offset = 0;
    unsigned length = 0;
    unsigned page_shift = 0;
    bool uncached = false;
    TimeSplit time;
  };
  using Pieces = boost::container::small_vector<Piece, 2>;
  using Below = tlm::tlm_fw_transport_if<>;
  enum class Verdict { granted, refused, ask_memory };

  void end_of_elaboration() override;
  void data_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  void fetch_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned debug(tlm::tlm_generic_payload& payload);

  void serve(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay, Tlb& tlb, Below& below);
  void serve_known(tlm::tlm_generic_payload& payload, Attributes& attributes, sc_core::sc_time& delay, Tlb& tlb,
                   Below& below);
  void serve_crossing(tlm::tlm_generic_payload& payload, Attributes& attributes, const WalkRequest& request,
                      sc_core::sc_time& delay, Tlb& tlb, Below& below);
  bool serve_again(tlm::tlm_generic_payload& payload, Attributes& attributes, const WalkRequest& request,
                   sc_core::sc_time& delay, Tlb& tlb, Below& below);
  bool translate(Tlb& first, const WalkRequest& request, Ps floor, Attributes& attributes, Piece& piece);
  bool walk(const WalkRequest& request, Ps floor, Attributes& attributes, Piece& piece, TlbEntry& found);
  const TlbEntry* look_up(Tlb& tlb, const WalkRequest& request, Ps floor, Attributes& attributes, Piece& piece);
  Verdict judge(TlbEntry& entry, const WalkRequest& request) const;
  void drop_page(Addr address);
  void refuse(tlm::tlm_generic_payload& payload, Attributes& attributes, const Piece& piece, sc_core::sc_time& delay);
  void forward(tlm::tlm_generic_payload& payload, Attributes& attributes, Addr physical, bool uncached, Below& below,
               sc_core::sc_time& delay);
  void forward_pieces(tlm::tlm_generic_payload& payload, Attributes& attributes, const Pieces& pieces, Below& below,
                      sc_core::sc_time& delay);
  void explain_refusal(const tlm::tlm_generic_payload& payload, Attributes& attributes, const WalkRequest& request,
                       Addr physical) const;

  MmuContext context_;
  bool translating_ = false;
  Tlb itlb_;
  Tlb dtlb_;
  std::optional<Tlb> stlb_;
  Walker walker_;
  TransactionPool transactions_;
  Below* data_below_ = nullptr;
  Below* fetch_below_ = nullptr;
  Below* tables_below_ = nullptr;
  Ps invalidate_page_;
  Ps invalidate_all_;
  std::uint64_t invalidations_ = 0, faults_ = 0, crossings_ = 0;
};

}  // namespace pagoda

// One page-table walk through any number of nested stages, as a state machine that its caller feeds.
//
// Stage 0 translates the program's address; its output and the addresses of its table entries are translated by stage
// 1, and so on; the last stage's output addresses memory. Two stages are a guest on a hypervisor, three a nested
// guest, one stage is plain paging, and a stage without a format passes addresses through. The walk says what it needs
// next (step()), the caller performs it at whatever cost and answers; nothing here knows time, TLM or where memory is.
//
//   Walk walk(stages, request);
//   while (true) {
//     const Step& step = walk.step();
//     read:   walk.supply(the 8 bytes at step.address)            or walk.fail(...)
//     update: compare and swap step.expected for step.desired at step.address; walk.updated(done, value now in memory)
//     lookup: walk.continue_at(...), walk.translated(...) or walk.miss(); only asked if wanted
//     done:   walk.translation()        fault: walk.fault()
//   }
//
// run_walk() in run_walk.h is that loop. The state is explicit and fixed in size: a walk can wait at any step for as
// long as its caller likes, and costs no allocation. The stages are referred to, not copied: they must outlive the walk
// and not change during it.
//
// Modelled: entries of every stage with their faults in the order the architectures give; accessed and dirty flags of
// every stage, set by compare and swap, which for an earlier stage's entry needs write permission (and dirty) in the
// later stages; faults of later stages on table accesses as implicit accesses. Not modelled: speculation, fetching
// several entries at once, memory protection of table reads (the caller refuses those with fail()).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "pagoda/base/access.h"
#include "pagoda/base/fault.h"
#include "pagoda/paging/memory_type.h"
#include "pagoda/paging/page_entry.h"
#include "pagoda/paging/rights.h"
#include "pagoda/paging/stage.h"

namespace pagoda {

inline constexpr int kMaxStages = 8;
/// The page shift of a stage that translates nothing.
inline constexpr std::uint8_t kUnlimitedShift = 63;

struct WalkRequest {
  Addr address = 0;
  AccessKind access = AccessKind::read;
  Privilege privilege = Privilege::supervisor;
  bool allow_user_data = false;  ///< x86: EFLAGS.AC is set, SMAP does not apply
  bool execute_to_read = false;  ///< RISC-V: HLVX, a load that needs execute permission
  /// The rights are asked for, not used (PCIe ATS): permission to read, write or execute that a page does not grant is
  /// missing in the translation's rights instead of a fault. Whose page it is is checked, for `access`.
  bool rights_only = false;
  /// With rights_only: a stage that grants writing must have its dirty flag set, as for a write.
  bool want_write = false;
};

/// How one stage translates one page. No default values here and in the next structs: a walk holds several of them and
/// must not pay for clearing them.
struct StageTranslation {
  Addr page;                ///< first byte of the output page
  std::uint64_t leaf;       ///< the entry that decided
  Addr leaf_address;        ///< and where it lies in the last stage's output space
  std::uint8_t page_shift;  ///< NAPOT and contiguous ranges count as one page
  std::uint8_t level;       ///< of the leaf
  Rights rights;
  MemoryType memory_type;

  Addr output(Addr input) const { return page | (input & low_mask(page_shift)); }
};

/// A place from which a stage's walk can go on: what a walk cache holds. Valid for all inputs that agree in the bits
/// above the index of `level` (PageFormat::shift(level + 1) and up).
struct TablePointer {
  Addr table;          ///< in the stage's output space
  std::uint8_t level;  ///< of the entries in it; below the root's level
  Rights rights;       ///< of the entries above it
};

enum class StepKind : std::uint8_t { read, update, lookup, done, fault };

struct Step {
  StepKind kind;
  std::uint8_t stage;      ///< whose entry is accessed; for a lookup, the stage about to start
  std::uint8_t level;      ///< of the entry
  bool for_update;         ///< only to get write permission for an accessed or dirty flag
  TableAccess table;       ///< what the stage translates for: the program (none) or an earlier stage's entry
  AccessKind access;       ///< the access the stage translates
  Addr address;            ///< memory address of the 8-byte entry; for a lookup, the stage's input address
  std::uint64_t expected;  ///< update: the entry as the walk knows it ...
  std::uint64_t desired;   ///< ... and as it should become
};

/// What the walk learned from the last answer, for its caller's caches.
struct Learned {
  enum class Kind : std::uint8_t { nothing, table, translation };
  Kind kind;
  std::uint8_t stage;
  TableAccess table_access;
  Addr input;                    ///< the stage's input address
  TablePointer table;            ///< if kind is table
  StageTranslation translation;  ///< if kind is translation
};

/// The result of a walk.
struct Translation {
  Addr output;              ///< of the requested address
  std::uint8_t page_shift;  ///< smallest of all stages; kUnlimitedShift if none translates
  std::uint8_t stage_count;
  /// Granted by all stages: permissions and dirty intersected, user and global of stage 0. To decide on an access use
  /// check_translation() with the rights of every stage; the stages' rules differ.
  Rights rights;
  MemoryType memory_type;
  std::array<StageTranslation, kMaxStages> stages;  ///< the first stage_count are set

  Addr page() const { return output & ~low_mask(page_shift); }
  bool global() const { return has(rights, Rights::global); }
};

enum class Lookups : bool { off, on };

class Walk {
 public:
  /// At most kMaxStages stages, else std::length_error. With lookups on, the walk asks before each stage starts and
  /// reports what it learned.
  Walk(std::span<const Stage> stages, const WalkRequest& request, Lookups lookups = Lookups::off);

  const Step& step() const { return step_; }

  /// Answers to a read.
  void supply(std::uint64_t value);
  /// Refuses a read or an update: FaultCause::access_error or ::poison.
  void fail(FaultCause cause);
  /// Answers to an update. If the compare failed, the entry is decided anew from `current`.
  void updated(bool success, std::uint64_t current);

  /// Answers to a lookup. A complete translation is used if it needs no flag set for this access; if its rights refuse
  /// the access, the walk faults. A caller that wants memory asked again before faulting answers miss() instead. A
  /// translation may also come from elsewhere than this stage's tables, as an IOMMU's of an MSI address does.
  void continue_at(const TablePointer& pointer);
  void translated(const StageTranslation& translation);
  void miss();

  /// What the last answer taught; kind nothing if lookups are off.
  const Learned& learned() const { return learned_; }

  const WalkRequest& request() const { return request_; }
  /// After step().kind is done, or fault, respectively.
  const Translation& translation() const { return translation_; }
  const Fault& fault() const { return *fault_; }
  /// The latest translation by a stage: at a read step, those of the later stages are the ones that led to the entry.
  const StageTranslation& latest(unsigned stage) const { return translation_.stages[stage]; }
  /// The latest input address of a stage: at a fault, what its owner knows the access by.
  Addr stage_input(unsigned stage) const { return frames_[stage].input; }

 private:
  // One stage's part of the walk. A stage works on one address at a time, so one frame each is enough; like
  // StageTranslation it is left uninitialised until used.
  struct Frame {
    Addr input;
    Addr entry;              // current entry, in this stage's output space
    Addr entry_memory;       // the same in the last stage's output space
    std::uint64_t expected;  // pending update of the entry
    std::uint64_t desired;
    std::uint8_t level;
    std::uint8_t owner;  // stage whose entry is being accessed, if `table` is not none
    Rights granted;
    AccessKind access;
    TableAccess table;
  };

  bool bare(unsigned stage) const { return stages_[stage].format == nullptr; }
  unsigned innermost() const;
  StageAccess seen_by(unsigned stage) const;
  void enter(unsigned stage, Addr address, TableAccess table, unsigned owner);
  void start(unsigned stage);
  void reach(unsigned stage);
  void arrive(Addr address);
  void ask(StepKind kind, unsigned stage);
  void take(unsigned stage, std::uint64_t value);
  Rights withheld_by(unsigned stage, std::uint64_t leaf) const;
  void descend(unsigned stage, const Entry& entry, Rights granted);
  bool admits(unsigned stage, Rights granted, std::uint64_t value);
  FaultCause check_access(unsigned stage, Rights granted, Rights withheld) const;
  bool asks_for_dirty(unsigned stage, Rights granted) const;
  void settle(unsigned stage, const Entry& entry, Rights granted, std::uint64_t value);
  void learn_table(unsigned stage, Addr table);
  void learn_translation(unsigned stage);
  void update(unsigned stage, std::uint64_t value, Rights flags);
  bool writable_by_later_stages(unsigned stage) const;
  void leave(unsigned stage);
  void refuse(FaultCause cause, unsigned stage, Rights granted);
  void finish(Addr address);

  const Stage* stages_;
  std::uint8_t stage_count_;
  std::uint8_t active_ = 0;    // bit s: stage s is at work on an address
  std::uint8_t updating_ = 0;  // bit s: stage s waits for its entry to be updated
  bool lookups_;
  WalkRequest request_;
  Step step_;
  std::array<Frame, kMaxStages> frames_;
  Learned learned_;
  std::optional<Fault> fault_;
  Translation translation_;
};

/// The access of a request as a stage sees it; for later stages `stage0` is what stage 0 granted.
StageAccess stage_access(const WalkRequest& request, unsigned stage, Rights stage0);

/// What a TLB that keeps the rights of every stage asks on a hit: whether they allow the access. A hit that lacks
/// needed_flags() in any stage must walk again.
FaultCause check_translation(std::span<const Stage> stages, std::span<const Rights> rights, const WalkRequest& request);

}  // namespace pagoda

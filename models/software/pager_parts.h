// What a pager keeps of pages, transfers and ways to the volume. For pager*.cc only.
#pragma once

#include <algorithm>
#include <optional>

#include "pagoda/software/pager.h"

namespace pagoda {

struct Pager::Page {
  enum class State : std::uint8_t {
    nowhere,   ///< never touched
    resident,  ///< mapped
    leaving,   ///< not mapped any more, its frame still its own
    away,      ///< on the volume
    arriving   ///< somebody brings it
  };

  PageId id;
  State state = State::nowhere;
  bool copied = false;  ///< while in memory: the volume has what it held when it came or was last written
  bool wanted = false;  ///< while it leaves: touched again
  bool dirty = false;   ///< while it leaves: as it was mapped
  std::uint32_t pins = 0;
  Addr frame = 0;
  std::optional<std::uint64_t> slot;
  VictimList::Place place = 0;   ///< while resident
  Transfer* transfer = nullptr;  ///< while it leaves or arrives
};

/// A page on its way, from the decision to move it on. They are used again and never freed, so that who waits for one
/// may look at it late.
struct Pager::Transfer final : MoveClient, AgendaTask {
  Pager& pager;
  Page* page = nullptr;
  Way* way = nullptr;
  MoveOrder move;
  MoveResult result;
  unsigned attempts = 0;
  bool submitted = false;
  bool finished = false;
  bool ok = false;
  bool on_its_own = false;  ///< nobody waits for it to give it back
  bool ahead = false;       ///< of its use: mapped when it has come
  sc_core::sc_event changed;

  explicit Transfer(Pager& owner) : pager(owner) {}

  void moved(const MoveResult& ended) override {
    result = ended;
    submitted = true;
    pager.agenda_.add(std::max(ended.done, kernel_now()), *this);
    pager.agenda_event_.notify(sc_core::SC_ZERO_TIME);
  }
  void run(Ps /*at*/) override {
    if (submitted) {
      pager.ended(*this);
    } else {
      pager.order(*this);
    }
  }
};

/// A mover, and who has it.
struct Pager::Way {
  PageMover& mover;
  bool exclusive;
  bool own;                       ///< one hardware thread's alone
  std::optional<unsigned> owner;  ///< which that is
  bool held = false;
  sc_core::sc_event freed;

  Way(PageMover& m, bool alone, bool owned) : mover(m), exclusive(alone), own(owned) {}
};

/// Of one fault: the parts of the time up to `mark`.
struct Pager::FaultTime {
  Ps mark;
  std::array<Ps, kFaultParts> parts{};

  void add(FaultPart part, Ps time) { parts[static_cast<std::size_t>(part)] += time; }
  /// What has passed since the mark.
  void pass(FaultPart part) {
    add(part, kernel_now() - mark);
    mark = kernel_now();
  }
};

}  // namespace pagoda

// Drives a walk over a port: the loop every walker would otherwise write.
//
// A port has
//   EntryRead read(const Step&)      the entry at step.address, or a refusal
//   EntryUpdate update(const Step&)  compare and swap at step.address
// and, if the walk was made with Lookups::on,
//   WalkHint lookup(const Step&)     what the port's walk caches know about the stage's input address
//   void learned(const Learned&)     something to fill them with
#pragma once

#include <concepts>
#include <variant>

#include "pagoda/paging/walk.h"

namespace pagoda {

struct EntryRead {
  std::uint64_t value = 0;
  FaultCause refused = FaultCause::none;  ///< access_error or poison
};

struct EntryUpdate {
  bool success = true;
  std::uint64_t current = 0;              ///< value in memory, if not successful
  FaultCause refused = FaultCause::none;  ///< access_error
};

/// Nothing known, a place to go on from, or the stage's whole translation.
using WalkHint = std::variant<std::monostate, TablePointer, StageTranslation>;

template <class Port>
concept WalkPort = requires(Port& port, const Step& step) {
  { port.read(step) } -> std::convertible_to<EntryRead>;
  { port.update(step) } -> std::convertible_to<EntryUpdate>;
};

template <class Port>
concept CachingWalkPort = WalkPort<Port> && requires(Port& port, const Step& step, const Learned& learned) {
  { port.lookup(step) } -> std::convertible_to<WalkHint>;
  port.learned(learned);
};

/// Runs the walk to its end; true if it ends in a translation, false if in a fault.
template <WalkPort Port>
bool run_walk(Walk& walk, Port& port) {
  while (true) {
    const Step& step = walk.step();
    switch (step.kind) {
      case StepKind::read: {
        const EntryRead entry = port.read(step);
        if (entry.refused == FaultCause::none) {
          walk.supply(entry.value);
        } else {
          walk.fail(entry.refused);
        }
        break;
      }
      case StepKind::update: {
        const EntryUpdate outcome = port.update(step);
        if (outcome.refused == FaultCause::none) {
          walk.updated(outcome.success, outcome.current);
        } else {
          walk.fail(outcome.refused);
        }
        break;
      }
      case StepKind::lookup:
        if constexpr (CachingWalkPort<Port>) {
          const WalkHint hint = port.lookup(step);
          if (const auto* pointer = std::get_if<TablePointer>(&hint)) {
            walk.continue_at(*pointer);
          } else if (const auto* translation = std::get_if<StageTranslation>(&hint)) {
            walk.translated(*translation);
          } else {
            walk.miss();
          }
        } else {
          walk.miss();
        }
        break;
      case StepKind::done: return true;
      case StepKind::fault: return false;
    }
    if constexpr (CachingWalkPort<Port>) {
      if (walk.learned().kind != Learned::Kind::nothing) port.learned(walk.learned());
    }
  }
}

}  // namespace pagoda

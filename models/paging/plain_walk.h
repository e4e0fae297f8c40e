// The short way through a walk of one stage in which nothing is out of the ordinary: every entry is there with its
// accessed flag set, and the leaf grants the access. Nearly all walks are like that.
//
// It asks its port for what Walk (walk.h) would ask, in the same order. At the first answer that calls for anything
// else (a fault, a flag to be set) it stops, and a Walk goes on from there.
#pragma once

#include <concepts>
#include <span>

#include "pagoda/paging/run_walk.h"

namespace pagoda {

/// As a CachingWalkPort (run_walk.h), but there is one stage, of which look-ups know pointers to tables only: the one
/// that is known, or null. It is referred to until the next call.
template <class Port>
concept PlainWalkPort = requires(Port& port, const Step& step, const Learned& learned) {
  { port.read(step) } -> std::convertible_to<EntryRead>;
  { port.lookup_table(step) } -> std::convertible_to<const TablePointer*>;
  port.learned(learned);
};

class PlainWalk {
 public:
  /// Whether these stages and this request can be walked that way.
  static bool fits(std::span<const Stage> stages, const WalkRequest& request) {
    return stages.size() == 1 && stages.front().format != nullptr && !request.rights_only &&
           stages.front().format->accepts(stages.front().canonical(request.address));
  }

  /// Of what fits(). Both are referred to, not copied.
  PlainWalk(const Stage& stage, const WalkRequest& request);

  /// True if the walk has come to its end, false if hand_over() has to be called.
  template <PlainWalkPort Port>
  bool run(Port& port) {
    begin(port.lookup_table(step_));
    while (true) {
      read_ = port.read(step_);
      if (read_.refused != FaultCause::none) return false;
      switch (take()) {
        case Next::table: port.learned(learned_); break;
        case Next::done: return true;
        case Next::unusual: return false;
      }
    }
  }
  /// After run() was true. The walk of one stage fills the first of the stages.
  const Translation& translation() const { return translation_; }
  /// After run() was false: brings a new walk of the same, with look-ups on, to where this one is.
  void hand_over(Walk& walk) const;

 private:
  enum class Next : std::uint8_t { table, done, unusual };

  void begin(const TablePointer* known);
  Next take();
  Next take_leaf(const Entry& entry, Rights granted);

  const Stage& stage_;
  const WalkRequest& request_;
  bool at_root_ = true;
  Learned learned_;  // its table is where the walk is, unless it is at the root
  Step step_;
  EntryRead read_;  // the entry read last
  Translation translation_;
};

inline void PlainWalk::begin(const TablePointer* known) {
  step_.kind = StepKind::read;
  TablePointer& table = learned_.table;
  if (known != nullptr) {
    at_root_ = false;
    table = *known;
    step_.level = table.level;
    step_.address = PageFormat::inner_entry_address(table.level, table.table, request_.address);
  } else {
    table.rights = kPermissions;
    step_.address = stage_.format->entry_address(step_.level, stage_.root_of(request_.address), request_.address);
  }
}

}  // namespace pagoda

// The short way through a walk of one stage in which nothing is out of the ordinary: every entry is there with its
// accessed flag set, and the leaf grants the access. Nearly all walks are like that.
//
// It asks its port for what Walk (walk.h) would ask, in the same order. At the first answer that calls for anything
// else (a fault, a flag to be set) it stops, and a Walk goes on from there.
#pragma once

#include <span>

#include "pagoda/paging/run_walk.h"

namespace pagoda {

class PlainWalk {
 public:
  /// Whether these stages and this request can be walked that way.
  static bool fits(std::span<const Stage> stages, const WalkRequest& request) {
    return stages.size() == 1 && stages.front().format != nullptr && !request.rights_only &&
           stages.front().format->accepts(stages.front().canonical(request.address));
  }

  /// Of what fits(). Both are referred to, not copied.
  PlainWalk(const Stage& stage, const WalkRequest& request);

  /// True if the walk has come to its end, false if hand_over() has to be called. The port's look-ups know pointers to
  /// tables only: there is one stage.
  template <CachingWalkPort Port>
  bool run(Port& port) {
    begin(port.lookup(step_));
    while (true) {
      read_ = port.read(step_);
      if (read_.refused != FaultCause::none) return false;
      switch (take()) {
        case Next::table: port.learned(learned_table()); break;
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

  void begin(const WalkHint& hint);
  Next take();
  Next take_leaf(const Entry& entry, Rights granted);
  Learned learned_table() const;

  const Stage& stage_;
  const WalkRequest& request_;
  bool at_root_ = true;
  TablePointer table_;  // unless it is at the root
  Step step_;
  EntryRead read_;  // the entry read last
  Translation translation_;
};

inline void PlainWalk::begin(const WalkHint& hint) {
  step_.kind = StepKind::read;
  table_.rights = kPermissions;
  if (const auto* known = std::get_if<TablePointer>(&hint)) {
    at_root_ = false;
    table_ = *known;
    step_.level = table_.level;
    step_.address = PageFormat::inner_entry_address(table_.level, table_.table, request_.address);
  } else {
    step_.address = stage_.format->entry_address(step_.level, stage_.root_of(request_.address), request_.address);
  }
}

inline Learned PlainWalk::learned_table() const {
  Learned learned;
  learned.kind = Learned::Kind::table;
  learned.stage = 0;
  learned.table_access = TableAccess::none;
  learned.input = request_.address;
  learned.table = table_;
  return learned;
}

}  // namespace pagoda

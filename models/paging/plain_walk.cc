#include "pagoda/paging/plain_walk.h"

#include "pagoda/paging/entry_rules.h"

namespace pagoda {

PlainWalk::PlainWalk(const Stage& stage, const WalkRequest& request) : stage_(stage), request_(request) {
  step_.kind = StepKind::lookup;
  step_.stage = 0;
  step_.level = static_cast<std::uint8_t>(stage.format->root_level());
  step_.for_update = false;
  step_.table = TableAccess::none;
  step_.access = request.access;
  step_.address = request.address;
  learned_.kind = Learned::Kind::table;
  learned_.stage = 0;
  learned_.table_access = TableAccess::none;
  learned_.input = request.address;
}

PlainWalk::Next PlainWalk::take() {
  const Entry entry = rules::decode(*stage_.format, stage_.controls, step_.level, read_.value);
  const Rights granted = narrow(learned_.table.rights, entry.rights);
  if (entry.kind == EntryKind::leaf) return take_leaf(entry, granted);
  if (entry.kind != EntryKind::table || !has(entry.rights, Rights::accessed)) return Next::unusual;
  --step_.level;
  step_.address = PageFormat::inner_entry_address(step_.level, entry.address, request_.address);
  at_root_ = false;
  learned_.table = {.table = entry.address, .level = step_.level, .rights = granted};
  return Next::table;
}

inline PlainWalk::Next PlainWalk::take_leaf(const Entry& entry, Rights granted) {
  const Rights withheld = stage_.controls.withheld.of(read_.value);
  const bool allowed = (withheld & permission_for(request_.access)) == Rights::none &&
                       rules::check(*stage_.format, stage_.controls, granted,
                                    stage_access(request_, 0, Rights::none)) == FaultCause::none;
  if (!allowed || !has(granted, needed_flags(request_.access))) return Next::unusual;
  StageTranslation& own = translation_.stages[0];
  own = {.page = entry.address,
         .leaf = read_.value,
         .leaf_address = step_.address,
         .page_shift = entry.page_shift,
         .level = step_.level,
         .rights = granted & ~withheld,
         .memory_type = entry.memory_type};
  translation_.output = own.output(request_.address);
  translation_.page_shift = own.page_shift;
  translation_.stage_count = 1;
  translation_.rights = own.rights;
  translation_.memory_type = own.memory_type;
  return Next::done;
}

void PlainWalk::hand_over(Walk& walk) const {
  if (at_root_) {
    walk.miss();
  } else {
    walk.continue_at(learned_.table);
  }
  if (read_.refused == FaultCause::none) {
    walk.supply(read_.value);
  } else {
    walk.fail(read_.refused);
  }
}

}  // namespace pagoda

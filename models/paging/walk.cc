#include "pagoda/paging/walk.h"

#include <algorithm>
#include <bit>
#include <stdexcept>

#include "pagoda/paging/entry_rules.h"

namespace pagoda {
namespace {

constexpr StageTranslation kPassThrough{.page = 0,
                                        .leaf = 0,
                                        .leaf_address = 0,
                                        .page_shift = kUnlimitedShift,
                                        .level = 0,
                                        .rights = kPermissions | kFlags,
                                        .memory_type = MemoryType::platform};

constexpr std::uint8_t stage_bit(unsigned stage) { return static_cast<std::uint8_t>(1U << stage); }

}  // namespace

StageAccess stage_access(const WalkRequest& request, unsigned stage, Rights stage0) {
  return {.kind = request.access,
          .privilege = request.privilege,
          .later_stage = stage > 0,
          .table_access = false,
          .user_page = stage == 0 || has(stage0, Rights::user),
          .allow_user_data = request.allow_user_data,
          .execute_to_read = request.execute_to_read};
}

FaultCause check_translation(std::span<const Stage> stages, std::span<const Rights> rights,
                             const WalkRequest& request) {
  for (unsigned stage = 0; stage < stages.size(); ++stage) {
    if (stages[stage].format == nullptr) continue;
    const StageAccess access = stage_access(request, stage, rights[0]);
    const FaultCause cause = rules::check(*stages[stage].format, stages[stage].controls, rights[stage], access);
    if (cause != FaultCause::none) return cause;
  }
  return FaultCause::none;
}

Walk::Walk(std::span<const Stage> stages, const WalkRequest& request, Lookups lookups)
    : stages_(stages.data()),
      stage_count_(static_cast<std::uint8_t>(stages.size())),
      lookups_(lookups == Lookups::on),
      request_(request) {
  if (stages.size() > kMaxStages) throw std::length_error("a walk has at most 8 stages");
  learned_.kind = Learned::Kind::nothing;
  enter(0, request.address, TableAccess::none, 0);
}

unsigned Walk::innermost() const { return static_cast<unsigned>(std::bit_width(active_)) - 1; }

StageAccess Walk::seen_by(unsigned stage) const {
  const Frame& frame = frames_[stage];
  // Stage 0 has decided about the program's access, but not yet while its own table entries are translated.
  const Rights stage0 = stage > 0 && frame.table == TableAccess::none ? latest(0).rights : Rights::none;
  StageAccess access = stage_access(request_, stage, stage0);
  access.kind = frame.access;
  access.table_access = frame.table != TableAccess::none;
  return access;
}

// Starts to translate `address` by `stage` and those after it.
void Walk::enter(unsigned stage, Addr address, TableAccess table, unsigned owner) {
  for (; stage < stage_count_ && bare(stage); ++stage) {
    frames_[stage].input = address;
    translation_.stages[stage] = kPassThrough;
  }
  if (stage == stage_count_) {
    arrive(address);
    return;
  }
  const Stage& configuration = stages_[stage];
  Frame& frame = frames_[stage];
  frame.input = address;
  frame.level = static_cast<std::uint8_t>(configuration.format->root_level());
  frame.owner = static_cast<std::uint8_t>(owner);
  frame.granted = kPermissions;
  frame.table = table;
  frame.access = request_.access;
  if (table != TableAccess::none) {
    const bool write =
        table == TableAccess::write || rules::table_reads_are_writes(*configuration.format, configuration.controls);
    frame.access = write ? AccessKind::write : AccessKind::read;
  }
  if (!configuration.format->accepts(configuration.canonical(address))) {
    frame.entry_memory = 0;
    refuse(FaultCause::non_canonical, stage, Rights::none);
  } else if (lookups_) {
    ask(StepKind::lookup, stage);
  } else {
    start(stage);
  }
}

void Walk::start(unsigned stage) {
  const Stage& configuration = stages_[stage];
  Frame& frame = frames_[stage];
  frame.entry = configuration.format->entry_address(frame.level, configuration.root_of(frame.input), frame.input);
  active_ |= stage_bit(stage);
  reach(stage);
}

// Has the current entry's address translated, so that the entry can be read.
void Walk::reach(unsigned stage) {
  Frame& frame = frames_[stage];
  if (stage + 1U == stage_count_) {
    frame.entry_memory = frame.entry;
    ask(StepKind::read, stage);
  } else {
    enter(stage + 1, frame.entry, TableAccess::read, stage);
  }
}

// An address has passed the last stage: it belongs to the innermost stage that waits for its entry's address, or to the
// program.
void Walk::arrive(Addr address) {
  if (active_ == 0) {
    finish(address);
    return;
  }
  const unsigned stage = innermost();
  frames_[stage].entry_memory = address;
  ask((updating_ & stage_bit(stage)) != 0 ? StepKind::update : StepKind::read, stage);
}

inline void Walk::ask(StepKind kind, unsigned stage) {
  const Frame& frame = frames_[stage];
  step_.kind = kind;
  step_.stage = static_cast<std::uint8_t>(stage);
  step_.level = frame.level;
  step_.for_update = updating_ != 0;
  step_.table = frame.table;
  step_.access = frame.access;
  step_.address = kind == StepKind::lookup ? frame.input : frame.entry_memory;
  if (kind != StepKind::update) return;
  step_.expected = frame.expected;
  step_.desired = frame.desired;
}

void Walk::supply(std::uint64_t value) {
  learned_.kind = Learned::Kind::nothing;
  take(step_.stage, value);
}

void Walk::updated(bool success, std::uint64_t current) {
  learned_.kind = Learned::Kind::nothing;
  const unsigned stage = step_.stage;
  updating_ &= static_cast<std::uint8_t>(~stage_bit(stage));
  take(stage, success ? frames_[stage].desired : current);
}

void Walk::fail(FaultCause cause) {
  learned_.kind = Learned::Kind::nothing;
  refuse(cause, step_.stage, frames_[step_.stage].granted);
}

void Walk::take(unsigned stage, std::uint64_t value) {
  const Stage& configuration = stages_[stage];
  const Frame& frame = frames_[stage];
  const Entry entry = rules::decode(*configuration.format, configuration.controls, frame.level, value);
  const Rights granted = narrow(frame.granted, entry.rights);
  if (entry.kind == EntryKind::table) [[likely]] {
    if (has(entry.rights, Rights::accessed)) [[likely]] {
      descend(stage, entry, granted);
    } else {
      update(stage, value, Rights::accessed);
    }
  } else if (entry.kind == EntryKind::leaf) {
    if (admits(stage, granted, value)) settle(stage, entry, granted, value);
  } else {
    refuse(entry.cause, stage, Rights::none);
  }
}

// Of what a leaf and the entries above it grant, what the access may not use.
inline Rights Walk::withheld_by(unsigned stage, std::uint64_t leaf) const {
  return frames_[stage].table == TableAccess::none ? stages_[stage].controls.withheld.of(leaf) : Rights::none;
}

inline void Walk::descend(unsigned stage, const Entry& entry, Rights granted) {
  Frame& frame = frames_[stage];
  frame.granted = granted;
  --frame.level;
  frame.entry = PageFormat::inner_entry_address(frame.level, entry.address, frame.input);
  if (lookups_) learn_table(stage, entry.address);
  reach(stage);
}

// Whether the leaf just read lets the access through as it is; if not, the walk faults or has flags set first.
inline bool Walk::admits(unsigned stage, Rights granted, std::uint64_t value) {
  const Stage& configuration = stages_[stage];
  const PageFormat& format = *configuration.format;
  const Frame& frame = frames_[stage];
  const Rights withheld = withheld_by(stage, value);
  const Rights needed = needed_flags(frame.access) | when(asks_for_dirty(stage, granted & ~withheld), Rights::dirty);
  const Rights missing = needed & ~granted;
  const auto sets = [&](Rights flags) { return rules::hardware_sets(format, configuration.controls, flags); };
  const bool not_accessed = has(missing, Rights::accessed);
  if (not_accessed && rules::access_flag_first(format) && !sets(Rights::accessed)) {
    refuse(FaultCause::access_flag, stage, granted);
    return false;
  }
  const FaultCause cause = check_access(stage, granted, withheld);
  if (cause != FaultCause::none) {
    if (cause == FaultCause::permission && not_accessed && (format.accessed_if_refused >> frame.level & 1U) != 0) {
      update(stage, value, Rights::accessed);
    } else {
      refuse(cause, stage, granted);
    }
    return false;
  }
  if (missing == Rights::none) return true;
  if (sets(missing)) {
    update(stage, value, missing);
  } else {
    refuse(not_accessed ? FaultCause::access_flag : FaultCause::dirty_flag, stage, granted);
  }
  return false;
}

FaultCause Walk::check_access(unsigned stage, Rights granted, Rights withheld) const {
  const PageFormat& format = *stages_[stage].format;
  const StageControls& controls = stages_[stage].controls;
  const StageAccess access = seen_by(stage);
  if (request_.rights_only && !access.table_access) {
    return rules::check(format, controls, granted | Rights::read | Rights::write | kExecuteBoth, access);
  }
  const FaultCause cause = rules::check(format, controls, granted, access);
  if (cause != FaultCause::none) return cause;
  return (withheld & permission_for(access.kind)) == Rights::none ? FaultCause::none : FaultCause::withheld;
}

bool Walk::asks_for_dirty(unsigned stage, Rights granted) const {
  if (!request_.want_write || frames_[stage].table != TableAccess::none) return false;
  return has(granted, Rights::write);
}

// The leaf translates the stage's address: the next stage takes over.
inline void Walk::settle(unsigned stage, const Entry& entry, Rights granted, std::uint64_t value) {
  const Frame& frame = frames_[stage];
  translation_.stages[stage] = {.page = entry.address,
                                .leaf = value,
                                .leaf_address = frame.entry_memory,
                                .page_shift = entry.page_shift,
                                .level = frame.level,
                                .rights = granted,
                                .memory_type = entry.memory_type};
  if (lookups_) learn_translation(stage);  // as it is for every kind of access
  translation_.stages[stage].rights = granted & ~withheld_by(stage, value);
  leave(stage);
}

void Walk::learn_table(unsigned stage, Addr table) {
  const Frame& frame = frames_[stage];
  learned_.kind = Learned::Kind::table;
  learned_.stage = static_cast<std::uint8_t>(stage);
  learned_.table_access = frame.table;
  learned_.input = frame.input;
  learned_.table = {.table = table, .level = frame.level, .rights = frame.granted};
}

void Walk::learn_translation(unsigned stage) {
  const Frame& frame = frames_[stage];
  learned_.kind = Learned::Kind::translation;
  learned_.stage = static_cast<std::uint8_t>(stage);
  learned_.table_access = frame.table;
  learned_.input = frame.input;
  learned_.translation = translation_.stages[stage];
}

// Has flags set in the stage's current entry, whose value is known. That is a write to the entry's page, which the
// later stages must allow; when they have just translated the page and allow it already, they need not be walked again.
void Walk::update(unsigned stage, std::uint64_t value, Rights flags) {
  Frame& frame = frames_[stage];
  frame.expected = value;
  frame.desired = rules::with_flags(*stages_[stage].format, value, flags);
  updating_ |= stage_bit(stage);
  if (writable_by_later_stages(stage)) {
    ask(StepKind::update, stage);
  } else {
    enter(stage + 1, frame.entry, TableAccess::write, stage);
  }
}

bool Walk::writable_by_later_stages(unsigned stage) const {
  for (unsigned later = stage + 1; later < stage_count_; ++later) {
    if (!has(latest(later).rights, Rights::write | kFlags)) return false;
  }
  return true;
}

void Walk::leave(unsigned stage) {
  const Frame& frame = frames_[stage];
  active_ &= static_cast<std::uint8_t>(~stage_bit(stage));
  enter(stage + 1, translation_.stages[stage].output(frame.input), frame.table, frame.owner);
}

void Walk::continue_at(const TablePointer& pointer) {
  learned_.kind = Learned::Kind::nothing;
  Frame& frame = frames_[step_.stage];
  frame.level = pointer.level;
  frame.granted = pointer.rights;
  frame.entry = PageFormat::inner_entry_address(pointer.level, pointer.table, frame.input);
  active_ |= stage_bit(step_.stage);
  reach(step_.stage);
}

void Walk::translated(const StageTranslation& translation) {
  learned_.kind = Learned::Kind::nothing;
  const unsigned stage = step_.stage;
  const Rights withheld = withheld_by(stage, translation.leaf);
  const Rights dirty = when(asks_for_dirty(stage, translation.rights & ~withheld), Rights::dirty);
  if (!has(translation.rights, needed_flags(frames_[stage].access) | dirty)) {
    start(stage);
    return;
  }
  const FaultCause cause = check_access(stage, translation.rights, withheld);
  if (cause != FaultCause::none) {
    frames_[stage].level = translation.level;
    frames_[stage].entry_memory = translation.leaf_address;
    refuse(cause, stage, translation.rights);
    return;
  }
  translation_.stages[stage] = translation;
  translation_.stages[stage].rights = translation.rights & ~withheld;
  leave(stage);
}

void Walk::miss() {
  learned_.kind = Learned::Kind::nothing;
  start(step_.stage);
}

void Walk::refuse(FaultCause cause, unsigned stage, Rights granted) {
  const Frame& frame = frames_[stage];
  step_.kind = StepKind::fault;
  step_.stage = static_cast<std::uint8_t>(stage);
  fault_ = Fault{.cause = cause,
                 .stage = static_cast<std::uint8_t>(stage),
                 .level = frame.level,
                 .access = request_.access,
                 .privilege = request_.privilege,
                 .table = frame.table,
                 .table_stage = frame.owner,
                 .granted = static_cast<std::uint8_t>(granted),
                 .virtual_address = request_.address,
                 .stage_address = frame.input,
                 .entry_address = frame.entry_memory};
}

void Walk::finish(Addr address) {
  step_.kind = StepKind::done;
  Translation& result = translation_;
  result.output = address;
  result.stage_count = stage_count_;
  result.page_shift = kUnlimitedShift;
  result.memory_type = MemoryType::platform;
  result.rights = kPermissions | kFlags;
  for (unsigned stage = 0; stage < stage_count_; ++stage) {
    if (bare(stage)) continue;
    const StageTranslation& own = result.stages[stage];
    result.page_shift = std::min(result.page_shift, own.page_shift);
    if (stage == 0) {
      result.rights = own.rights;
      result.memory_type = own.memory_type;
    } else {
      result.rights &= own.rights | Rights::user | Rights::global;
      result.memory_type = combine_memory_types(*stages_[stage].format, stages_[stage].controls, result.memory_type,
                                                own.memory_type, own.leaf);
    }
  }
}

}  // namespace pagoda

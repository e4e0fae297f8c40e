#include "pagoda/paging/page_table_editor.h"

#include <algorithm>
#include <array>

namespace pagoda {
namespace {

constexpr std::uint64_t kTableBytes = 4096;
constexpr unsigned kTableEntries = 512;

}  // namespace

std::string_view to_string(EditStatus status) {
  switch (status) {
    case EditStatus::ok: return "done";
    case EditStatus::already_mapped: return "a page is already mapped there";
    case EditStatus::not_mapped: return "nothing is mapped there";
    case EditStatus::size_differs: return "the page mapped there has another size";
    case EditStatus::no_such_size: return "the format has no page of this size";
    case EditStatus::misaligned: return "the address is not aligned to the page size";
    case EditStatus::out_of_range: return "the address lies outside what the format translates";
    case EditStatus::not_expressible: return "the format cannot express these rights, type, address or bits";
    case EditStatus::incompatible: return "the entries do not form one page";
    case EditStatus::out_of_frames: return "there is no memory left for a table";
  }
  return "unknown";
}

std::optional<Addr> PageTableEditor::make_root(const PageFormat& format, ByteStore& store, FrameSource& frames) {
  const std::uint64_t bytes = std::max(kTableBytes, format.root_bytes());
  const std::optional<Addr> root = frames.allocate(bytes);
  if (root) store.clear(*root, bytes);
  return root;
}

std::optional<PageTableEditor::Shape> PageTableEditor::shape_of(unsigned page_shift) const {
  for (unsigned level = 0; level < stage_.format->levels; ++level) {
    if (!leaf_level(*stage_.format, stage_.controls, level)) continue;
    if (page_shift == PageFormat::shift(level)) return Shape{level, 1};
    if (page_shift == PageFormat::shift(level) + kGroupShift && group_allowed(*stage_.format, stage_.controls, level)) {
      return Shape{level, 1U << kGroupShift};
    }
  }
  return {};
}

EditStatus PageTableEditor::check_range(Addr input, unsigned page_shift) const {
  if (!stage_.format->accepts(stage_.canonical(input))) return EditStatus::out_of_range;
  return (input & low_mask(page_shift)) == 0 ? EditStatus::ok : EditStatus::misaligned;
}

PageTableEditor::Place PageTableEditor::place(Addr address, unsigned level) {
  const std::uint64_t value = store_.read(address);
  return {address, level, value, decode(*stage_.format, stage_.controls, level, value)};
}

// The entry for `input` that is not a table, or the one at level `deepest`.
PageTableEditor::Place PageTableEditor::locate(Addr input, unsigned deepest) {
  unsigned level = stage_.format->root_level();
  Place at = place(stage_.format->entry_address(level, stage_.root_of(input), input), level);
  while (at.entry.kind == EntryKind::table && level > deepest) {
    --level;
    at = place(stage_.format->entry_address(level, at.entry.address, input), level);
  }
  return at;
}

// Finds the page of this size that starts at `input`; `first` is its first entry.
EditStatus PageTableEditor::locate_page(Addr input, unsigned page_shift, Shape& shape, Place& first) {
  const std::optional<Shape> wanted = shape_of(page_shift);
  if (!wanted) return EditStatus::no_such_size;
  const EditStatus status = check_range(input, page_shift);
  if (status != EditStatus::ok) return status;
  shape = *wanted;
  first = locate(input, shape.level);
  if (first.entry.kind == EntryKind::leaf) {
    return first.entry.page_shift == page_shift ? EditStatus::ok : EditStatus::size_differs;
  }
  return first.entry.kind == EntryKind::table ? EditStatus::size_differs : EditStatus::not_mapped;
}

std::optional<std::uint64_t> PageTableEditor::encode(unsigned level, const LeafSpec& leaf) const {
  return encode_leaf(*stage_.format, stage_.controls, level, leaf);
}

EditStatus PageTableEditor::map(Addr input, const Mapping& mapping) {
  const std::optional<Shape> shape = shape_of(mapping.page_shift);
  if (!shape) return EditStatus::no_such_size;
  const EditStatus status = check_range(input, mapping.page_shift);
  if (status != EditStatus::ok) return status;
  if ((mapping.output & low_mask(mapping.page_shift)) != 0) return EditStatus::misaligned;
  std::array<std::uint64_t, 1U << kGroupShift> values{};
  for (unsigned i = 0; i < shape->entries; ++i) {
    const std::optional<std::uint64_t> value =
        encode(shape->level, {.address = mapping.output + (Addr{i} << PageFormat::shift(shape->level)),
                              .rights = mapping.rights,
                              .memory_type = mapping.memory_type,
                              .group = shape->entries > 1,
                              .extra = mapping.extra});
    if (!value) return EditStatus::not_expressible;
    values.at(i) = *value;
  }
  const Place target = locate(input, shape->level);
  Addr first = target.address;
  if (target.level == shape->level) {
    const EditStatus cleared = clear_target(target, *shape);
    if (cleared != EditStatus::ok) return cleared;
  } else {
    if (target.entry.cause != FaultCause::not_present) return EditStatus::already_mapped;
    const std::optional<Addr> made = make_path(target, input, shape->level);
    if (!made) return EditStatus::out_of_frames;
    first = *made;
  }
  for (unsigned i = 0; i < shape->entries; ++i) store_.write(first + Addr{i} * kEntryBytes, values.at(i));
  return EditStatus::ok;
}

// Makes sure nothing is mapped by the target entries; empty tables left over there are given back.
EditStatus PageTableEditor::clear_target(const Place& target, const Shape& shape) {
  std::array<Place, 1U << kGroupShift> places{};
  for (unsigned i = 0; i < shape.entries; ++i) {
    places.at(i) = i == 0 ? target : place(target.address + Addr{i} * kEntryBytes, shape.level);
    const Entry& entry = places.at(i).entry;
    const bool vacant =
        entry.kind == EntryKind::table ? empty(entry.address, shape.level - 1) : entry.cause == FaultCause::not_present;
    if (!vacant) return EditStatus::already_mapped;
  }
  for (unsigned i = 0; i < shape.entries; ++i) {
    if (places.at(i).entry.kind == EntryKind::table) release_table(places.at(i).entry.address, shape.level - 1);
  }
  return EditStatus::ok;
}

// Makes the tables from the vacant entry `from` down to `level` and returns the address of the entry there. All or
// none.
std::optional<Addr> PageTableEditor::make_path(const Place& from, Addr input, unsigned level) {
  std::array<Addr, kMaxLevels> tables{};
  for (unsigned made = 0; made < from.level - level; ++made) {
    const std::optional<Addr> table = frames_.allocate(kTableBytes);
    if (!table) {
      for (unsigned i = 0; i < made; ++i) frames_.release(tables.at(i), kTableBytes);
      return {};
    }
    store_.clear(*table, kTableBytes);
    tables.at(made) = *table;
  }
  Addr entry = from.address;
  for (unsigned at = from.level; at > level; --at) {
    const Addr table = tables.at(from.level - at);
    store_.write(entry, encode_table(*stage_.format, table));
    entry = stage_.format->entry_address(at - 1, table, input);
  }
  return entry;
}

bool PageTableEditor::empty(Addr table, unsigned level) {
  for (unsigned i = 0; i < kTableEntries; ++i) {
    const Entry entry = place(table + Addr{i} * kEntryBytes, level).entry;
    if (entry.kind == EntryKind::table ? !empty(entry.address, level - 1) : entry.cause != FaultCause::not_present) {
      return false;
    }
  }
  return true;
}

void PageTableEditor::release_table(Addr table, unsigned level) {
  for (unsigned i = 0; level > 0 && i < kTableEntries; ++i) {
    const Entry entry = place(table + Addr{i} * kEntryBytes, level).entry;
    if (entry.kind == EntryKind::table) release_table(entry.address, level - 1);
  }
  frames_.release(table, kTableBytes);
}

EditStatus PageTableEditor::unmap(Addr input, unsigned page_shift) {
  Shape shape{};
  Place first{};
  const EditStatus status = locate_page(input, page_shift, shape, first);
  if (status != EditStatus::ok) return status;
  store_.clear(first.address, std::uint64_t{shape.entries} * kEntryBytes);
  return EditStatus::ok;
}

EditStatus PageTableEditor::protect(Addr input, unsigned page_shift, Rights rights) {
  Shape shape{};
  Place first{};
  const EditStatus status = locate_page(input, page_shift, shape, first);
  if (status != EditStatus::ok) return status;
  std::array<std::uint64_t, 1U << kGroupShift> values{};
  for (unsigned i = 0; i < shape.entries; ++i) {
    const Place own = place(first.address + Addr{i} * kEntryBytes, shape.level);
    const Addr own_input = input + (Addr{i} << PageFormat::shift(shape.level));
    LeafSpec leaf = leaf_spec(*stage_.format, stage_.controls, shape.level, own_input, own.entry, own.value);
    leaf.rights = (rights & ~kFlags) | (leaf.rights & kFlags);
    const std::optional<std::uint64_t> value = encode(shape.level, leaf);
    if (!value) return EditStatus::not_expressible;
    values.at(i) = *value;
  }
  for (unsigned i = 0; i < shape.entries; ++i) {
    store_.write(first.address + Addr{i} * kEntryBytes, values.at(i));
  }
  return EditStatus::ok;
}

EditStatus PageTableEditor::split(Addr input) {
  if (!stage_.format->accepts(stage_.canonical(input))) return EditStatus::out_of_range;
  const Place page = locate(input, 0);
  if (page.entry.kind != EntryKind::leaf) return EditStatus::not_mapped;
  const Addr start = input & ~low_mask(page.entry.page_shift);
  LeafSpec leaf = leaf_spec(*stage_.format, stage_.controls, page.level, start, page.entry, page.value);
  const bool group = leaf.group;
  if (!group && page.level == 0) return EditStatus::no_such_size;
  const unsigned level = group ? page.level : page.level - 1;
  const unsigned count = group ? 1U << kGroupShift : kTableEntries;
  leaf.group = false;
  // The rest of the entries differ only in the address, so if the first can be expressed, all can.
  if (!encode(level, leaf)) return EditStatus::not_expressible;

  Addr first = page.address & ~(Addr{count} * kEntryBytes - 1);
  if (!group) {
    const std::optional<Addr> table = frames_.allocate(kTableBytes);
    if (!table) return EditStatus::out_of_frames;
    first = *table;
  }
  for (unsigned i = 0; i < count; ++i) {
    store_.write(first + Addr{i} * kEntryBytes, encode(level, leaf).value_or(0));
    leaf.address += Addr{1} << PageFormat::shift(level);
  }
  if (!group) store_.write(page.address, encode_table(*stage_.format, first));
  return EditStatus::ok;
}

EditStatus PageTableEditor::promote(Addr input, unsigned page_shift) {
  const std::optional<Shape> shape = shape_of(page_shift);
  if (!shape || page_shift == kPageShift) return EditStatus::no_such_size;
  const EditStatus status = check_range(input, page_shift);
  if (status != EditStatus::ok) return status;
  const bool group = shape->entries > 1;
  const Place target = locate(input, shape->level);
  if (target.entry.kind == EntryKind::invalid) return EditStatus::not_mapped;
  if (target.level != shape->level) return EditStatus::size_differs;
  if (group != (target.entry.kind == EntryKind::leaf)) return EditStatus::size_differs;
  if (group && target.entry.page_shift == page_shift) return EditStatus::size_differs;

  const Place first = group ? target : place(target.entry.address, shape->level - 1);
  std::optional<LeafSpec> leaf = merged(first, input, group ? shape->entries : kTableEntries);
  if (!leaf) return EditStatus::incompatible;
  if ((leaf->address & low_mask(page_shift)) != 0) return EditStatus::misaligned;
  leaf->group = group;
  std::array<std::uint64_t, 1U << kGroupShift> values{};
  for (unsigned i = 0; i < shape->entries; ++i) {
    const std::optional<std::uint64_t> value = encode(shape->level, *leaf);
    if (!value) return EditStatus::not_expressible;
    values.at(i) = *value;
    leaf->address += Addr{1} << PageFormat::shift(shape->level);
  }
  for (unsigned i = 0; i < shape->entries; ++i) {
    store_.write(target.address + Addr{i} * kEntryBytes, values.at(i));
  }
  if (!group) frames_.release(target.entry.address, kTableBytes);
  return EditStatus::ok;
}

// What `count` consecutive leaves starting with `first` say in common, as a leaf with the first one's address.
std::optional<LeafSpec> PageTableEditor::merged(const Place& first, Addr input, unsigned count) {
  const PageFormat& format = *stage_.format;
  if (first.entry.kind != EntryKind::leaf) return {};
  LeafSpec all = leaf_spec(format, stage_.controls, first.level, input, first.entry, first.value);
  for (unsigned i = 1; i < count; ++i) {
    const Place next = place(first.address + Addr{i} * kEntryBytes, first.level);
    if (next.entry.kind != EntryKind::leaf) return {};
    const Addr offset = Addr{i} << PageFormat::shift(first.level);
    const LeafSpec leaf = leaf_spec(format, stage_.controls, first.level, input + offset, next.entry, next.value);
    const bool agrees = leaf.address == all.address + offset && leaf.memory_type == all.memory_type &&
                        leaf.extra == all.extra && (leaf.rights & ~kFlags) == (all.rights & ~kFlags);
    if (!agrees) return {};
    all.rights |= leaf.rights & kFlags;
  }
  return all;
}

std::optional<MappedPage> PageTableEditor::find(Addr input) {
  if (!stage_.format->accepts(stage_.canonical(input))) return {};
  const Place page = locate(input, 0);
  if (page.entry.kind != EntryKind::leaf) return {};
  return MappedPage{.input = input & ~low_mask(page.entry.page_shift),
                    .output = page.entry.address,
                    .page_shift = page.entry.page_shift,
                    .rights = page.entry.rights,
                    .memory_type = page.entry.memory_type,
                    .leaf = page.value,
                    .leaf_address = page.address};
}

void PageTableEditor::release_tables() {
  const PageFormat& format = *stage_.format;
  const unsigned level = format.root_level();
  const auto release_below = [&](Addr root) {
    for (Addr index = 0; index < Addr{1} << format.root_index_bits; ++index) {
      const Addr address = root + index * kEntryBytes;
      const Entry entry = place(address, level).entry;
      if (level > 0 && entry.kind == EntryKind::table) release_table(entry.address, level - 1);
      store_.write(address, 0);
    }
  };
  release_below(stage_.root);
  if (format.input_form == InputForm::two_ranges && stage_.upper_root != 0) release_below(stage_.upper_root);
}

}  // namespace pagoda

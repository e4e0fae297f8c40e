#include "pagoda/software/address_space.h"

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

constexpr Rights kAllRights = Rights::read | Rights::write | Rights::user | kExecuteBoth;

Stage make_stage(const PageFormat& format, const StageControls& controls, ByteStore& store, FrameSource& frames) {
  const std::optional<Addr> root = PageTableEditor::make_root(format, store, frames);
  if (!root) throw UserError(fmt::format("there is no memory left for a {} page table", format.name()));
  return {.format = &format, .root = *root, .upper_root = *root, .controls = controls};
}

}  // namespace

AddressSpace::AddressSpace(const PageFormat& format, const StageControls& controls, const PagePolicy& policy,
                           ByteStore& store, FrameAllocator& frames, FrameSource* tables)
    : stage_(make_stage(format, controls, store, tables != nullptr ? *tables : frames.tables())),
      policy_(policy),
      store_(store),
      frames_(frames),
      editor_(stage_, store, tables != nullptr ? *tables : frames.tables()) {}

AddressSpace::Ensured AddressSpace::ensure(Addr input) {
  if (!stage_.format->accepts(stage_.canonical(input))) return {Outcome::out_of_range, {}};
  if (const std::optional<MappedPage> page = editor_.find(input)) return {Outcome::already_mapped, *page};
  if (absent_ != nullptr) {
    if (const std::optional<MappedPage> page = absent_->reach(input)) return {Outcome::already_mapped, *page};
  }
  const Rights rights = policy_.preset_flags ? kAllRights | kFlags : kAllRights;
  for (const unsigned shift : kPageShifts) {
    if (shift > policy_.page_shift) continue;
    if (absent_ != nullptr && shift > kPageShift) continue;  // its range may be that of absent pages
    const std::optional<Addr> frame = frames_.allocate(std::uint64_t{1} << shift);
    if (!frame) continue;
    const Addr page = input & ~low_mask(shift);
    switch (editor_.map(page, {.output = *frame, .page_shift = shift, .rights = rights})) {
      case EditStatus::ok: {
        mapped_bytes_ += std::uint64_t{1} << shift;
        ++pages_[shift];
        const MappedPage mapped = *editor_.find(input);
        if (observer_) observer_(mapped);
        if (absent_ != nullptr) absent_->mapped(mapped);
        return {Outcome::mapped, mapped};
      }
      case EditStatus::out_of_frames:
        frames_.release(*frame, std::uint64_t{1} << shift);
        return {Outcome::out_of_memory, {}};
      default: frames_.release(*frame, std::uint64_t{1} << shift); break;  // something smaller lies there: try smaller
    }
  }
  return {Outcome::out_of_memory, {}};
}

bool AddressSpace::set_flags(Addr input, bool dirty) {
  while (const std::optional<MappedPage> page = editor_.find(input)) {
    const Rights flags = dirty ? kFlags : Rights::accessed;
    std::uint64_t expected = page->leaf;
    if (store_.compare_and_swap(page->leaf_address, expected, with_flags(*stage_.format, page->leaf, flags)))
      return true;
  }
  return false;
}

bool AddressSpace::split(Addr input) {
  const std::optional<MappedPage> page = editor_.find(input);
  if (!page || editor_.split(input) != EditStatus::ok) return false;
  const unsigned shift = editor_.find(input)->page_shift;
  --pages_[page->page_shift];
  pages_[shift] += std::uint64_t{1} << (page->page_shift - shift);
  return true;
}

std::optional<MappedPage> AddressSpace::remove(Addr input) {
  const std::optional<MappedPage> page = editor_.find(input);
  if (!page || editor_.unmap(page->input, page->page_shift) != EditStatus::ok) return {};
  frames_.release(page->output, std::uint64_t{1} << page->page_shift);
  mapped_bytes_ -= std::uint64_t{1} << page->page_shift;
  --pages_[page->page_shift];
  return page;
}

std::optional<MappedPage> AddressSpace::detach(Addr input) {
  const std::optional<MappedPage> page = editor_.find(input);
  if (!page || editor_.unmap(page->input, kPageShift) != EditStatus::ok) return {};
  mapped_bytes_ -= std::uint64_t{1} << kPageShift;
  --pages_[kPageShift];
  return page;
}

bool AddressSpace::attach(Addr input, Addr frame, bool dirty) {
  const Rights rights = dirty || policy_.preset_flags ? kAllRights | kFlags : kAllRights;
  if (editor_.map(input, {.output = frame, .rights = rights}) != EditStatus::ok) return false;
  mapped_bytes_ += std::uint64_t{1} << kPageShift;
  ++pages_[kPageShift];
  return true;
}

bool AddressSpace::take_accessed(Addr input) {
  const std::uint64_t flag = with_flags(*stage_.format, 0, Rights::accessed);
  while (const std::optional<MappedPage> page = editor_.find(input)) {
    if (!has(page->rights, Rights::accessed)) return false;
    std::uint64_t expected = page->leaf;
    if (store_.compare_and_swap(page->leaf_address, expected, page->leaf & ~flag)) return true;
  }
  return false;
}

Addr NestedStore::translate(Addr address) {
  const Addr page = address & ~low_mask(kPageShift);
  if (page != recent_page_ || space_.has_absent()) {
    const AddressSpace::Ensured ensured = space_.ensure(page);
    if (ensured.outcome != AddressSpace::Outcome::already_mapped && ensured.outcome != AddressSpace::Outcome::mapped) {
      throw UserError("the host has no memory left for its guest");
    }
    recent_page_ = page;
    recent_output_ = ensured.page.output | (page & low_mask(ensured.page.page_shift));
  }
  return recent_output_ | (address & low_mask(kPageShift));
}

}  // namespace pagoda

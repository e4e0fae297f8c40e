// What the operating system changes in tables that TLBs know, and how they are told.
#include <algorithm>
#include <stdexcept>

#include "pagoda/paging/leaf_scan.h"
#include "pagoda/software/os.h"

namespace pagoda {

Ps Os::unmap(ProcessId id, Addr address, std::uint64_t count, Processor& initiator, Ps at) {
  Process& process = processes_[id];
  std::vector<Addr> pages;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::optional<MappedPage> page = process.space->remove(address);
    if (page) pages.push_back(page->input);
    address = page ? page->input + low_mask(page->page_shift) + 1 : address + (Addr{1} << kPageShift);
  }
  unmapped_ += pages.size();
  return shoot_down(space_of(id), pages, initiator, at);
}

Ps Os::write_protect(ProcessId id, Addr address, std::uint64_t count, Processor& initiator, Ps at) {
  PageTableEditor& editor = space(id).editor();
  std::vector<Addr> pages;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::optional<MappedPage> page = editor.find(address);
    if (page) pages.push_back(page->input);
    address = page ? page->input + low_mask(page->page_shift) + 1 : address + (Addr{1} << kPageShift);
  }
  return write_protect(space_of(id), pages, initiator, at);
}

Ps Os::write_protect(SpaceId id, const std::vector<Addr>& addresses, Processor& initiator, Ps at) {
  PageTableEditor& editor = space(id).editor();
  std::vector<Addr> pages;
  for (const Addr address : addresses) {
    if (const std::optional<Addr> input = protect(editor, editor.find(address))) pages.push_back(*input);
  }
  protected_ += pages.size();
  return shoot_down(id, pages, initiator, at);
}

// The page's first address, if this has made it read-only.
std::optional<Addr> Os::protect(PageTableEditor& editor, const std::optional<MappedPage>& page) {
  if (!page || !has(page->rights, Rights::write)) return std::nullopt;
  const EditStatus status = editor.protect(page->input, page->page_shift, page->rights & ~Rights::write);
  return status == EditStatus::ok ? std::optional(page->input) : std::nullopt;
}

Os::DirtyScan Os::collect_dirty(SpaceId id, Addr address, std::uint64_t bytes,
                                const std::function<void(Addr, unsigned)>& found, Processor& initiator, Ps at) {
  const Stage& stage = space(id).stage();
  ByteStore& store = space(id).store();
  std::vector<Addr> pages;
  const std::uint64_t entries = scan_leaves(stage, store, address, address + bytes, [&](const ScannedLeaf& leaf) {
    if (!clear_dirty(*stage.format, store, leaf)) return;
    pages.push_back(leaf.input);
    found(leaf.input, leaf.shift);
  });
  return {shoot_down(id, pages, initiator, at), entries};
}

// As software above a hypervisor does when it edits its page tables.
void Os::written_by_software(SpaceId id, Addr address) {
  const std::optional<MappedPage> page = space(id).editor().find(address);
  if (!page) return;
  if (!has(page->rights, Rights::write)) lift_protection(id, address);
  if (!has(page->rights, Rights::dirty)) space(id).set_flags(address, true);
}

bool Os::is_held(const Process& process, Addr address) {
  return std::any_of(process.held.begin(), process.held.end(),
                     [address](const MappedPage& page) { return (address ^ page.input) >> page.page_shift == 0; });
}

Ps Os::hold(ProcessId id, Addr address, std::uint64_t bytes, Ps until, Processor& initiator, Ps at) {
  Process& process = processes_[id];
  PageTableEditor& editor = process.space->editor();
  process.held_until = until;
  std::vector<Addr> pages;
  for (Addr next = address; next - address < bytes;) {
    const std::optional<MappedPage> page = editor.find(next);
    if (page && editor.unmap(page->input, page->page_shift) == EditStatus::ok) {
      process.held.push_back(*page);
      pages.push_back(page->input);
    }
    next = page ? page->input + low_mask(page->page_shift) + 1 : next + (Addr{1} << kPageShift);
  }
  return shoot_down(space_of(id), pages, initiator, at);
}

void Os::release(ProcessId id) {
  Process& process = processes_[id];
  for (const MappedPage& page : process.held) {
    const EditStatus status = process.space->editor().map(
        page.input,
        {.output = page.output, .page_shift = page.page_shift, .rights = page.rights, .memory_type = page.memory_type});
    if (status != EditStatus::ok) throw std::logic_error("a page that was held cannot be mapped again");
  }
  process.held.clear();
}

std::optional<Os::Detached> Os::detach(ProcessId id, Addr address, Processor& initiator, Ps at) {
  const std::optional<MappedPage> page = space(id).detach(address);
  if (!page) return {};
  ++unmapped_;
  return Detached{*page, shoot_down(space_of(id), {page->input}, initiator, at)};
}

// One core forgets pages; returns when it has. What it knows of a machine goes as a whole: INVEPT has no addresses (Intel
// SDM vol. 3, 31.3), and translations are kept by the addresses of programs.
Ps Os::drop(SpaceId id, const std::vector<Addr>& pages, Processor& processor, Ps at) {
  if (id.kind == SpaceId::Kind::machine) return processor.mmu().invalidate({.vmid = 1, .later_stages = true}, at);
  TlbInvalidation what{.asid = processes_[id.index].asid};
  if (pages.size() > config_.shootdown.full_flush_above) return processor.mmu().invalidate(what, at);
  for (const Addr page : pages) {
    what.address = page;
    at = processor.mmu().invalidate(what, at);
  }
  return at;
}

Ps Os::shoot_down(SpaceId id, const std::vector<Addr>& pages, Processor& initiator, Ps at) {
  if (pages.empty()) return at;
  ++shootdowns_;
  Ps done = config_.shootdown.broadcast ? broadcast(id, pages, initiator, at) : drop(id, pages, initiator, at);
  for (Processor* other : processors_of(id)) {
    if (other == &initiator || config_.shootdown.broadcast) continue;
    const Ps invalidating = drop(id, pages, *other, 0);
    if (!other->dispatched()) continue;
    ++interrupts_sent_;
    const Ps arrives = at + config_.shootdown.ipi.ps;
    done = std::max(done, other->interrupt(arrives, config_.shootdown.handler.ps + invalidating));
  }
  shootdown_latency_.record(done - at);
  shootdown_probe_.during(at, done);
  return done;
}

// The initiator tells all MMUs at once, and waits until they have answered.
Ps Os::broadcast(SpaceId id, const std::vector<Addr>& pages, Processor& initiator, Ps at) {
  std::vector<Mmu*> told{&initiator.mmu()};
  const Ps done = drop(id, pages, initiator, at);
  for (Processor* other : processors_of(id)) {
    Mmu* const mmu = &other->mmu();
    if (std::find(told.begin(), told.end(), mmu) != told.end()) continue;
    told.push_back(mmu);
    drop(id, pages, *other, at);
  }
  return done + config_.shootdown.broadcast_latency.ps;
}

}  // namespace pagoda

// What devices may do with pages that processors go on using: fields of shared entries; copied tables; whole devices.
#include <algorithm>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/paging/leaf_scan.h"
#include "pagoda/software/io_driver.h"

namespace pagoda {
namespace {

constexpr Addr kPage = Addr{1} << kPageShift;

std::uint64_t field(bool wanted, const std::optional<std::uint32_t>& bit, const char* name) {
  if (!wanted) return 0;
  if (!bit) throw UserError(fmt::format("entries of these tables have no field `{}`", name));
  return std::uint64_t{1} << *bit;
}

bool is_set(std::uint64_t entry, const std::optional<std::uint32_t>& bit) { return bit && (entry >> *bit & 1) != 0; }

std::uint64_t all_fields(const DmaControlBits& bits) {
  std::uint64_t all = 0;
  for (const auto& bit : {bits.deny, bits.deny_read, bits.deny_write, bits.copy_on_read}) {
    if (bit) all |= std::uint64_t{1} << *bit;
  }
  return all;
}

}  // namespace

// The entries that an address goes through, first stage first, as far as they are there.
std::vector<IoDriver::Leaf> IoDriver::leaves(IoDomain& domain, Addr address) {
  std::vector<Leaf> path;
  const std::optional<MappedPage> page = domain.editor().find(address);
  if (!page) return path;
  path.push_back({&domain, *page, address});
  if (domain.guest() == nullptr) return path;
  const std::vector<Leaf> below = leaves(domain.guest()->second_stage, page->output + (address - page->input));
  path.insert(path.end(), below.begin(), below.end());
  return path;
}

std::uint64_t IoDriver::fields(const IoDomain& domain, const DmaPolicy& policy) const {
  const DmaControlBits& bits = config_.dma_control.of(domain.stage().format->family);
  return field(policy.deny, bits.deny, "deny") | field(policy.deny_read, bits.deny_read, "deny_read") |
         field(policy.deny_write, bits.deny_write, "deny_write") |
         field(policy.copy_on_read, bits.copy_on_read, "copy_on_read");
}

DmaPolicy IoDriver::policy_of(const Leaf& leaf) const {
  const DmaControlBits& bits = config_.dma_control.of(leaf.domain->stage().format->family);
  return {.deny = is_set(leaf.page.leaf, bits.deny),
          .deny_read = is_set(leaf.page.leaf, bits.deny_read),
          .deny_write = is_set(leaf.page.leaf, bits.deny_write),
          .copy_on_read = is_set(leaf.page.leaf, bits.copy_on_read)};
}

bool IoDriver::set_dma_policy(IoDomain& domain, Addr first, std::uint64_t bytes, const DmaPolicy& policy) {
  const Ps start = kernel_now();
  const Addr begin = first & ~(kPage - 1);
  const std::uint64_t length = (first + bytes + kPage - 1 - begin) & ~(kPage - 1);
  ++policy_changes_;
  bool done = true;
  if (domain.kind() == IoDomain::Kind::mirrored) {
    for (Addr page = begin; page - begin < length; page += kPage) {
      domain.denied.erase(page);
      if (policy != DmaPolicy{}) domain.denied[page] = policy;
    }
    done = update_mirror(domain, begin, length);
  } else {
    PolicyChange change{.mask = all_fields(config_.dma_control.of(domain.stage().format->family)),
                        .bits = fields(domain, policy),
                        .copy_on_read = policy.copy_on_read};
    for (Addr page = begin; page - begin < length;) {
      if (domain.editor().find(page)) spend(config_.costs.edit_page.ps);
      const bool inside = isolate(domain, page, begin, length);
      const std::optional<MappedPage> found = domain.editor().find(page);
      if (found && !inside) throw UserError("there is no memory left to split a page");
      if (found) change_entry(domain, *found, change);
      page = found ? found->input + (Addr{1} << found->page_shift) : page + kPage;
    }
    entries_edited_ += change.entries;
    if (change.entries > 0) done = invalidate(domain, invalidation(domain, begin, length, kPageShift));
    for (const Addr frame : change.frames) {
      if (done) copies_->give_back(frame);
    }
  }
  block_time_.record(kernel_now() - start);
  return done;
}

// Sets the fields of one entry; hardware may set flags of it meanwhile. A page whose copies begin or end to count has
// none afterwards.
void IoDriver::change_entry(IoDomain& domain, const MappedPage& page, PolicyChange& change) {
  std::uint64_t expected = page.leaf;
  while (!domain.store().compare_and_swap(page.leaf_address, expected, (expected & ~change.mask) | change.bits)) {
  }
  if ((expected & change.mask) == change.bits) return;
  ++change.entries;
  const Leaf before{&domain, page, page.input};
  if (policy_of(before).copy_on_read != change.copy_on_read) drop_copies(domain, page, change.frames);
}

void IoDriver::drop_copies(IoDomain& domain, const MappedPage& page, std::vector<Addr>& frames) {
  if (!copies_ || copies_->frames_in_use() == 0) return;
  for (Addr address = page.input; address - page.input < Addr{1} << page.page_shift; address += kPage) {
    const std::vector<Leaf> path = leaves(domain, address);
    if (path.empty()) continue;
    const Leaf& last = path.back();
    const Addr live = last.page.output + (last.address - last.page.input);
    if (const std::optional<Addr> frame = copies_->drop(live & ~(kPage - 1))) frames.push_back(*frame);
  }
}

// Devices may keep translations from before, so all of theirs go.
bool IoDriver::enable_dma_control(bool enable) {
  if (!directory_) throw std::logic_error("DMA control is switched in the running simulation");
  if (!capabilities_.dma_control()) throw UserError("the IOMMU has no control of DMA in page-table entries");
  const Ps start = kernel_now();
  io_registers_.write64(iommu_register::kDmaControl, enable ? 1 : 0);
  dma_control_ = enable;
  std::vector<IommuCommand> batch{IotinvalVma{}, IotinvalGvma{}};
  for (const auto& domain : domains_) {
    if (!domain->is_second_stage()) add_device_invalidations(batch, *domain, 0, 0);
  }
  const bool done = commands_.run(batch);
  block_time_.record(kernel_now() - start);
  return done;
}

bool IoDriver::process_changed(IoDomain& domain, Addr first, std::uint64_t bytes) {
  if (domain.kind() == IoDomain::Kind::mirrored) return update_mirror(domain, first, bytes);
  const Addr begin = first & ~(kPage - 1);
  return invalidate(domain, invalidation(domain, begin, first + bytes - begin, kPageShift));
}

bool IoDriver::collect_dirty(IoDomain& domain, Addr first, std::uint64_t bytes, Duration per_entry,
                             const std::function<void(Addr, unsigned)>& found) {
  ++dirty_scans_;
  const Stage& stage = domain.stage();
  std::uint64_t dirty = 0;
  const std::uint64_t entries = scan_leaves(stage, domain.store(), first, first + bytes, [&](const ScannedLeaf& leaf) {
    if (!clear_dirty(*stage.format, domain.store(), leaf)) return;
    ++dirty;
    found(leaf.input, leaf.shift);
  });
  dirty_found_ += dirty;
  spend(entries * per_entry.ps);
  return dirty == 0 || invalidate(domain, invalidation(domain, first, bytes, kPageShift));
}

bool IoDriver::update_mirror(IoDomain& domain, Addr first, std::uint64_t bytes) {
  bool withdrawn = false;
  const Addr begin = first & ~(kPage - 1);
  for (Addr page = begin; page - begin < first + bytes - begin;) {
    const IoDomain::Update update = domain.mirror(page);
    if (update.changed) {
      spend(config_.costs.map_page.ps);
      ++mirror_updates_;
    }
    withdrawn |= update.withdrawn;
    page = (page | low_mask(update.page_shift)) + 1;
  }
  if (!withdrawn) return true;
  return invalidate(domain, invalidation(domain, begin, first + bytes - begin, kPageShift));
}

bool IoDriver::block(std::uint32_t device_id, bool blocked) {
  const Ps start = kernel_now();
  device(device_id).blocked = blocked;
  if (!directory_) return true;
  spend(config_.costs.edit_page.ps);
  write_device(device_id);
  const bool done = commands_.run({IodirInvalDdt{device_id}});
  block_time_.record(kernel_now() - start);
  return done;
}

}  // namespace pagoda

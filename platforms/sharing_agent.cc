#include "platforms/sharing_agent.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/software/io_directories.h"
#include "pagoda/software/software_time.h"

namespace pagoda {
namespace {

Rights rights_for(DmaRights rights) {
  const Rights write = when(has(rights, DmaRights::write), Rights::write);
  return Rights::read | write | Rights::user | kFlags;
}

}  // namespace

const IoDriverConfig& SharingAgent::costs() {
  static const IoDriverConfig config;
  return config;
}

SharingAgent::SharingAgent(const sc_core::sc_module_name& name, const SharingConfig& config,
                           const std::vector<std::vector<std::uint32_t>>& tenants, Os& os, PageGuard& guard,
                           DmaMonitor& monitor, std::uint64_t seed)
    : Module(name),
      config_(validated(config, this->name())),
      plan_(config, tenants, seed),
      os_(os),
      guard_(guard),
      monitor_(monitor),
      io_registers_(costs()),
      commands_(costs(), io_registers_, os.memory()) {
  for (std::uint32_t i = 0; i < config.pages; ++i) {
    const std::optional<Addr> frame = os.frames().allocate(kPageBytes);
    if (!frame) throw UserError({}, "io.sharing.pages", "there is not so much memory", "allowed: fewer pages");
    pages_.push_back(*frame >> kPageShift);
  }
  // Neighbours in the window are none in memory.
  std::mt19937_64 engine(seed);
  for (std::size_t i = pages_.size(); i > 1; --i) std::swap(pages_[i - 1], pages_[engine() % i]);
  SC_HAS_PROCESS(SharingAgent);
  SC_THREAD(execute);
}

void SharingAgent::set_up() {
  for (std::size_t slot = 0; slot < plan_.slots(); ++slot) give(slot, plan_.draw_owner());
}

void SharingAgent::start_of_simulation() {
  constexpr std::uint64_t kCompletionBytes = 4096;
  const std::uint64_t ring_bytes = costs().queues.commands * std::uint64_t{kCommandBytes};
  const Addr ring = cleared_frames(os_.memory(), os_.frames(), ring_bytes);
  commands_.set_up(ring, cleared_frames(os_.memory(), os_.frames(), kCompletionBytes));
}

void SharingAgent::execute() {
  failure_.guard([this] {
    for (Ps next = config_.interval.ps;; next += config_.interval.ps) {
      if (next > kernel_now()) {
        wait(delay_until(next));
      } else {
        ++late_;
        next = kernel_now();
      }
      change();
    }
  });
}

void SharingAgent::change() {
  const SharingPlan::Change change = plan_.draw_change();
  ++changes_;
  if (change.taken && change.given) ++moved_;
  if (change.taken) take(change.slot, *change.taken);
  if (change.given) give(change.slot, *change.given);
}

void SharingAgent::take(std::size_t slot, const SharingPlan::Reference& reference) {
  const Ps start = kernel_now();
  revoking_probe_.rise(start);
  const DeviceSet before = plan_.devices(slot);
  plan_.taken(slot, reference);
  const DeviceSet after = plan_.devices(slot);
  for (const DeviceRight& right : before) {
    const DmaRights left = after.of(right.device);
    if (left == DmaRights::none) {
      working_[right.device].drop(slot);
    } else {
      working_[right.device].put(slot, has(left, DmaRights::write));
    }
    edit(right.device, slot, right.rights, left);
  }
  if (after.empty()) guard_.set_input(pages_[slot], {});
  guard_.take(reference.tenant, reference.devices, pages_[slot], after);
  spend_on_updates();
  forget(slot, before, after);
  guard_.invalidate();
  run({});  // for what had passed the guard
  guard_.complete();
  monitor_.revoked(pages_[slot], after);
  ++taken_;
  revocation_.record(kernel_now() - start);
  revoking_probe_.fall(kernel_now());
}

// IOTLB and devices' caches; a fence between them, for devices may ask again as soon as they have forgotten.
void SharingAgent::forget(std::size_t slot, const DeviceSet& before, const DeviceSet& after) {
  std::vector<IommuCommand> batch;
  std::vector<IommuCommand> to_devices;
  for (const DeviceRight& right : before) {
    if (has(after.of(right.device), right.rights)) continue;
    const Participant& participant = participants_.at(right.device);
    batch.emplace_back(IotinvalVma{.gscid = {}, .pscid = participant.pscid, .address = input(slot)});
    if (!participant.has_atc) continue;
    const AtsDestination to{.requester = static_cast<std::uint16_t>(right.device), .segment = {}, .process_id = {}};
    to_devices.emplace_back(AtsInval{.to = to, .address = input(slot)});
  }
  if (batch.empty()) return;
  batch.emplace_back(IofenceC{});
  batch.insert(batch.end(), to_devices.begin(), to_devices.end());
  run(batch);
}

bool SharingAgent::give(std::size_t slot, const SharingPlan::Reference& reference) {
  const Ps start = kernel_now();
  revoking_probe_.rise(start);
  const DeviceSet before = plan_.devices(slot);
  DeviceSet after = before;
  after.add(reference.devices);
  if (!guard_.give(reference.tenant, reference.devices, pages_[slot], after)) {
    ++refused_;
    return false;
  }
  monitor_.grant(pages_[slot], after);
  plan_.given(slot, reference);
  if (before.empty()) guard_.set_input(pages_[slot], input(slot));
  std::vector<IommuCommand> widened;
  for (const DeviceRight& right : after) {
    const DmaRights had = before.of(right.device);
    edit(right.device, slot, had, right.rights);
    if (had == right.rights || had == DmaRights::none) continue;
    widened.emplace_back(
        IotinvalVma{.gscid = {}, .pscid = participants_.at(right.device).pscid, .address = input(slot)});
  }
  spend_on_updates();
  guard_.invalidate();
  if (!widened.empty()) run(widened);
  for (const DeviceRight& right : after) working_[right.device].put(slot, has(right.rights, DmaRights::write));
  ++given_;
  grant_.record(kernel_now() - start);
  return true;
}

// A device's page-table entry.
void SharingAgent::edit(std::uint32_t device, std::size_t slot, DmaRights before, DmaRights after) {
  if (before == after) return;
  PageTableEditor& editor = participants_.at(device).space->editor();
  const Addr from = input(slot);
  EditStatus status = EditStatus::ok;
  const auto changed = [&] {
    guard_.entry_changed(editor.find(from)->leaf_address);
    ++new_entries_;
  };
  if (after == DmaRights::none) {
    changed();
    status = editor.unmap(from, kPageShift);
  } else if (before != DmaRights::none) {
    status = editor.protect(from, kPageShift, rights_for(after));
    changed();
  } else {
    status = editor.map(from, {.output = pages_[slot] << kPageShift, .rights = rights_for(after)});
    if (status == EditStatus::ok) changed();
  }
  if (status == EditStatus::ok) return;
  throw UserError(fmt::format("a shared page cannot be mapped at {:#x}: {}", from, to_string(status)));
}

void SharingAgent::spend_on_updates() {
  const std::uint64_t words = guard_.take_writes();
  const std::uint64_t entries = std::exchange(new_entries_, 0);
  words_written_ += words;
  entries_written_ += entries;
  spend((words + entries) * config_.update.ps);
}

void SharingAgent::run(const std::vector<IommuCommand>& batch) {
  if (!commands_.run(batch)) throw InvariantError("a device does not answer invalidations");
}

void SharingAgent::visit_stats(StatVisitor& v) {
  v.counter("changes", changes_, kCount, "times that a page was to be given, taken or both");
  v.counter("given", given_, kCount, "pages given to a tenant's devices");
  v.counter("taken", taken_, kCount, "pages taken away from a tenant's devices");
  v.counter("moved", moved_, kCount, "changes that took a page from one tenant for another");
  v.counter("refused", refused_, kCount, "pages not given, because the guard's tables had no room");
  v.counter("late", late_, kCount, "changes that waited for the one before");
  v.counter("entries_written", entries_written_, kCount, "page-table entries written");
  v.counter("guard_words_written", words_written_, kCount, "words of the guard's tables written");
  v.distribution("revocation", revocation_, kTimeInNs, "of taking a page away, until no device can reach it");
  v.distribution("grant", grant_, kTimeInNs, "of giving a page");
  v.enter("queue");
  commands_.visit_stats(v);
  v.leave();
}

}  // namespace pagoda

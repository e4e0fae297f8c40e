#include "platforms/paging_rig.h"

#include <algorithm>
#include <cmath>
#include <random>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/base/random.h"

namespace pagoda {
namespace {

// Each thread may have a page on its way in and one on its way out.
constexpr std::uint64_t kFramesPerThread = 2;

}  // namespace

PagingRig::PagingRig(const sc_core::sc_module_name& name, const PagingConfig& config, unsigned threads, Os& os,
                     PhysicalMemory& memory, Bus& bus, std::uint64_t seed)
    : Module(name), config_(config), os_(os), memory_(memory), seed_(seed), threads_(threads) {
  pager_ = std::make_unique<Pager>("pager", config.pager, os, memory, seed);
  if (config.attachment == PagingAttachment::coherent) {
    store_ = std::make_unique<CoherentStore>(config.coherent, threads, os, memory, bus);
  } else {
    store_ = std::make_unique<SwapStore>(config.block, os, memory, bus, [this](Ps at) { return interrupted(at); });
  }
  space_ = std::make_unique<VolumeSpace>(store_->pages());
  pager_->set_volume(*space_, store_->ways(),
                     {.exclusive = store_->exclusive(), .threads = threads, .window = store_->window()});
}

PagingRig::~PagingRig() = default;

WriteTap& PagingRig::add_core(Cpu& cpu) {
  cores_.push_back(&cpu);
  programs_.insert(programs_.end(), cpu.threads().begin(), cpu.threads().end());
  const std::string name = fmt::format("stores{}", taps_.size());
  return *taps_.emplace_back(
      std::make_unique<WriteTap>(name.c_str(), [this](Addr address, std::uint32_t, const RequestInfo&) {
        memory_.write64(address & ~Addr{7}, ++stores_ * 0x9e3779b97f4a7c15);  // what no other store writes
      }));
}

void PagingRig::add_range(Os::ProcessId process, Addr base, std::uint64_t bytes) {
  for (Addr page = base & ~low_mask(kPageShift); page < base + bytes; page += kPageBytes) {
    const PageId id{static_cast<std::uint32_t>(process), page};
    pages_.emplace(id.key(), id);
  }
}

void PagingRig::place_pages() {
  const std::uint64_t reserve = config_.pager.reserve;
  const auto share = static_cast<std::uint64_t>(std::ceil(config_.dram * static_cast<double>(pages_.size())));
  frames_ = config_.dram >= 1 ? share + reserve : share;
  if (frames_ < reserve + kFramesPerThread * threads_) {
    throw UserError({}, "paging.dram",
                    fmt::format("leaves {} frames for {} threads and a reserve of {}", frames_, threads_, reserve),
                    fmt::format("allowed: a share of the {} pages touched that is at least {} frames", pages_.size(),
                                reserve + kFramesPerThread * threads_));
  }
  if (pages_.size() > store_->pages()) {
    throw UserError({}, "paging",
                    fmt::format("programs touch {} pages, and the volume has {}", pages_.size(), store_->pages()),
                    "allowed: a medium with a larger capacity");
  }
  for (std::uint64_t i = 0; i < frames_; ++i) {
    const std::optional<Addr> frame = os_.frames().allocate(kPageBytes);
    if (!frame) throw UserError("the modelled memory is too small for the frames of paged programs");
    pager_->add_frame(*frame);
  }
  std::vector<PageId> order;
  for (const auto& [key, id] : pages_) order.push_back(id);
  std::mt19937_64 random(seed_);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random() % i]);
  for (std::size_t i = 0; i < order.size(); ++i) fill(order[i], i);
}

void PagingRig::fill(PageId page, std::uint64_t number) {
  std::mt19937_64 random(seed_ * 0x9e3779b97f4a7c15 + number);
  const double drawn = fraction_of(random());
  const double held = fraction_of(random());
  const std::optional<Pager::Placed> placed = pager_->place(page, drawn < config_.copies);
  if (!placed) throw UserError("the volume is too small for what programs touch");
  std::array<unsigned char, kPageBytes> contents;
  for (std::size_t at = 0; at < contents.size(); at += sizeof(std::uint64_t)) {
    const std::uint64_t value = random();
    std::memcpy(contents.data() + at, &value, sizeof value);
  }
  if (placed->frame) std::ranges::copy(contents, memory_.data(*placed->frame));
  if (placed->slot) store_->poke(*placed->slot, contents);
  pager_->begin_with(page, *placed, contents);
  if (placed->frame && held < config_.pinned) pager_->pin(page);
}

// Takes a processor that runs something; an idle one has nothing to lose.
Ps PagingRig::interrupted(Ps at) {
  ++interrupts_;
  for (std::size_t i = 0; i < programs_.size(); ++i) {
    Core& program = *programs_[next_interrupted_++ % programs_.size()];
    if (!program.dispatched()) continue;
    program.interrupt(at, config_.block.interrupt.ps);
    break;
  }
  return at + config_.block.interrupt.ps;
}

void PagingRig::rethrow_failure() const {
  pager_->rethrow_failure();
  store_->rethrow_failure();
}

void PagingRig::check_invariants() {
  pager_->verify([this](std::uint64_t slot, std::span<unsigned char> to) { store_->peek(slot, to); });
}

void PagingRig::visit_stats(StatVisitor& v) {
  Ps end = 0;
  std::uint64_t accesses = 0, instructions = 0, switches = 0;
  double polling = 0, slots = 0, beside = 0, paging_cycles = 0;
  for (const Core* program : programs_) {
    end = std::max(end, program->end_time());
    accesses += program->measured_accesses();
    instructions += program->measured_instructions();
  }
  const double seconds = to_seconds(end - std::min(end, measured_from_));
  for (const Cpu* core : cores_) {
    const SmtCore& smt = *core->smt();
    switches += smt.context_switches();
    polling += smt.slots().slots(IssueSlots::Use::poll);
    slots += static_cast<double>(end - std::min(end, measured_from_)) * smt.slots().slots_per_ps();
    beside += smt.slots().beside_slots();
    paging_cycles += smt.slots().beside_cycles();
  }
  v.value("medium_utilisation", store_->medium().utilisation(kernel_now()), "",
          "share of the time in which the part of the medium that is used most was busy");
  v.value("pages", static_cast<double>(pages_.size()), "", "that programs touch");
  v.value("frames", static_cast<double>(frames_), "", "that they have");
  v.counter("interrupts", interrupts_, kCount, "of the volume's driver");
  const auto rate = [seconds](std::uint64_t count) {
    return seconds == 0 ? 0 : static_cast<double>(count) / seconds / 1e6;
  };
  v.value("throughput", rate(accesses), "M/s", "loads and stores of all programs");
  v.value("instruction_rate", rate(instructions), "M/s", "instructions of all programs");
  v.value("context_switches", static_cast<double>(switches), "", "of all cores");
  v.value("polling_slots", polling, "", "issue slots that polling threads got");
  v.value("polling_share", slots == 0 ? 0 : polling / slots, "", "of all issue slots");
  v.value("sibling_ipc", paging_cycles == 0 ? 0 : beside / paging_cycles, "",
          "instructions per cycle of a core's programs while at least one of its threads was paging");
}

}  // namespace pagoda

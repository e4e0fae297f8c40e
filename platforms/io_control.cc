#include "platforms/io_control.h"

#include <fmt/format.h>

#include "pagoda/base/config_builder.h"
#include "pagoda/base/error.h"

namespace pagoda {

const ConfigInfo& IoControlConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<IoControlConfig>("I/O control", "Software that keeps devices away from shared pages for a while.")
          .field("method", &IoControlConfig::method, "how devices are kept away")
          .field("policy", &IoControlConfig::policy,
                 "what they may not do; deny_write and copy_on_read with mirrored and shared_pte alone")
          .field("pages", &IoControlConfig::pages, "pages of 4 KiB at a time", in_range(1u, 4096u))
          .field("interval", &IoControlConfig::interval, "from the end of an episode to the next",
                 in_range(Duration{kNanosecond}, Duration{kSecond}))
          .field("hold", &IoControlConfig::hold, "from the beginning of an episode to its end",
                 in_range(Duration{kNanosecond}, Duration{kSecond}))
          .check([](const IoControlConfig& c) -> std::optional<ConfigProblem> {
            const bool fine = c.method == ControlMethod::mirrored || c.method == ControlMethod::shared_pte;
            if (c.policy == ControlPolicy::deny || fine) return std::nullopt;
            return ConfigProblem{"policy", "this method denies all DMA",
                                 "allowed: deny, or method mirrored or shared_pte"};
          })
          .check([](const IoControlConfig& c) -> std::optional<ConfigProblem> {
            if (c.policy != ControlPolicy::copy_on_read || c.method == ControlMethod::shared_pte) return std::nullopt;
            return ConfigProblem{"policy", "copies are found through fields of shared entries",
                                 "allowed: copy_on_read with method shared_pte"};
          });
  return info;
}

IoControl::IoControl(const sc_core::sc_module_name& name, const IoControlConfig& config, Os& os, IoDriver& driver,
                     Iommu& iommu, const Region& region, std::uint64_t seed)
    : Module(name), config_(config), os_(os), driver_(driver), region_(region), random_(seed | 1) {
  iommu.observe([this](const IommuRequest& request, const IommuAnswer& answer) { observe(request, answer); });
  SC_HAS_PROCESS(IoControl);
  SC_THREAD(run);
}

void IoControl::run() {
  failure_.guard([this] { run_episodes(); });
}

void IoControl::run_episodes() {
  if (config_.method == ControlMethod::shared_pte) driver_.enable_dma_control(true);
  while (true) {
    wait(to_sc_time(config_.interval.ps));
    const Addr first = pick();
    std::vector<Page> pages;
    for (Addr page = first; page - first < range_bytes(); page += Addr{1} << kPageShift) {
      if (const auto mapped = os_.space(region_.process).editor().find(page)) {
        pages.push_back({page, mapped->output + (page - mapped->input)});
      }
    }
    const Ps start = kernel_now();
    begin(first, start + config_.hold.ps);
    block_latency_.record(kernel_now() - start);
    blocked_ = pages;
    blocked_probe_.set(kernel_now(), pages.size());
    wait_until(start + config_.hold.ps);
    blocked_.clear();
    blocked_probe_.set(kernel_now(), 0);
    const Ps ends = kernel_now();
    end(first);
    unblock_latency_.record(kernel_now() - ends);
    ++episodes_;
  }
}

// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled", 2016).
Addr IoControl::pick() {
  random_ ^= random_ >> 12;
  random_ ^= random_ << 25;
  random_ ^= random_ >> 27;
  const std::uint64_t places = (region_.bytes - range_bytes()) / range_bytes() + 1;
  return region_.base + (random_ * 0x2545f4914f6cdd1d >> 33) % places * range_bytes();
}

void IoControl::begin(Addr first, Ps until) {
  switch (config_.method) {
    case ControlMethod::identical:
      wait_until(os_.hold(region_.process, first, range_bytes(), until, *region_.processor, kernel_now()));
      driver_.process_changed(*region_.domain, first, range_bytes());
      return;
    case ControlMethod::block_device:
      for (const std::uint32_t requester : region_.requesters) driver_.block(requester, true);
      return;
    case ControlMethod::mirrored:
    case ControlMethod::shared_pte:
      driver_.set_dma_policy(*region_.domain, first, range_bytes(),
                             {.deny = config_.policy == ControlPolicy::deny,
                              .deny_write = config_.policy == ControlPolicy::deny_write,
                              .copy_on_read = config_.policy == ControlPolicy::copy_on_read});
  }
}

void IoControl::end(Addr first) {
  switch (config_.method) {
    case ControlMethod::identical: os_.release(region_.process); return;
    case ControlMethod::block_device:
      for (const std::uint32_t requester : region_.requesters) driver_.block(requester, false);
      return;
    case ControlMethod::mirrored:
    case ControlMethod::shared_pte: driver_.set_dma_policy(*region_.domain, first, range_bytes(), {});
  }
}

void IoControl::wait_until(Ps time) {
  if (time > kernel_now()) wait(delay_until(time));
}

void IoControl::observe(const IommuRequest& request, const IommuAnswer& answer) {
  if (blocked_.empty() || answer.cause != IommuCause::none) return;
  if (request.type != IommuRequestType::translation_request && forbidden(request, answer)) ++let_through_;
}

bool IoControl::forbidden(const IommuRequest& request, const IommuAnswer& answer) const {
  const bool write = request.access == AccessKind::write;
  const bool translated = request.type == IommuRequestType::translated;
  for (const Page& page : blocked_) {
    const bool live = (answer.address ^ page.frame) >> kPageShift == 0;
    const bool asked = translated ? live : (request.address ^ page.address) >> kPageShift == 0;
    if (!asked) continue;
    switch (config_.policy) {
      case ControlPolicy::deny: return true;
      case ControlPolicy::deny_write: return write;
      case ControlPolicy::copy_on_read: return write || live;
    }
  }
  return false;
}

void IoControl::check_invariants() const {
  if (let_through_ == 0) return;
  throw InvariantError(fmt::format("{}: {} DMA requests were let through to pages that devices were kept away from",
                                   name(), let_through_));
}

void IoControl::visit_stats(StatVisitor& v) {
  v.counter("episodes", episodes_, kCount, "ranges of pages that devices were kept away from");
  v.counter("let_through", let_through_, kCount, "requests that reached them nevertheless");
  v.distribution("block_latency", block_latency_, kTimeInNs, "until DMA was provably blocked");
  v.distribution("unblock_latency", unblock_latency_, kTimeInNs, "until DMA was allowed again");
  v.value("table_bytes", static_cast<double>(driver_.structure_bytes()), "B",
          "directories, queues and page tables that exist for devices alone");
}

}  // namespace pagoda

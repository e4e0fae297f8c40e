#include "pagoda/software/os_config.h"

#include <array>

#include <fmt/format.h>

#include "pagoda/base/config_builder.h"
#include "pagoda/paging/page_format.h"

namespace pagoda {
namespace {

constexpr std::array<std::uint64_t, 3> kPageSizes{std::uint64_t{1} << 12, std::uint64_t{1} << 21,
                                                  std::uint64_t{1} << 30};

template <class Config>
std::optional<ConfigProblem> check_paging(const Config& config) {
  const PageFormat* format = find_page_format(config.format);
  if (format == nullptr) {
    return ConfigProblem{"format", "`" + config.format + "` is no page-table format",
                         "allowed: " + page_format_names()};
  }
  if (std::find(kPageSizes.begin(), kPageSizes.end(), config.page_size.count) == kPageSizes.end()) {
    return ConfigProblem{"page_size", to_string(config.page_size) + " is not supported",
                         "allowed: 4 KiB, 2 MiB, 1 GiB"};
  }
  return std::nullopt;
}

bool for_later_stages(const PageFormat& format) {
  return format.family == Family::ept || format.family == Family::riscv_guest || format.family == Family::armv8_stage2;
}

}  // namespace

const ConfigInfo& ChurnConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<ChurnConfig>("churn", "Pages taken away from a running process again and again.")
          .field("interval", &ChurnConfig::interval, "time between two rounds",
                 in_range(Duration{1000}, Duration{kSecond}))
          .field("pages", &ChurnConfig::pages, "pages per round", in_range(1, 1 << 20))
          .field("kind", &ChurnConfig::kind,
                 "unmap them (the next access faults) or write-protect them (the next store does)");
  return info;
}

const ConfigInfo& ShootdownConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<ShootdownConfig>("shootdown", "What making all cores forget a translation costs.")
          .field("ipi", &ShootdownConfig::ipi, "from sending an interrupt to its handler on another core")
          .field("handler", &ShootdownConfig::handler,
                 "interrupt entry, exit and acknowledgement; invalidations come on top")
          .field("full_flush_above", &ShootdownConfig::full_flush_above,
                 "more pages than this are dropped with the whole address space", in_range(0, 1 << 20))
          .field("broadcast", &ShootdownConfig::broadcast,
                 "one instruction has all cores forget a translation (Power, Arm), without interrupts")
          .field("broadcast_latency", &ShootdownConfig::broadcast_latency,
                 "until all have answered, beyond the invalidation itself",
                 in_range(Duration{0}, Duration{kMillisecond}));
  return info;
}

const ConfigInfo& OsConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<OsConfig>("operating system", "The software that owns address spaces and handles faults.")
          .field("format", &OsConfig::format, "page-table format of processes")
          .field("paging", &OsConfig::paging, "map all that a program touches before it starts, or on the first touch")
          .field("page_size", &OsConfig::page_size, "largest page to use, where memory is contiguous enough")
          .field("frames", &OsConfig::frames, "how free memory lies")
          .field("flags", &OsConfig::flags,
                 "accessed and dirty: set when mapping, by hardware on use, or by software on a fault")
          .field("minor_fault", &OsConfig::minor_fault, "a fault from entry to return, without zeroing the page")
          .field("zeroing", &OsConfig::zeroing, "rate at which new pages are cleared")
          .field("major_faults", &OsConfig::major_faults, "part of first touches that read the page from storage",
                 in_range(0.0, 1.0))
          .field("major_fault", &OsConfig::major_fault, "reading 4 KiB from storage")
          .field("shootdown", &OsConfig::shootdown, "TLB shootdown")
          .field("churn", &OsConfig::churn, "pages taken away again and again")
          .check([](const OsConfig& c) { return check_paging(c); })
          .check([](const OsConfig& c) -> std::optional<ConfigProblem> {
            if (!for_later_stages(*find_page_format(c.format))) return std::nullopt;
            return ConfigProblem{"format", c.format + " is for hypervisors",
                                 "allowed: a first-stage format such as x86-64-4 or sv48"};
          })
          .check([](const OsConfig& c) -> std::optional<ConfigProblem> {
            const bool x86 = find_page_format(c.format)->family == Family::x86;
            if (!x86 || c.flags != FlagSetting::software) return std::nullopt;
            return ConfigProblem{"flags", "x86 processors set accessed and dirty themselves",
                                 "allowed: preset, hardware"};
          })
          .check([](const OsConfig& c) -> std::optional<ConfigProblem> {
            if (c.zeroing.bytes_per_second > 0) return std::nullopt;
            return ConfigProblem{"zeroing", "is zero", "allowed: a rate such as `5.5 GB/s`"};
          });
  return info;
}

const ConfigInfo& HypervisorConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<HypervisorConfig>("hypervisor", "One more translation stage below the operating system.")
          .field("format", &HypervisorConfig::format, "page-table format")
          .field("memory", &HypervisorConfig::memory, "memory of the machine it presents",
                 in_range(Bytes{1 << 20}, Bytes{std::uint64_t{1} << 44}))
          .field("paging", &HypervisorConfig::paging, "back that memory before it is touched, or on the first touch")
          .field("page_size", &HypervisorConfig::page_size, "largest page to use, where memory is contiguous enough")
          .field("frames", &HypervisorConfig::frames, "how the free memory that it manages lies")
          .field("flags", &HypervisorConfig::flags, "accessed and dirty: set when mapping, by hardware, or by software")
          .field("exit", &HypervisorConfig::exit, "leaving the guest and entering it again")
          .field("minor_fault", &HypervisorConfig::minor_fault, "backing a page, without the exit and zeroing")
          .check([](const HypervisorConfig& c) { return check_paging(c); });
  return info;
}

StageControls controls_for(const PageFormat& format, FlagSetting setting) {
  StageControls controls;
  const bool hardware = setting != FlagSetting::software;
  controls.riscv.adue = hardware;
  controls.arm.ha = hardware;
  controls.arm.hd = hardware;
  controls.ept.accessed_dirty = setting == FlagSetting::hardware;
  if (format.family == Family::x86) controls.x86.nxe = true;
  return controls;
}

}  // namespace pagoda

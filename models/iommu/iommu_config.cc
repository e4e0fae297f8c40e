#include "pagoda/iommu/iommu_config.h"

#include <array>
#include <set>

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace {

constexpr std::uint64_t flag(unsigned index, bool set) { return set ? std::uint64_t{1} << index : 0; }

// What is wrong with where the fields of DMA control lie.
template <class Bits>
std::optional<ConfigProblem> bits_problem(const Bits& bits, const char* field, std::uint64_t usable,
                                          const char* allowed) {
  std::set<std::uint32_t> used;
  for (const auto& bit : {bits.deny, bits.deny_read, bits.deny_write, bits.copy_on_read}) {
    if (!bit) continue;
    if (*bit > 63 || (usable >> *bit & 1) == 0) {
      return ConfigProblem{field, fmt::format("bit {} is not left to software", *bit), allowed};
    }
    if (!used.insert(*bit).second) return ConfigProblem{field, fmt::format("bit {} is used twice", *bit), allowed};
  }
  return std::nullopt;
}

std::uint64_t software_bits(const char* format) { return find_page_format(format)->software_mask; }

}  // namespace

const ConfigInfo& DmaControlBits::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<DmaControlBits>("DMA control bits", "Where a leaf entry of one format says what devices may do.")
          .field("deny", &DmaControlBits::deny, "bit that denies all DMA")
          .field("deny_read", &DmaControlBits::deny_read, "bit that denies reads")
          .field("deny_write", &DmaControlBits::deny_write, "bit that denies writes")
          .field("copy_on_read", &DmaControlBits::copy_on_read, "bit that has devices read a copy, and write nothing");
  return info;
}

const ConfigInfo& DmaControlLayout::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<DmaControlLayout>("DMA control", "Fields of shared page-table entries that only the IOMMU heeds.")
          .field("riscv", &DmaControlLayout::riscv, "in Sv39, Sv48, Sv57 and their x4 variants")
          .field("x86", &DmaControlLayout::x86, "in x86-64 entries")
          .field("ept", &DmaControlLayout::ept, "in EPT entries")
          .check([](const DmaControlLayout& c) {
            const std::uint64_t with_svrsw60t59b = flag(59, true) | flag(60, true);
            return bits_problem(c.riscv, "riscv", software_bits("sv39") | with_svrsw60t59b,
                                "allowed: 8, 9, and with svrsw60t59b 59, 60");
          })
          .check([](const DmaControlLayout& c) {
            return bits_problem(c.x86, "x86", software_bits("x86-64-4"), "allowed: 9 to 11 and 52 to 58");
          })
          .check([](const DmaControlLayout& c) {
            return bits_problem(c.ept, "ept", software_bits("ept-4"), "allowed: 11 and 52 to 56");
          });
  return info;
}

IommuCapabilities IommuCapabilitiesConfig::capabilities() const {
  constexpr std::uint64_t kVersion = 0x10;
  constexpr std::uint64_t kBothInterrupts = std::uint64_t{2} << 28;  // IGS
  IommuCapabilities all;
  all.value = kVersion | kBothInterrupts | flag(9, true) | flag(10, levels >= 4) | flag(11, levels >= 5) |
              flag(14, svrsw60t59b) | flag(15, svpbmt) | flag(17, true) | flag(18, levels >= 4) |
              flag(19, levels >= 5) | flag(22, msi != MsiTables::none) | flag(23, msi == MsiTables::mrif) |
              flag(24, flag_updates) | flag(25, ats) | flag(26, t2gpa) | flag(30, counters > 0) | flag(31, true) |
              std::uint64_t{physical_bits} << 32 | flag(38, process_bits >= 8) | flag(39, process_bits >= 17) |
              flag(40, process_bits >= 20) | flag(56, true);  // DMA control
  return all;
}

const ConfigInfo& IommuCapabilitiesConfig::config_info() {
  using Config = IommuCapabilitiesConfig;
  static const ConfigInfo info =
      ConfigBuilder<Config>("IOMMU capabilities", "What an IOMMU can do (RISC-V IOMMU, register capabilities).")
          .field("physical_bits", &Config::physical_bits, "width of physical addresses (PAS)", in_range(32u, 56u))
          .field("levels", &Config::levels, "levels of page tables at most: 3 Sv39, 4 Sv48, 5 Sv57, and x4",
                 in_range(3u, 5u))
          .field("msi", &Config::msi, "MSI page tables; any needs device contexts in the extended format")
          .field("ats", &Config::ats, "PCIe address translation services and page requests")
          .field("t2gpa", &Config::t2gpa, "translation requests may be answered with guest physical addresses")
          .field("flag_updates", &Config::flag_updates, "accessed and dirty flags are set in memory (AMO_HWAD)")
          .field("svpbmt", &Config::svpbmt, "page-based memory types")
          .field("svrsw60t59b", &Config::svrsw60t59b, "bits 60:59 of entries are software's")
          .field("process_bits", &Config::process_bits, "width of process ids at most: 0, 8, 17 or 20")
          .field("custom_formats", &Config::custom_formats, "x86-64 and EPT tables, beyond the architecture")
          .field("counters", &Config::counters, "performance counters beside that of cycles", in_range(0u, 31u))
          .check([](const Config& c) -> std::optional<ConfigProblem> {
            if (!c.t2gpa || c.ats) return std::nullopt;
            return ConfigProblem{"t2gpa", "needs ats", "allowed: t2gpa: false, or ats: true"};
          })
          .check([](const Config& c) -> std::optional<ConfigProblem> {
            constexpr std::array<std::uint32_t, 4> kWidths{0, 8, 17, 20};
            if (std::find(kWidths.begin(), kWidths.end(), c.process_bits) != kWidths.end()) return std::nullopt;
            return ConfigProblem{"process_bits", fmt::format("{} is no width of a process directory", c.process_bits),
                                 "allowed: 0, 8, 17 or 20"};
          });
  return info;
}

const ConfigInfo& IommuConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<IommuConfig>("IOMMU", "An IOMMU: what it can do, its caches and walkers.")
          .field("capabilities", &IommuConfig::capabilities, "what it can do")
          .field("dma_control", &IommuConfig::dma_control, "fields of page-table entries that control DMA")
          .field("requests", &IommuConfig::requests, "requests it works on at a time; more wait on the link",
                 in_range(1u, 65'536u))
          .field("ports", &IommuConfig::ports, "requests that can start per cycle; 0: no limit", in_range(0u, 64u))
          .field("device_cache", &IommuConfig::device_cache, "cache of device contexts")
          .field("process_cache", &IommuConfig::process_cache, "cache of process contexts")
          .field("iotlb", &IommuConfig::iotlb, "cache of translations, tagged with PSCID and GSCID")
          .field("walker", &IommuConfig::walker, "walkers, and the caches that shorten walks of both stages")
          .field("invalidation", &IommuConfig::invalidation, "cost of invalidating cached translations")
          .field("command", &IommuConfig::command, "decoding a command of the queue")
          .field("registers", &IommuConfig::registers, "an access to a register")
          .field("ats_timeout", &IommuConfig::ats_timeout, "time a device has to complete an invalidation",
                 in_range(Duration{1'000'000}, Duration{100'000'000'000'000}))
          .field("clock", &IommuConfig::clock, "its clock", in_range(Frequency{1'000'000}, Frequency{20'000'000'000}))
          .check([](const IommuConfig& c) -> std::optional<ConfigProblem> {
            const auto& bits = c.dma_control.riscv;
            const auto upper = [](const std::optional<std::uint32_t>& bit) { return bit && *bit >= 59; };
            if (c.capabilities.svrsw60t59b ||
                !(upper(bits.deny) || upper(bits.deny_read) || upper(bits.deny_write) || upper(bits.copy_on_read))) {
              return std::nullopt;
            }
            return ConfigProblem{"dma_control", "bits 59 and 60 of RISC-V entries are reserved without svrsw60t59b",
                                 "allowed: 8 and 9"};
          });
  return info;
}

}  // namespace pagoda

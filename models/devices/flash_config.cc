#include "pagoda/devices/flash_config.h"

#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {
namespace {

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const FlashPreset& preset : flash_presets()) names.emplace_back(preset.name);
  return names;
}

// Members that are not written are those of the preset.
void take_flash_preset(const ConfigNode& written, FlashConfig& config) {
  const ConfigNode* name = written.find("preset");
  if (name == nullptr) return;
  if (const FlashPreset* preset = find_flash_preset(name->scalar)) config = preset->config;
}

std::optional<ConfigProblem> check_flash(const FlashConfig& c) {
  if (!std::has_single_bit(c.page.count)) {
    return ConfigProblem{"page", "not a power of two", "allowed: 2 KiB, 4 KiB, ... 64 KiB"};
  }
  if (c.write_buffer.count != 0 && c.write_buffer < c.page) {
    return ConfigProblem{"write_buffer", "smaller than a page", "allowed: 0 B, or a page and more"};
  }
  if (c.write_buffer.count == 0 && c.page.count > 4096 && !c.in_place) {
    return ConfigProblem{"write_buffer", "units of 4 KiB gather there until a page is full", "allowed: a page or more"};
  }
  return std::nullopt;
}

}  // namespace

const ConfigInfo& FlashConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<FlashConfig>("flash", "Flash, or what else a solid-state device is made of.")
          .field("preset", &FlashConfig::preset, "a device whose figures hold where none is given",
                 ConfigChoices{preset_names()})
          .field("channels", &FlashConfig::channels, "channels", in_range(1, 64))
          .field("dies", &FlashConfig::dies, "dies on each channel", in_range(1, 64))
          .field("page", &FlashConfig::page, "what is read and programmed at a time, a power of two",
                 in_range(Bytes{2048}, Bytes{65536}))
          .field("pages_per_block", &FlashConfig::pages_per_block, "what is erased at a time", in_range(2, 65536))
          .field("read", &FlashConfig::read, "time until a page is sensed")
          .field("program", &FlashConfig::program, "time until a page is written")
          .field("erase", &FlashConfig::erase, "time until a block is erased")
          .field("in_place", &FlashConfig::in_place, "pages are written where they are; nothing is erased")
          .field("suspends", &FlashConfig::suspends, "programs and erasures give way to reads")
          .field("suspend", &FlashConfig::suspend, "time that takes")
          .field("channel_rate", &FlashConfig::channel_rate, "of a channel", in_range(Bandwidth{1e6}, Bandwidth{1e12}))
          .field("command", &FlashConfig::command, "time a command takes on a channel")
          .field("controller", &FlashConfig::controller, "time a command takes in the controller")
          .field("controller_rate", &FlashConfig::controller_rate, "of the controller's data path, in each direction",
                 in_range(Bandwidth{1e6}, Bandwidth{1e12}))
          .field("write_buffer", &FlashConfig::write_buffer, "written data not programmed yet; 0 B: none",
                 in_range(Bytes{0}, Bytes{std::uint64_t{16} << 30}))
          .field("over_provision", &FlashConfig::over_provision,
                 "flash on top of the capacity, as a share of it; at least what collecting needs", in_range(0.0, 4.0))
          .field("gc_threshold", &FlashConfig::gc_threshold, "free blocks of a die below which it collects",
                 in_range(2, 1024))
          .field("endurance", &FlashConfig::endurance, "erasures that a block stands; 0: any number")
          .prepare(take_flash_preset)
          .check(check_flash);
  return info;
}

}  // namespace pagoda

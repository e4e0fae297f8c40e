// The parameters of a flash device.
//
// Defaults are those of the preset `z-nand`; flash_presets.cc names the source of each figure.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

struct FlashConfig {
  std::string preset = "z-nand";
  std::uint32_t channels = 8;
  std::uint32_t dies = 8;  ///< on each channel
  Bytes page{4096};
  std::uint32_t pages_per_block = 256;
  Duration read{3 * kMicrosecond};
  Duration program{100 * kMicrosecond};
  Duration erase{kMillisecond};
  bool in_place = false;               ///< pages are written where they are, and nothing is ever erased
  Duration suspend{2 * kMicrosecond};  ///< until a program or an erasure under way gives way to a read
  bool suspends = true;                ///< it does at all
  Bandwidth channel_rate{800e6};
  Duration command{200 * kNanosecond};    ///< on the channel, of each operation
  Duration controller{8 * kMicrosecond};  ///< of a command, in front of channels and dies
  Bandwidth controller_rate{3.4e9};
  Bytes write_buffer{16 << 20};
  double over_provision = 0.28;    ///< of the capacity, on top of it
  std::uint32_t gc_threshold = 4;  ///< free blocks of a die below which it collects
  std::uint64_t endurance = 0;     ///< erasures that a block stands; 0: any number

  static const ConfigInfo& config_info();
};

/// All members of FlashConfig but `preset` follow from its name.
struct FlashPreset {
  std::string_view name;
  FlashConfig config;
};
std::span<const FlashPreset> flash_presets();
/// The preset of that name, or nullptr.
const FlashPreset* find_flash_preset(std::string_view name);

}  // namespace pagoda

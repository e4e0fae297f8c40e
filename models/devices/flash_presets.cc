// The named flash devices, each figure with its source.
//
// Where no source is named, a figure is round: dies and channels such that the device's bandwidth comes out, small
// blocks so that devices of some hundred megabytes collect as large ones do, a quarter of the capacity on top as devices
// for many writes have it.
#include <array>

#include "pagoda/devices/flash_config.h"

namespace pagoda {
namespace {

// Samsung's first Z-NAND, as in the 983 ZET. Read 3 us, program 100 us, pages of 2 or 4 KiB: Samsung at ISSCC 2018, as
// quoted in B. Tallis, "The Samsung 983 ZET (Z-NAND) SSD Review", AnandTech 2019, page 2. The controller's time is such
// that a read of 4 KiB takes about 18 us, 3.4 GB/s what the drive is specified for. Erasure, suspension, and a channel
// of 800 MT/s are round figures.
FlashConfig z_nand() { return {}; }

// A drive of 64-layer TLC. Read 60 us, program 700 us, pages of 16 KiB: the table "Samsung 3D NAND Comparison" of the
// same review (64L TLC). Channel of 667 MT/s and an erasure of 15 ms: data sheet UT81NDQ512G8T of CAES (TLC, NV-DDR3,
// "erase block time 15 ms (typ)"). With the controller's time a read takes about 80 us, as the drives of that kind
// measured in B. Tallis, "The Intel Optane SSD DC P4800X Review", AnandTech 2017, page 4 (P3700: 77.9 us).
FlashConfig tlc_nvme() {
  return {.preset = "tlc-nvme",
          .channels = 8,
          .dies = 4,
          .page = {16384},
          .pages_per_block = 256,
          .read = {60 * kMicrosecond},
          .program = {700 * kMicrosecond},
          .erase = {15 * kMillisecond},
          .suspend = {20 * kMicrosecond},
          .channel_rate = {667e6},
          .controller = {10 * kMicrosecond},
          .controller_rate = {3.2e9},
          .write_buffer = {32 << 20},
          .over_provision = 0.1};
}

// As Intel's Optane SSD DC P4800X. Reads of 4 KiB in 8.9 us at queue depth 1 and 585,000 a second at depth 16 with the
// host's part, 2.4 GB/s reading and 2.0 GB/s writing, less than 10 us typical for both: the same review, page 4, and
// its table of specifications. Seven channels and 28 dies are those of the 375 GB model. How the time is shared between
// controller and dies is a choice; there is no buffer whose contents would not be safe, and no collecting.
FlashConfig xpoint() {
  return {.preset = "3d-xpoint",
          .channels = 7,
          .dies = 4,
          .page = {4096},
          .read = {kMicrosecond},
          .program = {2 * kMicrosecond},
          .in_place = true,
          .suspends = false,
          .channel_rate = {1.6e9},
          .controller = {2 * kMicrosecond},
          .controller_rate = {2.4e9},
          .write_buffer = {0},
          .over_provision = 0};
}

}  // namespace

std::span<const FlashPreset> flash_presets() {
  static const std::array presets{FlashPreset{"z-nand", z_nand()}, FlashPreset{"tlc-nvme", tlc_nvme()},
                                  FlashPreset{"3d-xpoint", xpoint()}};
  return presets;
}

const FlashPreset* find_flash_preset(std::string_view name) {
  for (const FlashPreset& preset : flash_presets()) {
    if (preset.name == name) return &preset;
  }
  return nullptr;
}

}  // namespace pagoda

// Flash whose time is that of its dies alone: pages are written in place, with nothing in front of them.
#pragma once

#include "pagoda/devices/flash_config.h"

namespace pagoda::testing {

struct SimpleFlash {
  std::uint32_t channels;
  std::uint32_t dies;  ///< on each
  Ps read;
  Ps program;
};

/// A byte takes a picosecond, twice: a channel's and the controller's.
inline FlashConfig simple_flash(const SimpleFlash& flash) {
  return {.channels = flash.channels,
          .dies = flash.dies,
          .read = {flash.read},
          .program = {flash.program},
          .in_place = true,
          .suspends = false,
          .channel_rate = {1e12},
          .command = {0},
          .controller = {0},
          .controller_rate = {1e12},
          .write_buffer = {0}};
}

}  // namespace pagoda::testing

#include "platforms/live_migration_config.h"

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& EmulationConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<EmulationConfig>("emulation", "What it takes when software carries out a device's transfers.")
          .field("exit", &EmulationConfig::exit, "taken from a processor of the process for each transfer",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .field("transfer", &EmulationConfig::transfer, "software's time for a transfer, one after the other",
                 in_range(Duration{0}, Duration{kMillisecond}))
          .field("copying", &EmulationConfig::copying, "of its data, on top",
                 in_range(Bandwidth{1e6}, Bandwidth{1e12}));
  return info;
}

const ConfigInfo& LiveMigrationConfig::config_info() {
  using C = LiveMigrationConfig;
  static const ConfigInfo info =
      ConfigBuilder<C>("migration", "A process or a virtual machine that moves, with its devices, to another machine.")
          .field(
              "unit", &C::unit,
              "what moves: a process, or the machine that the last of the hypervisors runs; its dirty flags and write "
              "protection are then those of that hypervisor's tables, and its devices use guest-physical addresses")
          .field("cpu", &C::cpu,
                 "the core whose process migrates, with all devices that share it; not with unit: machine")
          .field("manager", &C::manager, "the software that does it")
          .field("link", &C::link, "to the other machine")
          .field("processors", &C::processors, "how pages are found that processors have written")
          .field("devices", &C::devices, "how pages are found that devices have written")
          .field("log", &C::log, "of the devices, with devices: log; they need dma.dirty_log")
          .field("emulation", &C::emulation, "with devices: emulated")
          .field("guest", &C::guest,
                 "range of the process's addresses from its lowest on, all of which devices may write and logs cover; "
                 "0: what its programs and devices use. Of a machine: more than 0 is all of it",
                 in_range(Bytes{0}, Bytes{std::uint64_t{1} << 44}))
          .field("content", &C::content, "share of the 64-byte lines of its memory that are not zero at the start",
                 in_range(0.0, 1.0))
          .field("reset_at", &C::reset_at, "when the devices' dirty loggers are reset, by surprise; none: never")
          .check([](const C& c) -> std::optional<ConfigProblem> {
            if (!c.manager.moves_first() || !c.link.fails_at || c.link.repaired_after) return std::nullopt;
            return ConfigProblem{"link", "fails for good, and a process that has moved first could not go on",
                                 "allowed: repaired_after, or a mode without post-copy"};
          });
  return info;
}

}  // namespace pagoda

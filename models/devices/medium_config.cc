#include "pagoda/devices/medium_config.h"

#include <bit>

#include "pagoda/base/config_builder.h"

namespace pagoda {

const ConfigInfo& RemoteMemoryConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<RemoteMemoryConfig>("remote memory", "The memory of another machine, as storage.")
          .field("rate", &RemoteMemoryConfig::rate, "of the network, in each direction",
                 in_range(Bandwidth{1e6}, Bandwidth{1e13}))
          .field("latency", &RemoteMemoryConfig::latency, "of the network, one way")
          .field("headers", &RemoteMemoryConfig::headers, "around each message of at most 4 KiB",
                 in_range(Bytes{0}, Bytes{1024}))
          .field("service", &RemoteMemoryConfig::service, "time a command takes at the other machine")
          .field("servers", &RemoteMemoryConfig::servers, "commands served there at a time; 0: no limit",
                 in_range(0, 4096));
  return info;
}

const ConfigInfo& MediumFaultConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<MediumFaultConfig>("medium faults", "What goes wrong with a storage medium.")
          .field("read_errors", &MediumFaultConfig::read_errors, "share of reads that fail", in_range(0.0, 1.0))
          .field("write_errors", &MediumFaultConfig::write_errors, "share of writes that fail", in_range(0.0, 1.0))
          .field("timeouts", &MediumFaultConfig::timeouts, "share of commands that the medium gives up",
                 in_range(0.0, 1.0))
          .field("recovery", &MediumFaultConfig::recovery, "until a failure is told of")
          .field("timeout", &MediumFaultConfig::timeout, "until a command is given up")
          .field("seed", &MediumFaultConfig::seed, "which commands")
          .check([](const MediumFaultConfig& c) -> std::optional<ConfigProblem> {
            if (c.timeouts + std::max(c.read_errors, c.write_errors) <= 1) return std::nullopt;
            return ConfigProblem{"timeouts", "more than all commands fail",
                                 "allowed: with read_errors or write_errors at most 1"};
          });
  return info;
}

const ConfigInfo& MediumConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<MediumConfig>("medium", "What a storage device keeps its blocks in.")
          .field("kind", &MediumConfig::kind, "what it is")
          .field("capacity", &MediumConfig::capacity, "of all blocks",
                 in_range(Bytes{65536}, Bytes{std::uint64_t{1} << 43}))
          .field("block", &MediumConfig::block, "of a block, a power of two", in_range(Bytes{512}, Bytes{4096}))
          .field("flash", &MediumConfig::flash, "if it is flash")
          .field("remote", &MediumConfig::remote, "if it is the memory of another machine")
          .field("faults", &MediumConfig::faults, "what goes wrong")
          .check([](const MediumConfig& c) -> std::optional<ConfigProblem> {
            if (!std::has_single_bit(c.block.count)) {
              return ConfigProblem{"block", "not a power of two", "allowed: 512 B, 1 KiB, 2 KiB, 4 KiB"};
            }
            if (c.capacity.count % 65536 != 0) {
              return ConfigProblem{"capacity", "not a whole number of 64 KiB", "allowed: a multiple of 64 KiB"};
            }
            if (c.kind == MediumKind::flash && c.block > c.flash.page) {
              return ConfigProblem{"block", "larger than a page of the flash", "allowed: at most flash.page"};
            }
            return std::nullopt;
          });
  return info;
}

}  // namespace pagoda

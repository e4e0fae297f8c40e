// pagoda describe: what can be set in a platform file or a sweep file.
#include <fmt/format.h>

#include "platforms/platform_config.h"
#include "sc_main/commands.h"
#include "sc_main/sweep/sweep_config.h"

namespace pagoda {

void add_describe(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("describe", "Say what can be set in a platform file: keys, units, defaults, ranges");
  auto path = std::make_shared<std::string>();
  auto markdown = std::make_shared<bool>(false);
  command->add_option("path", *path, "A part of the platform, for example cpus.mmu.dtlb; all of it if left out");
  command->add_flag("--markdown", *markdown, "Print the whole reference in Markdown (docs/platforms.md)");
  auto sweep = std::make_shared<bool>(false);
  command->add_flag("--sweep", *sweep, "Say what can be set in a sweep file instead");
  command->callback([path, markdown, sweep, &chosen] {
    chosen = [path, markdown, sweep] {
      const ConfigInfo& root = *sweep ? SweepConfig::config_info() : PlatformConfig::config_info();
      fmt::print("{}", *markdown ? config_reference(root) : describe_config(root, *path));
      return 0;
    };
  });
}

}  // namespace pagoda

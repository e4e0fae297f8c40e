// pagoda describe: what can be set in a platform file.
#include <fmt/format.h>

#include "platforms/platform_config.h"
#include "sc_main/commands.h"

namespace pagoda {

void add_describe(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("describe", "Say what can be set in a platform file: keys, units, defaults, ranges");
  auto path = std::make_shared<std::string>();
  auto markdown = std::make_shared<bool>(false);
  command->add_option("path", *path, "A part of the platform, for example cpus.mmu.dtlb; all of it if left out");
  command->add_flag("--markdown", *markdown, "Print the whole reference in Markdown (docs/platforms.md)");
  command->callback([path, markdown, &chosen] {
    chosen = [path, markdown] {
      const ConfigInfo& root = PlatformConfig::config_info();
      fmt::print("{}", *markdown ? config_reference(root) : describe_config(root, *path));
      return 0;
    };
  });
}

}  // namespace pagoda

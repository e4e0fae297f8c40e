// pagoda schema: the JSON Schema of platform and sweep files, for editors.
#include <fmt/format.h>

#include "platforms/platform_config.h"
#include "sc_main/commands.h"
#include "sc_main/sweep/sweep_config.h"

namespace pagoda {

void add_schema(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("schema", "Print the JSON Schema of platform files, for editors");
  auto sweep = std::make_shared<bool>(false);
  command->add_flag("--sweep", *sweep, "Of sweep files instead");
  command->callback([sweep, &chosen] {
    chosen = [sweep] {
      fmt::print("{}", *sweep ? config_json_schema(SweepConfig::config_info(), "Pagoda sweep")
                              : config_json_schema(PlatformConfig::config_info(), "Pagoda platform"));
      return 0;
    };
  });
}

}  // namespace pagoda

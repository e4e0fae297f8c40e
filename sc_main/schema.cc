// pagoda schema: the JSON Schema of platform files, for editors.
#include <fmt/format.h>

#include "platforms/platform_config.h"
#include "sc_main/commands.h"

namespace pagoda {

void add_schema(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("schema", "Print the JSON Schema of platform files, for editors");
  command->callback([&chosen] {
    chosen = [] {
      fmt::print("{}", config_json_schema(PlatformConfig::config_info(), "Pagoda platform"));
      return 0;
    };
  });
}

}  // namespace pagoda

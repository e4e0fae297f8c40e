// pagoda check: is a platform file right, in every variant?
#include <fmt/format.h>

#include "platforms/loader.h"
#include "platforms/platform.h"
#include "sc_main/commands.h"

namespace pagoda {

void add_check(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("check", "Check a platform file, with all its variants, without running it");
  auto request = std::make_shared<PlatformRequest>();
  command->add_option("platform", request->platform, "A platform file, or the name of a shipped platform")->required();
  command->add_option("--set", request->sets, "Change a value: PATH=VALUE (repeatable)");
  command->callback([request, &chosen] {
    chosen = [request] {
      const PlatformConfig config = load_platform(*request);
      validated(config);
      for (const VariantConfig& variant : config.variants) {
        PlatformRequest with_variant = *request;
        with_variant.variant = variant.name;
        validated(load_platform(with_variant));
      }
      fmt::print("{}: ok, {} variant{}\n", config.name, config.variants.size(), config.variants.size() == 1 ? "" : "s");
      return 0;
    };
  });
}

}  // namespace pagoda

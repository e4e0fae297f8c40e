// pagoda platforms: what comes with Pagoda.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "platforms/loader.h"
#include "sc_main/commands.h"
#include "sc_main/table.h"

namespace pagoda {

namespace {

// Their names, as far as they fit beside other columns.
std::string listed(const std::vector<std::string>& variants) {
  constexpr std::size_t kMostNames = 4;
  if (variants.size() <= kMostNames) return fmt::format("{}", fmt::join(variants, ", "));
  return fmt::format("{}, {} ... {} ({})", variants[0], variants[1], variants.back(), variants.size());
}

}  // namespace

void add_platforms(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("platforms", "List the shipped platforms and their variants");
  auto json = std::make_shared<bool>(false);
  command->add_flag("--json", *json, "Print JSON");
  command->callback([json, &chosen] {
    chosen = [json] {
      Table table({"PLATFORM", "VARIANTS", "DESCRIPTION"});
      nlohmann::ordered_json list = nlohmann::ordered_json::array();
      for (const ShippedPlatform& shipped : shipped_platforms()) {
        const PlatformConfig config = load_platform({.platform = shipped.file});
        std::vector<std::string> variants;
        for (const VariantConfig& variant : config.variants) variants.push_back(variant.name);
        table.add({shipped.name, listed(variants), config.description});
        list.push_back({{"name", shipped.name},
                        {"file", shipped.file},
                        {"description", config.description},
                        {"variants", variants}});
      }
      fmt::print("{}", *json ? list.dump(2) + "\n" : table.print(true));
      return 0;
    };
  });
}

}  // namespace pagoda

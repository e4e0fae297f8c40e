// The text of a platform file gives a configuration or a UserError, nothing else. Comments `#set PATH=VALUE` in it are
// applied as --set, so that a fuzzer finds its way into those too.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/require.h"
#include "pagoda/base/error.h"
#include "platforms/loader.h"

namespace pagoda::fuzz {
namespace {

constexpr const char* kFile = "/nonexistent/input.yaml";

std::vector<std::string> sets_in(std::string_view text) {
  constexpr std::string_view kMark = "\n#set ";
  std::vector<std::string> sets;
  for (std::size_t at = text.find(kMark); at != std::string_view::npos; at = text.find(kMark, at)) {
    at += kMark.size();
    sets.emplace_back(text.substr(at, text.find('\n', at) - at));
  }
  return sets;
}

std::optional<PlatformConfig> parse(std::string_view text, const PlatformRequest& request) {
  try {
    return parse_platform(text, kFile, request);
  } catch (const UserError& error) {
    const std::string_view message = error.what();
    require(message.starts_with(kFile) || message.starts_with("--set:"), "a message names the place");
    require(message.find('\n') == std::string_view::npos, "a message is one line");
    return std::nullopt;
  }
}

void check_platform(std::string_view text) {
  PlatformRequest request;
  const std::optional<PlatformConfig> config = parse(text, request);
  if (config) {
    validated(*config);
    // What a run writes beside its results repeats it.
    const std::string resolved = to_yaml(to_node(*config));
    PlatformConfig again;
    bind_config(parse_yaml(resolved, "resolved"), again);
    require(to_yaml(to_node(again)) == resolved, "the resolved platform is the platform");
    if (!config->variants.empty()) {
      request.variant = config->variants.front().name;
      parse(text, request);
    }
  }
  request.sets = sets_in(text);
  if (!request.sets.empty()) parse(text, request);
}

}  // namespace
}  // namespace pagoda::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pagoda::fuzz::check_platform({reinterpret_cast<const char*>(data), size});
  return 0;
}

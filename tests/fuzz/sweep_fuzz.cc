// The text of a sweep file gives a plan or a UserError, nothing else; and every point of a plan is a platform or a
// UserError. The platform is always the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/require.h"
#include "pagoda/base/error.h"
#include "sc_main/sweep/plan.h"
#include "sc_main/sweep/sweep_folder.h"

namespace pagoda::fuzz {
namespace {

constexpr const char* kFile = "/nonexistent/sweep.yaml";
constexpr const char* kPlatform =
    "name: small\n"
    "cpus: [{core: {fetch: false}, workload: {pattern: {kind: random, count: 100}}}]\n"
    "variants:\n"
    "  - {name: base}\n"
    "  - {name: large, set: {cpus.*.mmu.dtlb.entries: 128}}\n";

void check_message(const UserError& error) {
  const std::string_view message = error.what();
  require(message.starts_with(kFile), "a message names the place");
  require(message.find('\n') == std::string_view::npos, "a message is one line");
}

void check_point(const SweepPlan& plan, std::size_t number) {
  const Point point = plan.point(number);
  require(point.platform < plan.platforms().size() && point.repeat < plan.config().repeats, "a point is of the sweep");
  const std::vector<ConfigNode> values = plan.values(point);
  require(values.size() == plan.parameters().size(), "a point has a value of each parameter");
  for (std::size_t i = 0; i < values.size(); ++i) plan.parameters()[i].shown(values[i]);
  plan.label(point);
  try {
    plan.resolve(point);
  } catch (const UserError& error) {
    check_message(error);
  }
}

void check_sweep(std::string_view text) {
  SweepSources sources;
  sources.sweep = {kFile, std::string(text)};
  sources.platforms = {{"/nonexistent/small.yaml", kPlatform}};
  try {
    const SweepPlan plan(std::move(sources));
    SweepManifest::identity_of(plan);
    require(plan.size() > 0, "a sweep has points");
    constexpr std::size_t kFirst = 5;
    for (std::size_t number = 0; number < std::min(plan.size(), kFirst); ++number) check_point(plan, number);
    check_point(plan, plan.size() / 2);
    check_point(plan, plan.size() - 1);
  } catch (const UserError& error) {
    check_message(error);
  }
}

}  // namespace
}  // namespace pagoda::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  pagoda::fuzz::check_sweep({reinterpret_cast<const char*>(data), size});
  return 0;
}

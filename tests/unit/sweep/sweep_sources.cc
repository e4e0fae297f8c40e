#include "unit/sweep/sweep_sources.h"

#include "pagoda/base/error.h"

namespace pagoda::testing {

SweepSources sources_of(const std::string& rest) {
  constexpr const char* kPlatform =
      "name: small\n"
      "seed: 10\n"
      "cpus:\n"
      "  - core: {fetch: false}\n"
      "    workload: {pattern: {kind: random, count: 100}}\n"
      "variants:\n"
      "  - {name: a, description: the first}\n"
      "  - {name: b1, set: {cpus.*.mmu.dtlb.entries: 32}}\n"
      "  - {name: b2, set: {cpus.*.mmu.dtlb.entries: 128}}\n";
  SweepSources sources;
  sources.sweep = {"/nowhere/sweep.yaml", "name: test\nplatform: small\n" + rest};
  sources.platforms = {{"/nowhere/small.yaml", kPlatform}};
  return sources;
}

std::string refusal_of(const std::string& rest) {
  try {
    const SweepPlan plan(sources_of(rest));
    plan.check();
    return {};
  } catch (const UserError& error) {
    return error.what();
  }
}

}  // namespace pagoda::testing

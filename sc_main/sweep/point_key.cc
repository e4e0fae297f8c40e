#include "sc_main/sweep/point_key.h"

#include "platforms/platform.h"
#include "sc_main/sweep/digest.h"
#include "sc_main/sweep/parameter.h"

namespace pagoda {

const std::string& KeyMaker::digest_of_trace(const std::string& path) {
  const auto [entry, fresh] = traces_.try_emplace(path);
  if (fresh) entry->second = digest_of_file(path);
  return entry->second;
}

PointKey KeyMaker::key_of(const PlatformConfig& config) {
  PlatformConfig bare = with_clocks(config);
  bare.name.clear();
  bare.description.clear();
  bare.variants.clear();
  for (CpuConfig& cpu : bare.cpus) {
    if (!cpu.workload.trace.empty()) cpu.workload.trace = digest_of_trace(cpu.workload.trace);
  }
  PointKey key;
  key.content = digest_of(one_line(to_node(bare)));
  key.full = digest_of(key.content + program_);
  return key;
}

}  // namespace pagoda

// Checks a DRAM command schedule against the rules of the JEDEC standards, independently of the scheduler: its own
// conversion of parameters, its own bookkeeping, every rule between every two commands it applies to.
#pragma once

#include <string>
#include <vector>

#include "pagoda/memory/dram_command.h"
#include "pagoda/memory/dram_config.h"

namespace pagoda::test {

class CommandRecorder : public DramObserver {
 public:
  void on_command(const DramCommand& command) override { commands_.push_back(command); }
  const std::vector<DramCommand>& commands() const { return commands_; }
  std::vector<DramCommand> of_kind(DramCommand::Kind kind) const;

 private:
  std::vector<DramCommand> commands_;
};

/// The shortest time that a parameter stands for: what a controller may have rounded a duration to.
Ps least(const Latency& value, const DramTimings& timings);

/// Every broken rule, one line each, at most 20.
std::vector<std::string> broken_rules(const DramConfig& config, std::vector<DramCommand> commands);

}  // namespace pagoda::test

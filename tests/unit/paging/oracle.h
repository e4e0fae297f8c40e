// A second translator, written straight from the specifications and sharing nothing with the walk but the names of its
// inputs: plain recursion, one function per architecture, bit numbers as the manuals print them. Slow on purpose.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pagoda/paging/stage.h"

namespace pagoda::test {

/// What happens to be in the entry at `address` when stage `stage` reads it at `level`.
using EntryMemory = std::function<std::uint64_t&(Addr address, unsigned stage, unsigned level)>;

struct OracleResult {
  bool done = false;
  Addr output = 0;
  unsigned page_shift = 63;
  unsigned reads = 0;
  std::vector<std::string> updates;  ///< "stage:level:address:old>new"
  // If not done:
  unsigned fault_stage = 0;
  std::string fault;  ///< what the architecture reports: page, violation, misconfig, ...
  bool implicit = false;
  bool implicit_write = false;
  Addr stage_address = 0;
};

struct OracleRequest {
  Addr address;
  char access;  ///< r, w, x
  bool user;
  bool ac = false;
  bool hlvx = false;
};

/// Translates through x86-64, EPT, RISC-V and Arm stages; as second stages x86-64 tables follow AMD's nested paging.
OracleResult oracle_translate(const std::vector<Stage>& stages, const OracleRequest& request,
                              const EntryMemory& memory);

}  // namespace pagoda::test

// The commands that a DRAM controller sends to its devices, for whoever wants to watch them.
#pragma once

#include <cstdint>

#include "pagoda/base/time.h"
#include "pagoda/memory/dram_address_map.h"

namespace pagoda {

struct DramCommand {
  enum class Kind : std::uint8_t { activate, precharge, read, write, refresh, use, transfer };

  Kind kind;
  /// Of a use: when logic beside the array begins to work on the open row. Of a transfer from a buffer beside the array:
  /// when an RD with that data would be.
  Ps time;
  DramAddress where;  ///< as far as the kind of command needs it; precharge says the row it closes
};

/// Is told every command once its time is final. Requests are served in call order, so commands do not come
/// in time order: an ACT, RD or WR comes with its request, a PRE and a REF only when nothing can change them
/// any more.
class DramObserver {
 public:
  virtual ~DramObserver() = default;
  virtual void on_command(const DramCommand& command) = 0;
};

}  // namespace pagoda

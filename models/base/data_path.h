// Moves bytes beside the time a module keeps itself, as a cache or a page-table walker does: memory holds the only copy
// of data, so they come from there, without time.
#pragma once

#include <optional>

#include <tlm>

#include "pagoda/base/access.h"

namespace pagoda {

/// Reads and writes bytes below a socket: through a direct memory pointer where the target grants one (caches pass on
/// the pointers of what lies below them to those that keep time, see Attributes::keeps_time), else with transport_dbg.
class DataPath {
 public:
  using Below = tlm::tlm_fw_transport_if<>;

  explicit DataPath(Below& below) : below_(below) {}

  /// False if nothing below holds all of the range.
  bool move(tlm::tlm_command command, Addr address, unsigned char* data, unsigned length);
  /// Copies the payload's bytes, honouring byte enables and streaming width.
  bool serve(tlm::tlm_generic_payload& payload);
  /// Has the host fetch bytes that serve() will soon be asked for.
  [[gnu::always_inline]] void prefetch(Addr address) const {  // else the compiler takes it for a call without effect
    if (region_ &&
        address - region_->get_start_address() <= region_->get_end_address() - region_->get_start_address()) {
      __builtin_prefetch(region_->get_dmi_ptr() + (address - region_->get_start_address()));
    }
  }
  /// The target takes its direct pointers back.
  void forget_pointers() {
    region_.reset();
    may_ask_ = true;
  }

 private:
  std::optional<tlm::tlm_dmi> region_;
  bool may_ask_ = true;
  Below& below_;
};

}  // namespace pagoda

#include "pagoda/base/data_path.h"

#include <algorithm>
#include <cstring>

#include "pagoda/base/attributes.h"

namespace pagoda {

bool DataPath::move(tlm::tlm_command command, Addr address, unsigned char* data, unsigned length) {
  const auto inside = [&] {
    return region_ && address >= region_->get_start_address() && address + length - 1 <= region_->get_end_address();
  };
  if (length == 0) return true;
  if (!inside() && may_ask_) {
    tlm::tlm_generic_payload ask;
    Attributes attributes;
    attributes.keeps_time = true;
    ask.set_extension(&attributes);
    ask.set_address(address);
    ask.set_command(command);
    tlm::tlm_dmi granted;
    may_ask_ = below_.get_direct_mem_ptr(ask, granted);
    ask.clear_extension(&attributes);
    if (may_ask_ && granted.is_read_write_allowed()) region_ = granted;
  }
  if (inside()) {
    unsigned char* bytes = region_->get_dmi_ptr() + (address - region_->get_start_address());
    if (command == tlm::TLM_WRITE_COMMAND) {
      std::memcpy(bytes, data, length);
    } else {
      std::memcpy(data, bytes, length);
    }
    return true;
  }
  tlm::tlm_generic_payload debug;
  debug.set_command(command);
  debug.set_address(address);
  debug.set_data_ptr(data);
  debug.set_data_length(length);
  debug.set_streaming_width(length);
  return below_.transport_dbg(debug) == length;
}

bool DataPath::serve(tlm::tlm_generic_payload& payload) {
  const unsigned length = payload.get_data_length();
  const unsigned width = payload.get_streaming_width() == 0 ? length : std::min(payload.get_streaming_width(), length);
  const unsigned char* enable = payload.get_byte_enable_ptr();
  if (enable == nullptr && width == length) {
    return move(payload.get_command(), payload.get_address(), payload.get_data_ptr(), length);
  }
  for (unsigned i = 0; i < length; ++i) {
    if (enable != nullptr && enable[i % payload.get_byte_enable_length()] == 0) continue;
    if (!move(payload.get_command(), payload.get_address() + i % width, payload.get_data_ptr() + i, 1)) return false;
  }
  return true;
}

}  // namespace pagoda

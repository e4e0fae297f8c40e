#include "pagoda/base/data_path.h"

#include <algorithm>

#include "pagoda/base/attributes.h"

namespace pagoda {

bool DataPath::move_elsewhere(tlm::tlm_command command, Addr address, unsigned char* data, unsigned length) {
  if (length == 0) return true;
  if (may_ask_) {
    tlm::tlm_generic_payload ask;
    Attributes attributes;
    attributes.keeps_time = true;
    ask.set_extension(&attributes);
    ask.set_address(address);
    ask.set_command(command);
    tlm::tlm_dmi granted;
    may_ask_ = below_.get_direct_mem_ptr(ask, granted);
    ask.clear_extension(&attributes);
    if (may_ask_ && granted.is_read_write_allowed()) {
      host_ = granted.get_dmi_ptr();
      begin_ = granted.get_start_address();
      last_ = granted.get_end_address() - begin_;
    }
    if (reaches(address, length)) {
      copy(command, host_ + (address - begin_), data, length);
      return true;
    }
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

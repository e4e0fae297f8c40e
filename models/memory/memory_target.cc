#include "pagoda/memory/memory_target.h"

#include <algorithm>
#include <cstring>

namespace pagoda {

MemoryTarget::MemoryTarget(PhysicalMemory& memory, Addr base, std::uint64_t size)
    : memory_(memory), base_(base), size_(0) {
  if (memory.contains(base, 1)) size_ = std::min(size, memory.size() - (base - memory.base()));
}

bool MemoryTarget::accepts(tlm::tlm_generic_payload& payload) const {
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) {
    payload.set_response_status(tlm::TLM_OK_RESPONSE);
    return false;
  }
  const unsigned length = payload.get_data_length();
  if (payload.get_streaming_width() == 0 && length != 0) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
    return false;
  }
  if (!contains(payload.get_address(), std::min(length, payload.get_streaming_width()))) {
    payload.set_response_status(tlm::TLM_ADDRESS_ERROR_RESPONSE);
    return false;
  }
  return true;
}

void MemoryTarget::serve(tlm::tlm_generic_payload& payload, bool timing_only) {
  payload.set_response_status(tlm::TLM_OK_RESPONSE);
  payload.set_dmi_allowed(true);
  const unsigned length = payload.get_data_length();
  if (timing_only || length == 0) return;
  const unsigned width = std::min(length, payload.get_streaming_width());
  const unsigned char* enable = payload.get_byte_enable_ptr();
  unsigned char* data = payload.get_data_ptr();
  unsigned char* bytes = memory_.data(payload.get_address());
  if (enable == nullptr && width == length) {
    payload.is_write() ? std::memcpy(bytes, data, length) : std::memcpy(data, bytes, length);
    return;
  }
  for (unsigned i = 0; i < length; ++i) {
    if (enable != nullptr && enable[i % payload.get_byte_enable_length()] == 0) continue;
    payload.is_write() ? bytes[i % width] = data[i] : data[i] = bytes[i % width];
  }
}

unsigned MemoryTarget::debug(tlm::tlm_generic_payload& payload) {
  const Addr offset = payload.get_address() - base_;
  if (payload.get_command() == tlm::TLM_IGNORE_COMMAND || offset >= size_) return 0;
  const auto length = static_cast<unsigned>(std::min<std::uint64_t>(payload.get_data_length(), size_ - offset));
  unsigned char* bytes = memory_.data(payload.get_address());
  payload.is_write() ? std::memcpy(bytes, payload.get_data_ptr(), length)
                     : std::memcpy(payload.get_data_ptr(), bytes, length);
  return length;
}

bool MemoryTarget::direct_pointer(tlm::tlm_dmi& granted) {
  granted.init();
  if (size_ == 0) return false;
  granted.allow_read_write();
  granted.set_dmi_ptr(memory_.data(base_));
  granted.set_start_address(base_);
  granted.set_end_address(base_ + size_ - 1);
  return true;
}

}  // namespace pagoda

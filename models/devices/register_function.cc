#include "pagoda/devices/register_function.h"

namespace pagoda {

RegisterFunction::RegisterFunction() : writes_([this](const Write& write, Ps at) { take(write, at); }) {}

void RegisterFunction::attach(DeviceServices& services) {
  services_ = &services;
  writes_.attach(services);
  for (InterruptLine* line : interrupts_) line->attach(services);
}

std::optional<std::uint64_t> RegisterFunction::read_register(Addr offset, Ps /*at*/) {
  switch (offset) {
    case kStatus:
      for (const InterruptLine* line : interrupts_) {
        if (line->failed()) report(DeviceError::message_fault);
      }
      return status_;
    case kMessageAddress: return message_address_;
    case kMessageData: return message_data_;
    default: return read(offset);
  }
}

bool RegisterFunction::write_register(Addr offset, std::uint64_t value, Ps at) {
  if (offset != kStatus && offset != kMessageAddress && offset != kMessageData && !writable(offset)) return false;
  writes_.post(at, {offset, value});
  return true;
}

void RegisterFunction::take(const Write& write, Ps at) {
  switch (write.offset) {
    case kStatus:
      status_ &= ~write.value;
      for (InterruptLine* line : interrupts_) line->clear_failed();
      return;
    case kMessageAddress: message_address_ = write.value; break;
    case kMessageData: message_data_ = static_cast<std::uint32_t>(write.value); break;
    default: return written(write.offset, write.value, at);
  }
  for (std::uint32_t i = 0; i < interrupts_.size(); ++i) {
    interrupts_[i]->set_message(message_address_, message_data_ + i);
  }
}

}  // namespace pagoda

// A payload for a part of another one, for modules that have to cut requests: at pages, at the size of a packet.
#pragma once

#include <vector>

#include "pagoda/base/transaction.h"

namespace pagoda {

class PayloadPart {
 public:
  /// The `length` bytes of `whole` from `offset` on, at an address of their own.
  PayloadPart(const tlm::tlm_generic_payload& whole, const Attributes& attributes, unsigned offset, unsigned length,
              Addr address) {
    unsigned char* const bytes = whole.get_data_ptr() == nullptr ? nullptr : whole.get_data_ptr() + offset;
    transaction_.prepare(whole.get_command(), address, length, bytes);
    transaction_.attributes.info() = attributes.info();
    transaction_.attributes.timing_only = attributes.timing_only;
    if (const unsigned char* enable = whole.get_byte_enable_ptr()) {
      enables_.resize(length);
      for (unsigned i = 0; i < length; ++i) enables_[i] = enable[(offset + i) % whole.get_byte_enable_length()];
      transaction_.payload.set_byte_enable_ptr(enables_.data());
      transaction_.payload.set_byte_enable_length(length);
    }
  }

  /// A stream that wraps cannot be cut.
  static bool possible(const tlm::tlm_generic_payload& whole) {
    return whole.get_streaming_width() >= whole.get_data_length();
  }

  Transaction* operator->() { return &transaction_; }

 private:
  Transaction transaction_;
  std::vector<unsigned char> enables_;
};

}  // namespace pagoda

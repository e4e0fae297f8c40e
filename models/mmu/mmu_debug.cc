#include <algorithm>

#include "pagoda/mmu/mmu.h"
#include "pagoda/paging/run_walk.h"

namespace pagoda {

// A debug access: the tables are read without time, flags are not set, and what faults ends the access.
unsigned Mmu::debug(tlm::tlm_generic_payload& payload) {
  struct Peek {
    Downlink& below;
    EntryRead read(const Step& step) const {
      EntryRead entry;
      tlm::tlm_generic_payload peek;
      peek.set_read();
      peek.set_address(step.address);
      peek.set_data_ptr(reinterpret_cast<unsigned char*>(&entry.value));
      peek.set_data_length(sizeof entry.value);
      if (below->transport_dbg(peek) != sizeof entry.value) entry.refused = FaultCause::access_error;
      return entry;
    }
    EntryUpdate update(const Step& step) const { return {true, step.desired, FaultCause::none}; }
  };

  if (!translating_) return data_below_->transport_dbg(payload);
  const Addr address = payload.get_address();
  const unsigned length = payload.get_data_length();
  unsigned char* const bytes = payload.get_data_ptr();
  const AttributesOf attributes(payload);
  unsigned served = 0;
  while (served < length) {
    Walk walk(context_.stages, {.address = address + served,
                                .access = kind_of(payload, *attributes),
                                .privilege = attributes->privilege,
                                .allow_user_data = context_.allow_user_data});
    Peek peek{tables_below_};
    if (!run_walk(walk, peek)) break;
    const Translation& translation = walk.translation();
    const Addr left = low_mask(translation.page_shift) - (translation.output & low_mask(translation.page_shift)) + 1;
    const auto part = static_cast<unsigned>(std::min<Addr>(length - served, left));
    payload.set_address(translation.output);
    payload.set_data_ptr(bytes + served);
    payload.set_data_length(part);
    const unsigned done = data_below_->transport_dbg(payload);
    served += done;
    if (done < part) break;
  }
  payload.set_address(address);
  payload.set_data_ptr(bytes);
  payload.set_data_length(length);
  return served;
}

}  // namespace pagoda

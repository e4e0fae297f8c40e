#include "pagoda/base/fault.h"

namespace pagoda {

const char* to_string(FaultCause cause) {
  switch (cause) {
    case FaultCause::none: return "no fault";
    case FaultCause::non_canonical: return "the address lies outside what the format translates";
    case FaultCause::not_present: return "not present";
    case FaultCause::reserved_bits: return "an entry sets reserved bits";
    case FaultCause::misaligned_superpage: return "a superpage is misaligned";
    case FaultCause::permission: return "no permission";
    case FaultCause::withheld: return "a field of the entry withholds the permission";
    case FaultCause::access_flag: return "the accessed flag is clear";
    case FaultCause::dirty_flag: return "the dirty flag is clear";
    case FaultCause::address_size: return "an output address is too wide";
    case FaultCause::misconfiguration: return "an entry is misconfigured";
    case FaultCause::access_error: return "memory refuses the access";
    case FaultCause::poison: return "memory returned poisoned data";
  }
  return "unknown";
}

}  // namespace pagoda

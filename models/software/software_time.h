// Time that software takes, from within whatever thread runs it.
#pragma once

#include "pagoda/base/module.h"

namespace pagoda {

/// Whether a thread of the running simulation asks. What else calls software does so before the start, at no time.
inline bool in_thread() {
  const sc_core::sc_process_handle process = sc_core::sc_get_current_process_handle();
  return process.valid() && process.proc_kind() == sc_core::SC_THREAD_PROC_;
}

inline void spend(Ps time) {
  if (time > 0 && in_thread()) sc_core::wait(to_sc_time(time));
}

}  // namespace pagoda

// The base of Pagoda's SystemC modules: a module that has statistics and probes, and reads local time.
#pragma once

#include <cstring>
#include <type_traits>

#include <systemc>

#include "pagoda/base/attributes.h"
#include "pagoda/base/stats.h"
#include "pagoda/base/time.h"

namespace pagoda {

class ProbeVisitor;

/// Kernel time: nothing can happen before it any more.
/// (sc_core::sc_time_stamp() says the same, out of line, as does sc_get_curr_simcontext(), which may have to make one.)
inline Ps kernel_now() {
  const sc_core::sc_simcontext* context = sc_core::sc_curr_simcontext;
  if (context == nullptr) [[unlikely]]
    context = sc_core::sc_get_curr_simcontext();
  return context->time_stamp().value();
}

/// The point in time that a delay relative to kernel time stands for.
inline Ps local_time(const sc_core::sc_time& delay) { return kernel_now() + delay.value(); }

/// The sc_time of so many picoseconds. sc_time::from_value() does the same through a call into the library, which is
/// felt where every access makes a dozen of them; require_picoseconds() checks that both agree.
inline sc_core::sc_time to_sc_time(Ps time) {
  static_assert(sizeof(sc_core::sc_time) == sizeof(Ps) && std::is_standard_layout_v<sc_core::sc_time>);
  sc_core::sc_time result;
  std::memcpy(static_cast<void*>(&result), &time, sizeof result);
  return result;
}

/// The delay, relative to kernel time, of a point in time; none of one in the past.
inline sc_core::sc_time delay_until(Ps time) {
  const Ps now = kernel_now();
  return to_sc_time(time > now ? time - now : 0);
}

/// The delay with which a b_transport returns. Kernel time passes `done` where a module below waited inside b_transport
/// for something that nobody waits for here (a write-back): that is time in a queue.
inline sc_core::sc_time delay_of_answer(Ps done, TimeSplit& time) {
  const Ps now = kernel_now();
  if (now > done) time[TimePart::queue] += now - done;
  return delay_until(done);
}

class Module : public sc_core::sc_module {
 public:
  using sc_core::sc_module::sc_module;

  /// Lists the module's statistics; its child modules list their own.
  virtual void visit_stats(StatVisitor& /*visitor*/) {}
  /// Lists the module's probes.
  virtual void visit_probes(ProbeVisitor& /*visitor*/) {}
};

/// Visits the statistics of `top` and of every Module below it, in order of construction, grouped by module
/// name.
void visit_stats_below(sc_core::sc_object& top, StatVisitor& visitor);
/// Likewise for all modules without a parent: the whole simulation.
void visit_all_stats(StatVisitor& visitor);
void visit_all_probes(ProbeVisitor& visitor);

/// Throws if the SystemC time resolution is not the picosecond that all of Pagoda's arithmetic assumes.
void require_picoseconds();

}  // namespace pagoda

#include "pagoda/base/module.h"

#include <stdexcept>

#include "pagoda/base/error.h"
#include "pagoda/base/probe.h"

namespace pagoda {
namespace {

template <class Visitor, class Visit>
void visit_tree(sc_core::sc_object& object, Visitor& visitor, const Visit& visit) {
  if (dynamic_cast<sc_core::sc_module*>(&object) == nullptr) return;
  visitor.enter(object.basename());
  if (auto* module = dynamic_cast<Module*>(&object)) visit(*module);
  for (sc_core::sc_object* child : object.get_child_objects()) visit_tree(*child, visitor, visit);
  visitor.leave();
}

}  // namespace

void visit_stats_below(sc_core::sc_object& top, StatVisitor& visitor) {
  visit_tree(top, visitor, [&](Module& module) { module.visit_stats(visitor); });
}

void visit_all_stats(StatVisitor& visitor) {
  for (sc_core::sc_object* top : sc_core::sc_get_top_level_objects()) visit_stats_below(*top, visitor);
}

void visit_all_probes(ProbeVisitor& visitor) {
  for (sc_core::sc_object* top : sc_core::sc_get_top_level_objects()) {
    visit_tree(*top, visitor, [&](Module& module) { module.visit_probes(visitor); });
  }
}

void require_picoseconds() {
  if (sc_core::sc_get_time_resolution() != sc_core::sc_time(1, sc_core::SC_PS)) {
    throw UserError("the SystemC time resolution is not 1 ps; leave it at its default");
  }
  constexpr Ps kAnyTime = 123'456'789;
  if (to_sc_time(kAnyTime) != sc_core::sc_time::from_value(kAnyTime)) {
    throw std::logic_error("this SystemC keeps its times in another form than to_sc_time() writes");
  }
}

}  // namespace pagoda

#include "pagoda/software/page_mover.h"

namespace pagoda {

MoveTime& MoveTime::operator+=(const MoveTime& other) {
  software += other.software;
  queue += other.queue;
  translation += other.translation;
  link += other.link;
  memory += other.memory;
  media += other.media;
  return *this;
}

void visit_move_time(StatVisitor& v, MoveTime& time) {
  v.enter("order_time");
  v.counter("software", time.software, kTimeInNs, "part of the summed latency: the driver's");
  v.counter("queue", time.queue, kTimeInNs, "part of it: waiting for something busy");
  v.counter("translation", time.translation, kTimeInNs, "part of it: translating addresses");
  v.counter("link", time.link, kTimeInNs, "part of it: on the link");
  v.counter("memory", time.memory, kTimeInNs, "part of it: caches and memory of the host");
  v.counter("media", time.media, kTimeInNs, "part of it: the storage medium");
  v.leave();
}

}  // namespace pagoda

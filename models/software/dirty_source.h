// How migration learns which pages were written: one of several means, each for the writes of some devices or of the
// processors. What they cost is theirs.
#pragma once

#include "pagoda/software/page_set.h"

namespace pagoda {

/// Called from a thread of the simulation; each call returns when it is done.
class DirtySource {
 public:
  virtual ~DirtySource() = default;
  /// Whether it tells of devices' writes; else of processors'.
  virtual bool of_devices() const = 0;
  /// Writes count from now on.
  virtual void begin() = 0;
  /// Adds the pages written since begin() or the collect() before. What is written while it runs is told now or next
  /// time, and a page that it tells of can be copied when it returns.
  virtual void collect(PageSet& dirty) = 0;
  /// Nothing is to be told any more.
  virtual void end() = 0;
};

}  // namespace pagoda

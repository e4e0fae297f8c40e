// Probes: the signals of a model that a waveform viewer can show.
//
// A model tells a probe about changes at local times, not before kernel time, in call order; the recorder (vcd.h) puts
// them into time order. A probe that nobody records costs one comparison.
#pragma once

#include <cstdint>

#include "pagoda/base/time.h"

namespace pagoda {

enum class ProbeChange : std::uint8_t { set, add };

class ProbeSink {
 public:
  virtual ~ProbeSink() = default;
  virtual void change(std::uint32_t probe, Ps time, ProbeChange kind, std::uint64_t value) = 0;
};

class Probe {
 public:
  bool recorded() const { return sink_ != nullptr; }

  /// The signal has `value` from `time` on.
  void set(Ps time, std::uint64_t value) {
    if (sink_ != nullptr) sink_->change(id_, time, ProbeChange::set, value);
  }
  /// The signal is one more, or `more`, from `start` to `end`: how many of something are busy.
  void during(Ps start, Ps end, std::uint64_t more = 1) {
    if (sink_ == nullptr) [[likely]]
      return;
    if (start >= end) return;
    sink_->change(id_, start, ProbeChange::add, more);
    sink_->change(id_, end, ProbeChange::add, -more);
  }
  /// The same for what is told of at its start and at its end, because kernel time may have passed `start` by then.
  void rise(Ps start) { count(start); }
  void fall(Ps end) {
    if (sink_ != nullptr) sink_->change(id_, end, ProbeChange::add, ~std::uint64_t{0});
  }
  /// The signal grows by one, or `more`: how often something has happened.
  void count(Ps time, std::uint64_t more = 1) {
    if (sink_ != nullptr) sink_->change(id_, time, ProbeChange::add, more);
  }

  void record_to(ProbeSink* sink, std::uint32_t id) {
    sink_ = sink;
    id_ = id;
  }

 private:
  ProbeSink* sink_ = nullptr;
  std::uint32_t id_ = 0;
};

class ProbeVisitor {
 public:
  virtual ~ProbeVisitor() = default;
  virtual void probe(const char* name, Probe& probe, int bits, const char* meaning) = 0;
  virtual void enter(const char* group) = 0;
  virtual void leave() = 0;
};

}  // namespace pagoda

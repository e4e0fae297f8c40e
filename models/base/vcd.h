// Records probes into a VCD file with SystemC's own writer, exact at any quantum, and writes a GTKWave save
// file.
#pragma once

#include <deque>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include <systemc>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"

namespace pagoda {

/// Finds every probe of the elaborated modules and traces it. A change told at local time t is applied when
/// kernel time reaches t; changes of one probe at the same time are one change. Construct after the modules,
/// before sc_start.
///
/// Errors: UserError if the file cannot be written.
class VcdRecorder : public Module, private ProbeVisitor, private ProbeSink {
 public:
  /// `path` ends in .vcd; a save file with the signals grouped by module is written beside it (.gtkw).
  VcdRecorder(const sc_core::sc_module_name& name, const std::string& path);
  ~VcdRecorder() override;

  /// Flushes and closes the file; throws UserError if the disk did not take it all.
  void close();

 private:
  struct Change {
    Ps time;
    std::uint64_t order;
    std::uint64_t value;
    std::uint32_t probe;
    ProbeChange kind;

    bool operator>(const Change& other) const { return time != other.time ? time > other.time : order > other.order; }
  };
  struct Signal {
    std::string path;
    int bits;
    std::string meaning;
  };

  void probe(const char* name, Probe& probe, int bits, const char* meaning) override;
  void enter(const char* group) override;
  void leave() override;
  void change(std::uint32_t probe, Ps time, ProbeChange kind, std::uint64_t value) override;
  void apply_due_changes();
  void write_save_file() const;

  std::string path_;
  sc_core::sc_trace_file* file_ = nullptr;
  std::vector<std::string> groups_;
  std::vector<Signal> signals_;
  std::deque<sc_dt::uint64> values_;  // traced by address
  std::vector<Probe*> probes_;
  std::priority_queue<Change, std::vector<Change>, std::greater<>> agenda_;
  std::uint64_t order_ = 0;
  Ps wake_at_ = kNever;
  sc_core::sc_event wake_;
};

}  // namespace pagoda

// Records probes into a VCD file (IEEE 1364-2005, clause 18), exact at any quantum, and writes a GTKWave save file.
//
// SystemC's own writer looks at every traced value at every instant, and a recorder that feeds it needs an event of the
// kernel for each of them; at one instant per access both cost more than the simulation. This one writes what changed.
#pragma once

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <systemc>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"

namespace pagoda {

/// Finds every probe of the elaborated modules and records it from 0 on. Changes are told at local times, in call
/// order; they are put in order of time and written once kernel time has passed them. Changes of one probe at one time
/// are one change. Construct after the modules, before sc_start.
///
/// Errors: UserError if a file cannot be written; what was written of both files is removed.
class VcdRecorder : private ProbeVisitor, private ProbeSink {
 public:
  /// `path` ends in .vcd; a save file with the signals grouped by module is written beside it (.gtkw).
  explicit VcdRecorder(const std::string& path);
  ~VcdRecorder() override;
  VcdRecorder(const VcdRecorder&) = delete;
  VcdRecorder& operator=(const VcdRecorder&) = delete;

  /// Writes what is left, up to kernel time or the last change, and closes the files.
  void close();

 private:
  struct Change {
    Ps time;
    std::uint64_t value;
    std::uint32_t signal;
    ProbeChange kind;
  };
  struct Signal {
    std::string path;
    std::string code;  // what the file calls it
    int bits;
    Probe* probe;
    std::uint64_t value = 0;
    std::uint64_t written = 0;
  };

  void probe(const char* name, Probe& probe, int bits, const char* meaning) override;
  void enter(const char* group) override { groups_.emplace_back(group); }
  void leave() override { groups_.pop_back(); }
  void change(std::uint32_t signal, Ps time, ProbeChange kind, std::uint64_t value) override {
    pending_.push_back({time, value, signal, kind});
    if (pending_.size() >= flush_at_) write_changes_before(kernel_now());
  }

  void write_header();
  void write_changes_before(Ps end);
  void write_instant(Ps time);
  void write_save_file() const;
  std::string save_path() const;
  [[noreturn]] void fail() const;

  std::string path_;
  std::ofstream out_;
  bool open_ = false;
  std::vector<std::string> groups_;
  std::vector<Signal> signals_;
  std::vector<Change> pending_;  // in call order
  std::size_t flush_at_;
  std::vector<std::uint32_t> changed_;  // signals, at the instant being written
  std::string text_;                    // on its way to the file
};

}  // namespace pagoda

#include "pagoda/base/vcd.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

constexpr std::string_view kExtension = ".vcd";

std::string last_bytes(const std::string& path, std::streamoff count) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::streamoff size = file.tellg();
  const std::streamoff length = std::min(size, count);
  std::string text(static_cast<std::size_t>(std::max<std::streamoff>(length, 0)), '\0');
  file.seekg(size - length);
  file.read(text.data(), length);
  return text;
}

}  // namespace

VcdRecorder::VcdRecorder(const sc_core::sc_module_name& name, const std::string& path) : Module(name), path_(path) {
  if (!path.ends_with(kExtension)) throw UserError({path, 0}, "a waveform file must end in .vcd");
  if (!std::ofstream(path)) throw UserError({path, 0}, "cannot be written; name a file in a folder that exists");
  sc_core::sc_report_handler::set_actions("tracing timescale unit set", sc_core::SC_DO_NOTHING);
  file_ = sc_core::sc_create_vcd_trace_file(path.substr(0, path.size() - kExtension.size()).c_str());
  file_->set_time_unit(1, sc_core::SC_PS);
  visit_all_probes(*this);

  SC_HAS_PROCESS(VcdRecorder);
  SC_METHOD(apply_due_changes);
  sensitive << wake_;
  dont_initialize();
}

VcdRecorder::~VcdRecorder() {
  for (Probe* probe : probes_) probe->record_to(nullptr, 0);
  if (file_ == nullptr) return;
  sc_core::sc_close_vcd_trace_file(file_);  // the run failed: nothing half-written stays behind
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void VcdRecorder::close() {
  // SystemC's writer puts a change into the file when time moves on, so the last instant needs a successor.
  if (sc_core::sc_get_status() != sc_core::SC_STOPPED) sc_core::sc_start(sc_core::sc_time(1, sc_core::SC_PS));
  const std::string last_time = fmt::format("#{}", kernel_now());
  sc_core::sc_close_vcd_trace_file(file_);
  file_ = nullptr;
  // SystemC's writer does not look at write errors; a complete file ends with the time of the last instant.
  if (last_bytes(path_, 64).find(last_time) == std::string::npos) {
    std::filesystem::remove(path_);
    throw UserError({path_, 0}, "could not be written completely; is the disk full?");
  }
  write_save_file();
}

void VcdRecorder::enter(const char* group) { groups_.emplace_back(group); }
void VcdRecorder::leave() { groups_.pop_back(); }

void VcdRecorder::probe(const char* name, Probe& probe, int bits, const char* meaning) {
  const std::string path = fmt::format("{}.{}", fmt::join(groups_, "."), name);
  probe.record_to(this, static_cast<std::uint32_t>(signals_.size()));
  probes_.push_back(&probe);
  signals_.push_back({path, bits, meaning});
  values_.push_back(0);
  sc_core::sc_trace(file_, values_.back(), path, bits);
}

void VcdRecorder::change(std::uint32_t probe, Ps time, ProbeChange kind, std::uint64_t value) {
  agenda_.push({time, order_++, value, probe, kind});
  if (time < wake_at_) {
    wake_at_ = time;
    wake_.cancel();
    wake_.notify(delay_until(time));
  }
}

void VcdRecorder::apply_due_changes() {
  const Ps now = kernel_now();
  while (!agenda_.empty() && agenda_.top().time <= now) {
    const Change& due = agenda_.top();
    sc_dt::uint64& traced = values_[due.probe];
    traced = due.kind == ProbeChange::set ? due.value : traced + due.value;
    agenda_.pop();
  }
  wake_at_ = agenda_.empty() ? kNever : agenda_.top().time;
  if (!agenda_.empty()) wake_.notify(delay_until(wake_at_));
}

// GTKWave's save format: flags (@28 binary, @22 hexadecimal), groups between @c00200 and @1401200 lines, then
// signals.
void VcdRecorder::write_save_file() const {
  const std::string save_path = path_.substr(0, path_.size() - kExtension.size()) + ".gtkw";
  std::ofstream out(save_path);
  out << "[dumpfile] \"" << std::filesystem::absolute(path_).string() << "\"\n[timestart] 0\n";
  std::string group;
  const auto close_group = [&] {
    if (!group.empty()) out << "@1401200\n-" << group << "\n";
  };
  for (const Signal& signal : signals_) {
    const std::string owner = signal.path.substr(0, signal.path.rfind('.'));
    if (owner != group) {
      close_group();
      group = owner;
      out << "@c00200\n-" << group << "\n";
    }
    out << (signal.bits == 1 ? "@28\n" : "@24\n");
    out << "SystemC." << signal.path;
    if (signal.bits > 1) out << fmt::format("[{}:0]", signal.bits - 1);
    out << "\n";
  }
  close_group();
  if (!out.flush()) throw UserError({save_path, 0}, "cannot be written; is the disk full?");
}

}  // namespace pagoda

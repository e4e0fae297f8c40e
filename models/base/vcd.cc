#include "pagoda/base/vcd.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

constexpr std::string_view kExtension = ".vcd";
constexpr std::size_t kBatch = 16'384;

// Identifier codes are made of the printable characters from ! to ~.
std::string code_of(std::size_t number) {
  constexpr std::size_t kCharacters = '~' - '!' + 1;
  std::string code;
  do {
    code += static_cast<char>('!' + number % kCharacters);
    number /= kCharacters;
  } while (number > 0);
  return code;
}

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> parts;
  for (std::size_t dot; (dot = path.find('.')) != std::string_view::npos; path.remove_prefix(dot + 1)) {
    parts.push_back(path.substr(0, dot));
  }
  parts.push_back(path);
  return parts;
}

void append_number(std::string& text, char mark, std::uint64_t number, int base) {
  char digits[66] = {mark};
  const char* const end = std::to_chars(digits + 1, digits + sizeof digits, number, base).ptr;
  text.append(digits, static_cast<std::size_t>(end - digits));
}

void append_value(std::string& text, std::uint64_t value, int bits, const std::string& code) {
  if (bits == 1) {
    text += (value & 1) != 0 ? '1' : '0';
  } else {
    // As many digits as it has, none above its width.
    append_number(text, 'b', bits < 64 ? value & ((std::uint64_t{1} << bits) - 1) : value, 2);
    text += ' ';
  }
  text += code;
  text += '\n';
}

void remove_quietly(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

}  // namespace

VcdRecorder::VcdRecorder(const std::string& path) : path_(path), flush_at_(kBatch) {
  if (!path.ends_with(kExtension)) throw UserError({path, 0}, "a waveform file must end in .vcd");
  out_.open(path, std::ios::binary);
  if (!out_) throw UserError({path, 0}, "cannot be written; name a file in a folder that exists");
  open_ = true;
  visit_all_probes(*this);
  write_header();
}

VcdRecorder::~VcdRecorder() {
  for (const Signal& signal : signals_) signal.probe->record_to(nullptr, 0);
  if (!open_) return;
  out_.close();  // the run failed: nothing half-written stays behind
  remove_quietly(path_);
}

void VcdRecorder::close() {
  write_changes_before(kNever);
  out_ << fmt::format("#{}\n", kernel_now());
  out_.close();
  if (!out_) fail();
  write_save_file();
  open_ = false;
}

void VcdRecorder::fail() const { throw UserError({path_, 0}, "could not be written completely; is the disk full?"); }

void VcdRecorder::probe(const char* name, Probe& probe, int bits, const char* /*meaning*/) {
  const auto number = static_cast<std::uint32_t>(signals_.size());
  probe.record_to(this, number);
  signals_.push_back({fmt::format("{}.{}", fmt::join(groups_, "."), name), code_of(number), bits, &probe});
}

void VcdRecorder::write_header() {
  std::string text = "$version Pagoda $end\n$timescale 1 ps $end\n";
  std::vector<std::string_view> open;
  const auto leave_to = [&](std::size_t depth) {
    for (; open.size() > depth; open.pop_back()) text += "$upscope $end\n";
  };
  for (const Signal& signal : signals_) {
    const std::vector<std::string_view> parts = split(signal.path);
    std::size_t common = 0;
    while (common < open.size() && common + 1 < parts.size() && open[common] == parts[common]) ++common;
    leave_to(common);
    for (; open.size() + 1 < parts.size(); open.push_back(parts[open.size()])) {
      text += fmt::format("$scope module {} $end\n", parts[open.size()]);
    }
    const std::string range = signal.bits > 1 ? fmt::format(" [{}:0]", signal.bits - 1) : "";
    text += fmt::format("$var wire {} {} {}{} $end\n", signal.bits, signal.code, parts.back(), range);
  }
  leave_to(0);
  text += "$enddefinitions $end\n#0\n$dumpvars\n";
  for (const Signal& signal : signals_) append_value(text, 0, signal.bits, signal.code);
  out_ << text << "$end\n";
}

// Nobody can tell of a change before kernel time any more.
void VcdRecorder::write_changes_before(Ps end) {
  const auto later =
      std::stable_partition(pending_.begin(), pending_.end(), [end](const Change& c) { return c.time < end; });
  std::stable_sort(pending_.begin(), later, [](const Change& a, const Change& b) { return a.time < b.time; });
  for (auto change = pending_.begin(); change != later;) {
    const Ps time = change->time;
    for (; change != later && change->time == time; ++change) {
      Signal& signal = signals_[change->signal];
      signal.value = change->kind == ProbeChange::set ? change->value : signal.value + change->value;
      changed_.push_back(change->signal);
    }
    write_instant(time);
  }
  pending_.erase(pending_.begin(), later);
  out_ << text_;
  text_.clear();
  flush_at_ = pending_.size() + kBatch;
  if (!out_) fail();
}

void VcdRecorder::write_instant(Ps time) {
  const std::size_t before = text_.size();
  append_number(text_, '#', time, 10);
  text_ += '\n';
  const std::size_t nothing = text_.size();
  for (const std::uint32_t number : changed_) {
    Signal& signal = signals_[number];
    if (signal.value == signal.written) continue;
    append_value(text_, signal.value, signal.bits, signal.code);
    signal.written = signal.value;
  }
  changed_.clear();
  if (text_.size() == nothing) text_.resize(before);
}

std::string VcdRecorder::save_path() const { return path_.substr(0, path_.size() - kExtension.size()) + ".gtkw"; }

// GTKWave's save format: flags (@28 binary, @24 decimal), groups between @c00200 and @1401200 lines, then signals.
void VcdRecorder::write_save_file() const {
  std::ofstream out(save_path());
  const bool opened = out.is_open();
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
    out << (signal.bits == 1 ? "@28\n" : "@24\n") << signal.path;
    if (signal.bits > 1) out << fmt::format("[{}:0]", signal.bits - 1);
    out << "\n";
  }
  close_group();
  out.close();
  if (out) return;
  if (opened) remove_quietly(save_path());
  throw UserError({save_path(), 0}, "cannot be written; is the disk full?");
}

}  // namespace pagoda

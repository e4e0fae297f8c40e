// pagoda trace info, pagoda trace convert.
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/units.h"
#include "pagoda/workload/trace_convert.h"
#include "pagoda/workload/trace_info.h"
#include "sc_main/commands.h"
#include "sc_main/progress.h"
#include "sc_main/table.h"

namespace pagoda {
namespace {

std::optional<TraceFormat> format_option(const std::string& name) {
  if (name.empty()) return {};
  return parse_trace_format(name);
}

TraceProgress progress_of(const std::string& path, ProgressLine& line) {
  std::error_code ignored;
  const double size = static_cast<double>(std::filesystem::file_size(path, ignored));
  return [&line, size](std::uint64_t bytes) { line.update(size > 0 ? static_cast<double>(bytes) / size : 0, bytes); };
}

std::string mib(std::uint64_t bytes) { return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20)); }

nlohmann::ordered_json side_json(const TraceSide& side) {
  nlohmann::ordered_json hits = nlohmann::ordered_json::object();
  for (std::size_t i = 0; i < kReuseEntries.size(); ++i) hits[std::to_string(kReuseEntries[i])] = side.tlb_hits[i];
  return {{"records", side.records},
          {"bytes", side.bytes},
          {"lines", side.lines},
          {"pages", side.pages},
          {"line_crossings", side.line_crossings},
          {"page_crossings", side.page_crossings},
          {"lowest", side.lowest},
          {"highest", side.highest},
          {"ranges", side.ranges.size()},
          {"page_accesses", side.page_accesses},
          {"lru_tlb_hits", std::move(hits)}};
}

nlohmann::ordered_json info_json(const TraceInfo& info) {
  nlohmann::ordered_json kinds = nlohmann::ordered_json::object();
  for (int kind = 0; kind < kRecordKinds; ++kind) {
    kinds[std::string(to_string(static_cast<RecordKind>(kind)))] = info.by_kind[static_cast<std::size_t>(kind)];
  }
  return {{"format", to_string(info.format)}, {"compression", to_string(info.compression)},
          {"file_bytes", info.file_bytes},    {"records", info.records},
          {"by_kind", std::move(kinds)},      {"instructions", info.instructions},
          {"dependent", info.dependent},      {"data", side_json(info.data)},
          {"code", side_json(info.code)}};
}

std::string side_cell(const TraceSide& side, const std::string& value) { return side.records == 0 ? "-" : value; }

std::string info_text(const std::string& path, const TraceInfo& info) {
  std::string text =
      fmt::format("{}\n  {}, compression {}, {}\n  {} records, {} instructions\n\n", path, to_string(info.format),
                  to_string(info.compression), mib(info.file_bytes), info.records, info.instructions);
  Table table({"", "data", "code"});
  const auto row = [&](const char* label, const auto& cell) {
    table.add({label, side_cell(info.data, cell(info.data)), side_cell(info.code, cell(info.code))});
  };
  row("records", [](const TraceSide& s) { return fmt::format("{}", s.records); });
  row("4 KiB pages", [](const TraceSide& s) { return fmt::format("{}", s.pages); });
  row("footprint, pages", [](const TraceSide& s) { return mib(s.pages << kPageShift); });
  row("footprint, 64 B lines", [](const TraceSide& s) { return mib(s.lines << kLineShift); });
  row("ranges of pages", [](const TraceSide& s) { return fmt::format("{}", s.ranges.size()); });
  row("lowest address", [](const TraceSide& s) { return fmt::format("{:#x}", s.lowest); });
  row("highest address", [](const TraceSide& s) { return fmt::format("{:#x}", s.highest); });
  row("line crossings", [](const TraceSide& s) { return fmt::format("{}", s.line_crossings); });
  row("page crossings", [](const TraceSide& s) { return fmt::format("{}", s.page_crossings); });
  for (std::size_t i = 0; i < kReuseEntries.size(); ++i) {
    row(fmt::format("hits of an LRU TLB of {}", kReuseEntries[i]).c_str(), [i](const TraceSide& s) {
      return fmt::format("{:.2f} %", s.page_accesses == 0 ? 0.0
                                                          : 100.0 * static_cast<double>(s.tlb_hits[i]) /
                                                                static_cast<double>(s.page_accesses));
    });
  }
  text += table.print();
  text += fmt::format("\n{} loads, {} stores, {} modifies, {} fetches\n", info.by_kind[0], info.by_kind[1],
                      info.by_kind[2], info.by_kind[3]);
  return text;
}

void add_info(CLI::App& trace, Command& chosen) {
  struct Arguments {
    std::string file, format;
    bool json = false;
  };
  CLI::App* command = trace.add_subcommand("info", "Say what is in a trace: records, footprint, reuse");
  auto args = std::make_shared<Arguments>();
  command->add_option("file", args->file, "The trace")->required();
  command->add_option("--format", args->format,
                      "Its format, if it is not to be recognised: lackey, champsim, text, binary");
  command->add_flag("--json", args->json, "Print JSON");
  command->callback([args, &chosen] {
    chosen = [args] {
      ProgressLine line("bytes");
      const TraceInfo info = trace_info(args->file, format_option(args->format), progress_of(args->file, line));
      line.clear();
      fmt::print("{}", args->json ? info_json(info).dump(2) + "\n" : info_text(args->file, info));
      return 0;
    };
  });
}

void add_convert(CLI::App& trace, Command& chosen) {
  struct Arguments {
    std::string from, to, from_format, to_format;
  };
  CLI::App* command = trace.add_subcommand("convert", "Write a trace in another format or compression");
  command->footer(
      "The name of the output says how it is written: .pgt binary, .txt text, .lackey lackey, with a further .gz, "
      ".bz2, .xz\n"
      "or .zst to compress it.\n\nExample:\n  pagoda trace convert app.lackey.xz app.pgt.zst");
  auto args = std::make_shared<Arguments>();
  command->add_option("in", args->from, "The trace to read")->required();
  command->add_option("out", args->to, "The file to write")->required();
  command->add_option("--from", args->from_format, "Format of the input, if it is not to be recognised");
  command->add_option("--to", args->to_format, "Format of the output, if its name does not say: lackey, text, binary");
  command->callback([args, &chosen] {
    chosen = [args] {
      ProgressLine line("bytes");
      WriteOptions options;
      options.format = format_option(args->to_format);
      const WriteResult result =
          convert_trace(args->from, args->to, format_option(args->from_format), options, progress_of(args->from, line));
      line.clear();
      fmt::print("{}: {} records, {}, compression {}\n", args->to, result.records, to_string(result.format),
                 to_string(result.compression));
      if (result.simplified > 0) {
        fmt::print("{} records lost a gap, a dependence or an instruction address that {} cannot hold\n",
                   result.simplified, to_string(result.format));
      }
      return 0;
    };
  });
}

}  // namespace

void add_trace(CLI::App& app, Command& chosen) {
  CLI::App* trace = app.add_subcommand("trace", "Look into traces and convert them");
  trace->require_subcommand(1);
  add_info(*trace, chosen);
  add_convert(*trace, chosen);
}

}  // namespace pagoda

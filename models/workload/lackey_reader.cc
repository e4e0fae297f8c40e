#include "pagoda/workload/lackey_reader.h"

#include <string>

#include "pagoda/workload/trace_text.h"

namespace pagoda {
namespace {

constexpr char kLackeyLines[] =
    "allowed: `I  ADDR,SIZE`, ` L ADDR,SIZE`, ` S ADDR,SIZE`, ` M ADDR,SIZE` with a hexadecimal address of "
    "at most 64 "
    "bits and a size of 1 to 4096 bytes, and valgrind's own lines; valgrind's --log-file keeps the program's "
    "output "
    "apart";

struct Line {
  RecordKind kind;
  Addr address;
  std::uint64_t size;
};

bool parse_kind(std::string_view line, RecordKind& kind) {
  if (line.size() < 3 || line[2] != ' ') return false;
  if (line[0] == 'I' && line[1] == ' ') {
    kind = RecordKind::fetch;
    return true;
  }
  if (line[0] != ' ') return false;
  switch (line[1]) {
    case 'L': kind = RecordKind::load; return true;
    case 'S': kind = RecordKind::store; return true;
    case 'M': kind = RecordKind::modify; return true;
    default: return false;
  }
}

bool parse_record(std::string_view line, Line& record) {
  if (!parse_kind(line, record.kind)) return false;
  const char* at = line.data() + 3;
  const char* const end = line.data() + line.size();
  if (!trace_text::parse_hex(at, end, record.address)) return false;
  if (at == end || *at != ',') return false;
  ++at;
  if (!trace_text::parse_decimal(at, end, record.size) || at != end) return false;
  return record.size - 1 < kMaxAccessBytes && record.address + (record.size - 1) >= record.address;
}

/// `==123==`, `--123--` or `**123**`; with --time-stamp=yes a time stands before the process.
bool is_valgrind_line(std::string_view line) {
  if (line.size() < 5 || (line[0] != '=' && line[0] != '-' && line[0] != '*') || line[1] != line[0]) return false;
  std::size_t at = 2;
  while (at < line.size() && line[at] != '\0' &&
         std::string_view("0123456789:. ").find(line[at]) != std::string_view::npos)
    ++at;
  return at > 2 && at + 1 < line.size() && line[at] == line[0] && line[at + 1] == line[0];
}

bool is_superblock_line(std::string_view line) {
  if (!line.starts_with("SB ")) return false;
  const char* at = line.data() + 3;
  const char* const end = line.data() + line.size();
  std::uint64_t address = 0;
  return trace_text::parse_hex(at, end, address) && at == end;
}

}  // namespace

std::size_t LackeyReader::decode(std::span<Access> out) {
  std::size_t count = 0;
  std::string_view line;
  while (count < out.size() && input().next_line(line)) {
    ++line_number_;
    Line record{};
    if (!parse_record(line, record)) {
      if (line.empty() || is_valgrind_line(line) || is_superblock_line(line)) continue;
      refuse(line);
    }
    const bool is_fetch = record.kind == RecordKind::fetch;
    if (is_fetch) ip_ = record.address;
    out[count++] = {.address = record.address,
                    .ip = ip_,
                    .gap = 0,
                    .size = static_cast<std::uint16_t>(record.size),
                    .kind = record.kind,
                    .same_instruction = !is_fetch && in_instruction_,
                    .depends_on = 0};
    in_instruction_ = in_instruction_ || is_fetch;
  }
  return count;
}

void LackeyReader::refuse(std::string_view line) const {
  std::string problem = "not a lackey record: " + trace_text::quoted(line);
  RecordKind kind{};
  if (parse_kind(line, kind)) {
    const char* at = line.data() + 3;
    const char* const end = line.data() + line.size();
    std::uint64_t address = 0;
    std::uint64_t size = 0;
    const bool address_fits = trace_text::parse_hex(at, end, address);
    if (!address_fits && at != line.data() + 3) {
      problem = "the address is wider than 64 bits: " + trace_text::quoted(line);
    } else if (address_fits && at != end && *at == ',') {
      ++at;
      const bool is_number = trace_text::parse_decimal(at, end, size);
      if (at == end && (!is_number || size - 1 >= kMaxAccessBytes)) {
        problem = "the size is out of range: " + trace_text::quoted(line);
      } else if (at == end) {
        problem = "the access goes beyond the last address: " + trace_text::quoted(line);
      }
    }
  }
  fail_at_line(line_number_, problem, kLackeyLines);
}

void LackeyReader::restart() {
  line_number_ = 0;
  ip_ = 0;
  in_instruction_ = false;
}

bool looks_like_lackey(std::string_view head) {
  while (!head.empty()) {
    const std::size_t length = head.find('\n');
    std::string_view line = head.substr(0, length);
    if (line.ends_with('\r')) line.remove_suffix(1);
    Line record{};
    if (parse_record(line, record) || is_valgrind_line(line)) return true;
    head.remove_prefix(length == std::string_view::npos ? head.size() : length + 1);
  }
  return false;
}

}  // namespace pagoda

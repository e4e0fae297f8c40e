#include "pagoda/workload/text_reader.h"

#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include "pagoda/workload/trace_text.h"

namespace pagoda {
namespace {

constexpr char kTextLines[] =
    "allowed: `gap kind address size [same] [dep[=N]] [ip=ADDRESS]` with kind L, S, M or I, a size of 1 to "
    "4096 bytes, "
    "addresses of at most 64 bits";

/// What is wrong with a line.
class BadLine : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] void refuse(const std::string& what, std::string_view field) {
  throw BadLine(what + " " + trace_text::quoted(field));
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Cuts the next field off `line`; empty at its end.
std::string_view take_field(std::string_view& line) {
  std::size_t start = 0;
  while (start < line.size() && is_blank(line[start])) ++start;
  std::size_t end = start;
  while (end < line.size() && !is_blank(line[end])) ++end;
  const std::string_view field = line.substr(start, end - start);
  line.remove_prefix(end);
  return field;
}

std::uint64_t number(std::string_view field, std::uint64_t lowest, std::uint64_t highest, const char* what) {
  const char* at = field.data();
  const char* const end = at + field.size();
  std::uint64_t value = 0;
  const bool is_number = trace_text::parse_decimal(at, end, value) && at == end;
  if (!is_number || value < lowest || value > highest) refuse(std::string("not a ") + what + ":", field);
  return value;
}

Addr address(std::string_view field) {
  const bool is_hex = field.starts_with("0x") || field.starts_with("0X");
  const char* at = field.data() + (is_hex ? 2 : 0);
  const char* const end = field.data() + field.size();
  std::uint64_t value = 0;
  const bool fits = is_hex ? trace_text::parse_hex(at, end, value) : trace_text::parse_decimal(at, end, value);
  if (at != end || field.size() == (is_hex ? 2U : 0U)) refuse("not an address:", field);
  if (!fits) refuse("the address is wider than 64 bits:", field);
  return value;
}

RecordKind kind(std::string_view field) {
  if (field == "L") return RecordKind::load;
  if (field == "S") return RecordKind::store;
  if (field == "M") return RecordKind::modify;
  if (field == "I") return RecordKind::fetch;
  refuse("not a kind of access:", field);
}

/// `ip` is left alone if the field is another one.
void apply_option(std::string_view field, Access& access, std::optional<Addr>& ip) {
  if (field == "same") {
    access.same_instruction = true;
  } else if (field == "dep") {
    access.depends_on = 1;
  } else if (field.starts_with("dep=")) {
    set_dependence(access, number(field.substr(4), 1, kMaxDependence, "distance of 1 to 127 loads"));
  } else if (field.starts_with("ip=")) {
    ip = address(field.substr(3));
  } else {
    refuse("not a field:", field);
  }
}

/// False if the line holds no record. `last_ip` is that of the record before.
bool parse(std::string_view line, Addr last_ip, Access& access) {
  line = line.substr(0, line.find('#'));
  std::string_view field = take_field(line);
  if (field.empty()) return false;
  access = {};
  access.gap = static_cast<std::uint32_t>(
      number(field, 0, std::numeric_limits<std::uint32_t>::max(), "gap of at most 4294967295 instructions"));
  access.kind = kind(take_field(line));
  access.address = address(take_field(line));
  access.size = static_cast<std::uint16_t>(number(take_field(line), 1, kMaxAccessBytes, "size of 1 to 4096 bytes"));
  std::optional<Addr> ip;
  while (!(field = take_field(line)).empty()) apply_option(field, access, ip);
  access.ip = ip.value_or(access.same_instruction ? last_ip : 0);
  if (access.address + (access.size - 1U) < access.address) throw BadLine("the access goes beyond the last address");
  if (access.same_instruction && access.gap != 0) throw BadLine("`same` after a gap that is not 0");
  if (access.kind == RecordKind::fetch) {
    if (access.same_instruction) throw BadLine("`same` at a fetch, which begins an instruction");
    if (ip && *ip != access.address) throw BadLine("the ip of a fetch is not its address");
    access.ip = access.address;
  }
  return true;
}

}  // namespace

void TextReader::restart() {
  line_number_ = 0;
  ip_ = 0;
}

std::size_t TextReader::decode(std::span<Access> out) {
  std::size_t count = 0;
  std::string_view line;
  while (count < out.size() && input().next_line(line)) {
    ++line_number_;
    if (line_number_ == 1 && line != kTextHeader) {
      fail_at_line(1, "not a text trace of this version: " + trace_text::quoted(line),
                   "allowed: the header `" + std::string(kTextHeader) + "`");
    }
    try {
      if (parse(line, ip_, out[count])) ip_ = out[count++].ip;
    } catch (const BadLine& error) {
      fail_at_line(line_number_, error.what(), kTextLines);
    }
  }
  return count;
}

}  // namespace pagoda

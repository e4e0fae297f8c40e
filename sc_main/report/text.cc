#include "sc_main/report/text.h"

#include <array>
#include <cstdint>

namespace pagoda::report {
namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xc0U) == 0x80U; }

// The length of the well-formed sequence that `text` begins with (Unicode 15, table 3-7), 0 if it is none.
std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  struct Form {
    unsigned first_from, first_to, second_from, second_to;
    std::size_t length;
  };
  constexpr std::array<Form, 8> kForms{{{0xc2, 0xdf, 0x80, 0xbf, 2},
                                        {0xe0, 0xe0, 0xa0, 0xbf, 3},
                                        {0xe1, 0xec, 0x80, 0xbf, 3},
                                        {0xed, 0xed, 0x80, 0x9f, 3},
                                        {0xee, 0xef, 0x80, 0xbf, 3},
                                        {0xf0, 0xf0, 0x90, 0xbf, 4},
                                        {0xf1, 0xf3, 0x80, 0xbf, 4},
                                        {0xf4, 0xf4, 0x80, 0x8f, 4}}};
  if (byte(0) < 0x80) return 1;
  for (const Form& form : kForms) {
    if (byte(0) < form.first_from || byte(0) > form.first_to) continue;
    if (byte(1) < form.second_from || byte(1) > form.second_to) return 0;
    for (std::size_t i = 2; i < form.length; ++i) {
      if (i >= text.size() || !continues(text[i])) return 0;
    }
    return form.length;
  }
  return 0;
}

}  // namespace

std::string clean_text(std::string_view text) {
  constexpr unsigned char kSpace = 0x20;
  constexpr unsigned char kDelete = 0x7f;
  std::string clean;
  clean.reserve(text.size());
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    const auto first = static_cast<unsigned char>(text.front());
    if (length == 0) {
      clean += "\uFFFD";
    } else if (first < kSpace || first == kDelete || (first == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0)) {
      clean += ' ';
    } else {
      clean += text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return clean;
}

std::string html(std::string_view text) {
  std::string escaped;
  for (const char c : clean_text(text)) {
    switch (c) {
      case '&': escaped += "&amp;"; break;
      case '<': escaped += "&lt;"; break;
      case '>': escaped += "&gt;"; break;
      case '"': escaped += "&quot;"; break;
      case '\'': escaped += "&#39;"; break;
      default: escaped += c;
    }
  }
  return escaped;
}

std::string data_field(std::string_view text) {
  std::string field;
  for (const char c : clean_text(text)) {
    if (c == '"') {
      field += '\'';  // nothing stands for a quote inside a field
    } else if (c == '\\') {
      field += "\\\\";
    } else {
      field += c;
    }
  }
  return field;
}

std::string first_characters(std::string_view text, std::size_t count) {
  std::size_t end = 0;
  while (end < text.size() && count > 0) {
    ++end;
    while (end < text.size() && continues(text[end])) ++end;
    --count;
  }
  return std::string(text.substr(0, end));
}

std::size_t character_count(std::string_view text) {
  std::size_t count = 0;
  for (const char c : text) count += continues(c) ? 0 : 1;
  return count;
}

}  // namespace pagoda::report

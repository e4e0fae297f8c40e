#include "pagoda/workload/trace_text.h"

namespace pagoda::trace_text {

std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 48;
  std::string result = "'";
  for (const char c : text.substr(0, kLongest)) result += c >= ' ' && c <= '~' ? c : '?';
  return result + (text.size() > kLongest ? "...'" : "'");
}

}  // namespace pagoda::trace_text

#include "sc_main/sweep/files.h"

#include <fstream>
#include <iterator>
#include <string_view>

#include "pagoda/base/error.h"

namespace pagoda {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string required_text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw UserError({path.string(), 0}, "cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_text(const std::filesystem::path& path, const std::string& contents) {
  std::ofstream file(path, std::ios::binary);
  file << contents;
  if (!file.flush()) throw UserError({path.string(), 0}, "cannot be written; is the disk full?");
}

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  const std::size_t start = text.rfind('\n');
  return start == std::string::npos ? text : text.substr(start + 1);
}

std::string last_words(std::string text) {
  std::string line = last_line(std::move(text));
  constexpr std::string_view kProgram = "pagoda: ";
  if (line.starts_with(kProgram)) line.erase(0, kProgram.size());
  return line;
}

}  // namespace pagoda

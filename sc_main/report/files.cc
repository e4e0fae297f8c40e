#include "sc_main/report/files.h"

#include <fstream>
#include <iterator>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/error.h"

namespace pagoda::report {

namespace fs = std::filesystem;

std::string read_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (!stream) throw UserError({file.string(), 0}, "cannot be read");
  return text;
}

void write_file(const fs::path& file, const std::string& text) {
  std::ofstream stream(file, std::ios::binary);
  stream << text;
  if (!stream.flush()) throw UserError({file.string(), 0}, "cannot be written; is the disk full?");
}

void replace_file(const fs::path& file, const std::string& text) {
  const fs::path beside = file.parent_path() / fmt::format(".{}.{}", file.filename().string(), getpid());
  std::error_code error;
  try {
    write_file(beside, text);
    fs::rename(beside, file);
  } catch (const UserError&) {
    fs::remove(beside, error);
    throw UserError({file.string(), 0}, "cannot be written; is the folder writable, and the disk not full?");
  } catch (const fs::filesystem_error& failure) {
    fs::remove(beside, error);
    throw UserError({file.string(), 0}, fmt::format("cannot be written: {}", failure.code().message()));
  }
}

nlohmann::json parse_json(std::string_view text, const std::string& file) {
  using Json = nlohmann::json;
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    throw UserError({file, 0}, fmt::format("is not JSON at byte {}", error.byte));
  } catch (const Json::out_of_range&) {
    throw UserError({file, 0}, "has a number beyond 1.8e308");
  }
}

}  // namespace pagoda::report

// Whole files, read and written. Errors: UserError naming the file.
#pragma once

#include <filesystem>
#include <string>

namespace pagoda::report {

std::string read_text(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, const std::string& text);
/// The file holds either what it held before or all of `text`, whenever one looks.
void replace_file(const std::filesystem::path& file, const std::string& text);

}  // namespace pagoda::report

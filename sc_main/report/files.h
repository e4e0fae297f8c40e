// Whole files, read and written, and the JSON in them. Errors: UserError naming the file.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace pagoda::report {

std::string read_text(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, const std::string& text);
/// The file holds either what it held before or all of `text`, whenever one looks.
void replace_file(const std::filesystem::path& file, const std::string& text);

/// `file` is the name of the text in messages.
nlohmann::json parse_json(std::string_view text, const std::string& file);

}  // namespace pagoda::report

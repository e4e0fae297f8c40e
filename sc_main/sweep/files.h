// Whole files, and what the program says when it ends with a mistake.
#pragma once

#include <filesystem>
#include <string>

namespace pagoda {

/// The text of a file; empty if it cannot be read.
std::string text_of(const std::filesystem::path& path);
/// The text of a file; UserError if it cannot be read.
std::string required_text_of(const std::filesystem::path& path);
/// UserError if it cannot be written.
void write_text(const std::filesystem::path& path, const std::string& contents);

/// The last line of what a program said.
std::string last_line(std::string text);
/// The same of what Pagoda said, without its name in front.
std::string last_words(std::string text);

}  // namespace pagoda

// Text of users on its way into a page or a plot: whatever it holds, it stays text.
#pragma once

#include <string>
#include <string_view>

namespace pagoda::report {

/// Valid UTF-8 without control characters: bytes that are none become U+FFFD, line ends and the like spaces.
std::string clean_text(std::string_view text);

/// `text` inside an HTML element or an attribute in quotes.
std::string html(std::string_view text);

/// A text as a field of gnuplot's data, without its quotes.
std::string data_field(std::string_view text);

/// The first `count` characters (not bytes) of valid UTF-8.
std::string first_characters(std::string_view text, std::size_t count);
/// How many characters (not bytes) valid UTF-8 has.
std::size_t character_count(std::string_view text);

}  // namespace pagoda::report

// What every page holds: its style, and the script that sorts a table by the column whose title is pressed.
#pragma once

namespace pagoda::report {

extern const char* const kStyle;
extern const char* const kScript;
/// The page lets no other script than this run (Content Security Policy Level 3, section 2.3.1): the SHA-256 of kScript
/// in Base64. Whoever changes the script finds the new one in the browser's message, which the browser's test shows.
extern const char* const kScriptHash;

}  // namespace pagoda::report

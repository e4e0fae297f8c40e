// SHA-256 (FIPS 180-4) of texts and files: what sweeps, traces and points are told apart by.
#pragma once

#include <string>
#include <string_view>

namespace pagoda {

/// 64 hexadecimal digits.
std::string digest_of(std::string_view text);
/// Of a file's bytes. UserError if it cannot be read.
std::string digest_of_file(const std::string& path);

/// Of the running program: two builds of one version do not pass for each other.
std::string digest_of_program();

}  // namespace pagoda

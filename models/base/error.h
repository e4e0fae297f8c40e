// What a user gets told about a mistake in their input.
#pragma once

#include <stdexcept>
#include <string>

namespace pagoda {

/// Where a piece of input was written. `line` 0 means that lines do not apply (a binary file, the command
/// line).
struct SourceLocation {
  std::string file;
  int line = 0;

  bool operator==(const SourceLocation&) const = default;
};

/// A mistake in the user's input (platform file, trace, vectors, command line). The program prints what() as
/// its one line and exits with status 2. Format: `file:line: path: problem; allowed`, leaving out what is
/// empty.
class UserError : public std::runtime_error {
 public:
  explicit UserError(const std::string& problem);
  UserError(const SourceLocation& where, const std::string& problem);
  UserError(const SourceLocation& where, const std::string& path, const std::string& problem,
            const std::string& allowed);
};

/// A rule that the modelled mechanism must keep was broken in the run: exit status 3.
class InvariantError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace pagoda

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

std::string one_line(const SourceLocation& where, const std::string& path, const std::string& problem,
                     const std::string& allowed) {
  std::string text;
  if (!where.file.empty()) {
    text += where.file + ":";
    if (where.line > 0) text += std::to_string(where.line) + ":";
    text += " ";
  }
  if (!path.empty()) text += path + ": ";
  text += problem;
  if (!allowed.empty()) text += "; " + allowed;
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

}  // namespace

UserError::UserError(const std::string& problem) : std::runtime_error(one_line({}, {}, problem, {})) {}

UserError::UserError(const SourceLocation& where, const std::string& problem)
    : std::runtime_error(one_line(where, {}, problem, {})) {}

UserError::UserError(const SourceLocation& where, const std::string& path, const std::string& problem,
                     const std::string& allowed)
    : std::runtime_error(one_line(where, path, problem, allowed)) {}

}  // namespace pagoda

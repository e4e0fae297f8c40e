#include "pagoda/base/temporary_folder.h"

#include <cstdlib>
#include <string>

#include "pagoda/base/error.h"

namespace pagoda {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder(std::string_view prefix) {
  std::error_code missing;
  const fs::path parent = fs::temp_directory_path(missing);
  std::string name = (parent / prefix).string() + "-XXXXXX";
  if (missing || mkdtemp(name.data()) == nullptr) {
    const char* const wanted = std::getenv("TMPDIR");
    throw UserError({parent.empty() && wanted != nullptr ? wanted : parent.string(), 0}, "",
                    "no temporary folder can be made there", "allowed: a folder in TMPDIR that can be written");
  }
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace pagoda

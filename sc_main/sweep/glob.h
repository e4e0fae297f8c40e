// Names by pattern: `*` stands for any characters, `?` for one.
#pragma once

#include <string_view>

namespace pagoda {

bool glob_matches(std::string_view pattern, std::string_view text);
bool is_glob(std::string_view pattern);

}  // namespace pagoda

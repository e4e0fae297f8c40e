// Patterns against a matcher that tries every way.
#include "sc_main/sweep/glob.h"

#include <functional>

#include <gtest/gtest.h>

namespace pagoda::glob_test {

// The definition: a star is nothing, or any character and a star.
bool matches_by_definition(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    return matches_by_definition(pattern.substr(1), text) ||
           (!text.empty() && matches_by_definition(pattern, text.substr(1)));
  }
  return !text.empty() && (pattern.front() == '?' || pattern.front() == text.front()) &&
         matches_by_definition(pattern.substr(1), text.substr(1));
}

void for_all_words(std::string_view letters, std::size_t longest, const std::function<void(const std::string&)>& use) {
  std::vector<std::string> words{""};
  for (std::size_t i = 0; i < words.size(); ++i) {
    use(words[i]);
    if (words[i].size() == longest) continue;
    for (const char letter : letters) words.push_back(words[i] + letter);
  }
}

TEST(Glob, AgreesWithItsDefinition) {
  for_all_words("ab*?", 5, [](const std::string& pattern) {
    for_all_words("ab", 5, [&](const std::string& text) {
      ASSERT_EQ(glob_matches(pattern, text), matches_by_definition(pattern, text)) << pattern << " of " << text;
    });
  });
}

TEST(Glob, Names) {
  EXPECT_TRUE(glob_matches("cpu0.*.hit_rate", "cpu0.mmu.dtlb.hit_rate"));
  EXPECT_FALSE(glob_matches("cpu0.*.hit_rate", "cpu1.mmu.dtlb.hit_rate"));
  EXPECT_TRUE(is_glob("4k-*"));
  EXPECT_FALSE(is_glob("4k-1m"));
}

}  // namespace pagoda::glob_test

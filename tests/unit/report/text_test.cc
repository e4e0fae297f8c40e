// Whatever users write stays text, in pages and in plots.
#include "sc_main/report/text.h"

#include <gtest/gtest.h>

#include "sc_main/report/chart_script.h"
#include "sc_main/report/gnuplot.h"

namespace pagoda::report::text_test {

TEST(Text, OfPagesIsEscaped) {
  EXPECT_EQ(html("<script>alert(\"x\" & 'y')</script>"),
            "&lt;script&gt;alert(&quot;x&quot; &amp; &#39;y&#39;)&lt;/script&gt;");
}

// The sequences that Unicode 15, table 3-7, calls ill-formed.
TEST(Text, ThatIsNoUtf8IsReplaced) {
  EXPECT_EQ(clean_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
  EXPECT_EQ(clean_text("a\xff"), "a\uFFFD");
  EXPECT_EQ(clean_text("\xc0\xaf"), "\uFFFD\uFFFD") << "overlong";
  EXPECT_EQ(clean_text("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD") << "a surrogate";
  EXPECT_EQ(clean_text("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "beyond U+10FFFF";
  EXPECT_EQ(clean_text("\xe2\x82"), "\uFFFD\uFFFD") << "cut short";
}

TEST(Text, ControlCharactersBecomeSpaces) {
  EXPECT_EQ(clean_text(std::string("a\nb\tc\0d\x7f", 8)), "a b c d ");
  EXPECT_EQ(clean_text("a\xc2\x85"
                       "b"),
            "a b")
      << "U+0085 is one too";
}

TEST(Text, IsCutBetweenCharacters) {
  EXPECT_EQ(first_characters("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xc3\xa9");
  EXPECT_EQ(character_count("\xc3\xa9t\xc3\xa9"), 3U);
}

TEST(Text, OfPlotsCannotLeaveItsQuotes) {
  EXPECT_EQ(gnuplot_string("it's `date` @x $y \\"), "'it''s `date` @x $y \\'");
  EXPECT_EQ(gnuplot_string("a'\nplot x"), "'a'' plot x'");
  EXPECT_EQ(data_field("say \"a\" \\ b\n"), "say 'a' \\\\ b ");
}

// What is drawn says what was meant, whatever that is.
TEST(Text, IsDrawnAsItIs) {
  const std::string odd = "<b>&amp; 'q' \"r\" `id` @m $d \\n {/x} ~a_b^c";
  BarChart chart;
  chart.value.label = odd;
  chart.rows = {odd};
  chart.series = {{odd, {{.x = 0, .y = 1}}}, {"other", {{.x = 0, .y = 2}}}};
  const std::string svg = draw_figures({{odd, "", chart}}).at(0);
  std::size_t found = 0;
  const std::string drawn = "&lt;b>&amp;amp; 'q' \"r\" `id` @m $d \\n {/x} ~a_b^c";
  for (std::size_t at = svg.find(drawn); at != std::string::npos; at = svg.find(drawn, at + 1)) ++found;
  EXPECT_EQ(found, 3U) << svg;
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
}

TEST(Drawings, OfOnePageShareNoIds) {
  LineChart chart;
  chart.series = {{"a", {{.x = 1, .y = 1}, {.x = 2, .y = 3}}}};
  const std::vector<std::string> svgs = draw_figures({{"first", "", chart}, {"second", "", chart}});
  ASSERT_EQ(svgs.size(), 2U);
  EXPECT_NE(svgs[0].find("id='figure0-"), std::string::npos);
  EXPECT_EQ(svgs[1].find("figure0-"), std::string::npos);
  EXPECT_EQ(svgs[0].find("id='gp"), std::string::npos);
  EXPECT_EQ(svgs[0].find("href='#gp"), std::string::npos);
}

}  // namespace pagoda::report::text_test

#include "sc_main/report/page.h"

#include <algorithm>

#include <fmt/format.h>

#include "sc_main/report/page_assets.h"
#include "sc_main/report/tables.h"
#include "sc_main/report/text.h"

namespace pagoda::report {
namespace {

std::string kind_name(StudyKind kind) {
  switch (kind) {
    case StudyKind::run: return "Run";
    case StudyKind::variants: return "Comparison of variants";
    case StudyKind::sweep: return "Sweep";
  }
  return {};
}

/// Sections of the page, and the list of them at its top.
class Body {
 public:
  void add(const std::string& id, const std::string& title, const std::string& content) {
    if (content.empty()) return;
    links_ += fmt::format("<a href=\"#{}\">{}</a>\n", id, html(title));
    text_ += fmt::format("<section id=\"{}\">\n<h2>{}</h2>\n{}</section>\n", id, html(title), content);
  }
  std::string finish() const { return fmt::format("<nav>\n{}</nav>\n{}", links_, text_); }

 private:
  std::string links_;
  std::string text_;
};

std::string paragraph(const std::string& text) { return text.empty() ? "" : fmt::format("<p>{}</p>\n", html(text)); }

std::string folded(const std::string& title, const std::string& content) {
  if (content.empty()) return {};
  return fmt::format("<details><summary>{}</summary>\n{}</details>\n", html(title), content);
}

std::string figures(const Section& section, std::span<const std::string> plots) {
  if (section.figures.empty()) return {};
  std::string text = "<div class=\"figures\">\n";
  for (std::size_t i = 0; i < section.figures.size(); ++i) {
    const Figure& figure = section.figures[i];
    text += fmt::format("<figure>\n<figcaption><b>{}</b> {}</figcaption>\n{}</figure>\n", html(figure.title),
                        html(figure.caption), plots[i]);
  }
  return text + "</div>\n";
}

// How many points there are, and a notice of those that failed.
std::string counts(const Study& study) {
  if (study.kind != StudyKind::sweep) return {};
  const auto failed = static_cast<std::size_t>(
      std::count_if(study.points.begin(), study.points.end(), [](const Point& point) { return !point.done; }));
  std::string text = fmt::format("<p>{} points, {} designs{}.</p>\n", study.points.size(), study.cells().size(),
                                 study.repeated() ? " with repeats" : "");
  if (failed > 0) {
    text += fmt::format(
        "<p class=\"notice\">{} of {} points are not done: <a href=\"#failed\">their reasons</a>. They are in "
        "no plot.</p>\n",
        failed, study.points.size());
  }
  return text;
}

}  // namespace

std::string report_page(const Study& study, const Plan& plan, const Headlines& headlines,
                        const std::vector<Section>& sections, const std::vector<std::string>& plots) {
  Body body;
  body.add("run", "What was run",
           facts_table(study) + folded("Settings in which the variants differ", differences_table(study)));
  body.add("glance", "At a glance", headline_table(study, plan, headlines));
  std::size_t drawn = 0;
  for (const Section& section : sections) {
    std::string content = figures(section, std::span(plots).subspan(drawn, section.figures.size()));
    drawn += section.figures.size();
    if (section.id == "ratios") content += mean_ratio_table(study, plan);
    if (section.id == "front" && !content.empty()) content += front_table(study, plan);
    if (!content.empty()) content = paragraph(section.text) + content;
    body.add(section.id, section.title, content);
  }
  body.add("repeats", "Spread over repeats", spread_table(study, plan));
  body.add("failed", "Points that are not done", failed_table(study));
  body.add("points", "All points", points_table(study, plan));
  body.add("all", "All statistics", folded("Show every statistic of every module", statistics_table(study)));
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
      "script-src '{}'\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<header>\n<p "
      "class=\"kind\">{}</p>\n<h1>{}</h1>\n{}{}</header>\n"
      "{}<script>{}</script>\n</body>\n</html>\n",
      kScriptHash, html(study.title), kStyle, kind_name(study.kind), html(study.title), paragraph(study.description),
      counts(study), body.finish(), kScript);
}

}  // namespace pagoda::report

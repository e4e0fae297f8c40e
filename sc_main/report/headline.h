// The statistics that say most, in the order in which they are looked at.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <string_view>

namespace pagoda::report {

struct Headline {
  const char* statistic;  ///< `device.` stands for the first device
  const char* label;
  bool ratio = false;  ///< to the first variant, beside the statistic itself
};

/// Those of platforms that have a statistic `mark`; an empty mark fits all.
struct HeadlineSet {
  const char* mark;
  std::span<const Headline> headlines;
};
struct Headlines {
  std::span<const Headline> all;
  std::span<const HeadlineSet> of_platforms;  ///< the few that tell most; the first set that fits counts
};

/// The name of a headline's statistic with the first device for `device.`. `statistics` is a range of what has a `name`;
/// empty if it has no device.
template <class Statistics>
std::string with_first_device(std::string name, const Statistics& statistics) {
  constexpr std::string_view kDevice = "device.";
  if (!name.starts_with(kDevice)) return name;
  constexpr std::string_view kMark = ".payload_rate";  // what every device has
  const auto device =
      std::find_if(statistics.begin(), statistics.end(), [&](const auto& s) { return s.name.ends_with(kMark); });
  if (device == statistics.end()) return {};
  return device->name.substr(0, device->name.size() - kMark.size() + 1) + name.substr(kDevice.size());
}

/// The few headlines for what has these statistics.
template <class Statistics>
std::span<const Headline> headlines_for(const Headlines& headlines, const Statistics& statistics) {
  for (const HeadlineSet& set : headlines.of_platforms) {
    const auto marks = [&](const auto& s) { return s.name == set.mark; };
    if (*set.mark == '\0' || std::any_of(statistics.begin(), statistics.end(), marks)) return set.headlines;
  }
  return headlines.all;
}

}  // namespace pagoda::report

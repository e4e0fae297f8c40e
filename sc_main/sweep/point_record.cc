#include "sc_main/sweep/point_record.h"

#include <fstream>

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>
#include <nlohmann/json.hpp>

namespace pagoda {

std::string to_string(PointStatus status) { return boost::describe::enum_to_string(status, ""); }

std::optional<PointRecord> read_record(const std::filesystem::path& folder) {
  std::ifstream file(folder / "point.json");
  const nlohmann::json json = nlohmann::json::parse(file, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  PointRecord record;
  try {
    if (!boost::describe::enum_from_string(json.at("status").get<std::string>().c_str(), record.status)) {
      return std::nullopt;
    }
    record.seed = json.at("seed");
    record.reason = json.at("reason");
    record.exit_status = json.at("exit_status");
    record.seconds = json.at("seconds");
    record.content = json.at("content");
    record.key = json.at("key");
    record.version = json.at("version");
    record.from = json.at("from");
  } catch (const nlohmann::json::exception&) {
    return std::nullopt;
  }
  return record;
}

}  // namespace pagoda

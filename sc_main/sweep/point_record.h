// What became of a point: point.json in its folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <boost/describe/enum.hpp>

namespace pagoda {

enum class PointStatus : std::uint8_t {
  done,
  failed,   ///< it crashed, was refused, violated an invariant, or went beyond a limit: it would again
  lost,     ///< something outside ended it: it is to be run again
  missing,  ///< it was not run
};
BOOST_DESCRIBE_ENUM(PointStatus, done, failed, lost, missing)

std::string to_string(PointStatus status);

struct PointRecord {
  PointStatus status = PointStatus::missing;
  std::uint64_t seed = 0;
  std::string reason;   ///< one line; empty if done
  int exit_status = 0;  ///< of the process; 128 and the signal's number if one ended it
  double seconds = 0;   ///< on the host
  std::string content;  ///< PointKey of the point
  std::string key;
  std::string version;  ///< of the program that ran it
  std::string from;     ///< `run`, `cache`, or the folder of the same point that it is a copy of
};

/// The record in that folder; nothing if there is none, or none that can be read.
std::optional<PointRecord> read_record(const std::filesystem::path& folder);

}  // namespace pagoda

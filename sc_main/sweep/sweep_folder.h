// The folder of a sweep on disk.
//
//   sweep.json     what the sweep is (SweepManifest); there from the first moment on
//   source/        the sweep file and the platform files as they were when it started
//   points/00042/  a finished point, put there whole by one rename: what is there is complete
//   replaced/      points of another sweep or version that a forced resume goes through for equal ones
//   work/          points under way; whatever lies there when nobody works on the folder is left over from a kill
//   lock           held by the one process that leads the sweep
//   results.csv, results.json
// A kill at any moment loses the points under way and nothing else. Errors: UserError.
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "sc_main/sweep/plan.h"
#include "sc_main/sweep/point_record.h"

namespace pagoda {

/// How names of folders under work/ begin that belong to Slurm's tasks.
inline constexpr const char* kSlurmWorker = "slurm-";

/// What a sweep is, and with which program it was begun.
struct SweepManifest {
  std::string name;
  std::string description;
  std::string version;  ///< of Pagoda
  std::string program;  ///< digest of the program file
  std::size_t points = 0;
  std::string sweep_file;
  std::vector<std::string> platform_files;
  std::vector<std::string> sets;
  std::string limit;
  std::string identity;                       ///< digest of all that decides what the points are, but traces
  std::map<std::string, std::string> traces;  ///< path and digest
  bool forced = false;                        ///< results of other versions were accepted

  /// What a sweep of this plan is. The traces are read.
  static SweepManifest of(const SweepPlan& plan, const std::set<std::string>& traces, std::string version,
                          std::string program);
  /// Digest of the files, changes and limit of a plan, but not of names, comments, limits and what is collected.
  static std::string identity_of(const SweepPlan& plan);
};

class SweepFolder {
 public:
  /// Makes a new folder, all of it or nothing, and takes its lock. `path` is missing or an empty folder.
  static SweepFolder create(const std::filesystem::path& path, const SweepManifest& manifest,
                            const SweepSources& sources);
  /// Opens the folder of a sweep; without its lock.
  explicit SweepFolder(const std::filesystem::path& path);
  ~SweepFolder();
  SweepFolder(SweepFolder&& other) noexcept;
  SweepFolder& operator=(SweepFolder&&) = delete;

  /// UserError if another process holds it.
  void lock();

  const std::filesystem::path& path() const { return path_; }
  const SweepManifest& manifest() const { return manifest_; }
  /// The sources that the sweep was begun with.
  SweepSources sources() const;
  /// Brings names, descriptions and what is collected up to date, of the same sweep.
  void renew(const SweepManifest& manifest, const SweepSources& sources);
  /// Makes the folder that of another sweep or version; its points become candidates for reuse.
  void replace(const SweepManifest& manifest, const SweepSources& sources);
  /// Folders of points that a forced resume may reuse.
  std::vector<std::filesystem::path> replaced() const;
  void remove_replaced() const;

  /// The numbers of finished points, in order.
  std::vector<std::size_t> finished() const;
  std::filesystem::path point_path(std::size_t number) const;
  /// `points/00042`.
  std::string point_name(std::size_t number) const;
  void remove_point(std::size_t number) const;
  /// Puts a finished point in place, unless somebody else did so before: then `staging` goes away, and the answer is
  /// false. A lost point makes room.
  bool commit(std::size_t number, const std::filesystem::path& staging) const;

  /// A folder under work/ of that name, empty.
  std::filesystem::path make_work(const std::string& name) const;
  /// Removes what was under way when an earlier process was killed; that of Slurm's tasks, which may be alive, only if
  /// `all` is said.
  void remove_work(bool all) const;

  /// Writes a file in the folder by rename.
  void write(const std::string& name, const std::string& contents) const;

 private:
  SweepFolder(std::filesystem::path path, SweepManifest manifest);
  void write_sources(const SweepSources& sources) const;
  void read_manifest();

  std::filesystem::path path_;
  SweepManifest manifest_;
  int lock_ = -1;
};

}  // namespace pagoda

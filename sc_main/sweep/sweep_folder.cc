#include "sc_main/sweep/sweep_folder.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/error.h"
#include "sc_main/sweep/digest.h"
#include "sc_main/sweep/files.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

constexpr int kFormat = 1;  // of the folder

[[noreturn]] void refuse(const fs::path& path, const std::string& why) { throw UserError({path.string(), 0}, why); }

[[noreturn]] void refuse(const fs::path& path, const fs::filesystem_error& error) {
  refuse(path, fmt::format("the folder cannot be written: {}", error.code().message()));
}

std::string manifest_json(const SweepManifest& manifest) {
  const nlohmann::ordered_json json = {{"pagoda_sweep", kFormat},
                                       {"name", manifest.name},
                                       {"description", manifest.description},
                                       {"points", manifest.points},
                                       {"version", manifest.version},
                                       {"program", manifest.program},
                                       {"sweep_file", manifest.sweep_file},
                                       {"platform_files", manifest.platform_files},
                                       {"set", manifest.sets},
                                       {"limit", manifest.limit},
                                       {"identity", manifest.identity},
                                       {"traces", manifest.traces},
                                       {"forced", manifest.forced}};
  return json.dump(2) + "\n";
}

// The tree without what does not change any point.
ConfigNode without(const ConfigNode& node, std::initializer_list<const char*> keys) {
  ConfigNode rest = node;
  std::erase_if(rest.members, [&](const ConfigMember& member) {
    return std::find(keys.begin(), keys.end(), member.key) != keys.end();
  });
  return rest;
}

void fill_folder(const fs::path& folder) {
  fs::create_directories(folder / "points");
  fs::create_directories(folder / "work");
}

}  // namespace

std::string SweepManifest::identity_of(const SweepPlan& plan) {
  const SweepSources& sources = plan.sources();
  std::string text = one_line(without(parse_yaml(sources.sweep.text, sources.sweep.file),
                                      {"name", "description", "statistics", "report", "time_limit", "memory_limit"}));
  for (const SweepPlan::PlatformEntry& platform : plan.platforms()) {
    text += "\n" + platform.file + "\n" + one_line(without(platform.root, {"description"}));
  }
  for (const std::string& set : sources.sets) text += "\n" + set;
  return digest_of(text + "\nlimit " + sources.limit);
}

SweepManifest SweepManifest::of(const SweepPlan& plan, const std::set<std::string>& traces, std::string version,
                                std::string program) {
  SweepManifest manifest;
  manifest.name = plan.config().name;
  manifest.description = plan.config().description;
  manifest.version = std::move(version);
  manifest.program = std::move(program);
  manifest.points = plan.size();
  manifest.sweep_file = plan.sources().sweep.file;
  for (const SourceFile& platform : plan.sources().platforms) manifest.platform_files.push_back(platform.file);
  manifest.sets = plan.sources().sets;
  manifest.limit = plan.sources().limit;
  manifest.identity = identity_of(plan);
  for (const std::string& trace : traces) manifest.traces[trace] = digest_of_file(trace);
  return manifest;
}

SweepFolder SweepFolder::create(const fs::path& path, const SweepManifest& manifest, const SweepSources& sources) {
  fs::path whole = fs::absolute(path).lexically_normal();
  if (whole.filename().empty()) whole = whole.parent_path();
  const fs::path staging = whole.parent_path() / fmt::format(".{}.{}", whole.filename().string(), getpid());
  try {
    fs::create_directories(whole.parent_path());
    fs::remove_all(staging);
    fs::create_directory(staging);
    fill_folder(staging);
    SweepFolder made(staging, manifest);
    made.write_sources(sources);
    made.write("sweep.json", manifest_json(manifest));
    made.lock();
    // Takes the place of an empty folder, and of nothing else.
    fs::rename(staging, whole);
    made.path_ = whole;
    return made;
  } catch (const fs::filesystem_error& error) {
    std::error_code ignored;
    fs::remove_all(staging, ignored);
    refuse(path, error);
  }
}

SweepFolder::SweepFolder(fs::path path, SweepManifest manifest)
    : path_(std::move(path)), manifest_(std::move(manifest)) {}

SweepFolder::SweepFolder(const fs::path& path) : path_(fs::absolute(path).lexically_normal()) {
  if (path_.filename().empty()) path_ = path_.parent_path();
  if (!fs::is_directory(path_)) refuse(path, "there is no such folder; leave --resume out to start the sweep");
  if (!fs::exists(path_ / "sweep.json")) refuse(path, "exists and holds no sweep; name another folder");
  read_manifest();
}

SweepFolder::SweepFolder(SweepFolder&& other) noexcept
    : path_(std::move(other.path_)), manifest_(std::move(other.manifest_)), lock_(std::exchange(other.lock_, -1)) {}

SweepFolder::~SweepFolder() {
  if (lock_ >= 0) close(lock_);
}

void SweepFolder::read_manifest() {
  const fs::path file = path_ / "sweep.json";
  const nlohmann::json json = nlohmann::json::parse(required_text_of(file), nullptr, false);
  try {
    if (json.at("pagoda_sweep") != kFormat) refuse(file, "is of another version of Pagoda; name another folder");
    manifest_.name = json.at("name");
    manifest_.description = json.at("description");
    manifest_.points = json.at("points");
    manifest_.version = json.at("version");
    manifest_.program = json.at("program");
    manifest_.sweep_file = json.at("sweep_file");
    manifest_.platform_files = json.at("platform_files").get<std::vector<std::string>>();
    manifest_.sets = json.at("set").get<std::vector<std::string>>();
    manifest_.limit = json.at("limit");
    manifest_.identity = json.at("identity");
    manifest_.traces = json.at("traces").get<std::map<std::string, std::string>>();
    manifest_.forced = json.at("forced");
  } catch (const nlohmann::json::exception&) {
    refuse(file, "is not what `pagoda sweep` writes; name another folder");
  }
}

void SweepFolder::lock() {
  lock_ = open((path_ / "lock").c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0666);
  if (lock_ < 0) refuse(path_, fmt::format("the folder cannot be written: {}", std::strerror(errno)));
  if (flock(lock_, LOCK_EX | LOCK_NB) == 0) return;
  refuse(path_, "another `pagoda sweep` is working in this folder; wait for it or end it");
}

SweepSources SweepFolder::sources() const {
  SweepSources sources;
  sources.sweep = {manifest_.sweep_file, required_text_of(path_ / "source" / "sweep.yaml")};
  for (std::size_t i = 0; i < manifest_.platform_files.size(); ++i) {
    sources.platforms.push_back(
        {manifest_.platform_files[i], required_text_of(path_ / "source" / fmt::format("platform-{}.yaml", i))});
  }
  sources.sets = manifest_.sets;
  sources.limit = manifest_.limit;
  return sources;
}

void SweepFolder::write_sources(const SweepSources& sources) const {
  const fs::path fresh = path_ / "source.new";
  fs::remove_all(fresh);
  fs::create_directory(fresh);
  write_text(fresh / "sweep.yaml", sources.sweep.text);
  for (std::size_t i = 0; i < sources.platforms.size(); ++i) {
    write_text(fresh / fmt::format("platform-{}.yaml", i), sources.platforms[i].text);
  }
  fs::remove_all(path_ / "source");
  fs::rename(fresh, path_ / "source");
}

void SweepFolder::replace(const SweepManifest& manifest, const SweepSources& sources) {
  try {
    // Points first: until the manifest is that of the new sweep, the old one would find its own among the replaced.
    fs::create_directories(path_ / "replaced");
    std::size_t number = 0;
    while (fs::exists(path_ / "replaced" / fmt::format("{}", number))) ++number;
    fs::rename(path_ / "points", path_ / "replaced" / fmt::format("{}", number));
    fs::create_directory(path_ / "points");
    manifest_ = manifest;
    manifest_.forced = true;
    write("sweep.json", manifest_json(manifest_));
    write_sources(sources);
  } catch (const fs::filesystem_error& error) {
    refuse(path_, error);
  }
}

std::vector<fs::path> SweepFolder::replaced() const {
  std::vector<fs::path> folders;
  std::error_code none;
  for (const fs::directory_entry& old : fs::directory_iterator(path_ / "replaced", none)) {
    for (const fs::directory_entry& point : fs::directory_iterator(old, none)) folders.push_back(point);
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

void SweepFolder::remove_replaced() const {
  std::error_code ignored;
  fs::remove_all(path_ / "replaced", ignored);
}

std::vector<std::size_t> SweepFolder::finished() const {
  std::vector<std::size_t> numbers;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_ / "points", none)) {
    const std::string name = entry.path().filename().string();
    std::size_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (error == std::errc{} && end == name.data() + name.size() && number < manifest_.points) {
      numbers.push_back(number);
    }
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

std::string SweepFolder::point_name(std::size_t number) const { return fmt::format("points/{:05}", number); }

fs::path SweepFolder::point_path(std::size_t number) const { return path_ / point_name(number); }

void SweepFolder::remove_point(std::size_t number) const {
  // What is half removed must not look like a finished point.
  const fs::path going = path_ / "work" / fmt::format("removed-{}-{:05}", getpid(), number);
  std::error_code none;
  fs::rename(point_path(number), going, none);
  fs::remove_all(going, none);
}

bool SweepFolder::commit(std::size_t number, const fs::path& staging) const {
  std::error_code error;
  fs::rename(staging, point_path(number), error);
  if (!error) return true;
  if (error != std::errc::directory_not_empty && error != std::errc::file_exists) {
    refuse(point_path(number), fmt::format("cannot be written: {}", error.message()));
  }
  const std::optional<PointRecord> there = read_record(point_path(number));
  if (!there || there->status == PointStatus::lost) {
    remove_point(number);
    fs::rename(staging, point_path(number), error);
    if (!error) return true;
  }
  fs::remove_all(staging, error);
  return false;
}

fs::path SweepFolder::make_work(const std::string& name) const {
  const fs::path folder = path_ / "work" / name;
  try {
    fs::remove_all(folder);
    fs::create_directories(folder);
  } catch (const fs::filesystem_error& error) {
    refuse(folder, error);
  }
  return folder;
}

void SweepFolder::remove_work(bool all) const {
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(path_ / "work", none)) {
    if (all || !entry.path().filename().string().starts_with(kSlurmWorker)) fs::remove_all(entry.path(), none);
  }
  for (const fs::directory_entry& entry : fs::directory_iterator(path_, none)) {
    if (entry.path().filename().string().starts_with('.')) fs::remove(entry.path(), none);
  }
}

void SweepFolder::renew(const SweepManifest& manifest, const SweepSources& sources) {
  try {
    fill_folder(path_);
    manifest_.name = manifest.name;
    manifest_.description = manifest.description;
    write("sweep.json", manifest_json(manifest_));
    write_sources(sources);
  } catch (const fs::filesystem_error& error) {
    refuse(path_, error);
  }
}

void SweepFolder::write(const std::string& name, const std::string& contents) const {
  const fs::path fresh = path_ / fmt::format(".{}.{}", fs::path(name).filename().string(), getpid());
  write_text(fresh, contents);
  std::error_code error;
  fs::rename(fresh, path_ / name, error);
  if (error) refuse(path_ / name, fmt::format("cannot be written: {}", error.message()));
}

}  // namespace pagoda

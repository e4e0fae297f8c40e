#include "sc_main/sweep/point_runner.h"

#include <csignal>
#include <cstring>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/error.h"
#include "platforms/platform.h"
#include "sc_main/sweep/files.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kInterruptLook{200};

// Where the point was worked on has no part in its results.
void replace_all(std::string& text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
}

bool from_outside(int signal) {
  return signal == SIGKILL || signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

}  // namespace

PointRunner::PointRunner(const SweepPlan& plan, const SweepFolder& folder, RunnerOptions options, OnFinish on_finish)
    : plan_(plan),
      folder_(folder),
      options_(std::move(options)),
      on_finish_(std::move(on_finish)),
      keys_(folder.manifest().version + " " + folder.manifest().program),
      work_(folder.make_work(options_.worker)) {
  if (!options_.cache.empty()) cache_.emplace(options_.cache);
}

std::vector<std::size_t> PointRunner::adopt(const std::vector<std::size_t>& numbers) {
  std::vector<std::size_t> others;
  std::map<std::string, std::size_t> firsts;
  for (const std::size_t number : numbers) {
    const PlatformConfig config = plan_.resolve(plan_.point(number));
    const PointKey key = keys_.key_of(config);
    if (!adopted(number, config, key) && firsts.emplace(key.full, number).second) others.push_back(number);
  }
  return others;
}

void PointRunner::give_up(std::size_t number, const std::string& reason) {
  const PlatformConfig config = plan_.resolve(plan_.point(number));
  const fs::path folder = work_ / fmt::format("{:05}", number);
  fs::create_directories(folder);
  write_text(folder / "platform.yaml", to_yaml(to_node(with_clocks(config))));
  write_text(folder / "log.txt", reason + "\n");
  PointRecord record{.status = PointStatus::failed, .seed = config.seed, .reason = reason};
  record.version = folder_.manifest().version;
  record.from = "run";
  put_in_place(number, folder, std::move(record), keys_.key_of(config));
}

bool PointRunner::run(const std::vector<std::size_t>& numbers) {
  queue_.assign(numbers.begin(), numbers.end());
  while (!queue_.empty() || pool_.running() > 0) {
    if (InterruptGuard::requested()) {
      pool_.kill_all();
      under_way_.clear();
      return false;
    }
    while (pool_.running() < options_.jobs && start_next()) {
    }
    if (pool_.running() == 0) continue;
    for (const EndedProcess& ended : pool_.wait(kInterruptLook)) finish(ended);
  }
  return true;
}

bool PointRunner::start_next() {
  if (queue_.empty() || InterruptGuard::requested()) return false;
  const std::size_t number = queue_.front();
  queue_.pop_front();
  const PlatformConfig config = plan_.resolve(plan_.point(number));
  const PointKey key = keys_.key_of(config);
  if (adopted(number, config, key)) return true;
  if (const auto first = waiting_.find(key.full); first != waiting_.end()) {
    first->second.push_back(number);
    return true;
  }
  start(number, config, key);
  return true;
}

bool PointRunner::adopted(std::size_t number, const PlatformConfig& config, const PointKey& key) {
  PointRecord record{.status = PointStatus::done, .seed = config.seed, .version = folder_.manifest().version};
  fs::path source;
  if (const auto known = known_.find(key.full); known != known_.end()) {
    source = known->second;
    record.from = "points/" + source.filename().string();
  } else if (const auto old = known_contents_.find(key.content); old != known_contents_.end()) {
    source = old->second;
    record.from = "an earlier sweep in this folder";
    if (const std::optional<PointRecord> earlier = read_record(source)) record.version = earlier->version;
  } else if (cache_) {
    const std::optional<fs::path> entry = cache_->find(key.full);
    if (!entry) return false;
    source = *entry;
    record.from = "cache";
  } else {
    return false;
  }
  const fs::path folder = work_ / fmt::format("{:05}", number);
  try {
    copy_results(source, folder);
  } catch (const fs::filesystem_error&) {  // somebody removed it meanwhile
    std::error_code ignored;
    fs::remove_all(folder, ignored);
    return false;
  }
  write_text(folder / "platform.yaml", to_yaml(to_node(with_clocks(config))));
  put_in_place(number, folder, std::move(record), key);
  return true;
}

void PointRunner::start(std::size_t number, const PlatformConfig& config, const PointKey& key) {
  const fs::path folder = work_ / fmt::format("{:05}", number);
  const std::string platform = folder.string() + ".yaml";
  write_text(platform, to_yaml(to_node(with_clocks(config))));
  pool_.start(number, {"run", platform, "--out", folder.string()}, {}, folder.string() + ".errors", options_.limits);
  under_way_[number] = {key, config.seed, folder};
  waiting_[key.full];
}

PointRecord PointRunner::judge(const EndedProcess& ended, const fs::path& folder) const {
  PointRecord record{.status = PointStatus::failed, .exit_status = ended.exit_status, .seconds = ended.seconds};
  record.version = folder_.manifest().version;
  record.from = "run";
  std::string said = last_words(text_of(folder.string() + ".errors"));
  replace_all(said, folder.string() + ".yaml", "platform.yaml");
  replace_all(said, folder.string(), "the point's folder");
  const int signal = ended.signalled ? ended.exit_status - 128 : 0;
  if (!ended.over_limit.empty()) {
    record.reason = ended.over_limit;
  } else if (ended.signalled && from_outside(signal)) {
    record.status = PointStatus::lost;
    record.reason = fmt::format("ended from outside by signal {} ({})", signal, strsignal(signal));
  } else if (ended.signalled) {
    record.reason = fmt::format("crashed with signal {} ({})", signal, strsignal(signal));
  } else if (ended.exit_status != 0) {
    record.reason = said.empty() ? fmt::format("exit status {}", ended.exit_status) : said;
  } else if (!fs::exists(folder / "run.json")) {
    record.reason = "left no results";
  } else {
    record.status = PointStatus::done;
  }
  return record;
}

// A failed run takes its folder with it, and a crashed one leaves what it had: what can be told goes into log.txt.
void PointRunner::collect_log(std::size_t number, const fs::path& folder) const {
  std::string log = text_of(folder.string() + ".errors");
  const std::string left = fmt::format(".{:05}.", number);
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(work_, none)) {
    if (!entry.path().filename().string().starts_with(left)) continue;
    log += text_of(entry.path() / "log.txt");
    fs::remove_all(entry.path(), none);
  }
  fs::remove_all(folder);
  fs::create_directory(folder);
  write_text(folder / "log.txt", log);
  fs::rename(folder.string() + ".yaml", folder / "platform.yaml");
}

void PointRunner::finish(const EndedProcess& ended) {
  const std::size_t number = ended.id;
  const UnderWay point = std::move(under_way_.at(number));
  under_way_.erase(number);
  PointRecord record = judge(ended, point.folder);
  record.seed = point.seed;
  const bool done = record.status == PointStatus::done;
  if (!done) collect_log(number, point.folder);
  std::error_code none;
  fs::remove(point.folder.string() + ".errors", none);
  fs::remove(point.folder.string() + ".yaml", none);
  put_in_place(number, point.folder, std::move(record), point.key);
  const std::vector<std::size_t> equal = std::move(waiting_[point.key.full]);
  waiting_.erase(point.key.full);
  queue_.insert(queue_.begin(), equal.begin(), equal.end());
}

void PointRunner::put_in_place(std::size_t number, const fs::path& folder, PointRecord record, const PointKey& key) {
  record.content = key.content;
  record.key = key.full;
  write_text(folder / "point.json", record_json(number, record));
  folder_.commit(number, folder);
  if (record.status == PointStatus::done) {
    if (cache_ && record.from == "run") cache_->add(key.full, folder_.point_path(number));
    known_.emplace(key.full, folder_.point_path(number));
  }
  on_finish_(number, record);
}

std::string PointRunner::record_json(std::size_t number, const PointRecord& record) const {
  const Point point = plan_.point(number);
  nlohmann::ordered_json parameters = nlohmann::ordered_json::object();
  const std::vector<ConfigNode> values = plan_.values(point);
  for (std::size_t i = 0; i < values.size(); ++i) parameters[plan_.parameters()[i].name()] = one_line(values[i]);
  const nlohmann::ordered_json json = {{"point", number},
                                       {"platform", plan_.platforms()[point.platform].name},
                                       {"variant", plan_.variant_name(point)},
                                       {"repeat", point.repeat},
                                       {"seed", record.seed},
                                       {"parameters", std::move(parameters)},
                                       {"status", to_string(record.status)},
                                       {"reason", record.reason},
                                       {"exit_status", record.exit_status},
                                       {"seconds", record.seconds},
                                       {"content", record.content},
                                       {"key", record.key},
                                       {"version", record.version},
                                       {"from", record.from}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace pagoda

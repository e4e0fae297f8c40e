#include "sc_main/sweep/session.h"

#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "sc_main/sweep/digest.h"
#include "sc_main/sweep/probe.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

bool occupied(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none) && !(fs::is_directory(path, none) && fs::is_empty(path, none));
}

// What keeps a folder from being gone on with; empty if nothing does.
std::string difference(const SweepManifest& ours, const SweepManifest& theirs) {
  if (ours.identity != theirs.identity) {
    return fmt::format("holds another sweep (`{}` of {}, or it was changed since)", theirs.name, theirs.sweep_file);
  }
  if (ours.version != theirs.version) return fmt::format("was begun by version {} of Pagoda", theirs.version);
  if (ours.program != theirs.program) return "was begun by another build of Pagoda";
  for (const auto& [trace, digest] : theirs.traces) {
    if (digest_of_file(trace) != digest) return fmt::format("was begun with other contents of {}", trace);
  }
  return {};
}

}  // namespace

SweepSession::SweepSession(const SweepPlan& plan, SessionOptions options,
                           const std::function<void(std::size_t)>& checked)
    : plan_(plan), options_(std::move(options)), folder_(open_folder(plan_, options_, checked)) {
  runner_options_.jobs = options_.jobs;
  runner_options_.limits.time = options_.limits.time ? options_.limits.time : plan_.config().time_limit;
  runner_options_.limits.memory = options_.limits.memory ? options_.limits.memory : plan_.config().memory_limit;
  runner_options_.cache = options_.cache;
  runner_options_.worker = fmt::format("local-{}", getpid());
  sort_points();
}

SweepFolder SweepSession::open_folder(const SweepPlan& plan, const SessionOptions& options,
                                      const std::function<void(std::size_t)>& checked) {
  if (!options.cache.empty()) PointCache{options.cache};
  SweepManifest manifest;
  manifest.version = options.version;
  manifest.program = digest_of_program();
  if (!occupied(options.out)) {
    manifest = SweepManifest::of(plan, plan.check(checked), manifest.version, manifest.program);
    check_statistics(plan);
    return SweepFolder::create(options.out, manifest, plan.sources());
  }
  SweepFolder folder(options.out);
  if (!options.resume) {
    throw UserError({options.out, 0}, "holds a sweep already; go on with it with --resume, or name another folder");
  }
  folder.lock();
  manifest.name = plan.config().name;
  manifest.description = plan.config().description;
  manifest.identity = SweepManifest::identity_of(plan);
  const std::string difference_found = difference(manifest, folder.manifest());
  if (!difference_found.empty() && !options.force) {
    throw UserError({options.out, 0}, difference_found + "; name another folder, or add --force to keep what is equal");
  }
  if (!difference_found.empty())
    manifest = SweepManifest::of(plan, plan.check(checked), manifest.version, manifest.program);
  check_statistics(plan);
  folder.remove_work(false);
  if (difference_found.empty()) {
    folder.renew(manifest, plan.sources());
  } else {
    folder.replace(manifest, plan.sources());
  }
  return folder;
}

void SweepSession::sort_points() {
  std::size_t next = 0;
  const auto missing_until = [&](std::size_t number) {
    for (; next < number; ++next) missing_.push_back(next);
  };
  for (const std::size_t number : folder_.finished()) {
    const std::optional<PointRecord> record = read_record(folder_.point_path(number));
    const bool again = !record || record->status == PointStatus::lost ||
                       (record->status == PointStatus::failed && options_.retry_failed);
    if (again) {
      folder_.remove_point(number);
      continue;
    }
    missing_until(number);
    ++next;
    if (record->status == PointStatus::done) done_.emplace_back(record->key, number);
  }
  missing_until(plan_.size());
}

std::unique_ptr<PointRunner> SweepSession::make_runner(PointRunner::OnFinish on_finish) const {
  auto runner = std::make_unique<PointRunner>(plan_, folder_, runner_options_, std::move(on_finish));
  for (const auto& [key, number] : done_) runner->know(key, folder_.point_path(number));
  for (const fs::path& old : folder_.replaced()) {
    const std::optional<PointRecord> record = read_record(old);
    if (!record || record->status != PointStatus::done) continue;
    if (folder_.manifest().forced) {
      runner->know_content(record->content, old);
    } else {
      runner->know(record->key, old);
    }
  }
  return runner;
}

SweepOutcome SweepSession::finish() {
  const SweepOutcome outcome = write_results(plan_, folder_);
  folder_.remove_work(outcome.missing == 0);
  if (outcome.missing == 0) folder_.remove_replaced();
  return outcome;
}

}  // namespace pagoda

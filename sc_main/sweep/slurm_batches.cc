#include "sc_main/sweep/slurm_batches.h"

#include <chrono>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "pagoda/base/error.h"
#include "sc_main/sweep/digest.h"

namespace pagoda {
namespace {

namespace fs = std::filesystem;

constexpr const char* kState = "slurm/state.json";

}  // namespace

bool SlurmBatches::exist(const SweepFolder& folder) { return fs::exists(folder.path() / kState); }

SlurmBatches::SlurmBatches(const SweepFolder& folder) : folder_(folder) {
  if (exist(folder)) {
    load();
    return;
  }
  fs::create_directories(folder.path() / "slurm");
  // Of this folder at this moment, so that no job of another sweep has it.
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  job_name_ = "pagoda-" + digest_of(fmt::format("{} {}", folder.path().string(), now)).substr(0, 16);
}

void SlurmBatches::load() {
  std::ifstream file(folder_.path() / kState);
  try {
    const nlohmann::json json = nlohmann::json::parse(file);
    job_name_ = json.at("job_name");
    options_.partition = json.at("partition");
    options_.account = json.at("account");
    options_.time = json.at("time");
    options_.memory = json.at("memory");
    options_.others = json.at("sbatch").get<std::vector<std::string>>();
    options_.cpus_per_task = json.at("cpus_per_task");
    for (const nlohmann::json& batch : json.at("batches")) {
      SlurmBatch& added = batches_.emplace_back();
      added.job = batch.at("job");
      for (const nlohmann::json& chunk : batch.at("chunks")) {
        added.chunks.push_back({chunk.at("points").get<std::vector<std::size_t>>(), chunk.at("over").get<bool>()});
      }
    }
    for (const nlohmann::json& strike : json.at("strikes")) strikes_[strike.at(0)] = strike.at(1);
  } catch (const nlohmann::json::exception&) {
    throw UserError({(folder_.path() / kState).string(), 0}, "is not what `pagoda sweep` writes");
  }
}

std::set<std::size_t> SlurmBatches::outstanding() const {
  std::set<std::size_t> points;
  for (const SlurmBatch& batch : batches_) {
    for (const SlurmChunk& chunk : batch.chunks) {
      if (!chunk.over) points.insert(chunk.points.begin(), chunk.points.end());
    }
  }
  return points;
}

void SlurmBatches::save() const {
  nlohmann::ordered_json batches = nlohmann::ordered_json::array();
  for (const SlurmBatch& batch : batches_) {
    nlohmann::ordered_json chunks = nlohmann::ordered_json::array();
    for (const SlurmChunk& chunk : batch.chunks) chunks.push_back({{"points", chunk.points}, {"over", chunk.over}});
    batches.push_back({{"job", batch.job}, {"chunks", std::move(chunks)}});
  }
  nlohmann::ordered_json strikes = nlohmann::ordered_json::array();
  for (const auto& [point, count] : strikes_) strikes.push_back(nlohmann::ordered_json::array({point, count}));
  const nlohmann::ordered_json json = {{"job_name", job_name_},
                                       {"partition", options_.partition},
                                       {"account", options_.account},
                                       {"time", options_.time},
                                       {"memory", options_.memory},
                                       {"sbatch", options_.others},
                                       {"cpus_per_task", options_.cpus_per_task},
                                       {"batches", std::move(batches)},
                                       {"strikes", std::move(strikes)}};
  folder_.write(kState, json.dump() + "\n");
}

std::string SlurmBatches::batch_name(std::size_t number) { return fmt::format("slurm/batch-{:04}", number); }

}  // namespace pagoda

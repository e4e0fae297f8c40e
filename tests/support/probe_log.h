// Keeps the signals that modules show, to be looked at in order of time.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/base/module.h"
#include "pagoda/base/probe.h"

namespace pagoda::testing {

class ProbeLog final : public ProbeVisitor, private ProbeSink {
 public:
  /// The probes of a module, from now on.
  void watch(Module& module) {
    groups_.assign(1, module.basename());
    module.visit_probes(*this);
  }

  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& [name, id] : ids_) all.push_back(name);
    return all;
  }
  bool has(const std::string& name) const { return ids_.contains(name); }

  /// The highest value of a signal that counts what is under way, which in the end is nothing.
  std::int64_t most(const std::string& name) const {
    std::int64_t now = 0, highest = 0;
    const auto& all = changes_.at(ids_.at(name));
    for (auto it = all.begin(); it != all.end();) {
      const Ps time = it->first;
      for (; it != all.end() && it->first == time; ++it) now += it->second;
      EXPECT_GE(now, 0) << name;
      highest = std::max(highest, now);
    }
    EXPECT_EQ(now, 0) << name;
    return highest;
  }
  /// The values that a signal was set to, in order of time.
  std::vector<std::int64_t> values(const std::string& name) const {
    std::vector<std::int64_t> all;
    for (const auto& [time, value] : changes_.at(ids_.at(name))) all.push_back(value);
    return all;
  }

 private:
  void probe(const char* name, Probe& probe, int /*bits*/, const char* /*meaning*/) override {
    std::string path;
    for (const std::string& group : groups_) path += group + ".";
    const auto id = static_cast<std::uint32_t>(changes_.size());
    ids_[path + name] = id;
    changes_.emplace_back();
    probe.record_to(this, id);
  }
  void enter(const char* group) override { groups_.emplace_back(group); }
  void leave() override { groups_.pop_back(); }
  void change(std::uint32_t id, Ps time, ProbeChange /*kind*/, std::uint64_t value) override {
    EXPECT_GE(time, kernel_now()) << "a waveform has been written up to there";
    changes_[id].emplace(time, static_cast<std::int64_t>(value));
  }

  std::vector<std::string> groups_;
  std::map<std::string, std::uint32_t> ids_;
  std::vector<std::multimap<Ps, std::int64_t>> changes_;
};

}  // namespace pagoda::testing

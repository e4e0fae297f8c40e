#include "unit/memory/dram_rules.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>

namespace pagoda::test {
namespace {

using Kind = DramCommand::Kind;

constexpr std::array<const char*, 7> kKindNames{"ACT", "PRE", "RD", "WR", "REF", "use", "transfer"};

std::string text(const DramCommand& command) {
  const DramAddress& at = command.where;
  return fmt::format("{} at {} ps in channel {} rank {} group {} bank {} row {}",
                     kKindNames[static_cast<std::size_t>(command.kind)], command.time, at.channel, at.rank,
                     at.bank_group, at.bank, at.row);
}

/// At one time, a PRE or REF comes before the ACT it allows.
int order(Kind kind) {
  switch (kind) {
    case Kind::precharge: return 0;
    case Kind::refresh: return 1;
    case Kind::activate: return 2;
    default: return 3;
  }
}

struct Bank {
  std::optional<std::uint32_t> row;
  std::optional<Ps> activate, precharge, read, write;
};

class Checker {
 public:
  explicit Checker(const DramConfig& config)
      : organisation_(config.organisation),
        timings_(config.timings),
        burst_(config.organisation.burst_length / config.timings.beats_per_clock * config.timings.t_ck.ps) {}

  void check(const std::vector<DramCommand>& commands) {
    for (const DramCommand& command : commands) {
      now_ = &command;
      require(command.time % timings_.t_ck.ps == 0, "not on a clock edge");
      switch (command.kind) {
        case Kind::activate: activate(command); break;
        case Kind::precharge: precharge(command); break;
        case Kind::refresh: refresh(command); break;
        case Kind::use: use(command); break;
        case Kind::transfer: bus(command); break;
        default: column(command); break;
      }
      seen_[command.where.channel].push_back(command);
    }
  }

  std::vector<std::string> broken;

 private:
  using BankKey = std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, std::uint32_t>;

  void require(bool holds, const char* rule) {
    if (!holds && broken.size() < 20) broken.push_back(fmt::format("{}: {}", text(*now_), rule));
  }
  void apart(std::optional<Ps> earlier, Ps distance, const char* rule) {
    if (earlier) require(now_->time >= *earlier + distance, rule);
  }
  void apart(std::optional<Ps> earlier, const Latency& distance, const char* rule) {
    apart(earlier, least(distance, timings_), rule);
  }
  Bank& bank(const DramCommand& command) {
    const DramAddress& at = command.where;
    return banks_[{at.channel, at.rank, at.bank_group, at.bank}];
  }
  std::optional<Ps>& refreshed(const DramCommand& command) {
    return refreshed_[{command.where.channel, command.where.rank}];
  }

  void activate(const DramCommand& command) {
    Bank& self = bank(command);
    require(!self.row, "ACT to an open bank");
    apart(self.activate, timings_.t_rc, "tRC");
    apart(self.precharge, timings_.t_rp, "tRP");
    apart(refreshed(command), timings_.t_rfc, "tRFC");
    int earlier = 0;
    const auto& seen = seen_[command.where.channel];
    for (auto other = seen.rbegin(); other != seen.rend() && earlier < 8; ++other) {
      if (other->kind != Kind::activate || other->where.rank != command.where.rank) continue;
      const bool same_group = other->where.bank_group == command.where.bank_group;
      apart(other->time, timings_.t_rrd_s, "tRRD_S");
      if (same_group) apart(other->time, timings_.t_rrd_l, "tRRD_L");
      if (++earlier == 4) apart(other->time, timings_.t_faw, "tFAW");
    }
    self.row = command.where.row;
    self.activate = command.time;
    self.read.reset();
    self.write.reset();
  }

  void precharge(const DramCommand& command) {
    Bank& self = bank(command);
    require(self.row == command.where.row, "PRE of a row that is not open");
    apart(self.activate, timings_.t_ras, "tRAS");
    apart(self.read, timings_.t_rtp, "tRTP");
    apart(self.write, least(timings_.t_cwl, timings_) + burst_ + least(timings_.t_wr, timings_), "tWR");
    self.row.reset();
    self.precharge = command.time;
  }

  void refresh(const DramCommand& command) {
    for (const auto& [key, other] : banks_) {
      if (std::get<0>(key) != command.where.channel || std::get<1>(key) != command.where.rank) continue;
      require(!other.row, "REF with an open bank");
      apart(other.precharge, timings_.t_rp, "tRP before REF");
    }
    apart(refreshed(command), timings_.t_rfc, "tRFC");
    refreshed(command) = command.time;
  }

  void use(const DramCommand& command) {
    Bank& self = bank(command);
    require(self.row == command.where.row, "use of a row that is not open");
    apart(self.activate, timings_.t_rcd, "tRCD");
  }

  void column(const DramCommand& command) {
    const bool write = command.kind == Kind::write;
    Bank& self = bank(command);
    require(self.row == command.where.row, "column command to a row that is not open");
    apart(self.activate, write ? timings_.t_rcd_wr : timings_.t_rcd, "tRCD");
    (write ? self.write : self.read) = command.time;
    bus(command);
  }

  /// What shares the channel's buses with others.
  void bus(const DramCommand& command) {
    const auto& seen = seen_[command.where.channel];
    for (auto other = seen.rbegin(); other != seen.rend() && other->time + kMicrosecond > command.time; ++other) {
      const bool carries = other->kind == Kind::read || other->kind == Kind::write || other->kind == Kind::transfer;
      if (carries) after_column(*other, command);
    }
  }

  /// A column command and one before it in the same channel.
  void after_column(const DramCommand& first, const DramCommand& second) {
    const bool was_write = first.kind == Kind::write;
    const bool is_write = second.kind == Kind::write;
    const bool same_rank = first.where.rank == second.where.rank;
    const bool same_group = same_rank && first.where.bank_group == second.where.bank_group;
    data_bus(first, second, same_rank);
    if (!same_rank) return;
    if (was_write && !is_write) {
      const Ps data_end = first.time + least(timings_.t_cwl, timings_) + burst_;
      apart(data_end, timings_.t_wtr_s, "tWTR_S");
      if (same_group) apart(data_end, timings_.t_wtr_l, "tWTR_L");
    } else if (was_write == is_write) {
      apart(first.time, timings_.t_ccd_s, "tCCD_S");
      if (same_group) apart(first.time, is_write ? timings_.t_ccd_l_wr : timings_.t_ccd_l, "tCCD_L");
    }
  }

  void data_bus(const DramCommand& first, const DramCommand& second, bool same_rank) {
    const auto data = [this](const DramCommand& command) {
      return command.time + least(command.kind == Kind::write ? timings_.t_cwl : timings_.t_cl, timings_);
    };
    Ps early = data(first);
    Ps late = data(second);
    bool read_to_write = first.kind != Kind::write && second.kind == Kind::write;
    if (late < early) {
      std::swap(early, late);
      read_to_write = first.kind == Kind::write && second.kind != Kind::write;
    }
    require(late >= early + burst_, "data bus taken twice");
    if (!same_rank) require(late >= early + burst_ + least(timings_.t_rtrs, timings_), "tRTRS");
    if (read_to_write) require(late >= early + burst_ + least(timings_.t_rtw, timings_), "tRTW");
  }

  DramOrganisation organisation_;
  DramTimings timings_;
  Ps burst_;
  const DramCommand* now_ = nullptr;
  std::map<BankKey, Bank> banks_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::optional<Ps>> refreshed_;
  std::map<std::uint32_t, std::vector<DramCommand>> seen_;
};

}  // namespace

std::vector<DramCommand> CommandRecorder::of_kind(DramCommand::Kind kind) const {
  std::vector<DramCommand> found;
  std::copy_if(commands_.begin(), commands_.end(), std::back_inserter(found),
               [kind](const DramCommand& command) { return command.kind == kind; });
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
  return found;
}

Ps least(const Latency& value, const DramTimings& timings) {
  if (value.in_cycles) return value.value * timings.t_ck.ps;
  const Ps forgiven = timings.t_ck.ps * 26 / 1000;  // JEDEC 21-C 4.1.2.L, rounding algorithm
  return value.value > forgiven ? value.value - forgiven : 0;
}

std::vector<std::string> broken_rules(const DramConfig& config, std::vector<DramCommand> commands) {
  std::stable_sort(commands.begin(), commands.end(), [](const DramCommand& a, const DramCommand& b) {
    return std::pair(a.time, order(a.kind)) < std::pair(b.time, order(b.kind));
  });
  Checker checker(config);
  checker.check(commands);
  return checker.broken;
}

}  // namespace pagoda::test

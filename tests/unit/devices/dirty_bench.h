// A dirty logger with its channels over a memory whose writes land late, and the software that reads its maps.
#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "pagoda/devices/dirty_logger.h"

namespace pagoda::testing {

/// Data are written for process kPasid, at addresses that lie kShift below memory's; the log's own traffic has
/// memory's addresses. A write is in memory only when it is done.
class DirtyBench : public HostPort, public DeviceServices, public DmaClient {
 public:
  static constexpr std::uint32_t kPasid = 5;
  static constexpr Addr kShift = 0x20'0000;  // data begin here in memory
  static constexpr Addr kMaps = 0x8000;      // a region's maps and record
  static constexpr Addr kMapBytes = 0x4000;  // each
  static constexpr Ps kPeriod = 1000;
  static constexpr std::uint64_t kMemory = 0x90'0000;

  struct Task final : AgendaTask {
    void run(Ps at) override { what(at); }
    std::function<void(Ps)> what;
  };
  struct DataWrite {
    Addr address;
    std::uint32_t bytes;
  };

  void build(DmaConfig config) {
    config.pasid = kPasid;
    channel_.emplace(validated(config), agenda, *this);
    DmaConfig own = config;
    own.pasid.reset();
    own.atc.reset();
    own.request_size = {64};
    own.outstanding = config.dirty_log->outstanding;
    own_.emplace(own, agenda, *this);
    logger.emplace(*config.dirty_log, kPeriod);
    logger->watch(*channel_, agenda);
    logger->attach(*this);
  }
  DmaChannel& data_channel() { return *channel_; }

  void at(Ps when, std::function<void(Ps)> what) {
    Task& task = tasks.emplace_back();
    task.what = std::move(what);
    agenda.add(when, task);
  }
  /// Runs until there is nothing left to do.
  void run() {
    while (!agenda.empty()) {
      now = std::max(now, agenda.next());
      agenda.run_next(0);
    }
    EXPECT_EQ(channel_->summed_latency(), channel_->accounted_time());
  }
  DmaJob& write(Ps when, Addr address, std::uint64_t bytes, unsigned char value) {
    DmaJob& job = jobs.emplace_back();
    std::vector<unsigned char>& data = buffers.emplace_back(bytes, value);
    job.client = this;
    job.address = address;
    job.bytes = bytes;
    job.write = true;
    job.data = data.data();
    at(when, [this, &job](Ps time) { channel_->start(job, time); });
    return job;
  }
  void command(Ps when, std::uint64_t region, DirtyLogger::Command what) {
    EXPECT_TRUE(logger->write_register(DirtyLogger::kRegion, region, when));
    EXPECT_TRUE(logger->write_register(DirtyLogger::kCommand, static_cast<std::uint64_t>(what), when));
  }
  struct RegionSetting {
    Addr base = 0;
    std::uint64_t bytes = 0x1'0000;
    DirtyMapShape shape{};
    DirtyLogging logging = DirtyLogging::miss;
  };
  void start(Ps when, std::uint64_t region, const RegionSetting& setting) {
    const auto set = [&](Addr offset, std::uint64_t value) {
      EXPECT_TRUE(logger->write_register(offset, value, when));
    };
    std::memset(&memory[map_of(region, 0)], 0, 2 * kMapBytes);
    std::memset(&memory[record_of(region)], 0, 8);
    set(DirtyLogger::kRegion, region);
    set(DirtyLogger::kBase, setting.base);
    set(DirtyLogger::kLength, setting.bytes);
    set(DirtyLogger::kProcess, DirtyLogger::kHasProcess | kPasid);
    set(DirtyLogger::kMap0, map_of(region, 0));
    set(DirtyLogger::kMap1, map_of(region, 1));
    set(DirtyLogger::kShape, setting.shape.granule_shift |
                                 (setting.shape.kind == DirtyMapKind::byte ? DirtyLogger::kBytes : 0) |
                                 (setting.logging == DirtyLogging::write ? DirtyLogger::kEveryWrite : 0));
    set(DirtyLogger::kRecord, record_of(region));
    set(DirtyLogger::kCommand, static_cast<std::uint64_t>(DirtyLogger::Command::start));
  }
  static Addr map_of(std::uint64_t region, std::uint64_t which) { return kMaps + (2 * region + which) * kMapBytes; }
  static Addr record_of(std::uint64_t region) { return 0x1000 + 8 * region; }
  std::uint64_t record(std::uint64_t region) const {
    std::uint64_t value;
    std::memcpy(&value, &memory[record_of(region)], sizeof value);
    return value;
  }
  bool marked(std::uint64_t region, std::uint64_t which, const DirtyMapShape& shape, std::uint64_t granule) const {
    const Addr map = map_of(region, which);
    if (shape.kind == DirtyMapKind::byte) return memory[map + granule] != 0;
    return (memory[map + granule / 8] >> granule % 8 & 1) != 0;
  }
  std::vector<std::uint64_t> marks(std::uint64_t region, std::uint64_t which, const RegionSetting& setting) const {
    std::vector<std::uint64_t> all;
    for (std::uint64_t i = 0; i < setting.shape.granules(setting.bytes); ++i) {
      if (marked(region, which, setting.shape, i)) all.push_back(i);
    }
    return all;
  }
  double stat(const char* path) {
    StatNode root;
    StatReader reader(root);
    logger->visit_stats(reader);
    return root.number(path);
  }
  std::uint64_t status() { return *logger->read_register(0, now); }
  bool reported(DeviceError error) { return (status() >> static_cast<unsigned>(error) & 1) != 0; }

  // HostPort.
  TimedAnswer access(TimedRequest& request, Ps when, unsigned char* bytes) override {
    const bool data = request.info.has_pasid || request.info.translated;
    const Addr address =
        request.info.has_pasid && !request.info.translated ? request.address + kShift : request.address;
    const Ps takes = latency ? latency() : 100'000;
    (*request.time)[TimePart::dram] += takes;
    if (address + request.bytes > memory.size() || refuses(address)) {
      return {when + takes, tlm::TLM_ADDRESS_ERROR_RESPONSE};
    }
    if (request.is_write() && data && on_data_write) on_data_write({address - kShift, request.bytes});
    if (bytes == nullptr) return {when + takes};
    if (request.is_write()) {
      std::vector<unsigned char>& kept = buffers.emplace_back(bytes, bytes + request.bytes);
      at(when + takes, [this, address, &kept](Ps) { std::copy(kept.begin(), kept.end(), &memory[address]); });
    } else {
      std::memcpy(bytes, &memory[address], request.bytes);
    }
    return {when + takes};
  }
  Translation translate(const TimedRequest& cause, bool no_write, Ps when) override {
    const Ps takes = latency ? latency() : 300'000;
    (*cause.time)[TimePart::walk] += takes;
    const unsigned shift = page_shift ? page_shift(cause.address) : 12;
    if (during_translation) during_translation();
    return {.done = when + takes,
            .answered = true,
            .grant = {.address = cause.address + kShift,
                      .page_shift = static_cast<std::uint8_t>(shift),
                      .readable = true,
                      .writable = !no_write,
                      .global = global}};
  }
  TimedAnswer request_page(const TimedRequest& /*cause*/, std::uint16_t /*group*/, Ps when) override { return {when}; }

  // DeviceServices.
  DmaChannel& channel() override { return *own_; }
  Ps floor() const override { return 0; }
  void post(Ps when, AgendaTask& task) override { agenda.add(when, task); }
  void raise_interrupt(std::uint32_t /*vector*/, Ps when) override {
    ++interrupts;
    if (on_interrupt) at(when, on_interrupt);
  }
  void finish(Ps /*at*/) override {}

  void dma_done(DmaJob& /*job*/, Ps /*at*/) override { ++jobs_done; }

  Agenda agenda;
  std::vector<unsigned char> memory;  // kMemory bytes, which a test gives it
  std::optional<DirtyLogger> logger;
  std::deque<Task> tasks;
  std::deque<DmaJob> jobs;
  std::deque<std::vector<unsigned char>> buffers;
  Ps now = 0;
  std::size_t interrupts = 0, jobs_done = 0;
  bool global = false;
  std::function<Ps()> latency;
  std::function<unsigned(Addr)> page_shift;
  std::function<void(DataWrite)> on_data_write;
  std::function<void(Ps)> on_interrupt;
  std::function<void()> during_translation;
  std::function<bool(Addr)> refuses = [](Addr) { return false; };

 private:
  std::optional<DmaChannel> channel_, own_;
};

}  // namespace pagoda::testing

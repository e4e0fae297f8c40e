#include "pagoda/software/device_log.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include <fmt/format.h>

#include "pagoda/base/config_builder.h"
#include "pagoda/devices/dma_engine.h"
#include "pagoda/software/io_directories.h"
#include "pagoda/software/software_time.h"

namespace pagoda {
namespace {

using Logger = DirtyLogger;

constexpr std::uint64_t kFrame = 4096;
constexpr unsigned kMostPolls = 10'000;

std::uint64_t code(Logger::Command command) { return static_cast<std::uint64_t>(command); }

}  // namespace

const ConfigInfo& DeviceLogConfig::config_info() {
  static const ConfigInfo info =
      ConfigBuilder<DeviceLogConfig>("device log", "How devices' dirty loggers are used.")
          .field("granule", &DeviceLogConfig::granule, "memory that a mark stands for, a power of two",
                 in_range(Bytes{64}, Bytes{std::uint64_t{1} << 30}))
          .field("map", &DeviceLogConfig::map, "a bit for each granule, or a byte, which needs no reading")
          .field("logging", &DeviceLogConfig::logging,
                 "the first write by each translation of the ATC is logged (miss), or every write")
          .field("timeout", &DeviceLogConfig::timeout,
                 "how long a device has to end a pass; then all it can write counts as written",
                 in_range(Duration{kMicrosecond}, Duration{kSecond}))
          .check([](const DeviceLogConfig& c) -> std::optional<ConfigProblem> {
            if (std::has_single_bit(c.granule.count)) return std::nullopt;
            return ConfigProblem{"granule", "not a power of two", "allowed: 64 B, 128 B, ... 1 GiB"};
          });
  return info;
}

DeviceLog::DeviceLog(const DeviceLogConfig& config, const Place& place, HostMemoryPort& memory)
    : config_(validated(config)), place_(place), memory_(memory), registers_(costs_) {
  costs_.register_base = place.register_base + DmaEngine::kLog;
}

DirtyMapShape DeviceLog::shape() const {
  return {static_cast<unsigned>(std::countr_zero(config_.granule.count)), config_.map};
}

void DeviceLog::monitor(const GuestPages::Range& range, std::uint64_t first_page, IoDriver& driver, IoDomain& domain,
                        ByteStore& store, FrameAllocator& frames) {
  Region& region = regions_.emplace_back();
  region.number = static_cast<std::uint32_t>(regions_.size() - 1);
  region.range = range;
  region.first_page = first_page;
  const std::uint64_t granule = config_.granule.count;
  region.bytes = (range.bytes() + granule - 1) / granule * granule;
  const auto take = [&](std::uint64_t bytes, std::vector<Addr>& places) {
    for (std::uint64_t left = 0; left < bytes; left += kFrame) {
      places.push_back(cleared_frames(store, frames, kFrame));
    }
    const std::optional<Addr> iova = driver.map(domain, places, DmaDirection::both);
    if (!iova) throw UserError("there is no room in a device's addresses for the maps of its log");
    return *iova;
  };
  for (Map& map : region.maps) map.iova = take(shape().map_bytes(region.bytes), map.frames);
  std::vector<Addr> record;
  region.record_iova = take(kFrame, record);
  region.record = record.front();
}

void DeviceLog::write(Addr offset, std::uint64_t value) {
  registers_.write64(static_cast<std::uint32_t>(offset), value);
}

std::uint64_t DeviceLog::read(Addr offset) { return registers_.read64(static_cast<std::uint32_t>(offset)); }

void DeviceLog::start(Region& region) {
  for (const Map& map : region.maps) clear(map);
  write(Logger::kRegion, region.number);
  for (unsigned polls = 0; read(Logger::kState) != 0; ++polls) {  // after a reset something may still be under way
    if (polls == kMostPolls) throw UserError("a device's dirty log does not come to rest");
    spend(costs_.costs.poll.ps);
  }
  write(0, ~std::uint64_t{0});
  write(Logger::kBase, region.range.base);
  write(Logger::kLength, region.bytes);
  write(Logger::kProcess, (place_.pasid ? Logger::kHasProcess | *place_.pasid : 0) |
                              (place_.pasid && place_.supervisor ? Logger::kPrivileged : 0));
  write(Logger::kMap0, region.maps[0].iova);
  write(Logger::kMap1, region.maps[1].iova);
  write(Logger::kShape, shape().granule_shift | (config_.map == DirtyMapKind::byte ? Logger::kBytes : 0) |
                            (config_.logging == DirtyLogging::write ? Logger::kEveryWrite : 0));
  write(Logger::kRecord, region.record_iova);
  std::memset(memory_.data(region.record), 0, sizeof(std::uint64_t));
  write(Logger::kCommand, code(Logger::Command::start));
  region.pass = 1;
  for (unsigned polls = 0; read(Logger::kState) != static_cast<std::uint64_t>(Logger::State::logging); ++polls) {
    if (polls == kMostPolls || read(0) != 0) {
      throw UserError(fmt::format("a device refuses to log the {} bytes from {:#x} on (its status: {:#x})",
                                  region.bytes, region.range.base, read(0)));
    }
    spend(costs_.costs.poll.ps);
  }
}

void DeviceLog::begin() {
  for (Region& region : regions_) start(region);
  generation_ = read(Logger::kGeneration);
}

// What the device says of a pass, in time.
DeviceLog::Answer DeviceLog::end_pass(Region& region, std::uint64_t command) {
  const Ps since = kernel_now();
  write(Logger::kRegion, region.number);
  write(Logger::kCommand, command);
  std::uint64_t record = 0;
  while (true) {
    std::memcpy(&record, memory_.data(region.record), sizeof record);
    if ((record & 0xffff'ffff) == region.pass) break;
    const Ps waited = kernel_now() - since;
    if (waited >= config_.timeout.ps) return Answer::none;
    sc_core::wait(to_sc_time(config_.timeout.ps - waited), answered_);
  }
  spend(costs_.costs.interrupt.ps);
  drain_.record(kernel_now() - since);
  memory_.read(region.record, sizeof record);
  if (read(Logger::kGeneration) != generation_) return Answer::none;
  return (record & Logger::kLost) != 0 ? Answer::incomplete : Answer::complete;
}

void DeviceLog::collect(PageSet& dirty) {
  for (Region& region : regions_) {
    const Answer answer = end_pass(region, code(Logger::Command::new_pass));
    if (answer == Answer::none) {
      ++lost_passes_;
      // A logger that hangs is started anew as well; first everything that it held is forgotten.
      write(Logger::kCommand, code(Logger::Command::reset));
      begin();
      for (const Region& each : regions_) mark_all(each, dirty);
      return;
    }
    const Map& map = region.maps[(region.pass - 1) % 2];
    if (answer == Answer::incomplete) {
      ++lost_passes_;
      mark_all(region, dirty);
    } else {
      read_map(region, map, dirty);
    }
    clear(map);
    ++region.pass;
    ++passes_;
  }
}

void DeviceLog::end() {
  for (Region& region : regions_) end_pass(region, code(Logger::Command::stop));
}

void DeviceLog::mark_all(const Region& region, PageSet& dirty) {
  dirty.insert(region.first_page, region.first_page + region.range.pages);
}

void DeviceLog::read_map(const Region& region, const Map& map, PageSet& dirty) {
  const DirtyMapShape shape = this->shape();
  const std::uint64_t granules = shape.granules(region.bytes);
  const std::uint64_t per_byte = shape.kind == DirtyMapKind::bit ? 8 : 1;
  const auto mark = [&](std::uint64_t granule) {
    ++pages_marked_;
    const std::uint64_t first = granule << shape.granule_shift >> kPageShift;
    const std::uint64_t last = (((granule + 1) << shape.granule_shift) - 1) >> kPageShift;
    for (std::uint64_t page = first; page <= last && page < region.range.pages; ++page) {
      dirty.insert(region.first_page + page);
    }
  };
  for (std::uint64_t byte = 0; byte * per_byte < granules; ++byte) {
    const Addr frame = map.frames[byte / kFrame];
    if (byte % kFrame == 0) {
      memory_.read(frame, static_cast<std::uint32_t>(std::min(kFrame, (granules + per_byte - 1) / per_byte - byte)));
    }
    const unsigned char value = *memory_.data(frame + byte % kFrame);
    if (value == 0) continue;
    for (std::uint64_t bit = 0; bit < per_byte; ++bit) {
      if (per_byte == 1 || (value >> bit & 1) != 0) mark(byte * per_byte + bit);
    }
  }
}

void DeviceLog::clear(const Map& map) {
  for (const Addr frame : map.frames) {
    std::memset(memory_.data(frame), 0, kFrame);
    memory_.write(frame, kFrame);
  }
}

std::uint64_t DeviceLog::map_bytes() const {
  std::uint64_t bytes = 0;
  for (const Region& region : regions_) bytes += 2 * shape().map_bytes(region.bytes);
  return bytes;
}

void DeviceLog::visit_stats(StatVisitor& v) {
  v.counter("passes", passes_, kCount, "passes whose maps were read");
  v.counter("lost_passes", lost_passes_, kCount, "passes of which the device could not say all");
  v.counter("granules", pages_marked_, kCount, "marks found in maps");
  v.distribution("drain", drain_, kTimeInNs, "from the command that ends a pass until software knows of its end");
  v.value("map_bytes", static_cast<double>(map_bytes()), "B", "memory for maps, both of each range");
}

}  // namespace pagoda

// Thousands of random runs: whatever a device writes, some pass's map says so, and nothing else does.
//
// The oracle sees every write as it reaches memory's door. Between two commands that end a pass, what was written must
// be in the map of that pass: no granule may be missing. Extra ones must have a reason: with logging on a miss, all of
// the translation that a write used. What a pass says is copied some time after it was said, while the device writes on;
// in the end the copy must be what memory is, byte for byte.
#include <map>
#include <set>

#include "unit/devices/dirty_bench.h"

namespace pagoda::dirty_oracle_test {

using testing::DirtyBench;
using Command = DirtyLogger::Command;

class RandomRun {
 public:
  explicit RandomRun(std::uint64_t seed, std::vector<unsigned char>& memory, std::vector<unsigned char>& copy)
      : engine_(seed), copy_(copy) {
    bench_.memory.swap(memory);
    choose();
    bench_.latency = [this] { return 20'000 + pick(2'000'000); };
    bench_.on_data_write = [this](DirtyBench::DataWrite write) { see(write); };
    bench_.page_shift = [this](Addr) -> unsigned { return large_pages_ ? 21 : 12; };
    bench_.on_interrupt = [this](Ps at) { collect(at); };
  }

  void run(std::vector<unsigned char>& memory) {
    bench_.build(config_);
    for (auto& region : regions_) {
      bench_.start(0, region.number, region.setting);
      std::memset(&copy_[region.setting.base], 0, region.setting.bytes);
      std::memset(&bench_.memory[region.setting.base + DirtyBench::kShift], 0, region.setting.bytes);
    }
    const std::uint64_t writes = 20 + pick(60);
    const Ps span = 5 * kMicrosecond + pick(60 * kMicrosecond);
    for (std::uint64_t i = 0; i < writes; ++i) write_somewhere(1000 + pick(span));
    for (std::uint64_t i = pick(6); i > 0; --i) {
      bench_.at(pick(span), [this](Ps at) {
        static_cast<void>(bench_.data_channel().invalidate(
            {.address = pick(bytes_), .page_shift = 12, .has_pasid = true, .pasid = DirtyBench::kPasid}, at));
      });
    }
    for (auto& region : regions_) order_pass(region, 2000 + pick(span));
    bench_.run();
    // Everything has been written: the last pass, and one that finds nothing.
    for (int i = 0; i < 2; ++i) {
      for (auto& region : regions_) order(region, Command::new_pass, bench_.now + 1);
      bench_.run();
    }
    for (auto& region : regions_) order(region, Command::stop, bench_.now + 1);
    bench_.run();
    EXPECT_EQ(bench_.jobs_done, writes);
    EXPECT_EQ(bench_.status(), 0u);
    for (const auto& region : regions_) {
      EXPECT_FALSE(region.ordered) << "a pass never ended";
      EXPECT_EQ(std::memcmp(&copy_[region.setting.base], &bench_.memory[region.setting.base + DirtyBench::kShift],
                            region.setting.bytes),
                0);
    }
    bench_.memory.swap(memory);
  }

  std::uint64_t passes = 0, extra = 0, stalls = 0;
  double full() { return bench_.stat("queue_full"); }

 private:
  struct Region {
    std::uint64_t number = 0;
    DirtyBench::RegionSetting setting;
    std::set<std::uint64_t> written;    // since the last pass was ordered
    std::set<std::uint64_t> explained;  // granules that may be marked for these
    std::set<std::uint64_t> must, may;  // of the pass ordered last
    std::uint64_t pass = 1;
    bool ordered = false;
    bool ends = false;
  };

  std::uint64_t pick(std::uint64_t below) { return below == 0 ? 0 : engine_() % below; }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return *(values.begin() + static_cast<std::ptrdiff_t>(pick(values.size())));
  }

  void choose() {
    config_.request_size = {one_of<std::uint64_t>({64, 256, 4096})};
    config_.outstanding = static_cast<std::uint32_t>(1 + pick(16));
    config_.issue_interval = Latency::cycles(1 + pick(300));
    const bool atc = pick(5) != 0;
    if (atc) {
      config_.atc = AtcConfig{};
      config_.atc->cache = {.entries = one_of<std::uint32_t>({4, 8, 64}), .ways = 4};
      config_.atc->page_requests = 0;
    }
    DirtyLogConfig log;
    log.queues = static_cast<std::uint32_t>(1 + pick(4));
    log.queue_depth = static_cast<std::uint32_t>(1 + pick(8));
    log.words = static_cast<std::uint32_t>(1 + pick(6));
    log.word = {std::uint64_t{1} << pick(7)};
    log.gather = {pick(3) == 0 ? 0 : pick(3 * kMicrosecond)};
    log.service = Latency::cycles(1 + pick(200));
    log.outstanding = static_cast<std::uint32_t>(1 + pick(4));
    config_.dirty_log = log;
    large_pages_ = pick(8) == 0;
    const bool large = large_pages_ || pick(16) == 0;
    bytes_ = large ? 0x40'0000 : 0x1'0000;
    for (std::uint64_t i = 0, count = 1 + pick(3); i < count; ++i) {
      Region& region = regions_.emplace_back();
      region.number = i;
      const auto shift = large ? one_of<unsigned>({12, 13, 21}) : one_of<unsigned>({6, 8, 12, 13});
      region.setting.shape = {shift, pick(2) == 0 ? DirtyMapKind::bit : DirtyMapKind::byte};
      region.setting.logging = atc && pick(3) != 0 ? DirtyLogging::miss : DirtyLogging::write;
      region.setting.base = large ? 0 : pick(8) << 12;
      region.setting.bytes = large ? bytes_ : (bytes_ - region.setting.base) >> 13 << 13;
    }
  }

  void write_somewhere(Ps when) {
    const std::uint64_t length = one_of<std::uint64_t>({1, 8, 64, 200, 256, 5000}) + pick(8);
    const std::uint64_t room = bytes_ - length;
    const Addr address = pick(2) == 0 ? pick(room) : pick(std::min<std::uint64_t>(room, 0x2000));
    bench_.write(when, address, length, static_cast<unsigned char>(1 + pick(255)));
  }

  void see(DirtyBench::DataWrite write) {
    for (auto& region : regions_) {
      const auto touched = [&](Addr first, std::uint64_t length, std::set<std::uint64_t>& set) {
        const GranuleRange range =
            granules_touched(region.setting.shape, region.setting.bytes, first - region.setting.base, length);
        for (std::uint64_t i = range.first; i < range.end; ++i) set.insert(i);
      };
      touched(write.address, write.bytes, region.written);
      if (region.setting.logging == DirtyLogging::write) {
        touched(write.address, write.bytes, region.explained);
      } else {
        const std::uint64_t page = std::uint64_t{1} << (large_pages_ ? 21 : 12);
        touched(write.address & ~(page - 1), page, region.explained);
      }
    }
  }

  // Just before the device acts on it: what was written until then belongs to the pass.
  void order(Region& region, Command what, Ps when) {
    bench_.at(when, [this, &region, what](Ps at) {
      ASSERT_FALSE(region.ordered);
      region.ordered = true;
      region.ends = what == Command::stop;
      bench_.command(at, region.number, what);
      bench_.at(at, [&region](Ps) {
        region.must = std::exchange(region.written, {});
        region.may = std::exchange(region.explained, {});
      });
    });
  }
  void order_pass(Region& region, Ps when) {
    if (region.pass > 4) return;
    order(region, Command::new_pass, when);
  }

  // An interrupt: which records are new?
  void collect(Ps at) {
    for (auto& region : regions_) {
      const std::uint64_t record = bench_.record(region.number);
      if (!region.ordered || (record & 0xffff'ffff) != region.pass) continue;
      EXPECT_EQ((record & DirtyLogger::kLost), 0u);
      EXPECT_EQ((record & DirtyLogger::kEnded) != 0, region.ends);
      const std::uint64_t which = (region.pass - 1) % 2;
      const auto& shape = region.setting.shape;
      std::vector<std::uint64_t> found;
      for (std::uint64_t i = 0; i < shape.granules(region.setting.bytes); ++i) {
        const bool marked = bench_.marked(region.number, which, shape, i);
        EXPECT_TRUE(marked || !region.must.contains(i)) << "granule " << i << " was written and is not marked";
        EXPECT_TRUE(!marked || region.may.contains(i)) << "granule " << i << " is marked for no reason";
        if (marked) found.push_back(i);
        if (marked && !region.must.contains(i)) ++extra;
      }
      std::memset(&bench_.memory[DirtyBench::map_of(region.number, which)], 0, DirtyBench::kMapBytes);
      ++region.pass;
      ++passes;
      region.ordered = false;
      for (const std::uint64_t granule : found) copy_later(region, granule, at + pick(20'000));
      if (!region.ends) order_pass(region, at + 30'000 + pick(20 * kMicrosecond));
    }
  }
  void copy_later(const Region& region, std::uint64_t granule, Ps when) {
    const std::uint64_t size = std::uint64_t{1} << region.setting.shape.granule_shift;
    const Addr address = region.setting.base + granule * size;
    bench_.at(when, [this, address, size](Ps) {
      std::memcpy(&copy_[address], &bench_.memory[address + DirtyBench::kShift], size);
    });
  }

  std::mt19937_64 engine_;
  std::vector<unsigned char>& copy_;
  DirtyBench bench_;
  DmaConfig config_;
  std::deque<Region> regions_;
  std::uint64_t bytes_ = 0;
  bool large_pages_ = false;
};

void run_seeds(std::uint64_t first, std::uint64_t count) {
  std::vector<unsigned char> memory(DirtyBench::kMemory), copy(0x40'0000);
  std::uint64_t passes = 0, extra = 0, full = 0;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE(seed);
    RandomRun run(seed, memory, copy);
    run.run(memory);
    passes += run.passes;
    extra += run.extra;
    full += run.full() > 0 ? 1 : 0;
    if (::testing::Test::HasFailure()) return;
  }
  EXPECT_GT(passes, count) << "the runs do little";
  EXPECT_GT(extra, 0u) << "translations were never larger than what was written";
  EXPECT_GT(full, count / 20) << "queues were hardly ever full";
}

class DirtyOracle : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(DirtyOracle, NothingIsMissed) { run_seeds(GetParam() * 1000, 1000); }

INSTANTIATE_TEST_SUITE_P(TenThousandSeeds, DirtyOracle, ::testing::Range<std::uint64_t>(0, 10));

}  // namespace pagoda::dirty_oracle_test

// Programs on a core with several hardware threads, under a pager whose volume takes what times, and fails as, the test
// says; with an oracle of what every page has to hold.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "pagoda/memory/fixed_memory.h"
#include "pagoda/mmu/mmu.h"
#include "pagoda/software/pager.h"
#include "pagoda/workload/core.h"
#include "pagoda/workload/pattern.h"
#include "platforms/write_tap.h"

namespace pagoda::testing {

/// A volume behind a mover that takes the same time for every page, one after the other or all at once.
class TestVolume final : public PageMover {
 public:
  using Contents = std::array<unsigned char, kPageBytes>;

  Ps in_time = 10 * kMicrosecond;
  Ps out_time = 15 * kMicrosecond;
  Ps part_of_thread = 100 * kNanosecond;
  std::uint32_t queue = 64;  ///< orders under way
  std::deque<std::pair<MoveDirection, MoveStatus>> next_in_, next_out_;
  std::map<std::uint64_t, Contents> pages;
  std::vector<MoveOrder> orders;                     ///< all of them
  std::function<MoveStatus(const MoveOrder&)> fate;  ///< of each order, if it is given

  explicit TestVolume(PhysicalMemory& memory) : memory_(memory) {}

  Submission submit(const MoveOrder& order, Ps at, MoveClient& client) override {
    std::erase_if(under_way_, [at](Ps done) { return done <= at; });
    if (under_way_.size() >= queue) {
      ++refused;
      return {false, *std::min_element(under_way_.begin(), under_way_.end())};
    }
    const bool out = order.direction == MoveDirection::out;
    MoveResult result{.order = order, .status = fate ? fate(order) : MoveStatus::ok, .submitted = at};
    result.time = {.software = part_of_thread, .media = out ? out_time : in_time};
    result.done = at + result.time.total();
    orders.push_back(order);
    under_way_.push_back(result.done);
    if (result.ok() && out) std::copy_n(memory_.data(order.address), kPageBytes, pages[order.page].begin());
    if (result.ok() && !out) std::copy_n(pages.at(order.page).begin(), kPageBytes, memory_.data(order.address));
    client.moved(result);
    return {true, at + part_of_thread};
  }
  std::uint32_t room(Ps /*at*/) const override { return queue; }

  std::uint64_t count(MoveDirection direction) const {
    return static_cast<std::uint64_t>(
        std::count_if(orders.begin(), orders.end(), [&](const MoveOrder& o) { return o.direction == direction; }));
  }
  std::uint64_t refused = 0;

 private:
  PhysicalMemory& memory_;
  std::vector<Ps> under_way_;
};

struct PagerBenchConfig {
  SmtConfig smt{.threads = 2};
  PagerConfig pager;
  std::uint32_t cores = 1;
  std::uint64_t pages = 64;   ///< of each process
  std::uint64_t frames = 16;  ///< for all, the reserve included
  std::uint64_t volume = 1024;
  std::uint32_t ways = 0;  ///< 0: one for each hardware thread
  bool exclusive = true;
  bool one_process = true;
  bool copies = true;
  Ps quantum = 100 * kNanosecond;
  std::uint64_t seed = 1;
};

class PagerBench {
 public:
  static constexpr Addr kBase = 0x10000000;

  explicit PagerBench(const PagerBenchConfig& c) : config(c) {
    tlm::tlm_global_quantum::instance().set(to_sc_time(config.quantum));
    os = std::make_unique<Os>("os",
                              OsConfig{.flags = FlagSetting::hardware,
                                       .shootdown = {.broadcast = true, .broadcast_latency = {500 * kNanosecond}}},
                              std::vector<HypervisorConfig>{}, memory, config.seed);
    pager = std::make_unique<Pager>("pager", config.pager, *os, memory, config.seed);
    const std::uint32_t threads = config.cores * config.smt.threads;
    const std::uint32_t ways = config.ways == 0 ? threads : config.ways;
    std::vector<PageMover*> movers(ways, &volume);
    pager->set_volume(space, movers, {.exclusive = config.exclusive, .threads = threads});
    for (std::uint64_t i = 0; i < config.frames; ++i) pager->add_frame(*os->frames().allocate(kPageBytes));
    for (std::uint32_t i = 0; i < config.cores; ++i) add_core();
    place_pages();
  }

  std::size_t programs() const { return programs_.size(); }
  Core& program(std::size_t number) { return *programs_[number]; }
  SmtCore& core(std::size_t number = 0) { return *smts_[number]; }
  std::uint32_t process_of(std::size_t program) const {
    return config.one_process ? 0 : static_cast<std::uint32_t>(program);
  }
  PageId page(std::uint64_t number, std::size_t program = 0) const {
    return {process_of(program), kBase + number * kPageBytes};
  }

  /// What each program runs; those left out run nothing.
  void run(const std::vector<PatternConfig>& patterns) {
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      programs_[i]->run(make_pattern(patterns[i]), *mmus_[i / config.smt.software_threads()], *pager);
    }
    for (std::size_t i = patterns.size(); i < programs_.size(); ++i) {
      programs_[i]->run(make_pattern({.count = 1, .base = kBase, .size = {4096}}),
                        *mmus_[i / config.smt.software_threads()], *pager);
    }
    sc_core::sc_start();
    for (const auto& program : programs_) program->rethrow_failure();
    pager->rethrow_failure();
  }
  /// That every page is what its program has made it, wherever it is, and the books agree.
  void check() {
    EXPECT_EQ(pager->transfers(), 0u);
    pager->verify([this](std::uint64_t slot, std::span<unsigned char> to) {
      std::copy_n(volume.pages.at(slot).begin(), kPageBytes, to.begin());
    });
    for (const auto& [key, value] : written_) {
      const PageId id{static_cast<std::uint32_t>(key >> 52), (key & low_mask(52)) << 3 & ~low_mask(kPageShift)};
      const std::uint64_t offset = (key << 3) & low_mask(kPageShift);
      std::uint64_t found = 0;
      if (const auto frame = pager->ledger().frame(id)) {
        found = memory.read64(*frame + offset);
      } else {
        std::memcpy(&found, volume.pages.at(*pager->ledger().slot(id)).data() + offset, sizeof found);
      }
      ASSERT_EQ(found, value) << "page " << std::hex << id.address << " of process " << id.process << " at " << offset;
    }
  }
  double stat(const char* path) {
    StatNode root;
    StatReader reader(root);
    visit_all_stats(reader);
    return root.number(path);
  }

  static PatternConfig walk(std::uint64_t pages, std::uint64_t count, double writes = 0, std::uint64_t first = 0) {
    return {.kind = PatternKind::strided,
            .count = count,
            .base = kBase + first * kPageBytes,
            .size = {pages * kPageBytes},
            .stride = {kPageBytes},
            .write_ratio = writes};
  }

  PagerBenchConfig config;
  PhysicalMemory memory{{std::uint64_t{64} << 20}};
  FixedMemory fixed{"memory", {.latency = Latency::time(80 * kNanosecond)}, memory};
  TestVolume volume{memory};
  VolumeSpace space{config.volume};
  std::unique_ptr<Os> os;
  std::unique_ptr<Pager> pager;

 private:
  void add_core() {
    const auto index = static_cast<unsigned>(smts_.size());
    const CoreConfig core{.fetch = false};
    const auto name = [](const char* base) { return sc_core::sc_gen_unique_name(base); };
    Mmu& mmu = *mmus_.emplace_back(std::make_unique<Mmu>(name("mmu"), MmuConfig{}));
    mmu.data_memory.bind(fixed.port);
    SmtCore& smt =
        *smts_.emplace_back(std::make_unique<SmtCore>(name("smt"), config.smt, core, 500, index * config.smt.threads));
    for (unsigned i = 0; i < config.smt.software_threads(); ++i) {
      const auto number = static_cast<unsigned>(programs_.size());
      Core& program = *programs_.emplace_back(
          std::make_unique<Core>(name("program"), SmtCore::part_of(core, config.smt), 500, number));
      program.join(smt.thread(i));
      const std::uint32_t process = process_of(number);
      WriteTap& tap = *taps_.emplace_back(std::make_unique<WriteTap>(
          name("stores"),
          [this, process](Addr address, std::uint32_t, const RequestInfo&) { stored(process, address); }));
      program.data.bind(tap.in);
      tap.out.bind(mmu.data);
      if (number == 0 || !config.one_process) os->create_process();
      programs_.back()->run(nullptr_source(), mmu, *pager);
      os->assign(program, process);
    }
  }
  static std::unique_ptr<AccessSource> nullptr_source() {
    return make_pattern({.count = 1, .base = kBase, .size = {4096}});
  }

  // Gives every page contents of its own.
  void place_pages() {
    std::mt19937_64 random(config.seed);
    const std::size_t processes = config.one_process ? 1 : programs_.size();
    for (std::uint32_t process = 0; process < processes; ++process) {
      for (std::uint64_t i = 0; i < config.pages; ++i) {
        const PageId id{process, kBase + i * kPageBytes};
        const auto placed = pager->place(id, config.copies);
        ASSERT_TRUE(placed);
        TestVolume::Contents contents{};
        for (std::size_t at = 0; at < kPageBytes; at += 8) {
          const std::uint64_t value = random();
          std::memcpy(contents.data() + at, &value, sizeof value);
        }
        if (placed->frame) std::copy_n(contents.begin(), kPageBytes, memory.data(*placed->frame));
        if (placed->slot) volume.pages[*placed->slot] = contents;
        pager->begin_with(id, *placed, contents);
        std::uint64_t first = 0;
        std::memcpy(&first, contents.data(), sizeof first);
        written_[key(process, id.address)] = first;  // at least this is looked at
      }
    }
  }
  static std::uint64_t key(std::uint32_t process, Addr address) { return std::uint64_t{process} << 52 | address >> 3; }

  // A store has been carried out: its page is mapped.
  void stored(std::uint32_t process, Addr address) {
    const std::optional<MappedPage> page = os->space(process).editor().find(address);
    ASSERT_TRUE(page) << std::hex << address;
    const std::uint64_t value = ++stores_ * 0x9e3779b97f4a7c15;
    memory.write64(page->output + (address & low_mask(kPageShift) & ~Addr{7}), value);
    written_[key(process, address)] = value;
  }

  std::vector<std::unique_ptr<Mmu>> mmus_;
  std::vector<std::unique_ptr<SmtCore>> smts_;
  std::vector<std::unique_ptr<WriteTap>> taps_;
  std::vector<std::unique_ptr<Core>> programs_;
  std::unordered_map<std::uint64_t, std::uint64_t> written_;
  std::uint64_t stores_ = 0;
};

}  // namespace pagoda::testing

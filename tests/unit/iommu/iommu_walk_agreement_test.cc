// The IOMMU's engine with all its caches, and a plain walk of the same tables: on pages of every size, with all kinds
// of rights, in the RISC-V formats and in those of x86.
#include <random>

#include <gtest/gtest.h>

#include "unit/iommu/engine_bench.h"

namespace pagoda::iommu_walk_agreement_test {

using testing::DeviceDirectoryTables;
using testing::EngineBench;
using testing::Guest;
using testing::kEveryRight;
using testing::table_field;
using testing::TableSpace;
using testing::Untimed;

constexpr Addr kIova = 0x1234'5000;
constexpr std::uint32_t kDevice = 5;

struct Formats {
  const char* first;
  const char* second;
};
void PrintTo(const Formats& formats, std::ostream* out) {
  *out << (formats.first != nullptr ? formats.first : "bare") << " on "
       << (formats.second != nullptr ? formats.second : "bare");
}

struct Agreement : ::testing::TestWithParam<Formats> {};

std::vector<unsigned> sizes_of(const Stage& stage) {
  std::vector<unsigned> sizes{12, 21};
  if (stage.format->family == Family::riscv || stage.format->family == Family::riscv_guest) sizes.push_back(16);
  sizes.push_back(30);
  return sizes;
}

// Pages of all sizes and rights, one size's after the other's, some left out.
struct RandomStage {
  Stage stage;
  std::vector<std::pair<Addr, unsigned>> pages;

  void map(const TableSpace& space, Addr begin, Addr outputs, std::mt19937_64& random, bool every_right) {
    constexpr Rights kReadable = Rights::read | Rights::user | kFlags;
    const std::array rights{kReadable, kReadable | Rights::write, kReadable | kExecuteBoth, kEveryRight};
    for (const unsigned size : sizes_of(stage)) {
      for (int i = 0; i < (size == 30 ? 2 : 12); ++i) {
        begin = (begin + low_mask(size)) & ~low_mask(size);
        outputs = (outputs + low_mask(size)) & ~low_mask(size);
        if (every_right || random() % 8 != 0) {
          space.map(stage, begin,
                    {.output = outputs,
                     .page_shift = size,
                     .rights = every_right ? kEveryRight : rights[random() % rights.size()]});
          pages.emplace_back(begin, size);
        }
        begin += Addr{1} << size;
        outputs += Addr{1} << size;
      }
    }
  }
};

TEST_P(Agreement, OfTheEngineWithAPlainWalk) {
  const Formats& formats = GetParam();
  std::mt19937_64 random(1);
  IommuConfig config;  // with all caches
  config.iotlb.entries = 16;
  EngineBench bench(config);
  std::optional<Guest> guest;
  RandomStage first, second;
  constexpr Addr kGuestPages = 0x10'0000'0000, kHostPages = 0x20'0000'0000;
  if (formats.second != nullptr) {
    guest.emplace(bench.host, formats.second, 0x10'0000, 0x100'0000 - Guest::kOffset);
    second.stage = guest->stage;
    second.map(bench.host, formats.first != nullptr ? kGuestPages : kIova, kHostPages, random, false);
  }
  const TableSpace own = guest ? guest->space() : bench.host;
  if (formats.first != nullptr) {
    first.stage = own.make_stage(formats.first);
    // Of the guest's, outputs begin where the second stage's pages do, and go on beyond.
    first.map(own, 0x4000'0000, guest ? kGuestPages : kHostPages, random, false);
  }
  DeviceContext context{.tc = 1, .ta = 7 << 12, .fsc = table_field(first.stage)};
  if (first.stage.format != nullptr && first.stage.format->family == Family::x86) context.tc |= 1 << 24;
  if (guest) context.iohgatp = table_field(guest->stage, 3);
  if (guest && guest->stage.format->family == Family::ept) context.tc |= 1 << 25;
  DeviceDirectoryTables directory(bench.host, 1);
  directory.put(kDevice, context);
  bench.use(directory);

  const std::array stages{first.stage, guest ? guest->stage : Stage{}};
  const auto& pages = formats.first != nullptr ? first.pages : second.pages;
  unsigned translated = 0, refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto& [page, size] = pages[random() % pages.size()];
    const Addr address = page + random() % (Addr{3} << size) / 2;  // or behind it
    const auto access = static_cast<AccessKind>(random() % 3);
    const auto outcome =
        bench.ask({.device_id = kDevice, .access = access, .address = address}, static_cast<Ps>(i) * 10 * kMicrosecond);
    Walk walk(stages, {.address = address, .access = access, .privilege = Privilege::user});
    Untimed port(bench.memory);
    if (run_walk(walk, port)) {
      ++translated;
      ASSERT_EQ(outcome.answer.cause, IommuCause::none) << std::hex << address;
      ASSERT_EQ(outcome.answer.address, walk.translation().output) << std::hex << address;
      ASSERT_EQ(outcome.answer.page_shift, walk.translation().page_shift);
      continue;
    }
    ++refused;
    const int base = walk.fault().stage == 0 ? 12 : 20;
    ASSERT_EQ(static_cast<int>(outcome.answer.cause), base + (access == AccessKind::fetch  ? 0
                                                              : access == AccessKind::read ? 1
                                                                                           : 3))
        << std::hex << address;
  }
  EXPECT_GT(translated, 3'000u);
  EXPECT_GT(refused, 3'000u);
  EXPECT_GT(bench.stat("iotlb.hits"), 1'000);
}

INSTANTIATE_TEST_SUITE_P(Formats, Agreement,
                         ::testing::Values(Formats{"x86-64-4", nullptr}, Formats{"x86-64-5", nullptr},
                                           Formats{nullptr, "ept-4"}, Formats{nullptr, "ept-5"},
                                           Formats{"x86-64-4", "ept-4"}, Formats{"x86-64-5", "ept-5"},
                                           Formats{"sv39", nullptr}, Formats{nullptr, "sv48x4"},
                                           Formats{"sv48", "sv39x4"}, Formats{"sv39", "ept-4"},
                                           Formats{"x86-64-4", "sv48x4"}));

}  // namespace pagoda::iommu_walk_agreement_test

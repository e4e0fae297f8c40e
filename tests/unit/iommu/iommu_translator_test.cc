// What the vectors of tests/conformance leave out: modes without a directory, interrupt files beside pages.
#include "pagoda/iommu/iommu_translator.h"

#include <map>

#include <gtest/gtest.h>

namespace pagoda::iommu_translator_test {

constexpr Addr kRoot = 0x80000000;

struct Words final : IommuMemory {
  std::map<Addr, std::uint64_t> words;
  int loads = 0;

  FaultCause load(Addr address, std::span<std::uint64_t> out) override {
    ++loads;
    for (std::uint64_t& word : out) {
      word = words[address];
      address += 8;
    }
    return FaultCause::none;
  }
  EntryRead read(const Step& step) override { return {words[step.address], FaultCause::none}; }
  EntryUpdate update(const Step&) override { return {}; }
};

// Extended contexts, one directory level; MSI_FLAT, ATS, T2GPA, Sv39, Sv39x4.
IommuSetup one_level() {
  const std::uint64_t capabilities = 0x10 | 1 << 9 | 1 << 17 | 1 << 22 | 1 << 25 | 1 << 26;
  return {.capabilities = {capabilities}, .directory = DeviceDirectory::of((kRoot >> 12) << 10 | 2)};
}

TEST(IommuTranslator, OffRefusesEverything) {
  Words memory;
  for (const auto type :
       {IommuRequestType::untranslated, IommuRequestType::translation_request, IommuRequestType::translated}) {
    const IommuAnswer answer = translate({}, {.type = type}, memory);
    EXPECT_EQ(answer.status, IommuStatus::unsupported_request);
    EXPECT_EQ(answer.cause, IommuCause::all_inbound_disallowed);
    EXPECT_TRUE(answer.reported);
  }
  EXPECT_EQ(memory.loads, 0);
}

TEST(IommuTranslator, BarePassesUntranslatedRequestsOnly) {
  Words memory;
  const IommuSetup bare{.directory = DeviceDirectory::of(1)};
  const IommuAnswer passed = translate(bare, {.device_id = 0xffffff, .address = 0x123456789}, memory);
  EXPECT_EQ(passed.status, IommuStatus::success);
  EXPECT_EQ(passed.address, 0x123456789u);
  for (const auto type : {IommuRequestType::translation_request, IommuRequestType::translated}) {
    EXPECT_EQ(translate(bare, {.type = type}, memory).cause, IommuCause::type_disallowed);
  }
}

TEST(IommuTranslator, ADeviceBeyondTheDirectoryIsRefusedWithoutALook) {
  Words memory;
  EXPECT_EQ(translate(one_level(), {.device_id = 64}, memory).cause, IommuCause::type_disallowed);
  EXPECT_EQ(memory.loads, 0);
  EXPECT_EQ(translate(one_level(), {.device_id = 63}, memory).cause, IommuCause::ddt_entry_invalid);
  EXPECT_EQ(memory.loads, 1);
}

// The specification's example: with the mask 10100110 the bits a c f g of abcdefgh make the interrupt file's number.
TEST(IommuTranslator, TheFilesNumberIsMadeOfTheMasksBits) {
  Words memory;
  const Addr context = kRoot + 64;
  memory.words[context] = 1;
  memory.words[context + 32] = std::uint64_t{1} << 60 | 0x90000;  // MSI page table at 0x90000000
  memory.words[context + 40] = 0b10100110;
  memory.words[context + 48] = 0x5500;
  // abcdefgh = 1x0xx11x matches where the mask has zeros, if x is 0 as in the pattern.
  const Addr page = 0x5500 | 0b10000110;
  const std::uint64_t number = 0b1011;
  memory.words[0x90000000 + number * 16] = std::uint64_t{0xabcde} << 10 | 7;
  const IommuAnswer answer =
      translate(one_level(), {.device_id = 1, .access = AccessKind::write, .address = page << 12 | 0x10}, memory);
  EXPECT_EQ(answer.cause, IommuCause::none);
  EXPECT_TRUE(answer.msi);
  EXPECT_EQ(answer.address, 0xabcde010u);
  EXPECT_EQ(translate(one_level(), {.device_id = 1, .access = AccessKind::fetch, .address = page << 12}, memory).cause,
            IommuCause::fetch_access_fault);
}

// A 2 MiB page around an interrupt file: requests beside the file get the page, but a translation that is kept must not
// reach the file.
TEST(IommuTranslator, APageThatIsAnsweredHoldsNoInterruptFile) {
  Words memory;
  const Addr context = kRoot;
  memory.words[context] = 1 | 2;  // valid, EN_ATS
  memory.words[context + 8] = std::uint64_t{8} << 60 | 0xa0000;
  memory.words[context + 32] = std::uint64_t{1} << 60 | 0x90000;
  memory.words[context + 48] = 0x10;  // the file is page 0x10 of the guest
  memory.words[0xa0000000] = std::uint64_t{0xa0004} << 10 | 1;
  memory.words[0xa0004000] = std::uint64_t{0xc0000} << 10 | 0xdf;  // a 2 MiB page at 0
  const auto ask = [&](Addr address) {
    return translate(one_level(), {.type = IommuRequestType::translation_request, .address = address}, memory);
  };
  EXPECT_EQ(ask(0x12000).page_shift, 13) << "pages 12 and 13";
  EXPECT_EQ(ask(0x11000).page_shift, 12) << "beside the file";
  EXPECT_EQ(ask(0x20000).page_shift, 17) << "pages 20 to 3f";
  EXPECT_EQ(ask(0x100000).page_shift, 20) << "the other half";
  EXPECT_EQ(ask(0x100000).address, 0xc0100000u);
  memory.words[context + 32] = 0;
  EXPECT_EQ(ask(0x11000).page_shift, 21) << "without MSI translation";
}

}  // namespace pagoda::iommu_translator_test

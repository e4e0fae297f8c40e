// Requests and answers of the translation-request interface.
// RISC-V IOMMU Architecture Specification 1.0, "Debug support", tr_req_ctl, tr_response.
#include "pagoda/iommu/iommu_debug.h"

#include <gtest/gtest.h>

namespace pagoda::iommu_debug_test {

constexpr std::uint64_t bit(unsigned index) { return std::uint64_t{1} << index; }
constexpr std::uint64_t kPriv = bit(1), kExe = bit(2), kNw = bit(3), kPv = bit(32);

TEST(DebugRequest, IsAnUntranslatedRequestForAPage) {
  const IommuRequest request = debug_request(0xfedcba9876543210, 0xabcdefull << 40 | 0x12345ull << 12 | kPv | kNw);
  EXPECT_EQ(request.type, IommuRequestType::untranslated);
  EXPECT_EQ(request.address, 0xfedcba9876543000u);
  EXPECT_EQ(request.device_id, 0xabcdefu);
  EXPECT_TRUE(request.has_process);
  EXPECT_EQ(request.process_id, 0x12345u);
  EXPECT_FALSE(request.supervisor);
}

TEST(DebugRequest, AsksForThePermissionsOfTheControl) {
  EXPECT_EQ(debug_request(0, kNw).access, AccessKind::read);
  EXPECT_EQ(debug_request(0, kNw | kExe).access, AccessKind::fetch);
  EXPECT_EQ(debug_request(0, 0).access, AccessKind::write);
  EXPECT_EQ(debug_request(0, kExe).access, AccessKind::write);
}

TEST(DebugRequest, HasPrivilegeAndNumberOfAProcessOnlyWithOne) {
  EXPECT_TRUE(debug_request(0, kPv | kPriv).supervisor);
  const IommuRequest request = debug_request(0, kPriv | 0x12345ull << 12);
  EXPECT_FALSE(request.supervisor);
  EXPECT_FALSE(request.has_process);
  EXPECT_EQ(request.process_id, 0u);
}

IommuAnswer page(Addr address, std::uint8_t shift) {
  IommuAnswer answer;
  answer.address = address;
  answer.page_shift = shift;
  return answer;
}

// The specification's table: y...y 0111 64 KiB, y...y0 1111 1111 2 MiB, and the same bits with 4 MiB.
TEST(DebugResponse, EncodesThePagesSize) {
  constexpr Addr kAddress = 0xabcdeull << 28;
  struct Row {
    std::uint8_t shift;
    std::uint64_t ppn;
    bool superpage;
  };
  const std::uint64_t base = kAddress >> 12;
  for (const Row& row : {Row{0, base, false}, Row{12, base, false}, Row{13, base, true}, Row{16, base | 0x7, true},
                         Row{21, base | 0xff, true}, Row{22, base | 0x1ff, true}}) {
    EXPECT_EQ(debug_response(page(kAddress, row.shift)), row.ppn << 10 | (row.superpage ? bit(9) : 0)) << +row.shift;
  }
}

TEST(DebugResponse, ASuperpagesLowBitsSayItsSizeOnly) {
  // The last 4 KiB of a 2 MiB page, and of the 256 TiB that one entry of Sv57 maps.
  EXPECT_EQ(debug_response(page(0x401ff000, 21)), (0x40000 | 0xffull) << 10 | bit(9));
  EXPECT_EQ(debug_response(page((bit(49) - 1) & ~0xfffull, 48)), (bit(36) | (bit(35) - 1)) << 10 | bit(9));
  EXPECT_EQ(debug_response(page(0, 64)), (bit(43) - 1) << 10 | bit(9)) << "no more than the field holds";
}

TEST(DebugResponse, TellsTheMemoryType) {
  for (const auto& [type, pbmt] :
       {std::pair{MemoryType::platform, 0u}, std::pair{MemoryType::non_cacheable, 1u}, std::pair{MemoryType::io, 2u}}) {
    IommuAnswer answer = page(0x1000, 12);
    answer.memory_type = type;
    EXPECT_EQ(debug_response(answer), pbmt << 7 | 1 << 10);
  }
}

TEST(DebugResponse, OfAFaultIsNothingElse) {
  IommuAnswer answer = page(0x1000, 21);
  answer.cause = IommuCause::read_page_fault;
  EXPECT_EQ(debug_response(answer), 1u);
  IommuAnswer file = page(0x1000, 12);
  file.msi = file.mrif = true;
  EXPECT_EQ(debug_response(file), 1u) << "an interrupt file in memory";
  file.mrif = false;
  EXPECT_EQ(debug_response(file), 1u << 10);
}

}  // namespace pagoda::iommu_debug_test

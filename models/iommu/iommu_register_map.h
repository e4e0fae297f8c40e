// Where the registers of a RISC-V IOMMU are, in bytes from the beginning of its page.
// RISC-V IOMMU Architecture Specification 1.0, "Register layout".
#pragma once

#include <cstdint>

namespace pagoda::iommu_register {

inline constexpr std::uint32_t kRegionBytes = 4096;

inline constexpr std::uint32_t kCapabilities = 0;  // 8 bytes
inline constexpr std::uint32_t kFctl = 8;
inline constexpr std::uint32_t kDdtp = 16;  // 8
inline constexpr std::uint32_t kCqb = 24;   // 8
inline constexpr std::uint32_t kCqh = 32;
inline constexpr std::uint32_t kCqt = 36;
inline constexpr std::uint32_t kFqb = 40;  // 8
inline constexpr std::uint32_t kFqh = 48;
inline constexpr std::uint32_t kFqt = 52;
inline constexpr std::uint32_t kPqb = 56;  // 8
inline constexpr std::uint32_t kPqh = 64;
inline constexpr std::uint32_t kPqt = 68;
inline constexpr std::uint32_t kCqcsr = 72;
inline constexpr std::uint32_t kFqcsr = 76;
inline constexpr std::uint32_t kPqcsr = 80;
inline constexpr std::uint32_t kIpsr = 84;
inline constexpr std::uint32_t kIocountovf = 88;
inline constexpr std::uint32_t kIocountinh = 92;
inline constexpr std::uint32_t kIohpmcycles = 96;  // 8
inline constexpr std::uint32_t kIohpmctr1 = 104;   // 8 each, 31 of them
inline constexpr std::uint32_t kIohpmevt1 = 352;   // 8 each, 31 of them
inline constexpr std::uint32_t kTrReqIova = 600;   // 8
inline constexpr std::uint32_t kTrReqCtl = 608;    // 8
inline constexpr std::uint32_t kTrResponse = 616;  // 8
inline constexpr std::uint32_t kIommuQosid = 624;
inline constexpr std::uint32_t kDmaControl = 688;  // 8; the first of 72 bytes for custom use
inline constexpr std::uint32_t kDmaCopies = 696;   // 8; likewise
inline constexpr std::uint32_t kIcvec = 760;       // 8
inline constexpr std::uint32_t kMsiCfgTbl = 768;   // 16 entries of: address (8), data (4), vector control (4)
inline constexpr std::uint32_t kMsiCfgTblEnd = 1024;

}  // namespace pagoda::iommu_register

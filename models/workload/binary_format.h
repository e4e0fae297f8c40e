// Pagoda's binary trace format, version 1. All numbers are little-endian.
//
//   file     header, blocks, end block; nothing behind it
//   header   8 bytes kBinaryMagic, u32 version (1), u32 zero
//   block    u32 records (1 .. kBlockRecords), u32 payload bytes, u64 checksum, payload
//   end      a block with records 0 whose payload is the u64 count of all records
//
// The checksum is Fletcher's with 32-bit words over the two counts of the block header and the payload, the
// latter filled up with zeros to whole words. So each block proves itself, and a file that lost its tail has
// no end block.
//
// Payload: one record after the other, each predicted from those before it in the same block:
//
//   byte     bits 0-1 kind (0 load, 1 store, 2 modify, 3 fetch), bit 2 same instruction, bit 3 `extras`
//   follow,
//            bits 4-7 size code: 1 .. 12 that many bytes, 13 16 bytes, 14 32, 15 64, 0 a varint follows
//   extras   bit 0 gap follows, bit 1 ip follows, bit 2 depends on the last load, bit 3 dependence follows;
//   rest 0 then, where called for: size (varint), gap (varint), ip (signed varint, difference from the ip
//   before; never with a fetch, whose ip is its address), dependence (one byte) address  signed varint,
//   difference from the prediction
//
// A fetch is predicted right behind the fetch before it; data where the same instruction (slot() of ip and
// kind) made its access before. A block starts with every prediction at 0. A varint holds 7 bits a byte,
// lowest first, bit 7 set in all but the last; a signed one is zigzag-coded (0, -1, 1, -2, ...). Source of
// the checksum: J. G. Fletcher, "An Arithmetic Checksum for Serial Transmissions", IEEE Trans. Commun., 1982.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "pagoda/workload/trace_bytes.h"
#include "pagoda/workload/trace_record.h"

namespace pagoda::binary_format {

// As PNG's: neither text nor anything that survives a line-break conversion.
inline constexpr std::string_view kMagic{"\x89PGT\r\n\x1a\n", 8};
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kHeaderBytes = 16;
inline constexpr std::size_t kBlockHeaderBytes = 16;
inline constexpr std::size_t kEndPayloadBytes = 8;
inline constexpr std::uint32_t kBlockRecords = 8192;

inline constexpr unsigned kSameInstruction = 1U << 2;
inline constexpr unsigned kHasExtras = 1U << 3;
inline constexpr unsigned kSizeShift = 4;
inline constexpr unsigned kHasGap = 1U << 0;
inline constexpr unsigned kHasIp = 1U << 1;
inline constexpr unsigned kDependsOnLast = 1U << 2;
inline constexpr unsigned kHasDependence = 1U << 3;

/// Flags and extras, size, gap, ip, dependence, address.
inline constexpr std::size_t kLongestRecord = 2 + 2 + 5 + 10 + 1 + 10;
inline constexpr std::size_t kLongestPayload = kBlockRecords * kLongestRecord;

/// Bytes for each size code; 0 stands for a varint.
inline constexpr std::array<std::uint8_t, 16> kSizes = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16, 32, 64};

constexpr unsigned size_code(unsigned size) {
  for (unsigned code = 1; code < kSizes.size(); ++code) {
    if (kSizes[code] == size) return code;
  }
  return 0;
}

/// What the next record is predicted from.
class Predictor {
 public:
  Addr ip() const { return ip_; }

  /// Where an access of `kind` by the instruction at `ip` is predicted.
  Addr address(RecordKind kind, Addr ip) const {
    return kind == RecordKind::fetch ? next_fetch_ : data_[slot(kind, ip)];
  }

  void learn(const Access& access) {
    ip_ = access.ip;
    if (access.kind == RecordKind::fetch) {
      next_fetch_ = access.address + access.size;
    } else {
      data_[slot(access.kind, access.ip)] = access.address;
    }
  }

 private:
  static constexpr std::size_t kSlots = 1024;
  static std::size_t slot(RecordKind kind, Addr ip) {
    return ((ip ^ ip >> 8) * kRecordKinds + static_cast<unsigned>(kind)) % kSlots;
  }

  Addr ip_ = 0;
  Addr next_fetch_ = 0;
  std::array<Addr, kSlots> data_{};
};

constexpr std::uint64_t zigzag(std::uint64_t difference) { return difference << 1 ^ (0 - (difference >> 63)); }
constexpr std::uint64_t unzigzag(std::uint64_t code) { return code >> 1 ^ (0 - (code & 1)); }

/// The checksum of a block with these counts and this payload.
inline std::uint64_t checksum(std::uint32_t records, std::string_view payload) {
  constexpr std::uint64_t kModulus = 0xffff'ffff;
  // Without a reduction on the way the second sum stays below 2^64 for up to 92681 words.
  static_assert(kLongestPayload / 4 + 3 <= 92681);
  std::uint64_t sum = 0;
  std::uint64_t sum_of_sums = 0;
  const auto add = [&](std::uint32_t word) {
    sum += word;
    sum_of_sums += sum;
  };
  add(records);
  add(static_cast<std::uint32_t>(payload.size()));
  const std::size_t whole = payload.size() & ~std::size_t{3};
  for (std::size_t at = 0; at < whole; at += 4) add(load_little_endian<std::uint32_t>(payload.data() + at));
  if (whole < payload.size()) {
    std::array<char, 4> rest{};
    payload.copy(rest.data(), 3, whole);
    add(load_little_endian<std::uint32_t>(rest.data()));
  }
  return sum_of_sums % kModulus << 32 | sum % kModulus;
}

}  // namespace pagoda::binary_format

// The record that every workload, traced or synthetic, is a stream of.
//
// A record is one memory access of a program: what it touches, and how many instructions the program executed
// before it that touch nothing. That is what a core needs to place the access in time. It holds no data and
// no branch outcome.
//
// Instructions: a record begins an instruction of its own unless `same_instruction` is set, and `gap` more
// come before it. So the instructions of any stream, with or without fetches, are the sum over its records of
//     gap + (same_instruction ? 0 : 1)
// In a stream with fetches each fetch begins an instruction and the data records that follow belong to it.
#pragma once

#include <cstdint>
#include <string_view>

#include "pagoda/base/access.h"

namespace pagoda {

/// A modify loads and then stores the same bytes.
enum class RecordKind : std::uint8_t { load, store, modify, fetch };
inline constexpr int kRecordKinds = 4;

/// No reader returns, and no pattern makes, a larger access.
inline constexpr unsigned kMaxAccessBytes = 4096;

inline constexpr unsigned kMaxDependence = 127;

struct Access {
  Addr address = 0;
  Addr ip = 0;             ///< of the instruction, 0 if unknown; a fetch's own address
  std::uint32_t gap = 0;   ///< instructions without a record that were executed since the previous record
  std::uint16_t size = 8;  ///< bytes, 1 .. kMaxAccessBytes; address + size - 1 does not wrap
  RecordKind kind = RecordKind::load;
  /// Made by the instruction that the previous record belongs to; then gap is 0.
  bool same_instruction : 1 = false;
  /// 0: the address is known at once. n, up to kMaxDependence: it is computed from the value of the n-th last
  /// load or modify before this record (1 is the last one: a pointer chase).
  std::uint8_t depends_on : 7 = 0;

  bool operator==(const Access&) const = default;
};
static_assert(sizeof(Access) == 24, "cores and readers hand these around in large batches");

constexpr bool loads(RecordKind kind) { return kind == RecordKind::load || kind == RecordKind::modify; }
constexpr bool stores(RecordKind kind) { return kind == RecordKind::store || kind == RecordKind::modify; }

/// The instructions that `access` adds to its stream.
constexpr std::uint64_t instructions(const Access& access) {
  return std::uint64_t{access.gap} + (access.same_instruction ? 0 : 1);
}

/// Makes `access` depend on the load that is `distance` loads back. What lies beyond kMaxDependence has
/// arrived long before and counts as no dependence.
constexpr void set_dependence(Access& access, std::uint64_t distance) {
  access.depends_on = distance > kMaxDependence ? 0 : distance & 0x7f;
}

/// `load`, `store`, `modify`, `fetch`.
constexpr std::string_view to_string(RecordKind kind) {
  constexpr std::string_view kNames[] = {"load", "store", "modify", "fetch"};
  return kNames[static_cast<int>(kind)];
}

}  // namespace pagoda

#include "pagoda/workload/champsim_reader.h"

#include <algorithm>
#include <string>

#include "pagoda/workload/trace_bytes.h"

namespace pagoda {
namespace {

constexpr std::size_t kIsBranch = 8;
constexpr std::size_t kBranchTaken = 9;
constexpr std::size_t kDestinationMemory = 16;
constexpr std::size_t kSourceMemory = 32;
constexpr std::size_t kDestinations = 2;
constexpr std::size_t kSources = 4;

Addr address_at(const char* record, std::size_t offset) { return load_little_endian<std::uint64_t>(record + offset); }

bool flags_are_valid(const char* record) {
  return static_cast<unsigned char>(record[kIsBranch]) <= 1 && static_cast<unsigned char>(record[kBranchTaken]) <= 1;
}

/// The upper half and the lower half of a 57-bit address space.
bool is_plausible_address(Addr address) {
  constexpr unsigned kUnusedBits = 64 - 57;
  return address >> (64 - kUnusedBits - 1) == 0 || ~address >> (64 - kUnusedBits - 1) == 0;
}

bool is_plausible(const char* record) {
  if (!flags_are_valid(record) || address_at(record, 0) == 0) return false;
  if (!is_plausible_address(address_at(record, 0))) return false;
  for (std::size_t offset = kDestinationMemory; offset < ChampsimReader::kRecordBytes; offset += 8) {
    if (!is_plausible_address(address_at(record, offset))) return false;
  }
  return true;
}

}  // namespace

std::size_t ChampsimReader::next(std::span<Access, kMostAccesses> to) {
  const std::string_view bytes = input().peek(kRecordBytes);
  if (bytes.empty()) return 0;
  ++record_number_;
  if (bytes.size() < kRecordBytes) {
    fail_at("record " + std::to_string(record_number_), "the trace ends inside it",
            "allowed: whole ChampSim records of 64 bytes");
  }
  const char* const record = bytes.data();
  if (!flags_are_valid(record)) {
    fail_at("record " + std::to_string(record_number_), "its branch flags are neither 0 nor 1",
            "allowed: ChampSim records of 64 bytes");
  }
  const Addr ip = address_at(record, 0);
  std::size_t count = 0;
  to[count++] = {.address = ip, .ip = ip, .size = 1, .kind = RecordKind::fetch};
  std::array<Addr, kDestinations> stored{};
  for (std::size_t i = 0; i < kDestinations; ++i) stored[i] = address_at(record, kDestinationMemory + 8 * i);
  const auto add = [&](Addr address, RecordKind kind) {
    to[count++] = {.address = address, .ip = ip, .size = 1, .kind = kind, .same_instruction = true};
  };
  for (std::size_t i = 0; i < kSources; ++i) {
    const Addr address = address_at(record, kSourceMemory + 8 * i);
    if (address == 0) continue;
    const auto same = std::find(stored.begin(), stored.end(), address);
    add(address, same == stored.end() ? RecordKind::load : RecordKind::modify);
    if (same != stored.end()) *same = 0;
  }
  for (const Addr address : stored) {
    if (address != 0) add(address, RecordKind::store);
  }
  input().skip(kRecordBytes);
  return count;
}

std::size_t ChampsimReader::decode(std::span<Access> out) {
  std::size_t count = 0;
  while (count < out.size()) {
    if (waiting_at_ < waiting_end_) {
      out[count++] = waiting_[waiting_at_++];
    } else if (out.size() - count >= kMostAccesses) {
      const std::size_t made = next(out.subspan(count).first<kMostAccesses>());
      if (made == 0) break;
      count += made;
    } else {
      waiting_at_ = 0;
      waiting_end_ = next(waiting_);
      if (waiting_end_ == 0) break;
    }
  }
  return count;
}

void ChampsimReader::restart() {
  record_number_ = 0;
  waiting_at_ = waiting_end_ = 0;
}

bool looks_like_champsim(std::string_view head, bool is_whole) {
  if (head.size() < ChampsimReader::kRecordBytes) return false;
  if (is_whole && head.size() % ChampsimReader::kRecordBytes != 0) return false;
  while (head.size() >= ChampsimReader::kRecordBytes) {
    if (!is_plausible(head.data())) return false;
    head.remove_prefix(ChampsimReader::kRecordBytes);
  }
  return true;
}

}  // namespace pagoda

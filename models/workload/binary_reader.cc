#include "pagoda/workload/binary_reader.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

namespace pagoda {
namespace {

using namespace binary_format;

static_assert(kBlockHeaderBytes + kLongestPayload <= TraceInput::kWindowBytes, "a block is decoded in the window");

constexpr char kIntactTrace[] = "allowed: an intact binary trace of version 1";

bool take_varint(const char*& at, const char* end, std::uint64_t& value) {
  std::uint64_t result = 0;
  for (unsigned shift = 0; shift < 64; shift += 7) {
    if (at == end) return false;
    const auto byte = static_cast<unsigned char>(*at++);
    const std::uint64_t bits = byte & 0x7fU;
    if (shift == 63 && bits > 1) return false;
    result |= bits << shift;
    if (byte < 0x80) {
      value = result;
      return true;
    }
  }
  return false;
}

}  // namespace

BinaryReader::BinaryReader(std::unique_ptr<TraceInput> input) : TraceReader(TraceFormat::binary, std::move(input)) {
  read_header();
}

void BinaryReader::read_header() {
  const std::string_view header = input().peek(kHeaderBytes);
  if (!header.starts_with(kMagic)) fail_at("byte 0", "not the header of a binary trace", kIntactTrace);
  if (header.size() < kHeaderBytes) fail_at("byte 0", "the trace ends inside its header", kIntactTrace);
  const auto version = load_little_endian<std::uint32_t>(header.data() + kMagic.size());
  if (version != kVersion || load_little_endian<std::uint32_t>(header.data() + 12) != 0) {
    fail_at("byte 8", "a binary trace of version " + std::to_string(version), kIntactTrace);
  }
  input().skip(kHeaderBytes);
}

std::size_t BinaryReader::decode(std::span<Access> out) {
  std::size_t count = 0;
  while (count < out.size()) {
    if (left_in_block_ == 0 && !open_block()) break;
    const std::size_t wanted = std::min<std::size_t>(out.size() - count, left_in_block_);
    std::size_t decoded = 0;
    while (decoded < wanted && decode_record(out[count + decoded])) ++decoded;
    count += decoded;
    left_in_block_ -= static_cast<std::uint32_t>(decoded);
    if (decoded < wanted) fail_in_block("a record is damaged");
    if (left_in_block_ == 0 && at_ != payload_.data() + payload_.size()) fail_in_block("bytes are left over");
  }
  return count;
}

bool BinaryReader::open_block() {
  if (is_finished_) return false;
  input().skip(payload_.size());
  payload_ = {};
  ++block_number_;
  std::string_view bytes = input().peek(kBlockHeaderBytes);
  if (bytes.size() < kBlockHeaderBytes) fail_in_block("the trace ends without its end block: it is truncated");
  const auto records = load_little_endian<std::uint32_t>(bytes.data());
  const auto length = load_little_endian<std::uint32_t>(bytes.data() + 4);
  const auto expected = load_little_endian<std::uint64_t>(bytes.data() + 8);
  if (records > kBlockRecords || length > kLongestPayload) fail_in_block("the block header is damaged");
  bytes = input().peek(kBlockHeaderBytes + length);
  if (bytes.size() < kBlockHeaderBytes + length) fail_in_block("the trace ends inside the block: it is truncated");
  const std::string_view payload = bytes.substr(kBlockHeaderBytes);
  if (checksum(records, payload) != expected) fail_in_block("the checksum differs");
  if (records == 0) {
    finish(payload);
    return false;
  }
  input().skip(kBlockHeaderBytes);
  payload_ = payload;
  at_ = payload.data();
  left_in_block_ = records;
  records_ += records;
  predictor_ = {};
  return true;
}

void BinaryReader::finish(std::string_view payload) {
  if (payload.size() != kEndPayloadBytes || load_little_endian<std::uint64_t>(payload.data()) != records_) {
    fail_in_block("the end block counts other records than were read: blocks are missing");
  }
  input().skip(kBlockHeaderBytes + kEndPayloadBytes);
  if (!input().peek(1).empty()) {
    fail_at("byte " + std::to_string(input().position()), "the trace goes on behind its end block", kIntactTrace);
  }
  is_finished_ = true;
}

bool BinaryReader::decode_record(Access& access) {
  const char* at = at_;
  const char* const end = payload_.data() + payload_.size();
  if (at == end) return false;
  const auto flags = static_cast<unsigned char>(*at++);
  const auto kind = static_cast<RecordKind>(flags & 3U);
  const bool is_fetch = kind == RecordKind::fetch;
  const bool same = (flags & kSameInstruction) != 0;
  unsigned extras = 0;
  if ((flags & kHasExtras) != 0) {
    if (at == end) return false;
    extras = static_cast<unsigned char>(*at++);
  }
  std::uint64_t size = kSizes[flags >> kSizeShift];
  std::uint64_t gap = 0;
  std::uint64_t difference = 0;
  Addr ip = predictor_.ip();
  unsigned depends_on = (extras & kDependsOnLast) != 0 ? 1 : 0;
  if (size == 0 && !take_varint(at, end, size)) return false;
  if (extras != 0) {
    if ((extras & kHasGap) != 0 && !take_varint(at, end, gap)) return false;
    if ((extras & kHasIp) != 0) {
      if (!take_varint(at, end, difference)) return false;
      ip += unzigzag(difference);
    }
    if ((extras & kHasDependence) != 0) {
      if (at == end) return false;
      depends_on = static_cast<unsigned char>(*at++);
    }
    if (extras >> 4 != 0 || gap > std::numeric_limits<std::uint32_t>::max() || depends_on > kMaxDependence)
      return false;
    if ((same && gap != 0) || (is_fetch && (extras & kHasIp) != 0)) return false;
  }
  if (!take_varint(at, end, difference)) return false;
  const Addr address = predictor_.address(kind, ip) + unzigzag(difference);
  if (size - 1 >= kMaxAccessBytes || address + (size - 1) < address || (is_fetch && same)) return false;
  access = {.address = address,
            .ip = is_fetch ? address : ip,
            .gap = static_cast<std::uint32_t>(gap),
            .size = static_cast<std::uint16_t>(size),
            .kind = kind,
            .same_instruction = same};
  set_dependence(access, depends_on);
  predictor_.learn(access);
  at_ = at;
  return true;
}

void BinaryReader::fail_in_block(const std::string& problem) const {
  fail_at("block " + std::to_string(block_number_) + " after record " + std::to_string(records_ - left_in_block_),
          problem, kIntactTrace);
}

void BinaryReader::restart() {
  block_number_ = 0;
  records_ = 0;
  left_in_block_ = 0;
  payload_ = {};
  is_finished_ = false;
  read_header();
}

}  // namespace pagoda

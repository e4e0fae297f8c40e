#include "pagoda/workload/binary_writer.h"

#include <array>
#include <string_view>
#include <utility>

namespace pagoda {
namespace {

using namespace binary_format;

void append_varint(std::string& to, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) to += static_cast<char>((value & 0x7f) | 0x80);
  to += static_cast<char>(value);
}

}  // namespace

BinaryWriter::BinaryWriter(std::unique_ptr<ByteSink> sink) : sink_(std::move(sink)) {
  payload_.reserve(kLongestPayload);
  std::array<char, kHeaderBytes> header{};
  kMagic.copy(header.data(), kMagic.size());
  store_little_endian(header.data() + kMagic.size(), kVersion);
  sink_->write({header.data(), header.size()});
}

void BinaryWriter::write(std::span<const Access> records) {
  for (const Access& access : records) {
    encode(access);
    if (++in_block_ == kBlockRecords) write_block();
  }
}

void BinaryWriter::finish() {
  if (in_block_ > 0) write_block();
  payload_.resize(kEndPayloadBytes);
  store_little_endian(payload_.data(), records_);
  write_block();
  sink_->finish();
}

void BinaryWriter::encode(const Access& access) {
  const unsigned code = size_code(access.size);
  unsigned extras = 0;
  if (access.gap != 0) extras |= kHasGap;
  if (access.kind != RecordKind::fetch && access.ip != predictor_.ip()) extras |= kHasIp;
  if (access.depends_on == 1) extras |= kDependsOnLast;
  if (access.depends_on > 1) extras |= kHasDependence;
  payload_ += static_cast<char>(static_cast<unsigned>(access.kind) | (access.same_instruction ? kSameInstruction : 0) |
                                (extras != 0 ? kHasExtras : 0) | code << kSizeShift);
  if (extras != 0) payload_ += static_cast<char>(extras);
  if (code == 0) append_varint(payload_, access.size);
  if ((extras & kHasGap) != 0) append_varint(payload_, access.gap);
  if ((extras & kHasIp) != 0) append_varint(payload_, zigzag(access.ip - predictor_.ip()));
  if ((extras & kHasDependence) != 0) payload_ += static_cast<char>(access.depends_on);
  append_varint(payload_, zigzag(access.address - predictor_.address(access.kind, access.ip)));
  predictor_.learn(access);
}

void BinaryWriter::write_block() {
  std::array<char, kBlockHeaderBytes> header{};
  store_little_endian(header.data(), in_block_);
  store_little_endian(header.data() + 4, static_cast<std::uint32_t>(payload_.size()));
  store_little_endian(header.data() + 8, checksum(in_block_, payload_));
  sink_->write({header.data(), header.size()});
  sink_->write(payload_);
  records_ += in_block_;
  in_block_ = 0;
  payload_.clear();
  predictor_ = {};
}

}  // namespace pagoda

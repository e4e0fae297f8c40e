// The input as a file, and as the payload of a block whose counts and checksum are right: no fuzzer guesses those.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/trace_fuzz.h"
#include "pagoda/workload/binary_format.h"

namespace {

using namespace pagoda::binary_format;

std::string block(std::uint32_t records, std::string_view payload) {
  std::array<char, kBlockHeaderBytes> header{};
  pagoda::store_little_endian(header.data(), records);
  pagoda::store_little_endian(header.data() + 4, static_cast<std::uint32_t>(payload.size()));
  pagoda::store_little_endian(header.data() + 8, checksum(records, payload));
  return std::string(header.data(), header.size()).append(payload);
}

std::string file_with(std::string_view payload, std::uint32_t records) {
  std::array<char, kHeaderBytes> header{};
  kMagic.copy(header.data(), kMagic.size());
  pagoda::store_little_endian(header.data() + kMagic.size(), kVersion);
  std::array<char, kEndPayloadBytes> total{};
  pagoda::store_little_endian(total.data(), std::uint64_t{records});
  return std::string(header.data(), header.size()) + block(records, payload) + block(0, {total.data(), total.size()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  pagoda::fuzz::check_trace(bytes, pagoda::TraceFormat::binary);
  if (size < 1 || size > kLongestPayload) return 0;
  pagoda::fuzz::check_trace(file_with(bytes.substr(1), data[0]), pagoda::TraceFormat::binary);
  return 0;
}

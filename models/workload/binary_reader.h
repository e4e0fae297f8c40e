// Reads Pagoda's binary format (binary_format.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "pagoda/workload/binary_format.h"
#include "pagoda/workload/trace_reader.h"

namespace pagoda {

class BinaryReader final : public TraceReader {
 public:
  explicit BinaryReader(std::unique_ptr<TraceInput> input);

 private:
  std::size_t decode(std::span<Access> out) override;
  void restart() override;
  void read_header();
  bool open_block();
  void finish(std::string_view payload);
  bool decode_record(Access& access);
  [[noreturn]] void fail_in_block(const std::string& problem) const;

  std::uint64_t block_number_ = 0;
  std::uint64_t records_ = 0;  // in the blocks opened so far
  std::uint32_t left_in_block_ = 0;
  std::string_view payload_;  // in the input's window, not yet skipped
  const char* at_ = nullptr;
  binary_format::Predictor predictor_;
  bool is_finished_ = false;
};

}  // namespace pagoda

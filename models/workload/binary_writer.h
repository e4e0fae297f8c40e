// Writes Pagoda's binary format (binary_format.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "pagoda/workload/binary_format.h"
#include "pagoda/workload/trace_writer.h"

namespace pagoda {

class BinaryWriter final : public TraceWriter {
 public:
  explicit BinaryWriter(std::unique_ptr<ByteSink> sink);
  void write(std::span<const Access> records) override;
  void finish() override;

 private:
  void encode(const Access& access);
  void write_block();

  std::unique_ptr<ByteSink> sink_;
  std::string payload_;
  std::uint32_t in_block_ = 0;
  std::uint64_t records_ = 0;
  binary_format::Predictor predictor_;
};

}  // namespace pagoda

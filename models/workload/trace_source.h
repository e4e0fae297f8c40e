// Where a core gets its accesses from: a trace or a pattern, and what can be put around one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "pagoda/workload/trace_footprint.h"
#include "pagoda/workload/trace_record.h"

namespace pagoda {

/// A stream of accesses, pulled in batches (a few hundred records make the virtual call disappear). However
/// it is cut into batches, the stream is the same. Holds a bounded amount of memory, however long the stream.
class AccessSource {
 public:
  virtual ~AccessSource() = default;

  /// Fills `out` from its start and returns how many records it wrote; 0 only at the end, and from then on.
  /// UserError if the input turns out to be damaged; the records of that batch are lost.
  virtual std::size_t fill(std::span<Access> out) = 0;

  /// Starts again at the first record. UserError if the input cannot be read twice (a pipe).
  virtual void rewind() = 0;

  /// The pages that the workload owns, if they are known without reading it: a pattern's region, not a trace.
  virtual std::optional<Footprint> region() const { return std::nullopt; }

  /// The region, or else the pages found by reading the stream to its end (so it must have one) and rewinding
  /// it.
  virtual Footprint footprint();
};

/// At most the first `records` records of another source.
class LimitSource final : public AccessSource {
 public:
  LimitSource(std::unique_ptr<AccessSource> source, std::uint64_t records);
  std::size_t fill(std::span<Access> out) override;
  void rewind() override;
  std::optional<Footprint> region() const override { return source_->region(); }

 private:
  std::unique_ptr<AccessSource> source_;
  std::uint64_t records_;
  std::uint64_t left_;
};

/// Another source, `times` over; 0 repeats it without end.
class RepeatSource final : public AccessSource {
 public:
  RepeatSource(std::unique_ptr<AccessSource> source, std::uint64_t times);
  std::size_t fill(std::span<Access> out) override;
  void rewind() override;
  std::optional<Footprint> region() const override { return source_->region(); }
  Footprint footprint() override { return source_->footprint(); }

 private:
  std::unique_ptr<AccessSource> source_;
  std::uint64_t times_;
  std::uint64_t passes_ = 1;  // begun, the present one included
  bool pass_is_empty_ = true;
};

/// How much of the instruction stream a core wants to see. What is left out is counted in `gap`, so that the
/// instructions stay the same.
enum class FetchDetail : std::uint8_t {
  none,   ///< data only: for a core without an instruction TLB
  line,   ///< a fetch when the program enters another 64-byte line, or crosses into one: what a front end asks
          ///< for
  every,  ///< each instruction, as traced
};

/// Another source with fewer of its fetches. Instructions that end the stream without an access are dropped.
class FetchFolder final : public AccessSource {
 public:
  FetchFolder(std::unique_ptr<AccessSource> source, FetchDetail detail);
  std::size_t fill(std::span<Access> out) override;
  void rewind() override;
  std::optional<Footprint> region() const override { return source_->region(); }

 private:
  bool keep(Access& access);

  std::unique_ptr<AccessSource> source_;
  FetchDetail detail_;
  std::uint64_t folded_ = 0;    // instructions left out since the last record that was kept
  std::uint64_t line_ = ~0ULL;  // the line fetched last
};

}  // namespace pagoda

// What all conformance vector files share: text lines of fields separated by one space, and the memory they describe.
//
// A file is read once from front to back; only the current section's memory is kept. Anything that is not exactly of
// the format is refused with a UserError that names file, line, field and what is allowed.
#pragma once

#include <array>
#include <cstdint>
#include <istream>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pagoda/base/access.h"
#include "pagoda/base/error.h"
#include "pagoda/paging/run_walk.h"

namespace pagoda {

/// The lines of a vector file, and a cursor over the current line's fields. The `what` arguments name a field in
/// messages.
class VectorReader {
 public:
  /// `name` is the file's name for messages.
  VectorReader(std::istream& input, std::string name) : input_(input), name_(std::move(name)) {}

  /// Goes to the next line; false at the end of the file.
  bool next_line();
  std::string_view line() const { return {line_.data(), length_}; }

  /// Takes the next field.
  std::string_view word(std::string_view what);
  std::uint64_t hex(std::string_view what);
  /// Decimal, at most `largest`.
  std::uint64_t dec(std::string_view what, std::uint64_t largest);
  /// A field of one character out of `allowed`.
  char letter(std::string_view what, std::string_view allowed);
  /// The `=` between a request and its results.
  void equals_sign();
  /// Nothing may be left.
  void end_of_line() const;

  [[noreturn]] void refuse(const std::string& problem, const std::string& allowed) const;
  int line_number() const { return line_number_; }
  const std::string& name() const { return name_; }

 private:
  static constexpr std::size_t kLongestLine = 4096;

  std::istream& input_;
  std::string name_;
  int line_number_ = 0;
  std::array<char, kLongestLine> line_{};
  std::size_t length_ = 0;
  std::size_t position_ = 0;
};

struct VectorUpdate {
  Addr address = 0;
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  bool operator==(const VectorUpdate&) const = default;
};

/// A section's memory: words, denied words, the bounds of RAM. Counts the reads and records the updates of one request,
/// after which undo() brings back what the file says. A walk's port.
class VectorMemory {
 public:
  enum Denial : std::uint8_t { kNoRead = 1, kNoWrite = 2, kPoison = 4 };

  void reset();
  void set(Addr address, std::uint64_t value) { words_[address].value = value; }
  void deny(Addr address, Denial denial) { words_[address].denied |= denial; }
  void set_ram(Addr base, std::uint64_t size) { ram_ = {base, size}; }
  bool has_ram() const { return ram_.has_value(); }

  EntryRead load(Addr address) const;
  EntryUpdate compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired);

  EntryRead read(const Step& step);
  EntryUpdate update(const Step& step) { return compare_and_swap(step.address, step.expected, step.desired); }

  /// Entries read since the last undo(), not counting those read only for an update.
  std::uint64_t reads() const { return read_.size(); }
  /// The same, entries read more than once counted once.
  std::uint64_t entries_read() const;
  const std::vector<VectorUpdate>& updates() const { return updates_; }
  void undo();

 private:
  struct Word {
    std::uint64_t value = 0;
    std::uint8_t denied = 0;
  };
  struct Ram {
    Addr base;
    std::uint64_t size;
  };
  bool outside_ram(Addr address) const;

  std::unordered_map<Addr, Word> words_;
  std::optional<Ram> ram_;
  std::vector<Addr> read_;
  std::vector<VectorUpdate> updates_;
};

}  // namespace pagoda

#include "pagoda/paging/conformance/vector_file.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include <fmt/format.h>

namespace pagoda {
namespace {

// User input as it may stand in a message: short and printable.
std::string quoted(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string shown(text.substr(0, kLongest));
  for (char& c : shown) {
    if (std::isprint(static_cast<unsigned char>(c)) == 0) c = '?';
  }
  return fmt::format("`{}{}`", shown, text.size() > kLongest ? "..." : "");
}

}  // namespace

bool VectorReader::next_line() {
  if (!input_.getline(line_.data(), static_cast<std::streamsize>(line_.size()))) {
    if (input_.bad()) refuse("the file cannot be read further", "it may be truncated or corrupt");
    if (input_.gcount() == 0) return false;
    ++line_number_;
    refuse("the line is too long", fmt::format("up to {} characters", kLongestLine - 1));
  }
  // getline counts the newline, which the last line may lack.
  length_ = static_cast<std::size_t>(input_.gcount());
  if (!input_.eof()) --length_;
  position_ = 0;
  ++line_number_;
  return true;
}

std::string_view VectorReader::word(std::string_view what) {
  if (position_ > length_ || (position_ == length_ && position_ > 0)) {
    refuse(fmt::format("the field {} is missing", what), "see the format's description");
  }
  const std::string_view rest = line().substr(position_);
  const std::string_view field = rest.substr(0, rest.find(' '));
  if (field.empty()) {
    refuse(fmt::format("the field {} is empty", what), "fields are separated by exactly one space");
  }
  position_ += field.size() + 1;
  return field;
}

std::uint64_t VectorReader::hex(std::string_view what) {
  const std::string_view field = word(what);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, 16);
  if (error != std::errc{} || end != field.data() + field.size()) {
    refuse(fmt::format("{}: {} is not a number", what, quoted(field)), "hexadecimal of up to 64 bits, without 0x");
  }
  return value;
}

std::uint64_t VectorReader::dec(std::string_view what, std::uint64_t largest) {
  const std::string_view field = word(what);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value, 10);
  if (error != std::errc{} || end != field.data() + field.size() || value > largest) {
    refuse(fmt::format("{}: {} is not a number in range", what, quoted(field)),
           fmt::format("decimal, 0 to {}", largest));
  }
  return value;
}

char VectorReader::letter(std::string_view what, std::string_view allowed) {
  const std::string_view field = word(what);
  if (field.size() != 1 || allowed.find(field[0]) == std::string_view::npos) {
    std::string choices;
    for (const char c : allowed) choices += fmt::format("{}{}", choices.empty() ? "" : ", ", c);
    refuse(fmt::format("{}: {} is none of the choices", what, quoted(field)), choices);
  }
  return field[0];
}

void VectorReader::equals_sign() {
  const std::string_view field = word("=");
  if (field != "=") refuse(fmt::format("{} stands where = should", quoted(field)), "request = results");
}

void VectorReader::end_of_line() const {
  if (position_ <= length_) {
    refuse(fmt::format("{} is left over at the end", quoted(line().substr(position_))), "nothing after the last field");
  }
}

void VectorReader::refuse(const std::string& problem, const std::string& allowed) const {
  throw UserError({name_, line_number_}, "", problem, allowed);
}

void VectorMemory::reset() {
  words_.clear();
  ram_.reset();
  read_.clear();
  updates_.clear();
}

bool VectorMemory::outside_ram(Addr address) const {
  if (!ram_) return false;
  return address < ram_->base || ram_->size < kEntryBytes || address - ram_->base > ram_->size - kEntryBytes;
}

EntryRead VectorMemory::load(Addr address) const {
  if (outside_ram(address)) return {.value = 0, .refused = FaultCause::access_error};
  const auto found = words_.find(address);
  if (found == words_.end()) return {};
  const Word& word = found->second;
  if ((word.denied & kNoRead) != 0) return {.value = 0, .refused = FaultCause::access_error};
  if ((word.denied & kPoison) != 0) return {.value = 0, .refused = FaultCause::poison};
  return {.value = word.value};
}

EntryUpdate VectorMemory::compare_and_swap(Addr address, std::uint64_t expected, std::uint64_t desired) {
  if (outside_ram(address)) return {.success = false, .current = 0, .refused = FaultCause::access_error};
  Word& word = words_[address];
  if ((word.denied & kNoWrite) != 0) return {.success = false, .current = 0, .refused = FaultCause::access_error};
  if (word.value != expected) return {.success = false, .current = word.value};
  word.value = desired;
  updates_.push_back({address, expected, desired});
  return {};
}

EntryRead VectorMemory::read(const Step& step) {
  if (!step.for_update) read_.push_back(step.address);
  return load(step.address);
}

void VectorMemory::undo() {
  std::for_each(updates_.rbegin(), updates_.rend(),
                [this](const VectorUpdate& update) { words_[update.address].value = update.before; });
  updates_.clear();
  read_.clear();
}

std::uint64_t VectorMemory::entries_read() const {
  std::vector<Addr> entries = read_;
  std::sort(entries.begin(), entries.end());
  return static_cast<std::uint64_t>(std::unique(entries.begin(), entries.end()) - entries.begin());
}

}  // namespace pagoda

#include "pagoda/paging/page_format.h"

#include <algorithm>

namespace pagoda {
namespace {

constexpr unsigned kArmSmallestInput = 25;  // TnSZ is at most 39
constexpr unsigned kArmLargestInput = 48;

constexpr std::uint8_t byte(unsigned value) { return static_cast<std::uint8_t>(value); }

constexpr PageFormat named(std::string_view name, PageFormat format) {
  std::copy(name.begin(), name.end(), format.name_text.begin());
  return format;
}

constexpr PageFormat x86(std::string_view name, unsigned levels) {
  PageFormat format{};
  format.family = Family::x86;
  format.input_form = InputForm::sign_extended;
  format.levels = byte(levels);
  format.input_bits = byte(PageFormat::shift(levels));
  format.root_index_bits = kIndexBits;
  format.leaf_levels = 0b111;
  format.accessed_if_refused = 0b100;  // 1 GiB pages only, as QEMU does, whose results the conformance tests hold
  format.address_mask = bit_range(51, 12);
  format.software_mask = bit_range(11, 9) | bit_range(58, 52);
  format.attribute_mask = bit_range(62, 59);  // protection key
  // Bit 7 makes a leaf at levels 1 and 2 and is reserved above.
  format.reserved_table = {0, 0, 0, 1U << 7, 1U << 7};
  // Bit 12 of a superpage is PAT.
  format.reserved_leaf = {0, bit_range(20, 13), bit_range(29, 13), 0, 0};
  return named(name, format);
}

constexpr PageFormat ept(std::string_view name, unsigned levels) {
  PageFormat format = x86(name, levels);
  format.family = Family::ept;
  format.input_form = InputForm::zero_extended;
  format.accessed_if_refused = 0;
  format.software_mask = (1U << 11) | bit_range(56, 52);
  format.attribute_mask = (1U << 6) | bit_range(63, 57);  // ignore PAT; suppress #VE, sub-page and shadow-stack bits
  format.reserved_table = {0, bit_range(6, 3), bit_range(6, 3), bit_range(7, 3), bit_range(7, 3)};
  format.reserved_leaf = {0, bit_range(20, 12), bit_range(29, 12), 0, 0};
  return format;
}

constexpr PageFormat riscv(std::string_view name, unsigned levels, bool guest) {
  PageFormat format{};
  format.family = guest ? Family::riscv_guest : Family::riscv;
  format.input_form = guest ? InputForm::zero_extended : InputForm::sign_extended;
  format.levels = byte(levels);
  // The root of a guest-physical table is four times as large and takes two more address bits.
  const unsigned root_extra = guest ? 2 : 0;
  format.input_bits = byte(PageFormat::shift(levels) + root_extra);
  format.root_index_bits = byte(kIndexBits + root_extra);
  format.leaf_levels = byte(static_cast<unsigned>(low_mask(levels)));
  format.address_shift = 2;
  format.address_mask = bit_range(53, 10);
  format.software_mask = bit_range(9, 8);
  // D, A and U; what bits 63 to 54 may hold depends on the extensions.
  format.reserved_table.fill((1U << 7) | (1U << 6) | (1U << 4));
  return named(name, format);
}

// `start` is the walk's first level as Arm counts.
constexpr PageFormat armv8(std::string_view name, Family family, unsigned input_bits, unsigned start) {
  PageFormat format{};
  format.family = family;
  format.input_form = family == Family::armv8_stage1 ? InputForm::two_ranges : InputForm::zero_extended;
  format.levels = byte(4 - start);
  format.input_bits = byte(input_bits);
  format.root_index_bits = byte(input_bits - PageFormat::shift(3 - start));
  format.leaf_levels = 0b111;
  format.address_mask = bit_range(47, 12);
  format.software_mask = bit_range(58, 55);
  format.attribute_mask = bit_range(62, 59) | (1ULL << 50);  // PBHA, guarded page
  return named(name, format);
}

// The first level whose table is no larger than a page.
constexpr unsigned arm_start(unsigned input_bits) { return input_bits >= 40 ? 0 : input_bits >= 31 ? 1 : 2; }

struct StartLevel {
  unsigned level;
  unsigned smallest_input;
  unsigned largest_input;  // 16 concatenated root tables
};
constexpr std::array kArmStage2Starts{StartLevel{0, 40, 48}, StartLevel{1, 31, 43}, StartLevel{2, 25, 34}};

struct Name {
  std::array<char, 16> text{};
  std::size_t length = 0;

  constexpr Name& add(std::string_view piece) {
    for (const char c : piece) text[length++] = c;
    return *this;
  }
  constexpr Name& add(unsigned number) {
    if (number >= 10) text[length++] = static_cast<char>('0' + number / 10);
    text[length++] = static_cast<char>('0' + number % 10);
    return *this;
  }
  constexpr operator std::string_view() const { return {text.data(), length}; }
};

constexpr std::array kMainFormats{x86("x86-64-4", 4),
                                  x86("x86-64-5", 5),
                                  ept("ept-4", 4),
                                  ept("ept-5", 5),
                                  riscv("sv39", 3, false),
                                  riscv("sv48", 4, false),
                                  riscv("sv57", 5, false),
                                  riscv("sv39x4", 3, true),
                                  riscv("sv48x4", 4, true),
                                  riscv("sv57x4", 5, true),
                                  armv8("armv8-s1", Family::armv8_stage1, 48, 0),
                                  armv8("armv8-s2", Family::armv8_stage2, 48, 0)};

constexpr unsigned kArmSizes = kArmLargestInput - kArmSmallestInput + 1;

template <Family family>
constexpr auto arm_formats(std::string_view prefix) {
  std::array<PageFormat, kArmSizes> formats{};
  for (unsigned i = 0; i < kArmSizes; ++i) {
    const unsigned bits = kArmSmallestInput + i;
    formats[i] = armv8(Name{}.add(prefix).add(bits), family, bits, arm_start(bits));
  }
  return formats;
}
constexpr auto kArmStage1Formats = arm_formats<Family::armv8_stage1>("armv8-s1-");
constexpr auto kArmStage2Formats = arm_formats<Family::armv8_stage2>("armv8-s2-");

constexpr unsigned concatenated_count() {
  unsigned count = 0;
  for (const StartLevel& start : kArmStage2Starts) count += start.largest_input - start.smallest_input + 1;
  return count;
}

constexpr auto arm_started_formats() {
  std::array<PageFormat, concatenated_count()> formats{};
  std::size_t next = 0;
  for (const StartLevel& start : kArmStage2Starts) {
    for (unsigned bits = start.smallest_input; bits <= start.largest_input; ++bits) {
      const Name name = Name{}.add("armv8-s2-").add(bits).add("-l").add(start.level);
      formats[next++] = armv8(name, Family::armv8_stage2, bits, start.level);
    }
  }
  return formats;
}
constexpr auto kArmStartedFormats = arm_started_formats();

template <class Formats>
const PageFormat* find_in(const Formats& formats, std::string_view name) {
  const auto found =
      std::find_if(formats.begin(), formats.end(), [&](const PageFormat& format) { return format.name() == name; });
  return found == formats.end() ? nullptr : &*found;
}

}  // namespace

const PageFormat* find_page_format(std::string_view name) {
  if (const PageFormat* format = find_in(kMainFormats, name)) return format;
  if (const PageFormat* format = find_in(kArmStage1Formats, name)) return format;
  if (const PageFormat* format = find_in(kArmStage2Formats, name)) return format;
  return find_in(kArmStartedFormats, name);
}

std::string page_format_names() {
  std::string names;
  for (const PageFormat& format : kMainFormats) {
    if (!names.empty()) names += ", ";
    names += format.name();
  }
  return names;
}

}  // namespace pagoda

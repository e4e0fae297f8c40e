// How a config struct names its members, once. Include in the source file that defines X::config_info() only.
//
//   const ConfigInfo& TlbConfig::config_info() {
//     static const ConfigInfo info = ConfigBuilder<TlbConfig>("TLB", "a translation look-aside buffer")
//         .field("entries", &TlbConfig::entries, "number of entries", in_range(1, 1 << 20))
//         .field("latency", &TlbConfig::latency, "time of a look-up")
//         .check([](const TlbConfig& c) -> std::optional<ConfigProblem> { ... });
//     return info;
//   }
//
// Member types: bool, integers, double, std::string, the quantities of units.h, enums described with
// BOOST_DESCRIBE_ENUM, config structs, std::vector and std::optional of these, and ConfigNode (anything).
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <limits>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <boost/describe/enum_to_string.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>
#include <fmt/format.h>

#include "pagoda/base/config_schema.h"
#include "pagoda/base/units.h"

namespace pagoda {

/// Bounds of a number or quantity, inclusive.
template <class T>
struct ConfigRange {
  T low;
  T high;
};
template <class T>
ConfigRange<T> in_range(T low, T high) {
  return {low, high};
}

/// The words a string member may hold.
struct ConfigChoices {
  std::vector<std::string> words;
};

/// What a member that takes anything (ConfigNode) is for, in the words of messages.
struct ConfigForm {
  std::string text;
};

namespace config_detail {

/// The nearest value of an integer type; `number` is finite.
template <std::integral T>
T rounded(double number) {
  const double whole = std::round(number);
  // The largest values of wide types are no doubles: what reaches their rounded-up limit is at it.
  if (whole >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
  if (whole <= static_cast<double>(std::numeric_limits<T>::min())) return std::numeric_limits<T>::min();
  return static_cast<T>(whole);
}

// --- how a scalar type is read and written --------------------------------------------------------------------------

template <class T>
struct ScalarText;

template <>
struct ScalarText<bool> {
  static constexpr const char* kForm = "true or false";
  static constexpr const char* kSchema = R"({"type":"boolean"})";
  static bool parse(std::string_view text) {
    if (text == "true" || text == "yes" || text == "on") return true;
    if (text == "false" || text == "no" || text == "off") return false;
    throw std::invalid_argument(kForm);
  }
  static std::string print(bool value) { return value ? "true" : "false"; }
};

template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;

template <Integer T>
struct ScalarText<T> {
  static constexpr const char* kForm = std::is_unsigned_v<T> ? "a whole number, 0 or more" : "a whole number";
  static constexpr const char* kSchema = R"({"type":"integer"})";
  static T parse(std::string_view text) {
    const bool hex = text.starts_with("0x");
    T value{};
    const char* first = text.data() + (hex ? 2 : 0);
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(first, last, value, hex ? 16 : 10);
    if (error != std::errc{} || end != last || first == last) throw std::invalid_argument(kForm);
    return value;
  }
  static std::string print(T value) { return fmt::format("{}", value); }
  static ConfigNumber number(T value) { return {static_cast<double>(value), ""}; }
  static T nearest(const ConfigNumber& number) { return rounded<T>(number.value); }
};

template <>
struct ScalarText<double> {
  static constexpr const char* kForm = "a number";
  static constexpr const char* kSchema = R"({"type":"number"})";
  static double parse(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || !(value - value == 0))
      throw std::invalid_argument(kForm);
    return value;
  }
  static std::string print(double value) { return fmt::format("{}", value); }
  static ConfigNumber number(double value) { return {value, ""}; }
  static double nearest(const ConfigNumber& number) { return number.value; }
};

template <>
struct ScalarText<std::string> {
  static constexpr const char* kForm = "a text";
  static constexpr const char* kSchema = R"({"type":"string"})";
  static std::string parse(std::string_view text) { return std::string(text); }
  static std::string print(const std::string& value) { return value; }
};

// What each quantity is shown in, and back.
inline ConfigNumber number_of(Duration value) { return {static_cast<double>(value.ps) / 1000, "ns"}; }
inline ConfigNumber number_of(Bytes value) { return {static_cast<double>(value.count), "B"}; }
inline ConfigNumber number_of(Frequency value) { return {static_cast<double>(value.hz), "Hz"}; }
inline ConfigNumber number_of(Latency value) {
  if (value.in_cycles) return {static_cast<double>(value.value), "cycles"};
  return number_of(Duration{value.value});
}
inline ConfigNumber number_of(Bandwidth value) { return {value.bytes_per_second / 1e9, "GB/s"}; }
inline ConfigNumber number_of(Energy value) { return {value.joules * 1e12, "pJ"}; }
inline void from_number(const ConfigNumber& number, Duration& value) { value.ps = rounded<Ps>(number.value * 1000); }
inline void from_number(const ConfigNumber& number, Bytes& value) {
  value.count = rounded<std::uint64_t>(number.value);
}
inline void from_number(const ConfigNumber& number, Frequency& value) {
  value.hz = rounded<std::uint64_t>(number.value);
}
inline void from_number(const ConfigNumber& number, Latency& value) {
  value.in_cycles = number.unit == "cycles";
  value.value = rounded<std::uint64_t>(value.in_cycles ? number.value : number.value * 1000);
}
inline void from_number(const ConfigNumber& number, Bandwidth& value) { value.bytes_per_second = number.value * 1e9; }
inline void from_number(const ConfigNumber& number, Energy& value) { value.joules = number.value * 1e-12; }

#define PAGODA_QUANTITY(Type, parser, form, pattern)                                                     \
  template <>                                                                                            \
  struct ScalarText<Type> {                                                                              \
    static constexpr const char* kForm = form;                                                           \
    static constexpr const char* kSchema = R"({"type":["string","number"],"pattern":")" pattern R"("})"; \
    static Type parse(std::string_view text) { return parser(text); }                                    \
    static std::string print(Type value) { return to_string(value); }                                    \
    static ConfigNumber number(Type value) { return number_of(value); }                                  \
    static Type nearest(const ConfigNumber& number) {                                                    \
      Type value{};                                                                                      \
      from_number(number, value);                                                                        \
      return value;                                                                                      \
    }                                                                                                    \
  };
PAGODA_QUANTITY(Duration, parse_duration, "a duration (15 ns)", "^[0-9.e+]+ *(ps|ns|us|ms|s)$|^0$")
PAGODA_QUANTITY(Bytes, parse_bytes, "a size (64 KiB)", "^[0-9.e+]+ *(B|KiB|MiB|GiB|TiB)$|^0$")
PAGODA_QUANTITY(Frequency, parse_frequency, "a frequency (2 GHz)", "^[0-9.e+]+ *(Hz|kHz|MHz|GHz)$")
PAGODA_QUANTITY(Latency, parse_latency, "cycles (4 cycles) or a duration (1.5 ns)",
                "^[0-9.e+]+ *(cycles?|ps|ns|us|ms|s)$|^0$")
PAGODA_QUANTITY(Bandwidth, parse_bandwidth, "a data rate (16 GB/s)", "^[0-9.e+]+ *([kMG]?B|Gb)/s$|^0$")
PAGODA_QUANTITY(Energy, parse_energy, "an energy (120 pJ)", "^[0-9.e+]+ *([fpnum]?J)$|^0$")
#undef PAGODA_QUANTITY

template <class T>
concept DescribedEnum = std::is_enum_v<T>;

template <DescribedEnum T>
std::vector<std::string> enum_words() {
  std::vector<std::string> words;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) { words.emplace_back(d.name); });
  return words;
}

std::string quoted_json_list(const std::vector<std::string>& words);
std::string join(const std::vector<std::string>& words);
const std::string& require_scalar(const ConfigNode& node, const std::string& path, const std::string& allowed);
[[noreturn]] void refuse(const ConfigNode& node, const std::string& path, const std::string& problem,
                         const std::string& allowed);

// --- the ConfigType of each C++ type --------------------------------------------------------------------------------

template <class T>
class ScalarType : public ConfigType {
 public:
  ScalarType() = default;
  explicit ScalarType(ConfigRange<T> range) : range_(range) {}

  void bind(const ConfigNode& node, const std::string& path, void* object) const override {
    const std::string& text = require_scalar(node, path, allowed());
    T value{};
    try {
      value = ScalarText<T>::parse(text);
    } catch (const std::invalid_argument&) {
      refuse(node, path, fmt::format("`{}` cannot be read", text), "allowed: " + allowed());
    }
    if (!inside(value)) refuse(node, path, fmt::format("{} is out of range", text), "allowed: " + allowed());
    *static_cast<T*>(object) = std::move(value);
  }
  ConfigNode to_node(const void* object) const override {
    return ConfigNode::of_scalar(ScalarText<T>::print(*static_cast<const T*>(object)));
  }
  std::optional<ConfigNumber> number(const ConfigNode& node, const std::string& path) const override {
    if constexpr (requires(T value) { ScalarText<T>::number(value); }) {
      T value{};
      bind(node, path, &value);
      return ScalarText<T>::number(value);
    } else {
      return std::nullopt;
    }
  }
  ConfigNode nearest(const ConfigNumber& number) const override {
    if constexpr (requires { ScalarText<T>::nearest(number); }) {
      return ConfigNode::of_scalar(ScalarText<T>::print(ScalarText<T>::nearest(number)));
    } else {
      return ConfigType::nearest(number);
    }
  }
  void validate(const void* object, const std::string& path) const override {
    const T& value = *static_cast<const T*>(object);
    if (!inside(value))
      throw UserError({}, path, ScalarText<T>::print(value) + " is out of range", "allowed: " + allowed());
  }
  std::string allowed() const override {
    std::string text = ScalarText<T>::kForm;
    if (range_)
      text += fmt::format(", {} to {}", ScalarText<T>::print(range_->low), ScalarText<T>::print(range_->high));
    return text;
  }
  std::string json_schema() const override {
    if constexpr (std::is_arithmetic_v<T> && !std::same_as<T, bool>) {
      if (range_) {
        return fmt::format(R"({{"type":"{}","minimum":{},"maximum":{}}})", std::integral<T> ? "integer" : "number",
                           range_->low, range_->high);
      }
    }
    return ScalarText<T>::kSchema;
  }

 private:
  // Written so that a NaN is outside.
  bool inside(const T& value) const { return !range_ || (range_->low <= value && value <= range_->high); }

  std::optional<ConfigRange<T>> range_;
};

// Enums and strings with a fixed set of words.
class ChoiceType : public ConfigType {
 public:
  explicit ChoiceType(std::vector<std::string> words) : words_(std::move(words)) {}

  void bind(const ConfigNode& node, const std::string& path, void* object) const override;
  void validate(const void* object, const std::string& path) const override;
  ConfigNode to_node(const void* object) const override { return ConfigNode::of_scalar(get(object)); }
  std::string allowed() const override { return "one of " + join(words_); }
  std::vector<std::string> choices() const override { return words_; }
  std::string json_schema() const override { return fmt::format(R"({{"enum":{}}})", quoted_json_list(words_)); }

 protected:
  virtual void set(void* object, const std::string& word) const { *static_cast<std::string*>(object) = word; }
  virtual std::string get(const void* object) const { return *static_cast<const std::string*>(object); }

 private:
  std::vector<std::string> words_;
};

template <DescribedEnum T>
class EnumType final : public ChoiceType {
 public:
  EnumType() : ChoiceType(enum_words<T>()) {}

 private:
  void set(void* object, const std::string& word) const override {
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto d) {
      if (word == d.name) *static_cast<T*>(object) = d.value;
    });
  }
  std::string get(const void* object) const override {
    return boost::describe::enum_to_string(*static_cast<const T*>(object), "");
  }
};

class StructType final : public ConfigType {
 public:
  using Info = const ConfigInfo& (*)();
  explicit StructType(Info describe) : info_(describe) {}

  void bind(const ConfigNode& node, const std::string& path, void* object) const override {
    info_().bind(node, path, object);
  }
  ConfigNode to_node(const void* object) const override { return info_().to_node(object); }
  void validate(const void* object, const std::string& path) const override { info_().validate(object, path); }
  std::string allowed() const override { return "a map (" + info_().name + ")"; }
  std::string json_schema() const override { return fmt::format(R"({{"$ref":"#/$defs/{}"}})", info_().name); }
  const ConfigInfo* info() const override { return &info_(); }

 private:
  Info info_;
};

class AnyType final : public ConfigType {
 public:
  AnyType() = default;
  explicit AnyType(ConfigForm form) : form_(std::move(form.text)), schema_("{}") {}

  void bind(const ConfigNode& node, const std::string&, void* object) const override {
    *static_cast<ConfigNode*>(object) = node;
  }
  ConfigNode to_node(const void* object) const override { return *static_cast<const ConfigNode*>(object); }
  std::string allowed() const override { return form_; }
  std::string json_schema() const override { return schema_; }

 private:
  std::string form_ = "a map of paths and values";
  std::string schema_ = R"({"type":"object"})";
};

template <class T>
class ListType final : public ConfigType {
 public:
  explicit ListType(std::shared_ptr<const ConfigType> item) : item_(std::move(item)) {}

  void bind(const ConfigNode& node, const std::string& path, void* object) const override {
    auto& list = *static_cast<std::vector<T>*>(object);
    list.clear();
    if (node.kind != ConfigNode::Kind::sequence) refuse(node, path, "a list is expected here", "allowed: " + allowed());
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      T value{};
      item_->bind(node.items[i], fmt::format("{}.{}", path, i), &value);
      list.push_back(std::move(value));
    }
  }
  ConfigNode to_node(const void* object) const override {
    ConfigNode node = ConfigNode::of_sequence();
    for (const T& value : *static_cast<const std::vector<T>*>(object)) node.items.push_back(item_->to_node(&value));
    return node;
  }
  void validate(const void* object, const std::string& path) const override {
    const auto& list = *static_cast<const std::vector<T>*>(object);
    for (std::size_t i = 0; i < list.size(); ++i) item_->validate(&list[i], fmt::format("{}.{}", path, i));
  }
  std::string allowed() const override { return "a list, each item " + item_->allowed(); }
  std::string json_schema() const override {
    return fmt::format(R"({{"type":"array","items":{}}})", item_->json_schema());
  }
  const ConfigInfo* info() const override { return item_->info(); }
  bool is_list() const override { return true; }

 private:
  std::shared_ptr<const ConfigType> item_;
};

template <class T>
class OptionalType final : public ConfigType {
 public:
  explicit OptionalType(std::shared_ptr<const ConfigType> value) : value_(std::move(value)) {}

  void bind(const ConfigNode& node, const std::string& path, void* object) const override {
    auto& optional = *static_cast<std::optional<T>*>(object);
    if (node.kind == ConfigNode::Kind::null || (node.kind == ConfigNode::Kind::scalar && node.scalar == "none")) {
      optional.reset();
      return;
    }
    T bound = optional.value_or(T{});
    value_->bind(node, path, &bound);
    optional = std::move(bound);
  }
  ConfigNode to_node(const void* object) const override {
    const auto& optional = *static_cast<const std::optional<T>*>(object);
    return optional ? value_->to_node(&*optional) : ConfigNode::of_scalar("none");
  }
  void validate(const void* object, const std::string& path) const override {
    const auto& optional = *static_cast<const std::optional<T>*>(object);
    if (optional) value_->validate(&*optional, path);
  }
  std::optional<ConfigNumber> number(const ConfigNode& node, const std::string& path) const override {
    const bool none = node.kind == ConfigNode::Kind::null || node.scalar == "none";
    return none ? std::nullopt : value_->number(node, path);
  }
  ConfigNode nearest(const ConfigNumber& number) const override { return value_->nearest(number); }
  std::string allowed() const override { return value_->allowed() + ", or none"; }
  std::string json_schema() const override {
    return fmt::format(R"({{"anyOf":[{},{{"const":"none"}}]}})", value_->json_schema());
  }
  const ConfigInfo* info() const override { return value_->info(); }

 private:
  std::shared_ptr<const ConfigType> value_;
};

template <class T>
struct TypeOf {
  static std::shared_ptr<const ConfigType> make() {
    if constexpr (std::is_enum_v<T>) {
      return std::make_shared<EnumType<T>>();
    } else if constexpr (std::same_as<T, ConfigNode>) {
      return std::make_shared<AnyType>();
    } else if constexpr (requires { T::config_info(); }) {
      return std::make_shared<StructType>(&T::config_info);
    } else {
      return std::make_shared<ScalarType<T>>();
    }
  }
  template <class U>
  static std::shared_ptr<const ConfigType> make(ConfigRange<U> range) {
    return std::make_shared<ScalarType<T>>(ConfigRange<T>{T(range.low), T(range.high)});
  }
  static std::shared_ptr<const ConfigType> make(ConfigChoices choices) {
    return std::make_shared<ChoiceType>(std::move(choices.words));
  }
  static std::shared_ptr<const ConfigType> make(ConfigForm form) { return std::make_shared<AnyType>(std::move(form)); }
};
template <class T>
struct TypeOf<std::vector<T>> {
  template <class... Limit>
  static std::shared_ptr<const ConfigType> make(Limit... limit) {
    return std::make_shared<ListType<T>>(TypeOf<T>::make(std::move(limit)...));
  }
};
template <class T>
struct TypeOf<std::optional<T>> {
  template <class... Limit>
  static std::shared_ptr<const ConfigType> make(Limit... limit) {
    return std::make_shared<OptionalType<T>>(TypeOf<T>::make(std::move(limit)...));
  }
};

}  // namespace config_detail

template <class Config>
class ConfigBuilder {
 public:
  ConfigBuilder(std::string name, std::string meaning) {
    info_.name = std::move(name);
    info_.meaning = std::move(meaning);
    info_.defaults = std::make_shared<Config>();
  }

  /// `limit`: nothing, in_range(low, high), ConfigChoices{{...}} or ConfigForm{...}.
  template <class Member, class... Limit>
  ConfigBuilder& field(std::string name, Member Config::*member, std::string meaning, Limit... limit) {
    info_.fields.push_back(
        {std::move(name), std::move(meaning), config_detail::TypeOf<Member>::make(std::move(limit)...),
         [member](void* object) -> void* { return &(static_cast<Config*>(object)->*member); }, false});
    return *this;
  }
  /// The field just named must be written.
  ConfigBuilder& required() {
    info_.fields.back().required = true;
    return *this;
  }
  /// Called before the members are bound: `void(const ConfigNode& written, Config&)`, for a member that names a preset.
  template <class Prepare>
  ConfigBuilder& prepare(Prepare set_defaults) {
    info_.prepare = [set_defaults](const ConfigNode& node, void* object) {
      set_defaults(node, *static_cast<Config*>(object));
    };
    return *this;
  }
  /// A rule over several members: `std::optional<ConfigProblem>(const Config&)`.
  template <class Check>
  ConfigBuilder& check(Check rule) {
    info_.checks.push_back([rule](const void* object) { return rule(*static_cast<const Config*>(object)); });
    return *this;
  }

  operator ConfigInfo() { return std::move(info_); }  // NOLINT(google-explicit-constructor): ends the chain

 private:
  ConfigInfo info_;
};

}  // namespace pagoda

#include "pagoda/workload/trace_writer.h"

#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "pagoda/base/error.h"
#include "pagoda/workload/binary_writer.h"
#include "pagoda/workload/text_reader.h"

namespace pagoda {
namespace {

constexpr char kKindLetters[] = {'L', 'S', 'M', 'I'};

char letter(RecordKind kind) { return kKindLetters[static_cast<int>(kind)]; }

class LackeyWriter final : public TraceWriter {
 public:
  explicit LackeyWriter(std::unique_ptr<ByteSink> sink) : sink_(std::move(sink)) {}

  void write(std::span<const Access> records) override {
    text_.clear();
    for (const Access& access : records) add(access);
    sink_->write(text_);
  }
  void finish() override { sink_->finish(); }

 private:
  void add(const Access& access) {
    const bool is_fetch = access.kind == RecordKind::fetch;
    if (is_fetch) {
      fmt::format_to(std::back_inserter(text_), "I  {:08x},{}\n", access.address, access.size);
      ip_ = access.address;
    } else {
      fmt::format_to(std::back_inserter(text_), " {} {:08x},{}\n", letter(access.kind), access.address, access.size);
    }
    in_instruction_ = in_instruction_ || is_fetch;
    const bool reads_back = access.gap == 0 && access.depends_on == 0 && access.ip == ip_ &&
                            access.same_instruction == (in_instruction_ && !is_fetch);
    if (!reads_back) ++simplified_;
  }

  std::unique_ptr<ByteSink> sink_;
  std::string text_;
  Addr ip_ = 0;
  bool in_instruction_ = false;
};

class TextWriter final : public TraceWriter {
 public:
  explicit TextWriter(std::unique_ptr<ByteSink> sink) : sink_(std::move(sink)) {
    sink_->write(fmt::format("{}\n# gap kind address size\n", kTextHeader));
  }

  void write(std::span<const Access> records) override {
    text_.clear();
    for (const Access& access : records) add(access);
    sink_->write(text_);
  }
  void finish() override { sink_->finish(); }

 private:
  void add(const Access& access) {
    const auto to = std::back_inserter(text_);
    fmt::format_to(to, "{} {} {:#x} {}", access.gap, letter(access.kind), access.address, access.size);
    if (access.same_instruction) text_ += " same";
    if (access.depends_on == 1) text_ += " dep";
    if (access.depends_on > 1) fmt::format_to(to, " dep={}", static_cast<unsigned>(access.depends_on));
    const Addr assumed = access.kind == RecordKind::fetch ? access.address : access.same_instruction ? ip_ : 0;
    if (access.ip != assumed) fmt::format_to(to, " ip={:#x}", access.ip);
    text_ += '\n';
    ip_ = access.ip;
  }

  std::unique_ptr<ByteSink> sink_;
  std::string text_;
  Addr ip_ = 0;
};

}  // namespace

std::unique_ptr<TraceWriter> make_trace_writer(TraceFormat format, std::unique_ptr<ByteSink> sink) {
  switch (format) {
    case TraceFormat::lackey: return std::make_unique<LackeyWriter>(std::move(sink));
    case TraceFormat::text: return std::make_unique<TextWriter>(std::move(sink));
    case TraceFormat::binary: return std::make_unique<BinaryWriter>(std::move(sink));
    case TraceFormat::champsim: break;
  }
  throw UserError({}, {}, "champsim traces can only be read", "allowed: lackey, text, binary");
}

}  // namespace pagoda

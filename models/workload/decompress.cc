#include "pagoda/workload/decompress.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <ios>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <zstd.h>

#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/filter/bzip2.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/read.hpp>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

namespace io = boost::iostreams;

constexpr std::streamsize kInputBytes = 64 * 1024;

std::string system_message(int error) { return std::generic_category().message(error); }

[[noreturn]] void fail_file(const std::string& path, int error, const std::string& allowed) {
  throw UserError({path, 0}, {}, "cannot read the trace: " + system_message(error), allowed);
}

Compression recognise(std::string_view head) {
  using namespace std::string_view_literals;
  const auto skippable_zstd_frame = [&] {
    return head.size() >= 4 && (static_cast<unsigned char>(head[0]) & 0xf0U) == 0x50 &&
           head.substr(1, 3) == "\x2a\x4d\x18"sv;
  };
  if (head.starts_with("\x1f\x8b\x08"sv)) return Compression::gzip;
  if (head.starts_with("\xfd"
                       "7zXZ\0"sv)) {
    return Compression::xz;
  }
  if (head.starts_with("\x28\xb5\x2f\xfd"sv) || skippable_zstd_frame()) return Compression::zstd;
  if (head.size() >= 4 && head.starts_with("BZh"sv) && head[3] >= '1' && head[3] <= '9') return Compression::bzip2;
  return Compression::none;
}

}  // namespace

std::string_view to_string(Compression compression) {
  constexpr std::string_view kNames[] = {"none", "gzip", "bzip2", "xz", "zstd"};
  return kNames[static_cast<int>(compression)];
}

FileBytes::FileBytes(std::string path)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), O_RDONLY | O_CLOEXEC)) {
  if (descriptor_ < 0) fail_file(path_, errno, "allowed: a readable trace file");
  struct stat status {};
  if (::fstat(descriptor_, &status) == 0 && S_ISDIR(status.st_mode)) {
    ::close(descriptor_);
    fail_file(path_, EISDIR, "allowed: a trace file");
  }
}

FileBytes::~FileBytes() { ::close(descriptor_); }

std::size_t FileBytes::read(std::span<char> out) {
  while (true) {
    const ssize_t count = ::read(descriptor_, out.data(), out.size());
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EINTR) fail_file(path_, errno, "allowed: a readable trace file");
  }
}

void FileBytes::rewind() {
  if (::lseek(descriptor_, 0, SEEK_SET) == 0) return;
  throw UserError({path_, 0}, {}, "the trace must be read more than once, and this is not possible here",
                  "allowed: a regular file, not a pipe");
}

std::size_t MemoryBytes::read(std::span<char> out) {
  const std::size_t count = std::min(out.size(), bytes_.size() - position_);
  std::memcpy(out.data(), bytes_.data() + position_, count);
  position_ += count;
  return count;
}

/// The compressed bytes as a Boost.Iostreams source. Their first few can be looked at without being consumed.
class DecompressedBytes::Upstream {
 public:
  using char_type = char;
  using category = io::source_tag;

  explicit Upstream(std::unique_ptr<ByteStream> source) : source_(std::move(source)) { fill_head(); }

  std::string_view head() const { return {head_.data(), head_size_}; }
  std::uint64_t position() const { return position_; }

  std::streamsize read(char* out, std::streamsize wanted) {
    std::size_t count = 0;
    if (position_ < head_size_) {
      count = std::min<std::size_t>(static_cast<std::size_t>(wanted), head_size_ - position_);
      std::memcpy(out, head_.data() + position_, count);
    } else {
      count = source_->read({out, static_cast<std::size_t>(wanted)});
    }
    position_ += count;
    return count == 0 ? -1 : static_cast<std::streamsize>(count);
  }

  void rewind() {
    source_->rewind();
    position_ = 0;
    fill_head();
  }

 private:
  void fill_head() {
    head_size_ = 0;
    while (head_size_ < head_.size()) {
      const std::size_t count = source_->read(std::span(head_).subspan(head_size_));
      if (count == 0) break;
      head_size_ += count;
    }
  }

  std::unique_ptr<ByteStream> source_;
  std::array<char, 8> head_{};
  std::size_t head_size_ = 0;
  std::uint64_t position_ = 0;
};

class DecompressedBytes::Decoder {
 public:
  virtual ~Decoder() = default;
  /// As ByteStream::read; any exception but UserError means that the data are damaged.
  virtual std::size_t read(Upstream& upstream, std::span<char> out) = 0;
};

namespace {

class PlainDecoder final : public DecompressedBytes::Decoder {
 public:
  std::size_t read(DecompressedBytes::Upstream& upstream, std::span<char> out) override {
    return static_cast<std::size_t>(
        std::max<std::streamsize>(0, upstream.read(out.data(), static_cast<std::streamsize>(out.size()))));
  }
};

template <class Filter>
class BoostDecoder final : public DecompressedBytes::Decoder {
 public:
  explicit BoostDecoder(Filter filter) : filter_(std::move(filter)) {}

  std::size_t read(DecompressedBytes::Upstream& upstream, std::span<char> out) override {
    const std::streamsize count = io::read(filter_, upstream, out.data(), static_cast<std::streamsize>(out.size()));
    return static_cast<std::size_t>(std::max<std::streamsize>(0, count));
  }

 private:
  Filter filter_;
};

/// Boost's own zstd filter takes a frame that ends early for a whole one, so this uses the library directly.
class ZstdDecoder final : public DecompressedBytes::Decoder {
 public:
  std::size_t read(DecompressedBytes::Upstream& upstream, std::span<char> out) override {
    ZSTD_outBuffer to{out.data(), out.size(), 0};
    while (to.pos == 0) {
      const bool at_end = from_.pos == from_.size && !refill(upstream);
      if (at_end && !frame_is_open_) return 0;
      // Also without input: the library may still hold output that did not fit the last time.
      const std::size_t hint = ZSTD_decompressStream(stream_.get(), &to, &from_);
      if (ZSTD_isError(hint) != 0) throw std::ios_base::failure(ZSTD_getErrorName(hint));
      frame_is_open_ = hint != 0;
      if (at_end && frame_is_open_ && to.pos == 0) throw std::ios_base::failure("the last frame is not complete");
    }
    return to.pos;
  }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };

  bool refill(DecompressedBytes::Upstream& upstream) {
    const std::streamsize count = upstream.read(buffer_.get(), kInputBytes);
    from_ = {buffer_.get(), count < 0 ? 0 : static_cast<std::size_t>(count), 0};
    return from_.size > 0;
  }

  std::unique_ptr<ZSTD_DStream, Free> stream_{ZSTD_createDStream()};
  std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(kInputBytes);
  ZSTD_inBuffer from_{nullptr, 0, 0};
  bool frame_is_open_ = false;
};

template <class Filter>
std::unique_ptr<DecompressedBytes::Decoder> boost_decoder(Filter filter) {
  return std::make_unique<BoostDecoder<Filter>>(std::move(filter));
}

std::unique_ptr<DecompressedBytes::Decoder> make_decoder(Compression compression) {
  switch (compression) {
    case Compression::none: break;
    case Compression::gzip: return boost_decoder(io::gzip_decompressor(io::zlib::default_window_bits, kInputBytes));
    case Compression::bzip2: return boost_decoder(io::bzip2_decompressor(io::bzip2::default_small, kInputBytes));
    case Compression::xz: return boost_decoder(io::lzma_decompressor(kInputBytes));
    case Compression::zstd: return std::make_unique<ZstdDecoder>();
  }
  return std::make_unique<PlainDecoder>();
}

}  // namespace

DecompressedBytes::DecompressedBytes(std::unique_ptr<ByteStream> source, std::string name)
    : name_(std::move(name)),
      upstream_(std::make_unique<Upstream>(std::move(source))),
      compression_(recognise(upstream_->head())) {
  decoder_ = make_decoder(compression_);
}

DecompressedBytes::~DecompressedBytes() = default;

std::size_t DecompressedBytes::read(std::span<char> out) {
  try {
    return decoder_->read(*upstream_, out);
  } catch (const std::ios_base::failure&) {
    // The libraries tell truncated from corrupt too vaguely to repeat what they say.
    throw UserError({name_, 0}, {},
                    std::string(to_string(compression_)) + " data are truncated or corrupt before byte " +
                        std::to_string(upstream_->position()) + " of the file",
                    "allowed: an intact " + std::string(to_string(compression_)) + " file");
  }
}

void DecompressedBytes::rewind() {
  upstream_->rewind();
  decoder_ = make_decoder(compression_);
}

std::uint64_t DecompressedBytes::compressed_bytes() const { return upstream_->position(); }

}  // namespace pagoda

#include "pagoda/workload/file_writer.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <boost/iostreams/categories.hpp>
#include <boost/iostreams/close.hpp>
#include <boost/iostreams/filter/bzip2.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filter/zstd.hpp>
#include <boost/iostreams/write.hpp>

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

namespace io = boost::iostreams;

constexpr std::size_t kOutputBytes = 256 * 1024;

/// The sink below, as Boost.Iostreams wants it.
class Downstream {
 public:
  using char_type = char;
  using category = io::sink_tag;
  explicit Downstream(ByteSink& sink) : sink_(&sink) {}
  std::streamsize write(const char* bytes, std::streamsize count) {
    sink_->write({bytes, static_cast<std::size_t>(count)});
    return count;
  }

 private:
  ByteSink* sink_;
};

template <class Filter>
class Compressor final : public ByteSink {
 public:
  Compressor(Filter filter, std::unique_ptr<ByteSink> sink)
      : filter_(std::move(filter)), sink_(std::move(sink)), downstream_(*sink_) {}

  void write(std::string_view bytes) override {
    io::write(filter_, downstream_, bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  void finish() override {
    io::close(filter_, downstream_, std::ios_base::out);
    sink_->finish();
  }

 private:
  Filter filter_;
  std::unique_ptr<ByteSink> sink_;
  Downstream downstream_;
};

template <class Filter>
std::unique_ptr<ByteSink> compressor(Filter filter, std::unique_ptr<ByteSink> sink) {
  return std::make_unique<Compressor<Filter>>(std::move(filter), std::move(sink));
}

}  // namespace

FileWriter::FileWriter(const std::string& path) : name_(path), path_(path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) {
    if (!S_ISREG(status.st_mode)) {
      throw UserError({name_, 0}, {}, "cannot write: not a regular file", "allowed: a new or a regular file");
    }
    std::error_code ignored;
    if (const auto target = std::filesystem::canonical(path, ignored); !ignored) path_ = target.string();
  }
  for (int attempt = 0; descriptor_ < 0; ++attempt) {
    temporary_ = path_ + ".part" + std::to_string(::getpid()) + "-" + std::to_string(attempt);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST) {
      temporary_.clear();
      fail(errno);
    }
  }
  buffer_.reserve(kOutputBytes);
}

FileWriter::~FileWriter() { discard(); }

void FileWriter::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() > kOutputBytes) flush();
  buffer_.append(bytes);
}

void FileWriter::finish() {
  flush();
  if (::fsync(descriptor_) != 0 && errno != EINVAL) fail(errno);
  if (::close(std::exchange(descriptor_, -1)) != 0) fail(errno);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) fail(errno);
  temporary_.clear();
}

void FileWriter::flush() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t count = ::write(descriptor_, rest.data(), rest.size());
    if (count >= 0) {
      rest.remove_prefix(static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      fail(errno);
    }
  }
  buffer_.clear();
}

void FileWriter::discard() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  if (!temporary_.empty()) ::unlink(std::exchange(temporary_, {}).c_str());
}

void FileWriter::fail(int error) {
  discard();
  throw UserError({name_, 0}, {}, "cannot write: " + std::generic_category().message(error),
                  "allowed: a file in a writable folder with room for it");
}

std::unique_ptr<ByteSink> make_compressor(Compression compression, std::unique_ptr<ByteSink> sink) {
  switch (compression) {
    case Compression::none: break;
    case Compression::gzip: return compressor(io::gzip_compressor(io::gzip_params(), kOutputBytes), std::move(sink));
    case Compression::bzip2: return compressor(io::bzip2_compressor(io::bzip2_params(), kOutputBytes), std::move(sink));
    case Compression::xz: return compressor(io::lzma_compressor(io::lzma_params(), kOutputBytes), std::move(sink));
    case Compression::zstd: return compressor(io::zstd_compressor(io::zstd_params(), kOutputBytes), std::move(sink));
  }
  return sink;
}

}  // namespace pagoda

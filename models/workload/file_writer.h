// Writing a file that either appears whole or not at all, compressed on the way if asked for.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "pagoda/workload/decompress.h"

namespace pagoda {

/// Takes bytes from front to back.
class ByteSink {
 public:
  virtual ~ByteSink() = default;
  virtual void write(std::string_view bytes) = 0;
  /// Nothing is promised to arrive before this returns, and nothing may be written after it.
  virtual void finish() = 0;
};

/// A file beside `path` that takes its place, in one step, when it is finished; what was there before stays
/// until then, and for good if anything fails: without finish() nothing is left behind. UserError if the
/// folder cannot be written, the disk is full, or `path` is something else than a regular file.
class FileWriter final : public ByteSink {
 public:
  explicit FileWriter(const std::string& path);
  ~FileWriter() override;
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void write(std::string_view bytes) override;
  void finish() override;

 private:
  void flush();
  void discard();
  [[noreturn]] void fail(int error);

  std::string name_;       // as the user wrote it, for messages
  std::string path_;       // with symbolic links resolved
  std::string temporary_;  // empty once there is nothing to discard
  int descriptor_ = -1;
  std::string buffer_;
};

/// Compresses what it is given into `sink`, at each tool's default level.
std::unique_ptr<ByteSink> make_compressor(Compression compression, std::unique_ptr<ByteSink> sink);

}  // namespace pagoda

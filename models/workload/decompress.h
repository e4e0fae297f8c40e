// Bytes of a trace file, decompressed on the way if need be.
//
// gzip (RFC 1952), bzip2, xz and zstd (RFC 8878) are told apart by their first bytes, never by the file's
// name. Any number of members, streams or frames may follow each other. A file that ends early, fails its
// checksum or goes on with something else is a UserError, at the read that reaches the damage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace pagoda {

enum class Compression : std::uint8_t { none, gzip, bzip2, xz, zstd };
std::string_view to_string(Compression compression);

/// Bytes that are read from front to back.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// Reads at least one and at most out.size() bytes; 0 only at the end.
  virtual std::size_t read(std::span<char> out) = 0;
  virtual void rewind() = 0;
};

/// A file as it lies on disk. UserError if it is missing, a directory, or cannot be read.
class FileBytes final : public ByteStream {
 public:
  explicit FileBytes(std::string path);
  ~FileBytes() override;
  FileBytes(const FileBytes&) = delete;
  FileBytes& operator=(const FileBytes&) = delete;

  std::size_t read(std::span<char> out) override;
  void rewind() override;

 private:
  std::string path_;
  int descriptor_;
};

/// Bytes in memory that outlive the stream.
class MemoryBytes final : public ByteStream {
 public:
  explicit MemoryBytes(std::string_view bytes) : bytes_(bytes) {}
  std::size_t read(std::span<char> out) override;
  void rewind() override { position_ = 0; }

 private:
  std::string_view bytes_;
  std::size_t position_ = 0;
};

/// What another stream holds, decompressed. `name` is for messages.
class DecompressedBytes final : public ByteStream {
 public:
  DecompressedBytes(std::unique_ptr<ByteStream> source, std::string name);
  ~DecompressedBytes() override;

  std::size_t read(std::span<char> out) override;
  void rewind() override;

  Compression compression() const { return compression_; }
  /// How far the compressed bytes have been read.
  std::uint64_t compressed_bytes() const;

  class Upstream;
  class Decoder;

 private:
  std::string name_;
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<Decoder> decoder_;
  Compression compression_ = Compression::none;
};

}  // namespace pagoda

// An address space as devices have it: the tables that translate their addresses, and what is mapped there.
//
// Models: tables of the device's own (a first stage, or a second one alone); those of a process, shared with its CPUs
// (shared virtual addressing); a copy of a process's that is kept up to date. Any of them may lie in the memory of a
// guest, whose second stage is a domain too. Buffers get ranges of I/O addresses; unmapped ones rest until no translation
// of them is left. Does not model: time and commands, which are the driver's (io_driver.h).
//
// Page-table formats cannot say "write only": a buffer that a device writes it can also read.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "pagoda/software/address_space.h"
#include "pagoda/software/counted_frames.h"
#include "pagoda/software/io_driver_config.h"
#include "pagoda/software/iova_allocator.h"

namespace pagoda {

class IoDomain;

/// What a device does with a buffer.
enum class DmaDirection : std::uint8_t { to_device, from_device, both };

/// What devices may not do with a page that is mapped: fields of its entry (dma_control.h).
struct DmaPolicy {
  bool deny = false;
  bool deny_read = false;
  bool deny_write = false;
  bool copy_on_read = false;

  bool operator==(const DmaPolicy&) const = default;
};

/// The memory of a guest: where its first-stage tables lie, and what translates its addresses.
struct IoGuest {
  IoDomain& second_stage;
  ByteStore& store;
  FrameAllocator& frames;
};

/// A device, or one of its processes.
struct IoUser {
  std::uint32_t device_id = 0;
  std::optional<std::uint32_t> process_id{};

  bool operator==(const IoUser&) const = default;
};

class IoDomain {
 public:
  enum class Kind : std::uint8_t { own, shared, mirrored };
  /// Called when no device can reach a buffer any more.
  using Released = std::function<void()>;

  struct Buffer {
    Addr iova = 0;
    std::uint64_t bytes = 0;
    unsigned page_shift = kPageShift;

    std::uint64_t pages() const { return bytes >> page_shift; }
  };
  /// A buffer that has been unmapped, and whose addresses are not used again yet.
  struct Resting {
    Buffer buffer;
    Released released;
    Ps since = 0;
  };

  /// `id`: its PSCID, or GSCID of a second stage. The references outlive the domain.
  IoDomain(const IoDriverConfig& config, Kind kind, const Stage& stage, std::uint32_t id, AddressSpace* space,
           const IoGuest* guest, ByteStore& store, FrameSource& frames);
  /// An empty root for a domain's own tables.
  static Stage make_stage(const PageFormat& format, ByteStore& store, FrameSource& frames);

  Kind kind() const { return kind_; }
  const Stage& stage() const { return stage_; }
  bool is_second_stage() const;
  bool is_x86() const;  ///< tables in formats of x86: x86-64 or EPT
  std::uint32_t id() const { return id_; }
  /// The process whose addresses these are; null for a domain of buffers.
  AddressSpace* space() const { return space_; }
  const IoGuest* guest() const { return guest_ ? &*guest_ : nullptr; }
  /// What iosatp or iohgatp is to say.
  std::uint64_t table_pointer() const;

  PageTableEditor& editor() { return space_ != nullptr && kind_ == Kind::shared ? space_->editor() : *editor_; }
  ByteStore& store() { return store_; }
  CountedFrames& frames() { return frames_; }
  /// Bytes of the tables that exist for devices alone.
  std::uint64_t table_bytes() const { return kind_ == Kind::shared ? 0 : frames_.bytes() + root_bytes_; }

  IoMapping mapping = IoMapping::strict;

  // Buffers.
  /// Maps bytes that lie one after the other, or pages of 4 KiB; nothing if addresses or memory for tables are used up.
  std::optional<Buffer> map(Addr address, std::uint64_t bytes, DmaDirection direction);
  std::optional<Buffer> map(std::span<const Addr> pages, DmaDirection direction);
  /// What is mapped as a buffer there; null if nothing is.
  const Buffer* find(Addr iova) const;
  /// Removes a buffer's entries. Its addresses rest until recycle(). Throws std::logic_error if there is no buffer.
  Buffer remove(Addr iova);
  void recycle(const Buffer& buffer) { iovas_.release(buffer.iova, buffer.bytes, buffer.page_shift); }
  /// A buffer that stays: the I/O address of bytes inside it; nothing outside.
  void keep(Addr address, const Buffer& buffer) { kept_[address] = buffer; }
  std::optional<Addr> kept(Addr address, std::uint64_t bytes) const;

  std::vector<Resting> resting;      ///< unmapped, for the next batch
  Ps flush_due = kNever;             ///< when that has to be invalidated
  std::vector<IoUser> users;         ///< who translates with it
  std::map<Addr, DmaPolicy> denied;  ///< of a copy: pages of 4 KiB that its entries withhold

  // A copy.
  struct Update {
    unsigned page_shift = kPageShift;  ///< of the entry around the address
    bool changed = false;
    bool withdrawn = false;  ///< it gave rights that are gone, or a table is not used any more
  };
  /// Makes the entry around an address what the process's tables and `denied` say. Throws UserError without memory.
  Update mirror(Addr address);

 private:
  template <class Output>
  std::optional<Buffer> map_pages(std::uint64_t bytes, unsigned page_shift, DmaDirection direction, Output output_of);
  unsigned page_shift_for(Addr address, std::uint64_t bytes) const;
  bool denied_within(Addr first, unsigned page_shift) const;
  std::optional<Mapping> mirrored(Addr address, unsigned page_shift) const;

  const Kind kind_;
  const Stage stage_;
  const std::uint32_t id_;
  AddressSpace* const space_;
  const std::optional<IoGuest> guest_;
  ByteStore& store_;
  CountedFrames frames_;
  const std::uint64_t root_bytes_;
  const unsigned largest_shift_;
  std::unique_ptr<PageTableEditor> editor_;
  IovaAllocator iovas_;
  std::unordered_map<Addr, Buffer> buffers_;
  std::map<Addr, Buffer> kept_;
};

/// Splits the page around `address` until it is one entry that does not reach beyond [first, first + bytes); false if
/// nothing is mapped there, or there is no memory.
bool isolate(IoDomain& domain, Addr address, Addr first, std::uint64_t bytes);

}  // namespace pagoda

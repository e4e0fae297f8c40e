// The device's side of a ring that a driver fills: fetches entries ahead, in order.
//
// Models: a ring of equal entries in memory; the driver announces its tail (one past the last entry it has filled) by a
// doorbell, the ring is empty where head and tail meet; entries are fetched several at a time, up to the end of the
// ring, one fetch under way, as far as the owner has room. Does not model: fetching before the doorbell, several
// fetches at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "pagoda/devices/dma_channel.h"

namespace pagoda {

class RingReader final : private DmaClient {
 public:
  static constexpr std::uint64_t kMaxEntries = 65536;

  class Owner {
   public:
    /// For how many more entries there is room.
    virtual std::size_t room() const = 0;
    virtual void fetched(std::uint32_t index, std::span<const unsigned char> entry, Ps at) = 0;
    /// Memory cannot be read there: nothing more is fetched until the ring is opened again.
    virtual void fetch_failed(Ps at) = 0;

   protected:
    ~Owner() = default;
  };

  RingReader(std::uint32_t entry_bytes, std::uint32_t batch, Owner& owner);

  void attach(DmaChannel& channel) { channel_ = &channel; }
  /// A new ring, empty at entry 0; what is being fetched of an old one is dropped. False, and no ring, if it has less
  /// than two or too many entries, or does not begin at a multiple of their size.
  bool open(Addr base, std::uint64_t entries);
  bool is_open() const { return entries_ != 0; }
  std::uint32_t entries() const { return entries_; }
  std::uint32_t tail() const { return tail_; }
  /// One past the entry fetched last.
  std::uint32_t next() const { return next_; }
  /// The driver's new tail; false if the ring has no such entry.
  bool ring_doorbell(std::uint64_t tail);
  /// Fetches what there is and room is for.
  void fetch(Ps at);

 private:
  void dma_done(DmaJob& job, Ps at) override;

  std::uint32_t entry_bytes_;
  std::uint32_t batch_;
  Owner& owner_;
  DmaChannel* channel_ = nullptr;
  Addr base_ = 0;
  std::uint32_t entries_ = 0;  // 0: no ring
  std::uint32_t next_ = 0;     // to fetch
  std::uint32_t tail_ = 0;
  bool fetching_ = false;
  bool dropped_ = false;  // what is being fetched belongs to an old ring
  DmaJob job_;
  std::vector<unsigned char> buffer_;
};

}  // namespace pagoda

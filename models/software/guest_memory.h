// The memory of a process, or virtual machine, that migrates: which frame of the source holds each page, the bytes that
// its programs and devices write, and, once it has moved, its pages on the other machine.
//
// Bytes: stores of modelled programs have no data of their own. Each gets a number that no other has, written to
// wherever the process's memory is then, so that copies can be compared byte for byte. After the process has moved the
// source stays as it was; what is written then is kept a second time, as it must look. Only tables that lie in a
// machine go on being written where they are: hardware reads them there.
//
// Errors: InvariantError for a store to a page that the other machine does not have yet.
#pragma once

#include <array>
#include <unordered_map>

#include <boost/unordered/unordered_flat_map.hpp>

#include "pagoda/memory/physical_memory.h"
#include "pagoda/software/address_space.h"
#include "pagoda/software/guest_pages.h"
#include "pagoda/software/migration_witness.h"
#include "pagoda/software/page_set.h"
#include "pagoda/software/received_memory.h"

namespace pagoda {

class GuestMemory {
 public:
  static constexpr std::size_t kPage = 4096;
  using Page = std::array<unsigned char, kPage>;

  GuestMemory(AddressSpace& space, PhysicalMemory& memory) : space_(space), memory_(memory) {}

  GuestPages& pages() { return pages_; }
  const GuestPages& pages() const { return pages_; }
  AddressSpace& space() { return space_; }
  MigrationWitness& witness() { return witness_; }
  /// The frame of 4 KiB that holds a page; nothing: the process has not touched it.
  std::optional<Addr> frame_of(std::uint64_t page);
  const unsigned char* bytes_of(Addr frame) const { return memory_.data(frame); }
  /// What page the frame holds, as far as frame_of() or backed() have been asked for it.
  std::optional<std::uint64_t> page_in(Addr frame) const;
  bool is_zero(Addr frame) const;
  /// All pages that have frames; looks at the tables.
  PageSet backed();

  /// A program has stored so many bytes, a device has written them, at this physical address.
  void stored(Addr physical, std::uint32_t bytes);
  /// Bytes of the program's own, within a page.
  void store(Addr physical, std::span<const unsigned char> bytes);
  void written_by_device(Addr physical, std::uint32_t bytes);
  /// A word of the tables that lie in a machine's memory gets this value, where it is.
  void table_written(Addr physical, std::uint64_t value);

  /// The process has moved: its memory is there from now on. The other machine's memory outlives this.
  void move_to(ReceivedMemory& there) { there_ = &there; }
  /// It has not, after all.
  void stay() {
    there_ = nullptr;
    moved_.clear();
  }
  /// What a page has to look like on the other machine.
  Page expected(std::uint64_t page);

 private:
  std::optional<std::uint64_t> received_page(Addr frame) const;

  AddressSpace& space_;
  PhysicalMemory& memory_;
  GuestPages pages_;
  MigrationWitness witness_;
  boost::unordered_flat_map<Addr, std::uint64_t> page_of_frame_;
  ReceivedMemory* there_ = nullptr;
  std::unordered_map<std::uint64_t, Page> moved_;  // pages written since it has moved
  std::uint64_t stores_ = 0;
};

}  // namespace pagoda

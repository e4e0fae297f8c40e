// Edits the page tables of one stage as an operating system or hypervisor would: real entries in a byte store.
//
// Works on every format with the page sizes it has, NAPOT and contiguous ranges included. The entries are what counts:
// the editor keeps no state besides the place of the root, so tables may be edited by several editors and by hardware
// (accessed and dirty flags). Invalidating TLBs is the caller's business, as in an operating system.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "pagoda/paging/byte_store.h"
#include "pagoda/paging/frame_source.h"
#include "pagoda/paging/page_entry.h"
#include "pagoda/paging/stage.h"

namespace pagoda {

/// How an edit ended. Whatever is not `ok` has changed nothing.
enum class [[nodiscard]] EditStatus : std::uint8_t{
    ok,
    already_mapped,   ///< map: something is mapped in the page's range
    not_mapped,       ///< nothing is mapped there
    size_differs,     ///< the page there has another size: split or promote it first
    no_such_size,     ///< the format (with the stage's features) has no page of this size, or none smaller
    misaligned,       ///< an address is not aligned to the page size
    out_of_range,     ///< the input address lies outside what the format translates
    not_expressible,  ///< the format cannot express these rights, memory type, output address or extra bits
    incompatible,     ///< promote: the entries do not form one page (a gap, differing rights, scattered frames)
    out_of_frames     ///< the frame source has no memory for a table
};
std::string_view to_string(EditStatus status);

/// What to map.
struct Mapping {
  Addr output = 0;
  unsigned page_shift = kPageShift;
  Rights rights = Rights::read | Rights::write | Rights::user;
  MemoryType memory_type = MemoryType::platform;
  std::uint64_t extra = 0;  ///< LeafSpec::extra
};

/// What is mapped.
struct MappedPage {
  Addr input = 0;  ///< first byte of the page
  Addr output = 0;
  unsigned page_shift = 0;
  Rights rights = Rights::none;  ///< of the leaf alone
  MemoryType memory_type = MemoryType::platform;
  std::uint64_t leaf = 0;
  Addr leaf_address = 0;  ///< of the entry for the address asked for
};

class PageTableEditor {
 public:
  /// The stage's format must be set and its root in place (make_root()). Both references must outlive the editor.
  PageTableEditor(const Stage& stage, ByteStore& store, FrameSource& frames)
      : stage_(stage), store_(store), frames_(frames) {}

  /// An empty root table; nothing if there is no memory for it.
  static std::optional<Addr> make_root(const PageFormat& format, ByteStore& store, FrameSource& frames);

  EditStatus map(Addr input, const Mapping& mapping);
  /// Removes the page of exactly this size that starts at `input`. Tables stay until release_tables().
  EditStatus unmap(Addr input, unsigned page_shift);
  /// Gives the page new permissions; accessed and dirty stay as they are. (On Arm dirty is part of the write
  /// permission: a page made read-only is not dirty any more.)
  EditStatus protect(Addr input, unsigned page_shift, Rights rights);
  /// Turns the page around `input` into pages of the next smaller size: a superpage into a table of 512, a NAPOT or
  /// contiguous range into its 16 entries. Rights, flags, memory type and extra bits are passed on.
  EditStatus split(Addr input);
  /// Turns what is mapped in the range of this size that starts at `input` into one page of it: 512 entries of a table,
  /// which is given back, or 16 entries into a NAPOT or contiguous range. Accessed and dirty are set if any entry has
  /// them; all else must agree.
  EditStatus promote(Addr input, unsigned page_shift);
  std::optional<MappedPage> find(Addr input);

  /// Gives back all tables but the root, which is left empty.
  void release_tables();

  const Stage& stage() const { return stage_; }

 private:
  struct Shape {
    unsigned level;
    unsigned entries;
  };
  struct Place {
    Addr address;
    unsigned level;
    std::uint64_t value;
    Entry entry;
  };

  std::optional<Shape> shape_of(unsigned page_shift) const;
  EditStatus check_range(Addr input, unsigned page_shift) const;
  Place place(Addr address, unsigned level);
  Place locate(Addr input, unsigned deepest);
  EditStatus locate_page(Addr input, unsigned page_shift, Shape& shape, Place& first);
  std::optional<std::uint64_t> encode(unsigned level, const LeafSpec& leaf) const;
  EditStatus clear_target(const Place& target, const Shape& shape);
  std::optional<Addr> make_path(const Place& from, Addr input, unsigned level);
  bool empty(Addr table, unsigned level);
  void release_table(Addr table, unsigned level);
  std::optional<LeafSpec> merged(const Place& first, Addr input, unsigned count);

  Stage stage_;
  ByteStore& store_;
  FrameSource& frames_;
};

}  // namespace pagoda

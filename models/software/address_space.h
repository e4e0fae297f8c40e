// A translation stage as system software keeps it: page tables in memory, grown as pages are needed.
//
// Models: page-size policy (the largest allowed size for which a free block exists and nothing smaller is mapped in its
// range; else the next smaller), real tables in the memory of the stage's output space, frames from an allocator. Does
// not model: time (who calls accounts for it), reclaim.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>

#include <boost/unordered/unordered_flat_set.hpp>

#include "pagoda/base/fault.h"
#include "pagoda/paging/byte_store.h"
#include "pagoda/paging/page_table_editor.h"
#include "pagoda/software/frame_allocator.h"

namespace pagoda {

/// How an address space is filled.
struct PagePolicy {
  unsigned page_shift = 12;  ///< largest page size to use: 12, 21 or 30
  bool preset_flags = true;  ///< software sets accessed and dirty when it maps; else it leaves them clear
};

/// Who has taken pages out of an address space for a while, with their contents somewhere else.
class AbsentPages {
 public:
  virtual ~AbsentPages() = default;
  /// Software reaches into the page around `input`: the page as it was, if it has been taken out. Software waits.
  virtual std::optional<MappedPage> reach(Addr input) = 0;
  /// A page is new.
  virtual void mapped(const MappedPage& page) = 0;
};

class AddressSpace {
 public:
  /// `store` and `frames` are those of the stage's output space; tables lie in frames of `tables`, if given. Throws
  /// UserError if there is no room for the root.
  AddressSpace(const PageFormat& format, const StageControls& controls, const PagePolicy& policy, ByteStore& store,
               FrameAllocator& frames, FrameSource* tables = nullptr);

  const Stage& stage() const { return stage_; }
  PageTableEditor& editor() { return editor_; }
  /// What the tables lie in.
  ByteStore& store() { return store_; }

  enum class Outcome { already_mapped, mapped, out_of_memory, out_of_range };
  struct Ensured {
    Outcome outcome;
    MappedPage page;  ///< if mapped
  };
  /// Makes sure that `input` is mapped, with all rights, and says how.
  Ensured ensure(Addr input);
  /// Told of each page that ensure() maps.
  void observe(std::function<void(const MappedPage&)> observer) { observer_ = std::move(observer); }
  /// Pages may be absent from now on: ensure() counts one that is as mapped. Null: they are all there again.
  void let_be_absent(AbsentPages* absent) { absent_ = absent; }
  bool has_absent() const { return absent_ != nullptr; }

  /// Sets accessed, and dirty if asked, in the leaf for `input`; false if nothing is mapped there.
  bool set_flags(Addr input, bool dirty);

  /// Turns the page around `input` into pages of the next smaller size; false if there is none, or no memory.
  bool split(Addr input);

  /// Removes the page around `input`, giving its frame back; the page it was, or nothing.
  std::optional<MappedPage> remove(Addr input);

  /// Removes the page of 4 KiB at `input`, whose frame its caller keeps; what it was, or nothing.
  std::optional<MappedPage> detach(Addr input);
  /// Maps a frame of the caller's at `input`, with all rights; false if there is no memory for tables, or a page there.
  /// `dirty`: with its dirty flag set.
  bool attach(Addr input, Addr frame, bool dirty);
  /// Clears the accessed flag of the page around `input`; whether it was set.
  bool take_accessed(Addr input);

  std::uint64_t mapped_bytes() const { return mapped_bytes_; }
  std::uint64_t pages(unsigned shift) const { return pages_[shift]; }

 private:
  Stage stage_;
  PagePolicy policy_;
  ByteStore& store_;
  FrameAllocator& frames_;
  PageTableEditor editor_;
  std::function<void(const MappedPage&)> observer_;
  AbsentPages* absent_ = nullptr;
  std::uint64_t mapped_bytes_ = 0;
  std::array<std::uint64_t, 64> pages_{};
};

/// The memory of a machine inside an address space, as its own system software sees it: guest-physical memory. Touching
/// a page maps it.
class NestedStore final : public ByteStore {
 public:
  /// Of a word that is about to be written: its address, and that in the space's output.
  using Written = std::function<void(Addr address, Addr output, std::uint64_t value)>;

  /// `below` is the store of the space's output.
  NestedStore(
      AddressSpace& space, ByteStore& below, Written written = [](Addr, Addr, std::uint64_t) {})
      : space_(space), below_(below), written_(std::move(written)) {}

  std::uint64_t read(Addr address) override { return below_.read(translate(address)); }
  void write(Addr address, std::uint64_t value) override {
    const Addr output = translate(address);
    if (address >> kPageShift != recent_written_) {
      recent_written_ = address >> kPageShift;
      written_pages_.insert(recent_written_);
    }
    written_(address, output, value);
    below_.write(output, value);
  }
  /// Whether system software has written into the page: it has tables there, or had.
  bool wrote_to(Addr address) const { return written_pages_.contains(address >> kPageShift); }

 private:
  Addr translate(Addr address);

  AddressSpace& space_;
  ByteStore& below_;
  Written written_;
  Addr recent_page_ = 1;  // no page address
  Addr recent_output_ = 0;
  Addr recent_written_ = ~Addr{0};
  boost::unordered_flat_set<Addr> written_pages_;  // by number
};

}  // namespace pagoda

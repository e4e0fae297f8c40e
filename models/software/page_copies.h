// The copies that devices read instead of pages that are copied on read, in the table that the IOMMU looks them up in.
//
// Models: a bounded pool of frames; a table in format Sv48 from the physical address of a page to that of its copy, which
// all devices share (dma_control.h); copies of 4 KiB. A copy that is dropped keeps its frame until nobody can read it
// any more. Does not model: time, and invalidations: who calls sees to them.
//
// Errors: UserError if there is no memory for the table's root.
#pragma once

#include <unordered_map>

#include "pagoda/paging/page_table_editor.h"
#include "pagoda/software/counted_frames.h"

namespace pagoda {

class PageCopies {
 public:
  /// At most `limit` frames at a time. Both references outlive the copies.
  PageCopies(std::uint32_t limit, ByteStore& store, FrameSource& frames);

  /// What the register dma_copies is to say.
  Addr root() const { return editor_.stage().root; }
  bool has(Addr page) const { return copies_.contains(page); }
  /// Copies a page as it is now; false if there is no frame, or no memory for the table. Not if it has() a copy.
  bool make(Addr page);
  /// The page has no copy from now on. Its frame, which is to be given back once nobody reads it; nothing if it had none.
  std::optional<Addr> drop(Addr page);
  void give_back(Addr frame);

  std::uint32_t frames_in_use() const { return in_use_; }
  std::uint64_t table_bytes() const { return tables_.bytes(); }

 private:
  std::uint32_t limit_;
  ByteStore& store_;
  FrameSource& frames_;
  CountedFrames tables_;
  PageTableEditor editor_;
  std::unordered_map<Addr, Addr> copies_;
  std::uint32_t in_use_ = 0;
};

}  // namespace pagoda

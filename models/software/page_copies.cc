#include "pagoda/software/page_copies.h"

#include "pagoda/base/error.h"

namespace pagoda {
namespace {

Stage make_stage(ByteStore& store, FrameSource& frames) {
  const PageFormat& format = *find_page_format("sv48");
  const std::optional<Addr> root = PageTableEditor::make_root(format, store, frames);
  if (!root) throw UserError("there is no memory left for the table of copies");
  return {.format = &format, .root = *root};
}

}  // namespace

PageCopies::PageCopies(std::uint32_t limit, ByteStore& store, FrameSource& frames)
    : limit_(limit),
      store_(store),
      frames_(frames),
      tables_(frames),
      editor_(make_stage(store, tables_), store, tables_) {}

bool PageCopies::make(Addr page) {
  if (in_use_ == limit_) return false;
  const std::optional<Addr> frame = frames_.allocate(kPageBytes);
  if (!frame) return false;
  for (std::uint64_t offset = 0; offset < kPageBytes; offset += 8) {
    store_.write(*frame + offset, store_.read(page + offset));
  }
  if (editor_.map(page, {.output = *frame, .rights = Rights::read | Rights::user | kFlags}) != EditStatus::ok) {
    frames_.release(*frame, kPageBytes);
    return false;
  }
  copies_[page] = *frame;
  ++in_use_;
  return true;
}

std::optional<Addr> PageCopies::drop(Addr page) {
  const auto found = copies_.find(page);
  if (found == copies_.end()) return std::nullopt;
  const Addr frame = found->second;
  copies_.erase(found);
  static_cast<void>(editor_.unmap(page, kPageShift));
  return frame;
}

void PageCopies::give_back(Addr frame) {
  frames_.release(frame, kPageBytes);
  --in_use_;
}

}  // namespace pagoda

#include "pagoda/paging/byte_store.h"

namespace pagoda {

bool ByteStore::compare_and_swap(Addr address, std::uint64_t& expected, std::uint64_t desired) {
  const std::uint64_t found = read(address);
  if (found != expected) {
    expected = found;
    return false;
  }
  write(address, desired);
  return true;
}

void ByteStore::clear(Addr address, std::uint64_t bytes) {
  for (std::uint64_t offset = 0; offset < bytes; offset += 8) write(address + offset, 0);
}

std::uint64_t SparseStore::read(Addr address) {
  const auto page = pages_.find(page_number(address));
  return page == pages_.end() ? 0 : (*page->second)[word(address)];
}

void SparseStore::write(Addr address, std::uint64_t value) {
  std::unique_ptr<Page>& page = pages_[page_number(address)];
  if (!page) page = std::make_unique<Page>();
  (*page)[word(address)] = value;
}

void SparseStore::clear(Addr address, std::uint64_t bytes) {
  while (bytes > 0) {
    if (word(address) == 0 && bytes >= sizeof(Page)) {
      pages_.erase(page_number(address));
      address += sizeof(Page);
      bytes -= sizeof(Page);
      continue;
    }
    if (pages_.contains(page_number(address))) write(address, 0);
    address += 8;
    bytes -= 8;
  }
}

}  // namespace pagoda

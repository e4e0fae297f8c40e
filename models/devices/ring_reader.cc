#include "pagoda/devices/ring_reader.h"

#include <algorithm>
#include <utility>

namespace pagoda {

RingReader::RingReader(std::uint32_t entry_bytes, std::uint32_t batch, Owner& owner)
    : entry_bytes_(entry_bytes), batch_(batch), owner_(owner), buffer_(std::size_t{entry_bytes} * batch) {
  job_.client = this;
}

bool RingReader::open(Addr base, std::uint64_t entries) {
  const bool possible = entries >= 2 && entries <= kMaxEntries && base % entry_bytes_ == 0;
  base_ = base;
  entries_ = possible ? static_cast<std::uint32_t>(entries) : 0;
  next_ = tail_ = 0;
  dropped_ = fetching_;
  return possible;
}

bool RingReader::ring_doorbell(std::uint64_t tail) {
  if (tail >= entries_) return false;
  tail_ = static_cast<std::uint32_t>(tail);
  return true;
}

void RingReader::fetch(Ps at) {
  if (fetching_ || next_ == tail_) return;
  const std::uint32_t filled = (next_ < tail_ ? tail_ : entries_) - next_;
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>({filled, batch_, owner_.room()}));
  if (count == 0) return;
  fetching_ = true;
  job_.address = base_ + std::uint64_t{next_} * entry_bytes_;
  job_.bytes = std::uint64_t{count} * entry_bytes_;
  job_.data = buffer_.data();
  channel_->start(job_, at);
}

void RingReader::dma_done(DmaJob& job, Ps at) {
  if (std::exchange(dropped_, false)) {
    fetching_ = false;
    return fetch(at);
  }
  if (job.status != DmaStatus::ok) {
    fetching_ = false;
    entries_ = 0;
    next_ = tail_ = 0;
    return owner_.fetch_failed(at);
  }
  for (std::uint64_t offset = 0; offset < job.bytes; offset += entry_bytes_) {
    const std::uint32_t index = next_;
    next_ = next_ + 1 == entries_ ? 0 : next_ + 1;
    owner_.fetched(index, std::span(buffer_).subspan(offset, entry_bytes_), at);
  }
  fetching_ = false;
  fetch(at);
}

}  // namespace pagoda

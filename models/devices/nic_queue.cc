#include "pagoda/devices/nic_queue.h"

#include <algorithm>

namespace pagoda {

NicQueue::NicQueue(const NicConfig& config, NicDirection direction, RegisterFunction& device, Sent sent)
    : device_(device),
      sends_(direction == NicDirection::send),
      real_data_(config.real_data),
      limit_(config.descriptors),
      frame_limit_(config.frame_buffer),
      max_frame_(config.max_frame.count),
      sent_(std::move(sent)),
      reader_(NicDescriptor::kBytes, config.fetch_batch, *this),
      interrupt_(config.interrupt, sends_ ? 1 : 0) {}

std::optional<std::uint64_t> NicQueue::read(Addr offset) const {
  switch (offset) {
    case kBase: return next_base_;
    case kEntries: return reader_.entries();
    case kTail: return reader_.tail();
    case kHead: return head_;
    default: return std::nullopt;
  }
}

void NicQueue::written(Addr offset, std::uint64_t value, Ps at) {
  if (offset == kBase) next_base_ = value;
  if (offset == kEntries) open(value, at);
  if (offset != kTail) return;
  if (!reader_.ring_doorbell(value)) return device_.report(DeviceError::bad_index);
  reader_.fetch(at);
}

void NicQueue::open(std::uint64_t entries, Ps at) {
  for (Slot& slot : slots_) slot.abandoned = true;
  base_ = next_base_;
  head_ = 0;
  if (!reader_.open(base_, entries) && entries != 0) device_.report(DeviceError::bad_ring);
  settle(at);
}

void NicQueue::fetch_failed(Ps /*at*/) { device_.report(DeviceError::ring_fault); }

void NicQueue::fetched(std::uint32_t index, std::span<const unsigned char> entry, Ps at) {
  Slot& slot = slots_.emplace_back();
  slot.queue = this;
  slot.index = index;
  slot.place = base_ + std::uint64_t{index} * NicDescriptor::kBytes;
  slot.job.client = &slot;
  slot.descriptor = NicDescriptor::decode(entry.first<NicDescriptor::kBytes>());
  slot.since = at;
  occupancy_probe_.rise(at);
  if (slot.descriptor.length == 0) {
    fail(slot, DescriptorError::empty, DeviceError::bad_entry);
    settle(at);
  } else if (sends_ && slot.descriptor.length > max_frame_) {
    fail(slot, DescriptorError::too_long, DeviceError::bad_entry);
    settle(at);
  } else if (sends_) {
    slot.frame.length = slot.descriptor.length;
    if (real_data_) slot.frame.bytes.resize(slot.frame.length);
    move(slot, at);
  } else {
    fill_buffers(at);
  }
}

void NicQueue::fail(Slot& slot, DescriptorError error, DeviceError reported) {
  slot.descriptor.error = error;
  slot.state = State::moved;
  if (!sends_) slot.descriptor.length = 0;
  device_.report(reported);
}

void NicQueue::arrive(NicFrame frame, Ps at) {
  if (frames_.size() == frame_limit_) {
    ++dropped_;
    return device_.report(DeviceError::overrun);
  }
  if (!frame.bytes.empty()) frame.length = static_cast<std::uint32_t>(frame.bytes.size());
  frames_.push_back(std::move(frame));
  fill_buffers(at);
}

// Frames go to descriptors in the order of both.
void NicQueue::fill_buffers(Ps at) {
  for (Slot& slot : slots_) {
    if (frames_.empty()) return;
    if (slot.state != State::waiting || slot.abandoned) continue;
    slot.frame = std::move(frames_.front());
    frames_.pop_front();
    slot.since = at;
    slot.descriptor.error =
        slot.frame.length > slot.descriptor.length ? DescriptorError::truncated : DescriptorError::none;
    slot.frame.length = std::min(slot.frame.length, slot.descriptor.length);
    move(slot, at);
  }
}

// Moves the frame between the device and its buffer.
void NicQueue::move(Slot& slot, Ps at) {
  slot.state = State::moving;
  slot.job.address = slot.descriptor.address;
  slot.job.bytes = slot.frame.length;
  slot.job.write = !sends_;
  slot.job.data = real_data_ ? slot.frame.bytes.data() : nullptr;
  device_.services().channel().start(slot.job, at);
}

// The slot's transfer has ended.
void NicQueue::go_on(Slot& slot, Ps at) {
  const bool ok = slot.job.status == DmaStatus::ok;
  if (slot.state == State::writing) {
    if (!ok) device_.report(DeviceError::record_fault);
    slot.state = State::written;
  } else if (!ok) {
    fail(slot, DescriptorError::data, DeviceError::data_fault);
  } else {
    slot.state = State::moved;
    if (!sends_) slot.descriptor.length = slot.frame.length;
  }
  settle(at);
}

// Ring order: nothing is sent, written back or completed before its predecessors.
void NicQueue::settle(Ps at) {
  for (Slot& slot : slots_) {
    if (slot.abandoned || slot.state == State::writing || slot.state == State::written) continue;
    if (slot.state != State::moved) break;
    if (sends_ && slot.descriptor.error == DescriptorError::none && sent_) sent_(slot.frame, at);
    write_back(slot, at);
  }
  const auto idle = [](const Slot& slot) {
    return slot.state == State::written ||
           (slot.abandoned && slot.state != State::moving && slot.state != State::writing);
  };
  while (!slots_.empty() && idle(slots_.front())) {
    if (!slots_.front().abandoned) complete(slots_.front(), at);
    slots_.pop_front();
    occupancy_probe_.fall(at);
  }
  reader_.fetch(at);
}

void NicQueue::write_back(Slot& slot, Ps at) {
  slot.state = State::writing;
  slot.descriptor.done = true;
  slot.descriptor.encode(slot.record);
  slot.job.address = slot.place + NicDescriptor::kRecordOffset;
  slot.job.bytes = NicDescriptor::kRecordBytes;
  slot.job.write = true;
  slot.job.data = slot.record.data() + NicDescriptor::kRecordOffset;
  device_.services().channel().start(slot.job, at);
}

void NicQueue::complete(const Slot& slot, Ps at) {
  head_ = slot.index + 1 == reader_.entries() ? 0 : slot.index + 1;
  ++completed_;
  latency_.record(at - slot.since);
  if (slot.descriptor.error == DescriptorError::none) {
    bytes_ += slot.frame.length;
  } else {
    ++failed_;
  }
  interrupt_.event(at);
}

void NicQueue::visit_stats(StatVisitor& v) {
  v.counter("descriptors", completed_, kCount, "descriptors written back");
  v.counter("descriptors_failed", failed_, kCount, "descriptors written back with an error");
  v.counter("bytes", bytes_, kSizeInBytes, "data of frames");
  if (!sends_) v.counter("frames_dropped", dropped_, kCount, "frames that found the frame buffer full");
  v.distribution(
      "latency", latency_, kTimeInNs,
      sends_ ? "from descriptor fetched to written back" : "from frame and descriptor at hand to written back");
  interrupt_.visit_stats(v);
}

void NicQueue::visit_probes(ProbeVisitor& v) {
  v.probe("ring", occupancy_probe_, 17, "descriptors fetched and not written back yet");
}

}  // namespace pagoda
